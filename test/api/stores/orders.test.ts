import fc from 'fast-check'
import { expect } from 'vitest'
import { stateOfOrder, unapprovedSince, unfilledSince } from '../../../api/domain/order.ts'
import { groupOf } from '../../../api/domain/patient-record.ts'
import { groupsInDoubt, listOrders, ordersUnapproved, ordersUnfilled } from '../../../api/stores/orders.ts'
import { bag, bagEvent, patient } from '../../../schema/tables/bags.ts'
import { bloodOrder, bloodOrderEvent } from '../../../schema/tables/orders.ts'
import { patientGrouping, patientSample, sampleRejection } from '../../../schema/tables/patients.ts'
import { abos, type BagState, grades, orderStates, rhds, urgencies } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aWorld, noon } from '../../support/world.ts'

const id = (kind: number, number: number) =>
  `00000000-0000-7000-800${kind}-${String(number).padStart(12, '0')}`
const truncate = 'truncate blood_order, blood_order_event, bag, patient cascade'
const day = 86_400_000

const seldom = fc.integer({ min: 0, max: 4 }).map((n) => n === 0)
const aboDrawn = fc.constantFrom(...abos.slice(0, 2))
const orNothing = <T>(drawn: fc.Arbitrary<T>) => fc.oneof(fc.constant(null), fc.constant(null), drawn)

