import type { PlaceState, SightingKind, SightingSource } from '../../schema/vocabulary.ts'

/** One observation of a tag. `at` is event time, ms UTC. */
export type Sighting = {
  readonly kind: SightingKind | 'missing'
  readonly source: SightingSource
  readonly deviceId: number
  readonly at: number
  /** A tie-breaker that is a function of the observation alone, never of its arrival. */
  readonly key: string
}

/** Where a bag was in [from, to); `to` is null while it is so. */
export type Place = {
  readonly state: PlaceState
  /** The device it is inside, or was last known in. */
  readonly deviceId: number
  readonly from: number
  readonly to: number | null
}

/** At one instant the stronger source is heard last, so that its word stands. */
const weight: Record<SightingSource, number> = { manual: 0, scan: 1, rfid: 2 }

export function compareSightings(a: Sighting, b: Sighting): number {
  return a.at - b.at || weight[a.source] - weight[b.source] || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
}

/** A place and how far into it the bag is known to have stayed. */
type Stay = Omit<Place, 'to'> & { readonly lastSeen: number }

/**
 * Fold the sightings of one bag, in any order, into where it was. `added` at one device without `removed` at another
 * ends the stay there at the last time it was seen in it, and the time between is unknown; an inventory without the
 * bag does the same. Stays of no length are left out.
 */
export function foldPlaces(sightings: readonly Sighting[]): readonly Place[] {
  const stays: Stay[] = []
  for (const sighting of [...sightings].sort(compareSightings)) {
    const stay = stays.pop()
    stays.push(...follow(stay, sighting))
  }
  return stays
    .map(({ state, deviceId, from }, index) => ({
      state,
      deviceId,
      from,
      to: stays[index + 1]?.from ?? null,
    }))
    .filter((place) => place.to === null || place.from < place.to)
}

/** What becomes of a stay at the next sighting: itself, seen again, or itself and what came after it. */
function follow(stay: Stay | undefined, { kind, deviceId, at }: Sighting): Stay[] {
  const begin = (state: PlaceState): Stay => ({ state, deviceId, from: at, lastSeen: at })
  const here = stay?.deviceId === deviceId
  switch (kind) {
    case 'missing':
      return stay ? (here ? lost(stay, at) : [stay]) : []
    case 'removed':
      if (!stay) return [begin('in_hand')]
      if (here) return stay.state === 'in_hand' ? [stay] : [stay, begin('in_hand')]
      return [...lost(stay, at), begin('in_hand')]
    case 'added':
    case 'seen':
      if (!stay) return [begin('inside')]
      if (here) return stay.state === 'inside' ? [{ ...stay, lastSeen: at }] : [stay, begin('inside')]
      return [...lost(stay, at), begin('inside')]
  }
}

/** A bag known to be inside has left unseen by `at`: since it was last seen, nobody knows where it was. */
function lost(stay: Stay, at: number): Stay[] {
  if (stay.state !== 'inside' || stay.lastSeen >= at) return [stay]
  return [stay, { state: 'unknown', deviceId: stay.deviceId, from: stay.lastSeen, lastSeen: at }]
}
