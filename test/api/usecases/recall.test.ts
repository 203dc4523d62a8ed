import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { endRecall, findRecall, lockRecalls } from '../../../api/stores/recalls.ts'
import { catchUp, openRecall, previewRecall, type RecallInput } from '../../../api/usecases/recall.ts'
import { test } from '../../support/database.ts'
import { aWorld, noon, type World } from '../../support/world.ts'

/** What a city may come to in a week: who gave what, what was made of which, and who was given it. */
type Drawn = {
  readonly donors: readonly number[]
  /** Bags made of earlier ones; those of several are pools. */
  readonly made: readonly (readonly number[])[]
  readonly given: readonly { readonly bag: number; readonly patient: number }[]
}

const donorCount = 3
const drawn: fc.Arbitrary<Drawn> = fc.record({
  donors: fc.array(fc.nat(donorCount - 1), { minLength: 1, maxLength: 6 }),
  made: fc.array(fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }), { maxLength: 10 }),
  given: fc.array(fc.record({ bag: fc.nat(30), patient: fc.nat(2) }), { maxLength: 4 }),
})

const idOf = (bag: number) => `00000000-0000-7000-8000-${String(bag + 1).padStart(12, '0')}`

/** Every bag by its number: whole blood first, then what was made; a parent is any bag before. */
type City = {
  readonly parents: readonly (readonly number[])[]
  readonly givenTo: ReadonlyMap<number, number>
  readonly donors: readonly number[]
}

function cityOf({ donors, made, given }: Drawn): City {
  const parents: number[][] = donors.map(() => [])
  for (const of of made) parents.push([...new Set(of.map((parent) => parent % parents.length))])
  const givenTo = new Map<number, number>()
  for (const { bag, patient } of given) givenTo.set(bag % parents.length, patient)
  return { parents, givenTo, donors }
}

async function live({ deps }: World, { parents, givenTo, donors }: City): Promise<void> {
  const { pool } = deps.database
  await pool.query(
    'truncate recall, recall_bag, look_back, bag_hold, bag_event, bag_lineage, bag, donation, news cascade',
  )
  for (const [number, of] of parents.entries()) {
    const donor = donors[number]
    const din = `A999926${String(number).padStart(6, '0')}`
    if (donor !== undefined)
      await pool.query(`insert into donation values ($1, 'ISBT128', $2, $3, 1, $4, $4)`, [
        idOf(number),
        din,
        `donor-${donor}`,
        noon,
      ])
    await pool.query(
      `insert into bag (id, scheme, identifier, product_code, collection_type, division, component, expires_at, registered_at,
         origin_id, holder_id, donation_id, state)
       values ($1, 'ISBT128', $2, 'E0336', 'V', '00', 'red_cells', $3, $3, 1, 1, $4, $5)`,
      [
        idOf(number),
        din,
        noon,
        donor === undefined ? null : idOf(number),
        givenTo.has(number) ? 'transfused' : 'available',
      ],
    )
    for (const parent of of)
      await pool.query('insert into bag_lineage values ($1, $2)', [idOf(parent), idOf(number)])
    if (givenTo.has(number))
      await pool.query(
        `insert into bag_event (bag_id, version, verb, "from", "to", at, actor, data)
         values ($1, 1, 'transfuse', 'issued', 'transfused', $2, '{}', $3)`,
        [idOf(number), noon, { patient: `P${givenTo.get(number)}`, discrepancies: [] }],
      )
  }
}

function closure(start: Iterable<number>, next: (bag: number) => readonly number[]): Set<number> {
  const found = new Set(start)
  for (const bag of found) for (const one of next(bag)) found.add(one)
  return found
}

const childrenIn =
  ({ parents }: City) =>
  (bag: number) =>
    parents.flatMap((of, child) => (of.includes(bag) ? [child] : []))

/** The bags of a donor and all made of them, by a walk that knows no SQL. */
function forwards(city: City, donor: number): Set<number> {
  const whole = city.donors.flatMap((of, bag) => (of === donor ? [bag] : []))
  return closure(whole, childrenIn(city))
}

function backwards(city: City, patient: number): Set<number> {
  const given = [...city.givenTo].flatMap(([bag, to]) => (to === patient ? [bag] : []))
  const line = closure(given, (bag) => city.parents[bag] ?? [])
  const donors = new Set([...line].flatMap((bag) => city.donors[bag] ?? []))
  const all = closure(
    [...[...donors].flatMap((donor) => [...forwards(city, donor)]), ...line],
    childrenIn(city),
  )
  for (const bag of given) all.delete(bag)
  return all
}

const ofDonor = (donor: number): RecallInput => ({
  facility: 'H1',
  scope: 'donor',
  of: `donor-${donor}`,
  reason: 'ill',
})
const ofPatient = (patient: number): RecallInput => ({
  ...ofDonor(0),
  scope: 'patient',
  of: `P${patient}`,
})

async function found({ ctx }: World, input: RecallInput): Promise<string[]> {
  return (await previewRecall(ctx, input, 10_000)).bags.map(({ bagId }) => bagId)
}

const named = (bags: Iterable<number>) => [...bags].map(idOf).sort()

describe('of any city', () => {
  test('a recall of a donor finds what a walk from bag to bag finds, and backwards from whoever was given any of it finds the donor’s bags again', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await fc.assert(
      fc.asyncProperty(drawn, async (drawn) => {
        const city = cityOf(drawn)
        await live(world, city)
        for (let donor = 0; donor < donorCount; donor++) {
          const forward = forwards(city, donor)
          expect(await found(world, ofDonor(donor))).toEqual(named(forward))
          for (const patient of new Set([...forward].flatMap((bag) => city.givenTo.get(bag) ?? []))) {
            const back = await found(world, ofPatient(patient))
            expect(back).toEqual(named(backwards(city, patient)))
            const own = [...forward].filter((bag) => city.givenTo.get(bag) !== patient)
            expect(back).toEqual(expect.arrayContaining(named(own)))
          }
        }
      }),
      { numRuns: 25 },
    )
  }, 120_000)

  test('a recall opened again, or caught up with, changes nothing; each bag given has one case; lifted, nothing is held', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const { pool, db } = database
    await fc.assert(
      fc.asyncProperty(drawn, async (drawn) => {
        const city = cityOf(drawn)
        await live(world, city)
        const forward = forwards(city, 0)
        const number = await openRecall(world.ctx, ofDonor(0))
        const counts = async () =>
          (
            await pool.query(
              `select (select array_agg(bag_id order by bag_id) from bag_hold where lifted_at is null) as held,
                 (select count(*)::int from look_back) as cases, (select count(*)::int from news) as news`,
            )
          ).rows[0]
        const once = await counts()
        expect(once.held ?? []).toEqual(named(forward))
        expect(once.cases).toBe([...forward].filter((bag) => city.givenTo.has(bag)).length)
        expect(await openRecall(world.ctx, ofDonor(0))).toBe(number)
        expect(await catchUp(world.deps)).toBe(0)
        expect(await counts()).toEqual(once)
        await db.transaction(async (tx) => {
          await lockRecalls(tx)
          const end = { state: 'lifted', reason: 'well' } as const
          await endRecall(tx, { kind: 'person', id: 'second' }, await findRecall(tx, number), end, noon)
        })
        expect((await counts()).held).toBe(null)
      }),
      { numRuns: 15 },
    )
  }, 120_000)
})
