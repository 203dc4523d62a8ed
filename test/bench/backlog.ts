import {
  derive,
  type Excursion,
  type GapAsOf,
  type Limits,
  openExcursion,
  openGaps,
  type Reading,
} from '../../api/domain/series.ts'
import type { Random } from '../../devices-sim/random.ts'

/** In which order the messages of a backlog go out. */
export const orders = ['inOrder', 'shuffled', 'liveFirst'] as const
export type Order = (typeof orders)[number]

export const backlogReadings = 26_000
const spanMs = 72 * 3_600_000
const perMessage = 500

/** What the fridge went through, by number of reading. The gaps lie within messages and between two of them. */
const gaps = new Map([
  [5_250, 7 * 60_000],
  [12_000, 25 * 60_000],
  [23_111, 3 * 3_600_000],
])
const episodes = [
  { from: 2_000, to: 2_120, celsius: 8.5 },
  { from: 7_000, to: 7_030, celsius: 0.8 },
  { from: 11_950, to: 12_000, celsius: 9 },
  { from: 15_000, to: 15_001, celsius: 6.5 },
  { from: 18_000, to: 18_060, celsius: 11 },
  { from: 18_060, to: 18_100, celsius: -1.5 },
  { from: 20_000, to: 21_200, celsius: 7.2 },
  { from: 23_110, to: 23_111, celsius: 7 },
] as const

/** Three days of a fridge, a reading about every 10 s, the last of them at `until`. */
export function makeBacklog(until: number, random: Random): Reading[] {
  const silentMs = [...gaps.values()].reduce((sum, ms) => sum + ms, 0)
  const everyMs = (spanMs - silentMs) / backlogReadings
  const readings: Reading[] = []
  let at = until - spanMs
  for (let i = 0; i < backlogReadings; i++) {
    at += everyMs + (gaps.get(i) ?? 0)
    const episode = episodes.find(({ from, to }) => i >= from && i < to)
    const celsius = (episode?.celsius ?? 4 + Math.sin(i / 60)) + random.between(-0.2, 0.2)
    const jittered = i === backlogReadings - 1 ? until : Math.round(at + random.between(-1_000, 0))
    readings.push({ at: jittered, boot: 'expected', centi: Math.round(celsius * 100) })
  }
  return readings
}

/** The bodies of its messages, each with the number it was given when it was written, in the order they go out. */
export function messagesOf(
  readings: readonly Reading[],
  order: Order,
  random: Random,
): readonly { readonly seq: number; readonly body: string }[] {
  const lots: Reading[][] = []
  const rest = [...readings]
  const live = order === 'liveFirst' ? rest.splice(-1) : []
  if (live.length > 0) lots.push(live)
  while (rest.length > 0) lots.push(rest.splice(0, perMessage))
  const messages = lots.map((lot, seq) => ({ seq, body: JSON.stringify(lot.map(element)) }))
  return order === 'shuffled' ? shuffle(messages, random) : messages
}

function element({ at, centi }: Reading) {
  return { at, probe: 'load', celsius: centi / 100 }
}

function shuffle<T>(things: readonly T[], random: Random): T[] {
  const shuffled = [...things]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.whole(0, i)
    ;[shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T]
  }
  return shuffled
}

export type Findings = { readonly excursions: readonly Excursion[]; readonly gaps: readonly GapAsOf[] }

/** What the readings show as of a moment, by the law of the domain alone. */
export function findingsOf(
  readings: readonly Reading[],
  {
    limits,
    inServiceFrom,
    asOf,
  }: { readonly limits: Limits; readonly inServiceFrom: number; readonly asOf: number },
): Findings {
  const limitsAt = () => limits
  const { state, gaps, excursions } = derive(null, readings, limitsAt)
  const open = openExcursion(state, asOf, limitsAt)
  const ended = excursions.filter(({ to }) => to !== null)
  const bounded = gaps.map((gap) => ({ ...gap, open: false }))
  return {
    excursions: open ? [...ended, open] : ended,
    gaps: [...bounded, ...openGaps(state, inServiceFrom, asOf, limitsAt)].sort((a, b) => a.from - b.from),
  }
}
