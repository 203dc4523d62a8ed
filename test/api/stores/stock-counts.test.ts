import fc from 'fast-check'
import { expect } from 'vitest'
import { groupedBy } from '../../../api/domain/grouped-by.ts'
import { onShelf } from '../../../api/domain/lifecycle.ts'
import { bandOf, standingOf, underWay } from '../../../api/domain/stock-overview.ts'
import { cnStock } from '../../../api/policies/stock.ts'
import { countStock } from '../../../api/stores/stock-counts.ts'
import { bagsToTransfer } from '../../../api/stores/transfer-facts.ts'
import { bag, bagHold } from '../../../schema/tables/bags.ts'
import { bagLedger } from '../../../schema/tables/ledgers.ts'
import { abos, bagStates, components, holdKinds, rhds, stockStandings } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aWorld, noon } from '../../support/world.ts'

const day = 86_400_000
const instant = fc.constantFrom(noon - 1, noon, noon + 1)
const often = <T>(usual: T, others: fc.Arbitrary<T>, weight = 4) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others })

const aBag = fc.record({
  state: often('available', fc.constantFrom(...bagStates), 3),
  component: often('red_cells', fc.constantFrom(...components), 2),
  expiresAt: fc.oneof(
    instant,
    fc.constantFrom(...[1, 3, 7].flatMap((days) => [noon + days * day, noon + days * day + 1])),
    fc.integer({ min: noon + 1, max: noon + 100 * day }),
  ),
  collectionType: often('V', fc.constantFrom('A', 'D', '0')),
  group: fc.option(fc.record({ abo: fc.constantFrom(...abos), rhd: fc.constantFrom(...rhds) }), { freq: 6 }),
  amount: fc.option(fc.constantFrom(1, 1.5, 2), { freq: 6 }),
  holderId: fc.constantFrom(1, 1, 2),
  isNobodys: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0),
  destinationId: fc.constantFrom(null, 1, 2),
  reserved: fc.constantFrom(null, null, 'patient' as const, 'facility' as const),
  reservedUntil: instant,
  hold: fc.option(fc.record({ kind: fc.constantFrom(...holdKinds), liftedAt: fc.option(instant) }), {
    freq: 2,
  }),
  verdict: often<string | null>('OK', fc.constantFrom('UNVERIFIED', 'HOLD', 'BREACHED', null)),
  isOldVerdictBad: fc.boolean(),
})

test('what is counted is what the rules say of each bag, each of them once, here or everywhere', async ({
  database,
}) => {
  const { db, pool } = database
  await aWorld(database)
  await pool.query(
    `insert into facility (code, name, kind, time_zone, jurisdiction, created_at) values ('H2', 'H2', 'hospital', 'UTC', 'CN', 0)`,
  )
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(aBag, { minLength: 1, maxLength: 30 }), async (bags) => {
      await pool.query('truncate bag cascade')
      const id = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`
      await db.insert(bag).values(
        bags.map((drawn, number) => {
          const { group, reserved, reservedUntil, hold: _, verdict: __, isNobodys, ...rest } = drawn
          const { isOldVerdictBad: ___, ...facts } = rest
          return {
            ...facts,
            // What is on its way is somebody's.
            holderId: isNobodys && onShelf.includes(facts.state) ? null : facts.holderId,
            id: id(number),
            scheme: 'ISBT128',
            identifier: `A999926${String(number).padStart(6, '0')}`,
            productCode: 'E0336',
            division: '00',
            registeredAt: noon,
            originId: 1,
            uom: facts.amount === null ? null : ('U' as const),
            abo: group?.abo ?? null,
            rhd: group?.rhd ?? null,
            reservedFor: reserved === 'patient' ? 'P1' : null,
            reservedToId: reserved === 'facility' ? 2 : null,
            reservedUntil: reserved === null ? null : reservedUntil,
          }
        }),
      )
      const placed = { reason: 'r', placedAt: noon, placedBy: {} }
      const holds = bags.flatMap(({ hold }, number) =>
        hold ? [{ ...hold, bagId: id(number), ...placed }] : [],
      )
      if (holds.length > 0) await db.insert(bagHold).values(holds)
      const ledger = { jurisdiction: 'CN', entries: [], policies: {}, knownFrom: noon } as const
      const ledgers = bags.flatMap(({ verdict, isOldVerdictBad }, number) =>
        verdict === null
          ? []
          : [
              {
                ...ledger,
                ...{ bagId: id(number), revision: 1, knownTo: noon },
                verdict: isOldVerdictBad ? ('BREACHED' as const) : ('OK' as const),
              },
              { ...ledger, bagId: id(number), revision: 2, verdict: verdict as 'OK' },
            ],
      )
      if (ledgers.length > 0) await db.insert(bagLedger).values(ledgers)

      const ids = bags.map((_, number) => id(number))
      const told = await bagsToTransfer(db, { ids }, noon)
      const facts = new Map(told.map((one) => [one.bag.id, one]))
      const right = bags.flatMap((one, number) => {
        const known = facts.get(id(number))
        const isComing = underWay.some((state) => state === one.state)
        const facilityId = isComing ? one.destinationId : one.holderId
        if (!known || facilityId === null || !(isComing || onShelf.includes(one.state))) return []
        const standing = standingOf(known.facts, known.keeping, noon)
        seen.add(standing)
        const band = standing === 'ready' ? bandOf(cnStock.bandsMs[one.component], one.expiresAt, noon) : null
        const { component, group, amount, expiresAt, reservedUntil } = one
        const isKept = standing === 'reserved' || standing === 'promised'
        const kind = { facilityId, component, group, uom: amount === null ? null : 'U', standing, band }
        return [{ kind, amount: amount ?? 0, expiresAt, until: isKept ? reservedUntil : null }]
      })
      for (const reach of ['all', new Set([1]), new Set([2])] as const) {
        const here = right.filter(({ kind }) => reach === 'all' || reach.has(kind.facilityId))
        const expected = [...groupedBy(here, ({ kind }) => JSON.stringify(kind)).values()].map((some) => ({
          ...some[0]?.kind,
          bags: some.length,
          amount: some.reduce((sum, { amount }) => sum + amount, 0),
          firstExpiry: Math.min(...some.map(({ expiresAt }) => expiresAt)),
          firstFree: some[0]?.until === null ? null : Math.min(...some.map(({ until }) => until ?? 0)),
        }))
        const counts = await countStock(db, { reach, ends: cnStock.bandsMs }, noon)
        expect(counts).toHaveLength(expected.length)
        expect(counts).toEqual(expect.arrayContaining(expected))
        const some = await countStock(db, { reach, component: 'platelets', ends: cnStock.bandsMs }, noon)
        expect(some).toHaveLength(counts.filter(({ component }) => component === 'platelets').length)
      }
    }),
    { numRuns: 25 },
  )
  expect([...seen].sort()).toEqual([...stockStandings].sort())
})
