import { type Condition, foreseenCondition } from '../../../api/domain/alarm.ts'
import { isUnusual } from '../../../api/domain/thermal/forecast.ts'
import { outlookOf } from '../../../api/domain/thermal/outlook.ts'
import type { Sample } from '../../../api/domain/thermal/sample.ts'
import { foresight } from '../../../api/policies/alarms.ts'
import { cnForecastRule } from '../../../api/policies/forecast.ts'
import { createRandom } from '../../../devices-sim/random.ts'
import type { Side } from '../../../schema/vocabulary.ts'
import { drawEvent, type EventKind } from './draw-event.ts'
import { drawDevice, drawFridge, type Ranges } from './draw-fridge.ts'
import { beganAt, msAt, observe } from './observe.ts'
import { simulate } from './simulate.ts'

/** What was foretold of a load since an event, up to when it left its limits or the event was over. */
export type Watched = {
  readonly hours: number
  /** Each alarm, and whether the load left the limit it names within an hour. */
  readonly alarms: readonly { readonly at: number; readonly side: Side; readonly isRight: boolean }[]
  /** When the load left its limits, ms UTC; null where it did not. */
  readonly leftAt: number | null
  /** How long before that the first alarm of that limit was raised; null where none was. */
  readonly leadMs: number | null
}

const minute = 60_000
const hour = 60 * minute
/** How often those near a limit are sought, and how long an alarm that is over stays away. */
const everyMs = 30_000
const settleMs = 5 * minute

/** The watch over the load of one event, look by look; null where it has none, or was outside its limits before. */
export function watchedOf(name: string, kind: EventKind, ranges: Ranges): Watched | null {
  const random = createRandom(name)
  const fridge = drawFridge(random.fork('fridge'), ranges)
  const device = drawDevice(random.fork('device'), ranges, fridge)
  const { course, eventS, probes } = drawEvent(random.fork('event'), kind, fridge, device, [20, 600])
  const told = observe(random.fork('told'), device, simulate(fridge, course), course, probes)
  const load = (told.readings.load ?? []).filter(({ at }) => at >= beganAt + 2 * hour)
  const limits = { low: device.low * 100, high: device.high * 100 }
  const isOut = ({ centi }: Sample) => centi < limits.low || centi > limits.high
  const [from, end] = [msAt(eventS), msAt(course.untilS)]
  if (
    load.length === 0 ||
    load.some((sample) => sample.at < from && sample.at > from - hour && isOut(sample))
  )
    return null
  const left = load.find((sample) => sample.at >= from && isOut(sample))
  const leftSide = left && left.centi > limits.high ? 'high' : 'low'
  const until = left?.at ?? end
  const alarms: { at: number; side: Side; isRight: boolean }[] = []
  let condition: Condition | null = null
  let lookedAt: Sample | undefined
  let raisedUntil = Number.NEGATIVE_INFINITY
  for (let now = from; now < until; now += everyMs) {
    const last = load.findLast(({ at }) => at <= now)
    if (last && last !== lookedAt)
      condition = foreseen(load, last, told.readings.ambient ?? [], limits, condition)
    lookedAt = last
    if (!condition || condition.dueAt > now) continue
    const side = condition.kind === 'load_high_soon' ? 'high' : 'low'
    const isRight = left !== undefined && side === leftSide && left.at - now <= hour
    if (now > raisedUntil) alarms.push({ at: now, side, isRight })
    raisedUntil = now + settleMs
  }
  const first = alarms.find(({ side }) => side === leftSide)
  return {
    hours: (until - from) / hour,
    alarms,
    leftAt: left?.at ?? null,
    leadMs: left && first ? left.at - first.at : null,
  }
}

/** What is foretold as of a reading, sought as `nearLimits` does and looked at as `createForesight` does. */
function foreseen(
  load: readonly Sample[],
  last: Sample,
  ambient: readonly Sample[],
  { low, high }: { readonly low: number; readonly high: number },
  before: Condition | null,
): Condition | null {
  const [toLow, toHigh] = [last.centi - low, high - last.centi]
  const then = load.findLast(({ at }) => at <= last.at - 10 * minute && at >= last.at - hour)?.centi
  const move =
    then === undefined ? foresight.leastMove : toLow < toHigh ? then - last.centi : last.centi - then
  const isNear = Math.min(toLow, toHigh) <= foresight.nearShare * (high - low)
  if (!isNear || move < foresight.leastMove) return null
  const known = load.filter(({ at }) => at <= last.at && at >= last.at - cnForecastRule.lookbackMs)
  const readings = { load: known, ...(ambient.length > 0 ? { ambient } : {}) }
  const outlook = outlookOf('load', readings, { low, high }, cnForecastRule)
  if (!outlook || !isUnusual(outlook.side, known, foresight.unusualShare, cnForecastRule)) return null
  const since = before?.kind === `load_${outlook.side}_soon` ? before.from : outlook.at
  return foreseenCondition(outlook, foresight, since)
}
