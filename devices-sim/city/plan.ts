import type { Abo } from '../../schema/vocabulary.ts'
import { createRandom, type Random } from '../random.ts'
import type { City, Group, Hospital, Use } from './draw-city.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

/** A bag that is there when the city begins. */
export type Stocked = {
  readonly unit: string
  readonly facility: string
  readonly group: Group
  /** City time, ms. */
  readonly expiresAt: number
}

/** A donor comes. What follows takes so long, ms. */
export type Donation = {
  readonly at: number
  readonly donor: string
  readonly group: Group
  /** Something is found in it. */
  readonly reactive: boolean
  readonly processedAfter: number
  readonly groupedAfter: number
  readonly groupedAgainAfter: number
  readonly testedAfter: number
  readonly releasedAfter: number
}

/** A patient needs blood of a ward's fridge. */
export type Demand = {
  readonly at: number
  readonly hospital: string
  readonly unit: string
  readonly patient: string
  readonly group: Group
  /** Nobody knows who it is, and there is no time. */
  readonly emergency: boolean
  /** The lab has no valid sample yet when the bag is scanned. */
  readonly sampleForgotten: boolean
  /** The nurse takes the wrong bag at first. */
  readonly wrongBag: boolean
  /** It was not needed after all. */
  readonly comesBack: boolean
  readonly handlingMs: number
  readonly startsAfter: number
}

/** Somebody goes the rounds of one hospital. */
export type Round = { readonly at: number; readonly hospital: string }

/** All that the world wants of the city, by the clock: nothing but data, and the same for the same seed. */
export type Plan = {
  readonly fromMs: number
  readonly untilMs: number
  readonly stock: readonly Stocked[]
  readonly donations: readonly Donation[]
  readonly demands: readonly Demand[]
  /** A courier brings what the hospital lacks. */
  readonly deliveries: readonly Round[]
  /** The lab fills its wards' fridges. */
  readonly restockings: readonly Round[]
  /** The lab takes out what has expired. */
  readonly inspections: readonly Round[]
}

export type PlanOptions = {
  /** City time, ms. */
  readonly fromMs?: number
  readonly untilMs: number
  /** How busy the wards are; 1 is usual. */
  readonly demand?: number
}

/** What the fridge of a ward keeps. */
export const wardStock: readonly Abo[] = ['O', 'A', 'O', 'B']

/** How many patients a day come to it. */
const perDay: Partial<Record<Use, number>> = { theatre: 1.8, icu: 1.4, ambulance: 0.3 }

/** How the patients of a day are spread over its hours. */
const hoursOf: Partial<Record<Use, readonly number[]>> = {
  theatre: [1, 1, 1, 1, 1, 1, 2, 4, 9, 12, 12, 10, 6, 8, 10, 9, 7, 4, 3, 2, 2, 2, 1, 1],
  icu: [3, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 4, 4, 5, 5, 5, 4, 4, 4, 4, 4, 3, 3],
  ambulance: [3, 2, 2, 1, 1, 1, 2, 4, 5, 4, 4, 4, 4, 4, 4, 4, 5, 6, 6, 5, 5, 4, 4, 3],
}
const donorHours = [0, 0, 0, 0, 0, 0, 0, 0, 8, 12, 12, 10, 5, 7, 9, 9, 5, 0, 0, 0, 0, 0, 0, 0]

/** Some is found wanting, and some comes back: a centre that takes no more than is needed runs out. */
const donationsPerDemand = 1.15

export function bankStock({ wards }: Pick<Hospital, 'wards'>): readonly Abo[] {
  const turn: readonly Abo[] = ['O', 'A', 'B', 'O', 'A', 'AB']
  return Array.from(
    { length: 4 + Math.ceil(wards.length / 2) },
    (_, index) => turn[index % turn.length] as Abo,
  )
}

/** @throws RangeError where it would end before it begins */
export function planCity(city: City, { fromMs = 0, untilMs, demand = 1 }: PlanOptions): Plan {
  if (untilMs <= fromMs) throw new RangeError('a city must end after it begins')
  const random = createRandom(city.seed).fork('plan')
  const within = <T extends { readonly at: number }>(all: readonly T[]) =>
    all.filter(({ at }) => at >= fromMs && at < untilMs).sort((a, b) => a.at - b.at)
  const days = Array.from({ length: Math.ceil(untilMs / day) }, (_, index) => index)
  const demands = days.flatMap((index) => demandsOf(city, random.fork(`demand/${index}`), index, demand))
  const usualDemand = city.units.reduce((sum, { use }) => sum + (perDay[use] ?? 0) * demand, 0)
  const rounds = (name: string, hours: readonly number[]) =>
    within(days.flatMap((index) => roundsOf(city, random.fork(`${name}/${index}`), index, hours)))
  return {
    fromMs,
    untilMs,
    stock: stockOf(city, random.fork('stock'), fromMs),
    demands: within(demands),
    donations: within(
      days.flatMap((index) =>
        donationsOf(random.fork(`donors/${index}`), index, Math.ceil(usualDemand * donationsPerDemand)),
      ),
    ),
    deliveries: rounds('deliveries', [7, 12, 17, 21]),
    restockings: rounds('restockings', [6, 9.5, 11.5, 14, 16, 19, 22]),
    inspections: rounds('inspections', [5, 22.75]),
  }
}

