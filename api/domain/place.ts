import type { PlaceState, SightingKind, SightingSource } from '../../schema/vocabulary.ts'

/** One observation of a tag. `at` is event time, ms UTC. */
export type Sighting = {
  /** `missing`: an inventory of the device lacks it. `untagged`: from now on nothing can be seen of it anywhere. */
  readonly kind: SightingKind | 'missing' | 'untagged'
  readonly source: SightingSource
  readonly deviceId: number
  readonly at: number
  /** A tie-breaker that is a function of the observation alone, never of its arrival. */
  readonly key: string
  /** Told by a clock in doubt: `at` is its word only, all that is known is that it was before this. Else null. */
  readonly doubtfulUntil: number | null
}

/** Where a bag was in [from, to); `to` is null while it is so. */
export type Place = {
  readonly state: PlaceState
  /** The device it is inside, or was last known in. */
  readonly deviceId: number
  readonly from: number
  readonly to: number | null
  /** The part of it that holds whatever the truth about clocks in doubt is; null where there is none. */
  readonly believed: { readonly from: number; readonly to: number | null } | null
}

/** Does all of it hold, whatever the truth about clocks in doubt is? */
export function isVouchedFor({ from, to, believed }: Place): boolean {
  return believed !== null && believed.from === from && believed.to === to
}

/** At one instant the stronger source is heard last, so that its word stands. */
const weight: Record<SightingSource, number> = { manual: 0, scan: 1, rfid: 2 }

export function compareSightings(a: Sighting, b: Sighting): number {
  return a.at - b.at || weight[a.source] - weight[b.source] || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
}

/** A place and how far into it the bag is known to have stayed. */
type Stay = Omit<Place, 'to' | 'believed'> & {
  readonly lastSeen: number
  readonly believedFrom: number | null
  /** The newest fact of it told by a clock that is believed. */
  readonly vouchedAt: number
  /** Its end, where it has one, was told by a clock that is believed. */
  readonly endIsVouched: boolean
}

/**
 * Fold the sightings of one bag, in any order, into where it was. `added` at one device without `removed` at another
 * ends the stay there at the last time it was seen in it, and the time between is unknown; an inventory without the
 * bag does the same. Once it carries no tag, nobody knows where it is until it is seen by another. Stays of no length
 * are left out.
 *
 * A sighting by a clock in doubt has its place in that order, for there is no better one, but nothing is believed for
 * its sake. It may have happened at any time before it was received: a stay it ends is believed up to the last fact
 * before it that is vouched for, and of a stay that begins with it, or after it but before it was received, nothing is
 * until something vouched for shows the bag there later than that.
 */
export function foldPlaces(sightings: readonly Sighting[]): readonly Place[] {
  const stays: Stay[] = []
  const doubts = new Map<number | 'anywhere', number>()
  for (const sighting of [...sightings].sort(compareSightings)) {
    const { kind, deviceId, doubtfulUntil } = sighting
    if (doubtfulUntil !== null) {
      // That a bag was missing from a device says nothing of the others.
      const where = kind === 'missing' ? deviceId : 'anywhere'
      doubts.set(where, Math.max(doubts.get(where) ?? doubtfulUntil, doubtfulUntil))
    }
    const inDoubtUntil = Math.max(...['anywhere' as const, deviceId].map((of) => doubts.get(of) ?? -Infinity))
    const isVouched = doubtfulUntil === null && sighting.at >= inDoubtUntil
    const stay = stays.pop()
    stays.push(...follow(stay, sighting, isVouched))
  }
  return stays
    .map((stay, index) => placeOf(stay, stays[index + 1]?.from ?? null))
    .filter((place) => place.to === null || place.from < place.to)
}

/**
 * Does one more sighting, by a clock that is believed like those of all others, leave these places as they are? It does
 * where it says again what is known; at the very edge of a place nobody can say so without folding.
 *
 * @param places a fold, oldest first
 */
export function saysNothingNew(
  places: readonly Pick<Place, 'state' | 'deviceId' | 'from' | 'to'>[],
  { kind, deviceId, at }: Pick<Sighting, 'kind' | 'deviceId' | 'at'>,
): boolean {
  const [first] = places
  if (!first || at < first.from) return kind === 'missing'
  const place = places.find(({ from, to }) => from < at && (to === null || at < to))
  if (!place) return false
  const isIn = (state: PlaceState) => place.state === state && place.deviceId === deviceId
  switch (kind) {
    case 'missing':
      return !isIn('inside')
    case 'removed':
      return isIn('in_hand')
    case 'added':
    case 'seen':
      return isIn('inside')
    case 'untagged':
      return false
  }
}

function placeOf(stay: Stay, to: number | null): Place {
  const { state, deviceId, from, believedFrom, vouchedAt, endIsVouched } = stay
  const until = to === null || endIsVouched ? to : Math.min(to, vouchedAt)
  const isEmpty = believedFrom === null || (until !== null && until <= believedFrom)
  return { state, deviceId, from, to, believed: isEmpty ? null : { from: believedFrom, to: until } }
}

/** What becomes of a stay at the next sighting: itself, seen again, or itself and what came after it. */
function follow(stay: Stay | undefined, sighting: Sighting, isVouched: boolean): Stay[] {
  const { kind, deviceId, at } = sighting
  const begin = (state: PlaceState): Stay => ({
    state,
    deviceId,
    from: at,
    lastSeen: at,
    believedFrom: isVouched ? at : null,
    vouchedAt: at,
    endIsVouched: true,
  })
  if (!stay) {
    if (kind === 'missing' || kind === 'untagged') return []
    return [begin(kind === 'removed' ? 'in_hand' : 'inside')]
  }
  const here = stay.deviceId === deviceId
  const ended = { ...stay, endIsVouched: sighting.doubtfulUntil === null }
  switch (kind) {
    case 'untagged':
      return stay.state === 'unknown' ? [stay] : [ended, { ...begin('unknown'), deviceId: stay.deviceId }]
    case 'missing':
      return here ? lost(stay, at, isVouched) : [stay]
    case 'removed':
      if (here) return stay.state === 'in_hand' ? [stay] : [ended, begin('in_hand')]
      return [...lost(ended, at, isVouched), begin('in_hand')]
    case 'added':
    case 'seen':
      if (here) return stay.state === 'inside' ? [seenAgain(stay, at, isVouched)] : [ended, begin('inside')]
      return [...lost(ended, at, isVouched), begin('inside')]
  }
}

function seenAgain(stay: Stay, at: number, isVouched: boolean): Stay {
  if (!isVouched) return { ...stay, lastSeen: at }
  return { ...stay, lastSeen: at, believedFrom: stay.believedFrom ?? at, vouchedAt: at }
}

/** A bag known to be inside has left unseen by `at`: since it was last seen, nobody knows where it was. */
function lost(stay: Stay, at: number, isVouched: boolean): Stay[] {
  const { state, deviceId, lastSeen, believedFrom, vouchedAt } = stay
  if (state !== 'inside' || lastSeen >= at) return [stay]
  const endIsVouched = lastSeen === vouchedAt
  const isBelieved = isVouched && endIsVouched && believedFrom !== null
  return [
    { ...stay, endIsVouched },
    {
      state: 'unknown',
      deviceId,
      from: lastSeen,
      lastSeen: at,
      believedFrom: isBelieved ? lastSeen : null,
      vouchedAt: lastSeen,
      endIsVouched: true,
    },
  ]
}
