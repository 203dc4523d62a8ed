import type { RescueReason, RescueRejection, RescueStay, RescueWay } from '../../schema/vocabulary.ts'
import { rescueClaims, rescueReasons, rescueRejections } from '../../schema/vocabulary.ts'
import { assign } from './assignment.ts'
import {
  isClean,
  type NewestReading,
  placesOf,
  type RescueBag,
  type RescueDevice,
  type RescuePolicy,
  readingOf,
  rejectionOf,
  type Way,
  wayTo,
} from './rescue-target.ts'

/** A device that fails, what is inside it, and what might take that in. Each bag and each device once. */
export type RescueFacts = {
  readonly askedAt: number
  readonly failing: {
    readonly id: number
    readonly facilityId: number
    /** How long until it leaves its limits, ms, 0 where it has; null where nobody can say, which is taken for no time. */
    readonly forecast: { readonly p10Ms: number; readonly medianMs: number } | null
  }
  readonly bags: readonly RescueBag[]
  readonly devices: readonly RescueDevice[]
}

/** Devices that do not take a bag, by the first thing that speaks against them. */
export type Rejected = { readonly reason: RescueRejection; readonly devices: readonly number[] }

export type RescueMove = {
  /** 1 is carried first. */
  readonly order: number
  readonly bag: string
  readonly device: number
  readonly way: Way
  /** When it is lost, at the earliest, if it stays, and by when it must leave; null: it is not lost by staying. */
  readonly lostAt: number | null
  readonly leaveBy: number | null
  readonly reasons: readonly RescueReason[]
  /** What the device measured last, and the places left there when all is carried. */
  readonly reading: NewestReading | null
  readonly placesLeft: number
  /** Held for another reason: it is carried, and stays held. */
  readonly isHeld: boolean
  readonly rejected: readonly Rejected[]
}

/** It stays where it is, and must be held. */
export type RescueStaying = {
  readonly bag: string
  readonly reason: RescueStay
  /** Null: it is not lost by staying, or it is lost already. */
  readonly lostAt: number | null
  /** Devices that would do if somebody there says that there is room, the nearest first. */
  readonly ask: readonly number[]
  readonly rejected: readonly Rejected[]
}

/** What one person carries at one time. */
export type RescueTrip = {
  readonly device: number
  readonly by: RescueWay
  /** The most urgent first. */
  readonly bags: readonly string[]
  /** One way, as planned. */
  readonly wayMs: number
  /** Null: any time. */
  readonly leaveBy: number | null
}

export type RescuePlan = {
  readonly askedAt: number
  /** The version of the policy. */
  readonly policy: number
  /** When the device leaves its limits, ms UTC; what is planned goes by the p10. Null: not known. */
  readonly limitAt: { readonly p10: number; readonly median: number } | null
  readonly moves: readonly RescueMove[]
  readonly stays: readonly RescueStaying[]
  readonly trips: readonly RescueTrip[]
  /** So many people carry all of it in time, each taking the next trip when back from the last. */
  readonly carriers: number
  readonly totals: {
    readonly bags: number
    readonly moved: number
    readonly stays: Readonly<Record<RescueStay, number>>
    /** One way, as planned, of all bags together. */
    readonly wayMs: number
  }
}

/** A device a bag may go to. */
type Option = {
  readonly device: RescueDevice
  readonly way: Way
  /** Of the way, begun ones counted whole; and with those an unclean record counts for. */
  readonly wayMinutes: number
  readonly minutes: number
}

type Evacuee = {
  readonly bag: RescueBag
  readonly lostAt: number | null
  readonly options: readonly Option[]
  readonly rejections: readonly Rejection[]
}

type Rejection = {
  readonly device: RescueDevice
  readonly way: Way | null
  readonly reason: RescueRejection
}

/**
 * Where to carry the bags of a device that fails, in which order, and which must stay.
 *
 * A bag goes only where it is known to be kept right and can be in time; without a known number of places there is none.
 * Where places are short, as many bags are saved as can be, and of those that contend whoever has precedence: before whom
 * staying does not lose, whom it does; then whoever is not held anyway; then whoever has less allowance; then whom a
 * patient or the next emergency counts on; then the earlier expiry; then the id. They go where it takes the fewest
 * minutes in all, and of plans as short in the one that spares the more urgent. They are carried by allowance, then
 * expiry, then id.
 *
 * The same facts in another order give the same plan.
 */
