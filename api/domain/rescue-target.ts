import type {
  Component,
  DeviceKind,
  RescueClaim,
  RescueRejection,
  RescueWay,
} from '../../schema/vocabulary.ts'
import { rescueRejections, rescueWays } from '../../schema/vocabulary.ts'

/** Inclusive, hundredths of °C. */
export type Range = { readonly low: number; readonly high: number }

/** A bag inside a device that fails. */
export type RescueBag = {
  readonly id: string
  /** As people name it. */
  readonly label: string
  readonly component: Component
  /** Where its own policy wants it stored. */
  readonly limits: Range
  /** How long it may yet be outside them before it is lost, ms; `spent` where it is lost, or judged breached, already. */
  readonly allowanceMs: number | 'unlimited' | 'spent'
  /** How long it may yet be in somebody's hands, ms. */
  readonly handlingMs: number
  /** Exclusive, ms UTC. */
  readonly expiresAt: number
  /** For another reason than that this device fails. */
  readonly isHeld: boolean
  readonly claims: readonly RescueClaim[]
}

export type NewestReading = { readonly at: number; readonly centi: number }

/** A device that might take bags in. What is not known of it speaks against it. */
export type RescueDevice = {
  readonly id: number
  readonly name: string
  readonly kind: DeviceKind
  readonly facilityId: number
  /** Its own profile's. */
  readonly limits: Range
  /** It has an agitator, and that runs. */
  readonly agitates: boolean
  /** How many bags it takes in all; null where nobody has said. */
  readonly capacity: number | null
  /** How many are inside, or planned for it, or on their way to it, and of what. */
  readonly contents: { readonly bags: number; readonly components: readonly Component[] }
  readonly isRetired: boolean
  readonly isQualified: boolean
  /** Null where that is not known. */
  readonly calibratedUntil: number | null
  /** Of any class, be it latched only. */
  readonly isInAlarm: boolean
  readonly isSilent: boolean
  /** When the first declared defrost that is not over begins, or began; null where none is declared. */
  readonly defrostsFrom: number | null
  /** Null where it has no such probe. */
  readonly load: NewestReading | null
  readonly air: NewestReading | null
  /** When its newest excursion or gap ended; null where it never had one. */
  readonly doubtedAt: number | null
  /** How long it takes to carry a bag there, ms; null where that way is not open or not known. */
  readonly ways: Readonly<Record<RescueWay, number | null>>
}

/** How bags are rescued: policy data. */
export type RescuePolicy = {
  readonly version: number
  /** The kind of device each component is stored in. */
  readonly homes: Readonly<Record<Component, { readonly kind: DeviceKind; readonly agitated: boolean }>>
  /** Of a device's capacity so much is kept free, per cent. */
  readonly reservePercent: number
  /** An older reading says nothing of how cold a device is now, ms. */
  readonly maxReadingAgeMs: number
  /** What is to be defrosted so soon, inclusive, takes no bags, ms. */
  readonly defrostAheadMs: number
  /** A record without excursion or gap for so long is clean, ms. */
  readonly cleanMs: number
  /** A record that is not clean counts as so many minutes of way. */
  readonly uncleanMinutes: number
  /** A way is planned to take so much of what it should, per cent: a plan that trusts its couriers fails with them. */
  readonly wayPercent: number
  /** No way is longer, as planned, ms. */
  readonly maxWayMs: Readonly<Record<RescueWay, number>>
  readonly bagsPerTrip: Readonly<Record<RescueWay, number>>
}

/** As planned, ms. */
export type Way = { readonly by: RescueWay; readonly ms: number }

/** The case a device makes for a bag. */
export type RescueCase = {
  readonly bag: RescueBag
  readonly device: RescueDevice
  /** The device that fails. */
  readonly failing: number
  readonly askedAt: number
  /** When the bag is lost where it is, at the earliest, ms UTC; null: never. */
  readonly lostAt: number | null
  /** How it would get there; null where it cannot. */
  readonly way: Way | null
  readonly policy: RescuePolicy
}

