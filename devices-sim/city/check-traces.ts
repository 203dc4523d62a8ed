import { BagDetail, Trace } from '../../schema/http/bags.ts'
import { BagEvents } from '../../schema/http/life.ts'
import type { BagState } from '../../schema/vocabulary.ts'
import { eachOf } from '../provision.ts'
import type { Book, CityBag } from './book.ts'
import type { Worker } from './staff.ts'
import type { Sighting } from './units.ts'

export type Checked = {
  readonly checked: number
  /** What is wrong with a trace, by bag. */
  readonly incomplete: readonly { readonly bag: string; readonly why: string }[]
}

export type CheckOptions = {
  /** Somebody who may read them all. */
  readonly reader: Worker
  readonly book: Book
  readonly toldOf: (tag: string) => readonly Sighting[]
  /** Units of which a minute may be missing, or a clock wrong: how a bag was kept there nobody can vouch for. */
  readonly doubtful: ReadonlySet<string>
}

/**
 * Is every bag's trace whole? All that was done to it is there, in order; it was wherever the acknowledged messages put
 * it, to the millisecond; one place follows on another; and no minute in a container is without a reading.
 */
export async function checkTraces(options: CheckOptions): Promise<Checked> {
  const incomplete: { bag: string; why: string }[] = []
  const bags = [...options.book.bags.values()]
  await eachOf(bags, async (bag) => {
    const why = await whyIncomplete(options, bag)
    if (why !== null) incomplete.push({ bag: `${bag.din} ${bag.productCode} (${bag.bagId})`, why })
  })
  return { checked: bags.length, incomplete }
}

async function whyIncomplete(
  { reader, toldOf, doubtful }: CheckOptions,
  bag: CityBag,
): Promise<string | null> {
  const { state } = await reader.get(`/bags/${bag.bagId}`, BagDetail)
  if (state !== bag.state) return `it is ${state}, not ${bag.state}`
  const { events } = await reader.get(`/bags/${bag.bagId}/events`, BagEvents)
  // That it has expired nobody did to it: the service keeps its own time.
  const done = events.filter(({ verb }) => verb !== 'expire')
  const verbs = done.map(({ verb }) => verb).join(' ')
  if (verbs !== bag.verbs.join(' ')) return `what was done to it: ${verbs}, not ${bag.verbs.join(' ')}`
  if (bag.tag === null) return null

  const trace = await reader.get(`/bags/${bag.bagId}/trace`, Trace)
  const places = trace.places.map(({ device, state, from }) => ({ device, state, from: Date.parse(from) }))
  const sightings = toldOf(bag.tag)
  if (sightings.some(({ unit }) => doubtful.has(unit))) return places.length > 0 ? null : 'it was nowhere'
  const fate = events.at(-1)
  const end = fate && fates.has(fate.to) ? fate.at : trace.asOf
  const expected = placesOf(sightings).filter(({ from }) => from < Date.parse(end))
  if (JSON.stringify(places) !== JSON.stringify(expected))
    return `it was ${JSON.stringify(places)}, not ${JSON.stringify(expected)}`
  return whyBroken(trace, end)
}

type Place = { readonly device: string; readonly state: 'inside' | 'in_hand'; readonly from: number }

/** Where the devices say it was, by their own times. */
function placesOf(sightings: readonly Sighting[]): Place[] {
  const places: Place[] = []
  for (const { unit, at, kind } of [...sightings].sort((a, b) => a.at - b.at)) {
    const last = places.at(-1)
    if (kind === 'removed') places.push({ device: unit, state: 'in_hand', from: at })
    else if (last?.device !== unit || last.state !== 'inside')
      places.push({ device: unit, state: 'inside', from: at })
  }
  return places
}

/** With these a bag's trace ends. */
const fates: ReadonlySet<string> = new Set<BagState>(['processed', 'transfused', 'discarded'])

/** One stay must follow on another, and all time up to its fate, or up to now, must be accounted for. */
function whyBroken(
  { places, beforeFirstSeen, inherited, total }: ReturnType<typeof Trace.parse>,
  end: string,
): string | null {
  for (const [index, { to, ongoing }] of places.entries()) {
    const next = places[index + 1]
    if (next ? next.from !== to : !ongoing && to !== end) return `nobody knows where it was from ${to} on`
  }
  const own = (which: keyof typeof total.ms) => total.ms[which] - (inherited?.ms[which] ?? 0)
  const unverified = own('unverified')
  const accountedMs = own('inRange') + own('below') + own('above') + own('uncontrolled') + unverified
  const first = beforeFirstSeen?.from ?? places[0]?.from ?? end
  const unseenMs = beforeFirstSeen ? Date.parse(beforeFirstSeen.to) - Date.parse(beforeFirstSeen.from) : 0
  const lifeMs = Date.parse(end) - Date.parse(first)
  if (accountedMs !== lifeMs) return 'its minutes do not add up'
  if (unverified > unseenMs) return `${(unverified - unseenMs) / 60_000} minutes of it nobody measured`
  return null
}
