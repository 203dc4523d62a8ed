import type { Random } from '../../../devices-sim/random.ts'
import { type Device, type Fridge, logBetween } from './draw-fridge.ts'
import type { Bend, Probes } from './observe.ts'
import { bagJPerK, type Course, type Span, uneventful } from './simulate.ts'

/** What may happen; the last three are no fault, and part of every fridge's day. */
export const eventKinds = [
  'door',
  'door_with_bags',
  'compressor_stops',
  'refrigerant_leaks',
  'fan_stops',
  'mains_lost',
  'probe_stuck',
  'probe_spike',
  'probe_drift',
  'probe_unplugged',
  'silence',
  'calm',
  'defrost',
  'warm_bags',
] as const
export type EventKind = (typeof eventKinds)[number]

/** An event of a fridge that has run for `eventS`, with the visits of its day before and during it. */
export type DrawnEvent = {
  readonly kind: EventKind
  readonly eventS: number
  readonly course: Course
  readonly probes: Probes
  readonly silentFrom: number
  /** Openings that belong to the event; all others are the day's. */
  readonly own: readonly Span[]
}

const hourS = 3_600

/** As many as a shelf takes without warming all else by more than a sixth of the way to the room. */
function someBags(random: Random, { contentsJPerK }: Fridge): number {
  return Math.max(1, Math.min(random.whole(2, 12), Math.floor(contentsJPerK / 6 / bagJPerK)))
}

export function drawEvent(
  random: Random,
  kind: EventKind,
  fridge: Fridge,
  device: Device,
  doorS: readonly [number, number],
): DrawnEvent {
  const settledS = 2 * hourS
  const eventS = settledS + random.between(5, 7) * hourS
  const slow =
    kind === 'compressor_stops' ||
    kind === 'refrigerant_leaks' ||
    kind === 'fan_stops' ||
    kind === 'mains_lost'
  const untilS = eventS + (slow ? 9 : kind === 'probe_drift' ? 8 : 2.5) * hourS
  const doors = drawVisits(random.fork('visits'), fridge, untilS)
  const defrosts = drawDefrosts(random.fork('defrosts'), fridge, untilS)
  const course: Course = { ...uneventful, untilS, doors, defrosts }
  const drawn: DrawnEvent = {
    kind,
    eventS,
    course,
    probes: {},
    silentFrom: Number.POSITIVE_INFINITY,
    own: [],
  }
  const since =
    <T>(before: T, after: T) =>
    (s: number) =>
      s < eventS ? before : after
  const opened = (seconds: number, wide: number, bags: number): DrawnEvent => {
    const own = { from: eventS, to: eventS + seconds, wide, bags }
    const others = doors.filter(({ from, to }) => to < own.from || from > own.to)
    return { ...drawn, course: { ...course, doors: [...others, own] }, own: [own] }
  }
  switch (kind) {
    case 'door':
      return opened(logBetween(random, doorS), random.between(0.3, 1), 0)
    case 'door_with_bags':
      return opened(logBetween(random, doorS), random.between(0.3, 1), someBags(random, fridge))
    case 'warm_bags':
      return opened(random.between(15, 40), random.between(0.3, 1), someBags(random, fridge))
    case 'compressor_stops':
      return { ...drawn, course: { ...course, cooling: since(1, 0) } }
    case 'refrigerant_leaks': {
      const full = (fridge.wallWPerK * (fridge.ambient - fridge.setpoint)) / fridge.coolingW
      const left = full * random.between(0, 0.75)
      const overS = random.between(1, 2 * hourS)
      const cooling = (s: number) => (s < eventS ? 1 : Math.max(left, 1 - (s - eventS) / overS))
      return { ...drawn, course: { ...course, cooling } }
    }
    case 'fan_stops':
      return { ...drawn, course: { ...course, fan: since(1, random.between(0.02, 0.15)) } }
    case 'mains_lost':
      return { ...drawn, course: { ...course, mains: (s) => s < eventS } }
    case 'defrost': {
      const own = drawDefrost(random, fridge, eventS)
      const others = defrosts.filter(({ from, to }) => to < own.from - hourS || from > own.to + hourS)
      return { ...drawn, course: { ...course, defrosts: [...others, own] } }
    }
    case 'silence':
      return { ...drawn, silentFrom: eventS }
    case 'calm':
      return drawn
    default: {
      const probe = device.hasLoad && random.chance(0.5) ? 'load' : 'air'
      return { ...drawn, probes: { [probe]: bendOf(random, kind, eventS, device) } }
    }
  }
}

function bendOf(random: Random, kind: EventKind, eventS: number, device: Device): Bend {
  const perH = logBetween(random, [0.8, 6]) * (random.chance(0.75) ? 1 : -1)
  const leap = random.between(8, 40) * (random.chance(0.6) ? 1 : -1)
  const shown = random.chance(0.5) ? null : random.chance(0.5) ? -127 : 85
  let kept: number | undefined
  switch (kind) {
    case 'probe_stuck':
      return (celsius, s) => {
        if (s < eventS) return celsius
        kept ??= celsius
        return kept
      }
    case 'probe_spike':
      return (celsius, s) => (s >= eventS && s < eventS + device.everyS ? celsius + leap : celsius)
    case 'probe_drift':
      return (celsius, s) => celsius + (Math.max(0, s - eventS) / hourS) * perH
    default:
      return (celsius, s) => (s < eventS ? celsius : shown)
  }
}

function drawVisits(random: Random, { visitsPerHour }: Fridge, untilS: number) {
  const visits: { from: number; to: number; wide: number; bags: number }[] = []
  if (visitsPerHour <= 0) return visits
  for (
    let s = random.waitMs(visitsPerHour / hourS);
    s < untilS;
    s += 60 + random.waitMs(visitsPerHour / hourS)
  ) {
    const from = s
    s += random.between(6, 40)
    visits.push({ from, to: s, wide: random.between(0.3, 1), bags: random.chance(0.2) ? 1 : 0 })
  }
  return visits
}

/** A third of them are never defrosted. */
function drawDefrosts(random: Random, fridge: Fridge, untilS: number) {
  const everyS = random.between(5, 12) * hourS
  const first = random.between(0, everyS)
  if (random.chance(1 / 3)) return []
  const defrosts: (Span & { watts: number })[] = []
  for (let s = first; s < untilS; s += everyS) defrosts.push(drawDefrost(random, fridge, s))
  return defrosts
}

/** A fridge rests; a freezer's evaporator is heated. Neither is let warm what is in it by more than a few degrees. */
function drawDefrost(random: Random, fridge: Fridge, from: number): Span & { readonly watts: number } {
  const restsWPerK = fridge.wallWPerK * (fridge.ambient - fridge.setpoint)
  const wholeJPerK = fridge.airJPerK + fridge.contentsJPerK
  const watts = fridge.kind === 'freezer' ? restsWPerK * random.between(0.5, 2) : 0
  const allowed = random.between(0.5, fridge.kind === 'freezer' ? 5 : 1.5)
  const longest = (allowed * wholeJPerK) / (restsWPerK + watts)
  return { from, to: from + Math.min(random.between(600, 1_800), longest), watts }
}