/**
 * What must be so for a bag to go to a device, by what is said where it is not. Each asks for what is known to be right,
 * so that a figure which is no number rejects.
 */
const demands: Readonly<Record<RescueRejection, (the: RescueCase) => boolean>> = {
  is_failing: ({ device, failing }) => device.id !== failing,
  wrong_kind: ({ bag, device, policy }) => device.kind === policy.homes[bag.component].kind,
  no_agitation: ({ bag, device, policy }) => device.agitates || !policy.homes[bag.component].agitated,
  wrong_profile: ({ bag, device }) => lies(device.limits.low, bag) && lies(device.limits.high, bag),
  retired: ({ device }) => !device.isRetired,
  unqualified: ({ device }) => device.isQualified,
  calibration_overdue: ({ device, askedAt }) =>
    device.calibratedUntil !== null && askedAt < device.calibratedUntil,
  in_alarm: ({ device }) => !device.isInAlarm,
  silent: ({ device }) => !device.isSilent,
  defrosting: ({ device: { defrostsFrom }, askedAt, policy }) =>
    defrostsFrom === null || defrostsFrom > askedAt + policy.defrostAheadMs,
  mixed_contents: ({ device, policy }) =>
    device.contents.components.every((component) => policy.homes[component].kind === device.kind),
  not_measured: ({ device, askedAt, policy }) => {
    const reading = readingOf(device)
    return reading !== null && askedAt - reading.at <= policy.maxReadingAgeMs
  },
  out_of_limits: ({ bag, device }) => lies(readingOf(device)?.centi ?? Number.NaN, bag),
  no_way: ({ device }) => rescueWays.some((by) => device.ways[by] !== null),
  too_far: ({ way }) => way !== null,
  too_late: ({ way, askedAt, lostAt }) => lostAt === null || (way !== null && askedAt + way.ms <= lostAt),
  full: ({ device: { capacity, contents } }) => capacity === null || capacity - contents.bags > 0,
  reserve_only: ({ device, policy }) => device.capacity === null || placesOf(device, policy) > 0,
  room_unknown: ({ device }) => device.capacity !== null,
  // Known only when all bags are asked about together.
  places_taken: () => true,
}

/** The first demand that is not met; null where the bag may go. */
export function rejectionOf(the: RescueCase): RescueRejection | null {
  return rescueRejections.find((code) => !demands[code](the)) ?? null
}

/** The probe that speaks for the bags inside: the load's, or the one in the air where there is none. */
export function readingOf({ load, air }: RescueDevice): NewestReading | null {
  return load ?? air
}

/** How many more bags it takes: whole places only, beside what it holds and the reserve. */
export function placesOf({ capacity, contents }: RescueDevice, { reservePercent }: RescuePolicy): number {
  if (capacity === null) return 0
  return Math.max(0, Math.floor(capacity - contents.bags - (capacity * reservePercent) / 100))
}

export function isClean({ doubtedAt }: RescueDevice, askedAt: number, { cleanMs }: RescuePolicy): boolean {
  return doubtedAt === null || askedAt - doubtedAt >= cleanMs
}

/** The quicker of the ways that are allowed: in hands a bag may be for so long only, and a box by car keeps it. */
export function wayTo(device: RescueDevice, bag: RescueBag, policy: RescuePolicy): Way | null {
  const longest = { foot: Math.min(policy.maxWayMs.foot, bag.handlingMs), car: policy.maxWayMs.car }
  let best: Way | null = null
  for (const by of rescueWays) {
    const ms = Math.ceil(((device.ways[by] ?? Number.NaN) * policy.wayPercent) / 100)
    if (ms >= 0 && ms <= longest[by] && (best === null || ms < best.ms)) best = { by, ms }
  }
  return best
}

function lies(centi: number, { limits }: RescueBag): boolean {
  return centi >= limits.low && centi <= limits.high
}