export function planRescue(facts: RescueFacts, policy: RescuePolicy): RescuePlan {
  const { askedAt, failing } = facts
  const devices = distinct(facts.devices).sort((a, b) => a.id - b.id)
  const evacuees = distinct(facts.bags)
    .sort((a, b) => inOrder(urgencyOf(a), urgencyOf(b)))
    .map((bag) => evacueeOf(bag, devices, facts, policy))

  const hosts = hostsFor(evacuees, devices, policy)
  const placesLeft = new Map(devices.map((device) => [device, placesOf(device, policy)]))
  for (const host of hosts.values()) placesLeft.set(host, (placesLeft.get(host) ?? 0) - 1)

  const moves = evacuees
    .flatMap((evacuee) => {
      const host = hosts.get(evacuee)
      const option = evacuee.options.find(({ device }) => device === host)
      return option ? [{ evacuee, option }] : []
    })
    .map(({ evacuee, option }, index): RescueMove => {
      const { bag, lostAt, rejections } = evacuee
      const { device, way } = option
      return {
        order: index + 1,
        bag: bag.id,
        device: device.id,
        way,
        lostAt,
        leaveBy: lostAt === null ? null : lostAt - way.ms,
        reasons: reasonsFor(option, evacuee, facts, policy),
        reading: readingOf(device),
        placesLeft: placesLeft.get(device) ?? 0,
        isHeld: bag.isHeld,
        rejected: rejectedIn(rejections),
      }
    })
  const stays = evacuees
    .filter((evacuee) => !hosts.has(evacuee))
    .map((evacuee) => stayingOf(evacuee, askedAt))
  const trips = tripsOf(moves, policy)
  const staying = (reason: RescueStay) => stays.filter((stay) => stay.reason === reason).length
  return {
    askedAt,
    policy: policy.version,
    limitAt: failing.forecast && {
      p10: askedAt + failing.forecast.p10Ms,
      median: askedAt + failing.forecast.medianMs,
    },
    moves,
    stays,
    trips,
    carriers: carriersFor(trips, askedAt),
    totals: {
      bags: evacuees.length,
      moved: moves.length,
      stays: {
        spent: staying('spent'),
        expired: staying('expired'),
        no_device: staying('no_device'),
        places_taken: staying('places_taken'),
      },
      wayMs: moves.reduce((ms, { way }) => ms + way.ms, 0),
    },
  }
}

function evacueeOf(
  bag: RescueBag,
  devices: readonly RescueDevice[],
  { askedAt, failing }: RescueFacts,
  policy: RescuePolicy,
): Evacuee {
  const untilLimitMs = Math.max(0, failing.forecast?.p10Ms ?? 0)
  const lostAt = typeof bag.allowanceMs === 'number' ? askedAt + untilLimitMs + bag.allowanceMs : null
  const options: Option[] = []
  const rejections: Rejection[] = []
  for (const device of isOfUse(bag, askedAt) ? devices : []) {
    const way = wayTo(device, bag, policy)
    const rejection = rejectionOf({ bag, device, failing: failing.id, askedAt, lostAt, way, policy })
    if (rejection) rejections.push({ device, way, reason: rejection })
    else if (way) {
      const wayMinutes = Math.ceil(way.ms / 60_000)
      const minutes = wayMinutes + (isClean(device, askedAt, policy) ? 0 : policy.uncleanMinutes)
      options.push({ device, way, wayMinutes, minutes })
    }
  }
  return { bag, lostAt, options, rejections }
}

function isOfUse({ allowanceMs, expiresAt }: RescueBag, askedAt: number): boolean {
  return allowanceMs !== 'spent' && askedAt < expiresAt
}

/**
 * Who goes where; who is missing has no place.
 *
 * @param evacuees the most urgent first
 */
function hostsFor(
  evacuees: readonly Evacuee[],
  devices: readonly RescueDevice[],
  policy: RescuePolicy,
): ReadonlyMap<Evacuee, RescueDevice> {
  const count = evacuees.length
  const longest = evacuees
    .flatMap(({ options }) => options)
    .reduce((most, { minutes }) => Math.max(most, minutes), 0)
  // A minute weighs a hair more for whoever is more urgent, and all hairs together less than one minute.
  const minuteWeighs = 1 + longest * count ** 2
  const claimants = evacuees
    .map((evacuee, rank) => {
      const costs = new Map(
        evacuee.options.map(({ device, minutes }) => [device, minutes * (minuteWeighs + count - rank)]),
      )
      return { evacuee, costs: devices.map((device) => costs.get(device) ?? null) }
    })
    .sort((a, b) => inOrder(precedenceOf(a.evacuee.bag), precedenceOf(b.evacuee.bag)))
  const given = assign(
    claimants.map(({ costs }) => costs),
    devices.map((device) => placesOf(device, policy)),
  )
  return new Map(
    claimants.flatMap(({ evacuee }, index) => {
      const device = devices[given[index] ?? -1]
      return device ? [[evacuee, device] as const] : []
    }),
  )
}

