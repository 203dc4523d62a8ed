import type { Facts } from '../../../api/domain/thermal/facts.ts'
import type { Sample } from '../../../api/domain/thermal/sample.ts'
import { createRandom } from '../../../devices-sim/random.ts'
import type { Cause } from '../../../schema/vocabulary.ts'
import { type DrawnEvent, drawEvent, type EventKind } from './draw-event.ts'
import { type Device, drawDevice, drawFridge, type Fridge, type Ranges } from './draw-fridge.ts'
import { beganAt, msAt, observe } from './observe.ts'
import { simulate, stepS, type Truth } from './simulate.ts'

/** When it is asked: as the alarm is raised, at the first reading ten minutes on, or with no alarm at all. */
export type Moment = 'raised' | 'later' | 'no alarm'

/** What the rule is told, and which answers are true. The first is the one that helps. */
export type Question = {
  readonly name: string
  readonly kind: EventKind
  readonly moment: Moment
  readonly facts: Facts
  readonly right: readonly Cause[]
  readonly device: Device
  readonly fridge: Fridge
}

const truths: Record<EventKind, readonly Cause[]> = {
  door: ['door'],
  door_with_bags: ['door'],
  compressor_stops: ['cooling'],
  refrigerant_leaks: ['cooling'],
  fan_stops: ['cooling'],
  mains_lost: ['power'],
  probe_stuck: ['probe'],
  probe_spike: ['probe'],
  probe_drift: ['probe'],
  probe_unplugged: ['probe'],
  silence: ['silence'],
  calm: ['unknown', 'door'],
  defrost: ['unknown', 'door'],
  warm_bags: ['unknown', 'door'],
}

const hourMs = 3_600_000

/**
 * The questions of one event; none where it raised no alarm, or where the fridge had one before. Whether an alarm is the
 * event's own is settled by the same course without the event, or without the day's visits since: an alarm that a visit
 * has raised on top of a fault has two true causes, and is not asked about.
 */
export function questionsOf(
  name: string,
  kind: EventKind,
  ranges: Ranges,
  doorS: readonly [number, number] = [20, 600],
): readonly Question[] {
  const random = createRandom(name)
  const fridge = drawFridge(random.fork('fridge'), ranges)
  const device = drawDevice(random.fork('device'), ranges, fridge)
  const event = drawEvent(random.fork('event'), kind, fridge, device, doorS)
  const truth = simulate(fridge, event.course)
  const told = observe(random.fork('told'), device, truth, event.course, event.probes, event.silentFrom)
  const profile = {
    low: device.low * 100,
    high: device.high * 100,
    physicalLow: -5_000,
    physicalHigh: 6_000,
    maxSilenceMs: Math.max(300_000, 3_000 * device.everyS),
  }
  const inside = [...(told.readings.air ?? []), ...(told.readings.load ?? [])].sort((a, b) => a.at - b.at)
  const eventAt = msAt(event.eventS)
  const isOut = ({ centi }: Sample) => centi < profile.low || centi > profile.high
  if (inside.some((sample) => sample.at < eventAt && sample.at > eventAt - hourMs && isOut(sample))) return []
  const readings = Object.fromEntries(
    Object.entries(told.readings).map(([probe, samples]) => [
      probe,
      samples.filter(({ at }) => at >= beganAt + 2 * hourMs),
    ]),
  )
  const ask = (moment: Moment, at: number): Question => ({
    name,
    kind,
    moment,
    facts: { ...told, readings, at, profile },
    right:
      kind === 'mains_lost' && !device.hasMains && !device.hasBattery ? ['cooling', 'unknown'] : truths[kind],
    device,
    fridge,
  })
  const since = inside.filter(({ at }) => at >= eventAt)
  const chance = random.fork('ask')
  switch (kind) {
    case 'silence':
      return [ask('raised', eventAt + profile.maxSilenceMs + chance.between(1, 60) * 60_000)]
    case 'probe_stuck':
      return [ask('raised', eventAt + chance.between(65, 120) * 60_000)]
    case 'calm':
    case 'defrost':
    case 'warm_bags': {
      const air = (told.readings.air ?? []).filter(({ at }) => at >= eventAt)
      const warmest = air.reduce((a, b) => (b.centi > a.centi ? b : a))
      const anyTime = eventAt + chance.between(0, 2 * hourMs)
      return [ask('no alarm', warmest.at), ask('no alarm', anyTime)]
    }
    case 'probe_unplugged':
      if (!since.some(isOut)) {
        const silent = eventAt + profile.maxSilenceMs + chance.between(1, 30) * 60_000
        return device.hasLoad ? [ask('raised', silent)] : []
      }
  }
  const doubtful = doubt(fridge, device, event, truth)
  const raised = since.find((sample) => isOut(sample) && !doubtful(sample.at))
  if (!raised) return []
  const later = since.find((sample) => sample.at >= raised.at + 600_000)
  return [
    ask('raised', raised.at),
    ...(later && isOut(later) && !doubtful(later.at) ? [ask('later', later.at)] : []),
  ]
}

/** Is what is true at an instant outside for another cause too? */
function doubt(fridge: Fridge, device: Device, event: DrawnEvent, truth: Truth): (at: number) => boolean {
  if (event.kind.startsWith('probe') && event.kind !== 'probe_drift') return () => false
  const { course, own, eventS } = event
  const doors =
    own.length > 0
      ? course.doors.filter((door) => !own.includes(door))
      : course.doors.filter(({ to }) => to < eventS)
  const other = simulate(fridge, { ...course, doors })
  const warm = (of: Truth, at: number) => {
    const s = (at - beganAt) / 1_000
    const index = Math.floor(s / stepS)
    const [air, load] = [
      (of.air[index] ?? 0) + device.offsets.air,
      (of.load[index] ?? 0) + device.offsets.load,
    ]
    const { probes } = event
    return [probes.air?.(air, s) ?? air, device.hasLoad ? (probes.load?.(load, s) ?? load) : -100]
  }
  const slack = 2 * device.noise + device.resolution
  return (at) => {
    const warmest = Math.max(...warm(other, at))
    return own.length > 0
      ? warmest > device.high - slack
      : warmest < device.high - slack && Math.max(...warm(truth, at)) > device.high - slack
  }
}
