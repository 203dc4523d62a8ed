import type { z } from 'zod'
import { BagDetail } from '../../schema/http/bags.ts'
import { DiscardInput } from '../../schema/http/ends.ts'
import type { BagVerb } from '../../schema/vocabulary.ts'
import type { Random } from '../random.ts'
import type { Book, CityBag } from './book.ts'
import type { CityClock } from './clock.ts'
import type { City, Hospital, Site } from './draw-city.ts'
import type { Plan } from './plan.ts'
import type { Staff, Worker } from './staff.ts'
import type { Tally } from './tally.ts'
import type { Units } from './units.ts'

/** Everything the errands of a city share. */
export type World = {
  readonly city: City
  readonly plan: Plan
  readonly clock: CityClock
  readonly staff: Staff
  readonly units: Units
  readonly book: Book
  readonly tally: Tally
  readonly random: Random
  /** Hospitals whose box is away. */
  readonly underWay: Set<string>
  /** Begins the numbers of its donations; six digits are left for each. */
  readonly dinOf: (number: number) => string
}

export const redCells = { productCode: 'E0336V00', component: 'red_cells' } as const
export const wholeBlood = { productCode: 'E0001V00' } as const

export function iso(instant: number): string {
  return new Date(instant).toISOString()
}

export function hospitalOf({ city }: Pick<World, 'city'>, code: string): Hospital {
  const hospital = city.hospitals.find((other) => other.code === code)
  if (!hospital) throw new Error(`there is no ${code}`)
  return hospital
}

export function nameOf({ city }: Pick<World, 'city'>, code: string): Site['name'] {
  return [city.centre, ...city.hospitals].find((site) => site.code === code)?.name ?? { zh: code, en: code }
}

/** Somebody does something to a bag, and the book is kept. @throws Error saying why where it is refused */
export async function act<I extends z.ZodType>(
  { book }: Pick<World, 'book'>,
  worker: Worker,
  bag: CityBag,
  verb: BagVerb,
  reads: I,
  body: z.input<I>,
): Promise<void> {
  writeDown(book, bag, verb, await worker.post(pathOf(bag, verb), reads, body, BagDetail))
}

/** The same; false where something speaks against it. */
export async function tryToAct<I extends z.ZodType>(
  { book }: Pick<World, 'book'>,
  worker: Worker,
  bag: CityBag,
  verb: BagVerb,
  reads: I,
  body: z.input<I>,
): Promise<boolean> {
  const answer = await worker.postUnlessRefused(pathOf(bag, verb), reads, body, BagDetail)
  if (answer) writeDown(book, bag, verb, answer)
  return answer !== null
}

/** A bag that is of no use any more is taken out of its unit at the centre and discarded. */
export async function sortOut(world: World, worker: Worker, bag: CityBag, reason: string): Promise<void> {
  await takeOutOf(world, [bag], 12_000)
  await discard(world, worker, bag, world.city.centre.code, reason)
}

/** It is thrown away where it is, before somebody else's eyes. */
export async function discard(
  world: World,
  worker: Worker,
  bag: CityBag,
  facility: string,
  reason: string,
): Promise<void> {
  const witness = witnessAt(world, facility)
  await act(world, worker, bag, 'discard', DiscardInput, { reason, witness })
}

/** Who stands by where something is thrown away: in a hospital a nurse, in the centre a technician. */
export function witnessAt({ city, staff }: Pick<World, 'city' | 'staff'>, facility: string): string {
  return staff.one(facility === city.centre.code ? 'technician' : 'nurse', 0, facility).username
}

function pathOf({ bagId }: CityBag, verb: BagVerb): string {
  return `/bags/${bagId}/${verb.replaceAll('_', '-')}`
}

function writeDown(book: Book, bag: CityBag, verb: BagVerb, { state }: Pick<CityBag, 'state'>): void {
  book.did(bag, verb, state)
  if (state === 'discarded' || state === 'transfused') book.put(bag, null)
}

/** Bags leave one unit and enter another, carried for so long, ms. All of them have somebody's mind. */
export async function carry(
  world: Pick<World, 'units' | 'book' | 'clock'>,
  bags: readonly CityBag[],
  to: string,
  { carriedMs, doorMs }: { readonly carriedMs: number; readonly doorMs: number },
): Promise<void> {
  await takeOutOf(world, bags, doorMs)
  await world.clock.sleep(carriedMs)
  await putInto(world, bags, to, { doorMs })
}

export async function takeOutOf(
  { units, book }: Pick<World, 'units' | 'book'>,
  bags: readonly CityBag[],
  doorMs: number,
  session?: string,
): Promise<void> {
  for (const [unit, those] of groupBy(bags, (bag) => bag.unit)) {
    if (unit === null) continue
    await units.exchange(unit, { removed: tagsOf(those) }, doorMs, session)
    for (const bag of those) book.put(bag, null)
  }
}

export async function putInto(
  { units, book }: Pick<World, 'units' | 'book'>,
  bags: readonly CityBag[],
  unit: string,
  {
    doorMs,
    warm = 0,
    session,
  }: { readonly doorMs: number; readonly warm?: number; readonly session?: string },
): Promise<void> {
  await units.exchange(unit, { added: tagsOf(bags), warm }, doorMs, session)
  for (const bag of bags) book.put(bag, unit)
}

function tagsOf(bags: readonly CityBag[]): string[] {
  return bags.flatMap(({ tag }) => (tag === null ? [] : [tag]))
}

export function groupBy<T, K>(things: readonly T[], keyOf: (thing: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const thing of things) {
    const group = groups.get(keyOf(thing))
    if (group) group.push(thing)
    else groups.set(keyOf(thing), [thing])
  }
  return groups
}

/** They have somebody's mind while something is done with them. */
export async function withBags(bags: readonly CityBag[], errand: () => Promise<void>): Promise<void> {
  for (const bag of bags) bag.isBusy = true
  try {
    await errand()
  } finally {
    for (const bag of bags) bag.isBusy = false
  }
}

/** An earlier run may have drawn the same number of a donation: then another is tried. */
export async function withFreeDin<T>(
  dinOf: (number: number) => string,
  number: number,
  use: (din: string) => Promise<T | null>,
): Promise<{ readonly din: string; readonly answer: T }> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const din = dinOf(number + attempt * 50_021)
    const answer = await use(din)
    if (answer !== null) return { din, answer }
  }
  throw new Error('all numbers of donations that were tried are taken')
}