/** A patient with what was said of them in a word, and samples with what was found in them. */
const aPatient = fc.record({
  abo: orNothing(aboDrawn),
  rhd: orNothing(fc.constantFrom(...rhds)),
  samples: fc.array(
    fc.record({
      isRejected: seldom,
      groupings: fc.array(
        fc.record({
          abo: aboDrawn,
          rhd: fc.constantFrom('positive' as const, 'positive' as const, 'negative' as const),
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 3 },
  ),
})

test('the patients whose groupings are found to differ are those the rule says so of', async ({
  database,
}) => {
  const { db, pool } = database
  const { ctx } = await aWorld(database)
  const { actor } = ctx
  let [met, not] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.array(aPatient, { minLength: 30, maxLength: 50 }), async (drawn) => {
      await pool.query(truncate)
      const patients = drawn.map((one, number) => {
        const samples = one.samples.map((sample, index) => ({ ...sample, id: id(1, number * 10 + index) }))
        return { ...one, samples, pseudonym: `P${String(number).padStart(3, '0')}` }
      })
      await db.insert(patient).values(
        patients.map(({ pseudonym, abo, rhd, samples }) => {
          const hasRecord = samples.length > 0
          return { facilityId: 1, pseudonym, abo, rhd, hasRecord, updatedAt: noon }
        }),
      )
      for (const { pseudonym, samples } of patients) {
        for (const { id: sampleId, isRejected, groupings } of samples) {
          await db.insert(patientSample).values({
            ...{
              id: sampleId,
              facilityId: 1,
              pseudonym,
              label: sampleId,
              collectedAt: noon,
              collector: 'Ann',
            },
            ...{ exposed: null, exposureSince: noon, shortUntil: noon + day, longUntil: noon + day },
            ...{ policies: {}, at: noon, actor },
          })
          if (isRejected)
            await db
              .insert(sampleRejection)
              .values({ sampleId, reason: 'other', remark: null, at: noon, actor })
          if (groupings.length > 0)
            await db
              .insert(patientGrouping)
              .values(
                groupings.map((group) => ({ sampleId, ...group, method: 'gel' as const, at: noon, actor })),
              )
        }
      }
      const expected = patients.filter(({ abo, rhd, samples }) => {
        const record = {
          samples: samples.map((sample) => ({
            ...{ ...sample, collectedAt: noon, exposed: null, exposureSince: noon },
            ...{ shortUntil: noon + day, longUntil: noon + day },
          })),
          groupings: samples.flatMap(({ id: sampleId, groupings }) =>
            groupings.map((group) => ({ ...group, sampleId, method: 'gel' as const, by: 'x' })),
          ),
        }
        return groupOf(record, { abo, rhd }).doubt === 'discrepancy'
      })
      const found = await groupsInDoubt(db, 'all')
      expect(found.map(({ pseudonym }) => pseudonym)).toEqual(expected.map(({ pseudonym }) => pseudonym))
      expect(await groupsInDoubt(db, new Set([2]))).toEqual([])
      met += expected.length
      not += patients.length - expected.length
    }),
    { numRuns: 8 },
  )
  expect([met > 10, not > 10]).toEqual([true, true])
})

/** Round the moment that is asked about. */
const needed = fc.constantFrom(-1, 0, 1, 2).map((ms) => noon + ms)

const anOrder = fc.record({
  urgency: fc.constantFrom(...urgencies),
  neededAt: needed,
  approvals: fc.subarray([...grades], { maxLength: 2 }),
  approved: fc.nat(2),
  end: fc.constantFrom(null, null, null, 'reject' as const, 'cancel' as const),
  component: fc.constantFrom('red_cells' as const, 'plasma' as const),
  bags: fc.array(
    fc.record({
      state: fc.constantFrom<BagState>('issued', 'transfused', 'available', 'discarded'),
      component: fc.constantFrom('red_cells' as const, 'plasma' as const, 'thawed_plasma' as const),
      amount: fc.constantFrom(null, 0.7, 1.3, 2),
      isReissued: seldom,
    }),
    { maxLength: 3 },
  ),
})

test('the orders that are found to wait for a word or for blood are those the rules say so of', async ({
  database,
}) => {
  const { db, pool } = database
  const { ctx } = await aWorld(database)
  const { actor } = ctx
  const met = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(anOrder, { minLength: 30, maxLength: 50 }), async (drawn) => {
      await pool.query(truncate)
      await db.insert(patient).values({ facilityId: 1, pseudonym: 'P1', updatedAt: noon })
      await db.insert(bloodOrder).values(
        drawn.map(({ urgency, neededAt, approvals, component }, number) => ({
          ...{ id: id(2, number), facilityId: 1, pseudonym: 'P1', component, amount: 2, uom: 'U' as const },
          ...{ indication: 'surgery' as const, indicationText: 'hip', urgency, neededAt, physician: 'dr-li' },
          ...{ dayMl: 400, approvals, policies: {}, at: noon - 10, actor },
        })),
      )
      const events = drawn.flatMap(({ approvals, approved, end }, number) => [
        ...approvals.slice(0, approved).map((grade) => ({ verb: 'approve' as const, grade, number })),
        ...(end ? [{ verb: end, grade: end === 'reject' ? grades[0] : null, number }] : []),
      ])
      if (events.length > 0)
        await db
          .insert(bloodOrderEvent)
          .values(
            events.map(({ number, ...event }) => ({ ...event, orderId: id(2, number), at: noon, actor })),
          )
      const bags = drawn.flatMap(({ bags: all }, order) =>
        all.map((one, index) => ({ ...one, order, number: order * 10 + index })),
      )
      if (bags.length > 0) {
        await db.insert(bag).values(
          bags.map(({ number, component, state, amount }) => ({
            ...{
              id: id(3, number),
              scheme: 'ISBT128' as const,
              identifier: `A999926${String(number).padStart(6, '0')}`,
            },
            ...{ productCode: 'E0336', collectionType: 'V', division: '00', component, state, holderId: 1 },
            ...{
              expiresAt: noon,
              registeredAt: noon,
              version: 2,
              amount,
              uom: amount === null ? null : ('U' as const),
            },
          })),
        )
        await db.insert(bagEvent).values(
          bags.flatMap(({ number, order, isReissued }) => {
            const event = {
              bagId: id(3, number),
              verb: 'issue' as const,
              from: null,
              to: 'issued' as const,
              at: noon,
              actor,
            }
            const first = { ...event, version: 1, data: { patient: 'P1', order: id(2, order) } }
            return isReissued ? [first, { ...event, version: 2, data: { patient: 'P2' } }] : [first]
          }),
        )
      }
      const all = await listOrders(db, { facilityId: 1 }, 200, noon)
      const ids = (orders: readonly { readonly id: string }[]) => orders.map((order) => order.id).sort()
      expect(ids(await ordersUnapproved(db, 'all', noon))).toEqual(
        ids(all.filter((order) => unapprovedSince(order, order.events) !== null)),
      )
      const span = { from: 0, until: noon + 2 }
      expect(ids(await ordersUnfilled(db, 'all', span, noon))).toEqual(
        ids(all.filter((order) => unfilledSince(order, order.events, order.issued, noon, 1) !== null)),
      )
      expect(await ordersUnfilled(db, new Set([2]), span, noon)).toEqual([])
      for (const order of all) met.add(stateOfOrder(order, order.events, order.issued))
    }),
    { numRuns: 8 },
  )
  expect([...met].sort()).toEqual([...orderStates].sort())
})
