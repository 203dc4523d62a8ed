import type { Sample } from '../../../api/domain/thermal/sample.ts'
import { createRandom } from '../../../devices-sim/random.ts'
import type { Side } from '../../../schema/vocabulary.ts'
import { drawEvent, type EventKind } from './draw-event.ts'
import { drawDevice, drawFridge, type Ranges } from './draw-fridge.ts'
import { beganAt, msAt, observe } from './observe.ts'
import { simulate, stepS } from './simulate.ts'

/** What a forecast is asked about, and when the probe crosses the limit in truth; null where it does not in time. */
export type Foretold = {
  readonly name: string
  readonly kind: ForetoldKind
  readonly probe: 'air' | 'load'
  readonly side: Side
  readonly limit: number
  readonly samples: readonly Sample[]
  readonly room: number | null
  readonly at: number
  readonly minutes: number | null
}

/** Faults that go on until somebody comes. `thermostat_sticks` cools without an end. */
export const foretoldKinds = [
  'compressor_stops',
  'refrigerant_leaks',
  'fan_stops',
  'mains_lost',
  'thermostat_sticks',
] as const
export type ForetoldKind = (typeof foretoldKinds)[number]

const hourS = 3_600

/**
 * One probe of one event, asked at some moment of its way to the limit. What is true is what the probe would show
 * without noise if no door were opened after that: nobody foretells a visit.
 */
export function foretoldOf(name: string, kind: ForetoldKind, ranges: Ranges): Foretold | null {
  const random = createRandom(name)
  const fridge = drawFridge(random.fork('fridge'), ranges)
  const device = drawDevice(random.fork('device'), ranges, fridge)
  const sticks = kind === 'thermostat_sticks'
  const eventKind: EventKind = sticks ? 'calm' : kind
  const event = drawEvent(random.fork('event'), eventKind, fridge, device, [20, 600])
  const { eventS } = event
  const untilS = eventS + 14 * hourS
  const course = { ...event.course, untilS, ...(sticks ? { stuckOnFrom: eventS } : {}) }
  const chance = random.fork('ask')
  const probe = device.hasLoad && chance.chance(0.5) ? 'load' : 'air'
  const warmer = fridge.kind === 'freezer' ? [-18, -15] : [6, 8, 10]
  const colder = fridge.kind === 'freezer' ? [fridge.setpoint - 5] : [2, 1]
  const limits = sticks ? colder : warmer
  const limit = Math.round((limits[chance.whole(0, limits.length - 1)] as number) * 100)
  const crossing = (asked: number): number | null => {
    const quiet = { ...course, doors: course.doors.filter(({ to }) => to < asked) }
    const truth = simulate(fridge, quiet)
    const offset = device.offsets[probe]
    for (let index = Math.floor(asked / stepS); index < truth[probe].length; index++) {
      const centi = 100 * ((truth[probe][index] ?? 0) + offset)
      if (sticks ? centi < limit : centi > limit) return index * stepS
    }
    return null
  }
  const first = crossing(eventS)
  const asked = eventS + chance.between(0.1, 0.95) * ((first ?? eventS + 6 * hourS) - eventS)
  const crossedS = crossing(asked)
  if (crossedS !== null && crossedS - asked < 60) return null
  const told = observe(random.fork('told'), device, simulate(fridge, course), course)
  const samples = (told.readings[probe] ?? []).filter(
    ({ at }) => at >= beganAt + 2 * hourS * 1_000 && at <= msAt(asked),
  )
  return {
    name,
    kind,
    probe,
    side: sticks ? 'low' : 'high',
    limit,
    samples,
    room: told.readings.ambient?.findLast(({ at }) => at <= msAt(asked))?.centi ?? null,
    at: msAt(asked),
    minutes: crossedS === null || crossedS - asked > 12 * hourS ? null : (crossedS - asked) / 60,
  }
}