function demandsOf(city: City, random: Random, index: number, demand: number): Demand[] {
  return city.units.flatMap(({ name, facility, use }) => {
    const own = random.fork(name)
    const hours = hoursOf[use]
    if (!hours) return []
    const patients = countOf(own, (perDay[use] ?? 0) * demand)
    return Array.from({ length: patients }, (_, number): Demand => {
      const emergency = own.chance(use === 'ambulance' ? 0.7 : 0.03)
      return {
        at: index * day + momentOf(own, hours),
        hospital: facility,
        unit: name,
        patient: `${name.slice(facility.length + 1)}-d${index}-p${number + 1}`,
        group: drawGroup(own),
        emergency,
        sampleForgotten: !emergency && own.chance(0.02),
        wrongBag: own.chance(0.02),
        comesBack: own.chance(0.05),
        handlingMs: own.whole(15 * second, 45 * second),
        startsAfter: own.whole(4 * minute, 20 * minute),
      }
    })
  })
}

function donationsOf(random: Random, index: number, count: number): Donation[] {
  return Array.from({ length: count }, (_, number) => {
    const own = random.fork(number)
    return {
      at: index * day + momentOf(own, donorHours),
      donor: `donor-${index + 1}-${number + 1}`,
      group: drawGroup(own),
      reactive: own.chance(0.006),
      processedAfter: own.whole(50 * minute, 100 * minute),
      groupedAfter: own.whole(10 * minute, 40 * minute),
      groupedAgainAfter: own.whole(5 * minute, 15 * minute),
      testedAfter: own.whole(90 * minute, 150 * minute),
      releasedAfter: own.whole(5 * minute, 30 * minute),
    }
  })
}

/** Every hospital in its turn, within half an hour. */
function roundsOf({ hospitals }: City, random: Random, index: number, hours: readonly number[]): Round[] {
  return hospitals.flatMap(({ code }) =>
    hours.map((at) => ({
      at: Math.round(index * day + at * hour + random.between(0, 30 * minute)),
      hospital: code,
    })),
  )
}

function stockOf(city: City, random: Random, fromMs: number): Stocked[] {
  const filled = (unit: string, facility: string, abos: readonly Abo[]) =>
    abos.map((abo, number): Stocked => {
      const own = random.fork(`${unit}/${number}`)
      // One in fifty or so is in its last hours.
      const left = own.chance(0.02) ? own.between(1 * hour, 20 * hour) : own.between(2 * day, 34 * day)
      return { unit, facility, group: { abo, rhd: drawRhd(own) }, expiresAt: fromMs + Math.round(left) }
    })
  const wards = city.hospitals.flatMap((hospital) => [
    ...filled(hospital.bank, hospital.code, bankStock(hospital)),
    ...hospital.wards.flatMap((ward) => filled(ward, hospital.code, wardStock)),
  ])
  const shelves = city.units.filter(({ use }) => use === 'centre')
  const atCentre = shelves.flatMap(({ name, facility }, index) => {
    const bags = Math.ceil((3 * city.hospitals.length) / shelves.length)
    const abos = Array.from(
      { length: bags },
      (_, number) => drawGroup(random.fork(`centre/${index}/${number}`)).abo,
    )
    return filled(name, facility, abos)
  })
  return [...wards, ...atCentre]
}

/** As common as they are in the north of China (O 30, A 29, B 31, AB 10 %; RhD negative 0.4 %). */
export function drawGroup(random: Random): Group {
  const drawn = random.next()
  const abo = drawn < 0.3 ? 'O' : drawn < 0.59 ? 'A' : drawn < 0.9 ? 'B' : 'AB'
  return { abo, rhd: drawRhd(random) }
}

function drawRhd(random: Random): Group['rhd'] {
  return random.chance(0.004) ? 'negative' : 'positive'
}

/** How many come, of so many on average (Poisson). */
function countOf(random: Random, mean: number): number {
  let count = 0
  for (let passed = random.waitMs(1); passed < mean; passed += random.waitMs(1)) count += 1
  return count
}

/** A moment of a day, as likely as its hour. */
function momentOf(random: Random, weights: readonly number[]): number {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  let drawn = random.between(0, sum)
  const at = weights.findIndex((weight) => {
    drawn -= weight
    return drawn < 0
  })
  return Math.floor((Math.max(0, at) + random.next()) * hour)
}
