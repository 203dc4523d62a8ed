import fc from 'fast-check'
import { expect } from 'vitest'
import { findingsOfStock } from '../../../api/domain/take-out.ts'
import { bagsInStock, factsOfAll } from '../../../api/stores/bags.ts'
import { bag, bagHold } from '../../../schema/tables/bags.ts'
import { abos, bagStates, holdKinds, rhds } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aWorld, noon } from '../../support/world.ts'

/** Before, at and after the moment that is asked about. */
const instant = fc.constantFrom(noon - 1, noon, noon + 1)

/** Bags of which most are one fact away from being issuable. */
const aBag = fc.record({
  state: fc.oneof({ weight: 4, arbitrary: fc.constant('available' as const) }, fc.constantFrom(...bagStates)),
  expiresAt: fc.oneof({ weight: 4, arbitrary: fc.constant(noon + 1) }, instant),
  collectionType: fc.constantFrom('V', '0', '7', 'V', '0', '7', 'A', 'D', 'v'),
  group: fc.option(fc.record({ abo: fc.constantFrom(...abos), rhd: fc.constantFrom(...rhds) }), { freq: 4 }),
  reservedUntil: fc.constantFrom(null, null, null, noon - 1, noon, noon + 1),
  holds: fc.array(fc.record({ kind: fc.constantFrom(...holdKinds), liftedAt: fc.option(instant) }), {
    maxLength: 2,
  }),
})

test('a page of what may be issued, or may not, is the first of what the rules say so of', async ({
  database,
}) => {
  const { db, pool } = database
  await aWorld(database)
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(
      fc.array(aBag, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 12 }),
      async (bags, limit) => {
        await pool.query('truncate bag cascade')
        const id = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`
        await db.insert(bag).values(
          bags.map(({ group, reservedUntil, holds: _, ...facts }, number) => ({
            ...facts,
            id: id(number),
            scheme: 'ISBT128',
            identifier: `A999926${String(number).padStart(6, '0')}`,
            productCode: 'E0336',
            division: '00',
            component: 'red_cells' as const,
            registeredAt: noon,
            originId: 1,
            holderId: 1,
            abo: group?.abo ?? null,
            rhd: group?.rhd ?? null,
            reservedFor: reservedUntil === null ? null : 'P1',
            reservedUntil,
          })),
        )
        const holds = bags.flatMap(({ holds }, number) =>
          holds.map((hold) => ({ ...hold, bagId: id(number), reason: 'r', placedAt: noon, placedBy: {} })),
        )
        if (holds.length > 0) await db.insert(bagHold).values(holds)

        const everything = { reach: 'all' as const, now: noon, limit: bags.length }
        const stock = (await bagsInStock(db, everything)).map((row) => row.bag)
        const facts = await factsOfAll(db, stock)
        const findings = facts.map((known) => findingsOfStock(known, noon))
        for (const issuable of [true, false]) {
          const right = stock.filter((_, index) => (findings[index]?.length === 0) === issuable)
          const page = await bagsInStock(db, { ...everything, issuable, limit })
          expect(page.map((row) => row.bag.id)).toEqual(right.slice(0, limit).map((row) => row.id))
        }
        for (const found of findings) for (const finding of found.length ? found : ['GO']) seen.add(finding)
      },
    ),
    { numRuns: 60 },
  )
  // Each rule was met, and so was none.
  expect([...seen].sort()).toEqual([
    'GO',
    'expired',
    'held',
    'not_grouped',
    'not_in_stock',
    'not_released',
    'recalled',
    'reserved_for_another',
    'special_label',
    'unknown_product',
    'unverified',
  ])
})
