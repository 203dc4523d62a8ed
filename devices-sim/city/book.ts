import type { BagState } from '../../schema/vocabulary.ts'
import type { Group } from './draw-city.ts'

/** A bag as the people of the city know it. */
export type CityBag = {
  readonly bagId: string
  /** As a scanner reads it. */
  readonly din: string
  readonly productCode: string
  readonly tag: string | null
  readonly group: Group
  /** ms UTC, exclusive. */
  readonly expiresAt: number
  /** All that was done to it, in order. */
  readonly verbs: string[]
  state: BagState
  /** The fridge or box it is in; null where it is in none. */
  unit: string | null
  /** Somebody has something in mind for it. */
  isBusy: boolean
}

/** What the people of the city know of their bags: it is never asked of the service. */
export type Book = {
  readonly bags: ReadonlyMap<string, CityBag>
  add(bag: Omit<CityBag, 'isBusy' | 'verbs'>, verb: string): CityBag
  /** That it was done, and what the bag is since. */
  did(bag: CityBag, verb: string, state: BagState): void
  /** The bag that was handed out last; null before the first. */
  lastIssued(): CityBag | null
  put(bag: CityBag, unit: string | null): void
  inside(unit: string): readonly CityBag[]
  /** In stock there, and nobody has anything in mind for it: what expires first comes first. */
  free(unit: string): readonly CityBag[]
  byState(): Partial<Record<BagState, number>>
}

export function openBook(): Book {
  const bags = new Map<string, CityBag>()
  const units = new Map<string, Set<CityBag>>()
  let lastIssued: CityBag | null = null

  function put(bag: CityBag, unit: string | null): void {
    if (bag.unit !== null) units.get(bag.unit)?.delete(bag)
    bag.unit = unit
    if (unit === null) return
    const there = units.get(unit) ?? new Set()
    there.add(bag)
    units.set(unit, there)
  }

  const inside = (unit: string) => [...(units.get(unit) ?? [])]
  return {
    bags,
    add({ unit, ...known }, verb) {
      const bag: CityBag = { ...known, unit: null, isBusy: false, verbs: [verb] }
      bags.set(bag.bagId, bag)
      put(bag, unit)
      return bag
    },
    did(bag, verb, state) {
      bag.verbs.push(verb)
      bag.state = state
      if (verb === 'issue') lastIssued = bag
    },
    lastIssued: () => lastIssued,
    put,
    inside,
    free: (unit) =>
      inside(unit)
        .filter(({ state, isBusy }) => state === 'available' && !isBusy)
        .sort((a, b) => a.expiresAt - b.expiresAt || (a.din < b.din ? -1 : 1)),
    byState() {
      const counts: Partial<Record<BagState, number>> = {}
      for (const { state } of bags.values()) counts[state] = (counts[state] ?? 0) + 1
      return counts
    },
  }
}