function stayingOf({ bag, lostAt, options, rejections }: Evacuee, askedAt: number): RescueStaying {
  const reason = (): RescueStay => {
    if (bag.allowanceMs === 'spent') return 'spent'
    if (!isOfUse(bag, askedAt)) return 'expired'
    return options.length > 0 ? 'places_taken' : 'no_device'
  }
  return {
    bag: bag.id,
    reason: reason(),
    lostAt,
    ask: rejections
      .filter((rejection) => rejection.reason === 'room_unknown')
      .sort((a, b) => (a.way?.ms ?? 0) - (b.way?.ms ?? 0))
      .map(({ device }) => device.id),
    rejected: rejectedIn([
      ...rejections,
      ...options.map((option) => ({ ...option, reason: 'places_taken' as const })),
    ]),
  }
}

function reasonsFor(
  { device, way, wayMinutes, minutes }: Option,
  { options }: Evacuee,
  { askedAt, failing }: RescueFacts,
  policy: RescuePolicy,
): readonly RescueReason[] {
  const nearer = options.filter((other) => other.wayMinutes < wayMinutes)
  const clean = isClean(device, askedAt, policy)
  const speaks: Readonly<Record<RescueReason, boolean>> = {
    only_choice: options.length === 1,
    nearest: options.length > 1 && nearer.length === 0,
    // With a place left it would have been chosen.
    nearer_taken: nearer.some((other) => other.minutes < minutes),
    nearer_not_clean: nearer.some((other) => other.minutes >= minutes),
    clean_record: clean,
    record_not_clean: !clean,
    other_facility: device.facilityId !== failing.facilityId,
    by_car: way.by === 'car',
  }
  return rescueReasons.filter((reason) => speaks[reason])
}

function rejectedIn(rejections: readonly Rejection[]): readonly Rejected[] {
  return rescueRejections
    .map((code) => ({
      reason: code,
      devices: rejections.filter(({ reason }) => reason === code).map(({ device }) => device.id),
    }))
    .filter(({ devices }) => devices.length > 0)
}

/** The bags of one device and way are carried together, as many as one person can; who has the most urgent one first. */
function tripsOf(moves: readonly RescueMove[], { bagsPerTrip }: RescuePolicy): readonly RescueTrip[] {
  const trips: { device: number; by: RescueWay; bags: string[]; wayMs: number; leaveBy: number | null }[] = []
  for (const { bag, device, way, leaveBy } of moves) {
    const trip = trips.findLast((one) => one.device === device && one.by === way.by)
    if (trip && trip.bags.length < bagsPerTrip[way.by]) trip.bags.push(bag)
    else trips.push({ device, by: way.by, bags: [bag], wayMs: way.ms, leaveBy })
  }
  return trips
}

/** Of people who take the trips in their order, and come back for the next, the fewest that leave in time for each. */
function carriersFor(trips: readonly RescueTrip[], askedAt: number): number {
  const suffice = (carriers: number) => {
    const backAt = Array.from({ length: carriers }, () => askedAt)
    return trips.every(({ wayMs, leaveBy }) => {
      const leavesAt = Math.min(...backAt)
      backAt[backAt.indexOf(leavesAt)] = leavesAt + 2 * wayMs
      return leaveBy === null || leavesAt <= leaveBy
    })
  }
  let carriers = Math.min(1, trips.length)
  while (!suffice(carriers)) carriers++
  return carriers
}

type Key = readonly (number | string)[]

/** In which order bags are carried. */
function urgencyOf(bag: RescueBag): Key {
  return [allowanceOf(bag), bag.expiresAt, bag.id]
}

/** Who gets a place before whom. */
function precedenceOf(bag: RescueBag): Key {
  const claim = rescueClaims.findIndex((one) => bag.claims.includes(one))
  return [
    bag.allowanceMs === 'unlimited' ? 1 : 0,
    bag.isHeld ? 1 : 0,
    allowanceOf(bag),
    claim < 0 ? rescueClaims.length : claim,
    bag.expiresAt,
    bag.id,
  ]
}

/** How long it may yet be outside, ms. */
function allowanceOf({ allowanceMs }: RescueBag): number {
  if (allowanceMs === 'spent') return 0
  return allowanceMs === 'unlimited' ? Number.POSITIVE_INFINITY : allowanceMs
}

function inOrder(a: Key, b: Key): number {
  const index = a.findIndex((part, at) => part !== b[at])
  return index < 0 ? 0 : (a[index] as Key[number]) < (b[index] as Key[number]) ? -1 : 1
}

function distinct<T extends { readonly id: number | string }>(told: readonly T[]): T[] {
  if (new Set(told.map(({ id }) => id)).size < told.length) throw new Error('something is told twice')
  return [...told]
}
