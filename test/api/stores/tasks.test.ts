import fc from 'fast-check'
import { expect } from 'vitest'
import { inForce } from '../../../api/domain/effective.ts'
import { fates, onShelf } from '../../../api/domain/lifecycle.ts'
import {
  faultsOf,
  type SeenBag,
  seenAfterFateSince,
  seenElsewhereSince,
  takenWithoutIssueSince,
} from '../../../api/domain/task.ts'
import {
  seenAfterFate,
  seenElsewhere,
  takenWithoutIssue,
  transfusedAgainst,
} from '../../../api/stores/tasks.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { bag, bagEvent, bagPlace } from '../../../schema/tables/bags.ts'
import { devicePlacement } from '../../../schema/tables/devices.ts'
import { type BagState, bagStates, placeStates } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aDevice, aWorld, noon } from '../../support/world.ts'

const handlingMs = 10
/** Round the moment that is asked about, and the one that is so long before it that handling is over. */
const instant = fc.constantFrom(-12, -11, -10, -9, -2, -1, 0, 1, 2).map((ms) => noon + ms)
const state = fc.oneof(
  fc.constantFrom<BagState>('available', 'transfused', 'discarded'),
  fc.constantFrom(...bagStates),
)
const seldom = fc.integer({ min: 0, max: 7 }).map((n) => n === 0)

/** A bag that came through some states, and was seen in some place. */
const aBag = fc.record({
  lived: fc.array(fc.record({ to: state, at: instant }), { minLength: 1, maxLength: 4 }),
  holderId: fc.constantFrom(1, 1, 2, null),
  place: fc.record({
    state: fc.constantFrom('in_hand', ...placeStates),
    from: instant,
    deviceId: fc.constantFrom(1, 2),
  }),
  isOver: seldom,
  isSuperseded: seldom,
})
type Drawn = typeof aBag extends fc.Arbitrary<infer T> ? T : never

/** Where the devices stood besides, by instants no two of which are the same. */
const moved = fc.uniqueArray(
  fc.record({
    deviceId: fc.constantFrom(1, 2),
    facilityId: fc.constantFrom(1, 2),
    from: fc.integer({ min: -5, max: 5 }).map((ms) => noon + ms),
  }),
  { maxLength: 4, selector: ({ deviceId, from }) => `${deviceId}/${from}` },
)

const id = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`

/** What the rules ask of it, where the states of `among` are asked about. */
function factsOf({ lived, place }: Drawn, among: readonly BagState[]): SeenBag {
  const entries = lived.filter((_, index) => !among.includes(lived[index - 1]?.to as BagState))
  return {
    state: lived.at(-1)?.to as BagState,
    enteredAt: entries.at(-1)?.at as number,
    place,
  }
}

test('the bags that are found to be looked for are those the rules say so of', async ({ database }) => {
  const { db, pool } = database
  const { ctx } = await aWorld(database)
  await createFacility(ctx, { code: 'H2', name: 'H2', kind: 'hospital', timeZone: 'Asia/Shanghai' })
  for (const [name, facility] of [
    ['f1', 'H1'],
    ['f2', 'H2'],
  ] as const)
    await aDevice({ ctx }, name, {}, noon - 100, facility)
  const met = { seenAfterFate: 0, seenElsewhere: 0, takenWithoutIssue: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(aBag, { minLength: 60, maxLength: 90 }),
      moved,
      fc.constantFrom('all' as const, 'all' as const, new Set([1]), new Set([2]), new Set<number>()),
      async (bags, moves, reach) => {
        await pool.query('truncate bag cascade')
        await pool.query('delete from device_placement where "from" > $1', [noon - 100])
        if (moves.length > 0) await db.insert(devicePlacement).values(moves)
        await db.insert(bag).values(
          bags.map(({ lived, holderId }, number) => ({
            id: id(number),
            scheme: 'ISBT128',
            identifier: `A999926${String(number).padStart(6, '0')}`,
            productCode: 'E0336',
            collectionType: 'V',
            division: '00',
            component: 'red_cells' as const,
            expiresAt: noon,
            registeredAt: noon,
            holderId,
            state: lived.at(-1)?.to as BagState,
            version: lived.length,
          })),
        )
        await db.insert(bagEvent).values(
          bags.flatMap(({ lived }, number) =>
            lived.map(({ to, at }, index) => ({
              bagId: id(number),
              version: index + 1,
              verb: 'register' as const,
              from: lived[index - 1]?.to ?? null,
              to,
              at,
              actor: {},
              data: {},
            })),
          ),
        )
        await db.insert(bagPlace).values(
          bags.map(({ place, isOver, isSuperseded }, number) => ({
            ...place,
            bagId: id(number),
            to: isOver ? place.from + 1 : null,
            knownFrom: noon,
            knownTo: isSuperseded ? noon : null,
          })),
        )

        const placements = [
          { deviceId: 1, facilityId: 1, from: noon - 100 },
          { deviceId: 2, facilityId: 2, from: noon - 100 },
          ...moves,
        ].sort((a, b) => a.from - b.from)
        const standing = ({ place }: Drawn) =>
          placements.filter(({ deviceId }) => deviceId === place.deviceId)
        const found = {
          seenAfterFate: await seenAfterFate(db, reach, noon),
          seenElsewhere: await seenElsewhere(db, reach, noon),
          takenWithoutIssue: await takenWithoutIssue(db, reach, noon, handlingMs),
        }
        const rules: Record<keyof typeof found, (drawn: Drawn) => number | null> = {
          seenAfterFate: (drawn) => seenAfterFateSince(factsOf(drawn, fates)),
          seenElsewhere: (drawn) =>
            seenElsewhereSince(
              { ...factsOf(drawn, onShelf), holderId: drawn.holderId },
              standing(drawn),
              noon,
            ),
          takenWithoutIssue: (drawn) =>
            takenWithoutIssueSince(factsOf(drawn, ['available']), noon, handlingMs),
        }
        for (const kind of Object.keys(rules) as (keyof typeof rules)[]) {
          const right = bags
            .map((drawn, number) => ({ drawn, bagId: id(number), since: rules[kind](drawn) }))
            .filter(({ drawn: { holderId, isOver, isSuperseded } }) => {
              const isReached = holderId !== null && (reach === 'all' || reach.has(holderId))
              return isReached && !isOver && !isSuperseded
            })
            .flatMap(({ since, ...rest }) => (since === null ? [] : [{ ...rest, since }]))
            .sort((a, b) => a.since - b.since || (a.bagId < b.bagId ? -1 : 1))
          expect(
            found[kind].map(({ bagId }) => bagId),
            kind,
          ).toEqual(right.map(({ bagId }) => bagId))
          for (const [index, { place, enteredAt, standing: where, there }] of found[kind].entries()) {
            const { drawn, since } = right[index] as (typeof right)[number]
            const stands = inForce(standing(drawn), noon)
            expect(where).toEqual({ facilityId: stands.facilityId, from: stands.from })
            expect(there).toBe(`H${stands.facilityId}`)
            if (kind === 'seenAfterFate') expect(since).toBe(place.from)
            if (kind === 'takenWithoutIssue') expect(since).toBe(Math.max(place.from, enteredAt) + handlingMs)
          }
          met[kind] += right.length
        }
      },
    ),
    { numRuns: 60 },
  )
  for (const [kind, times] of Object.entries(met)) expect(times, kind).toBeGreaterThan(0)
})

test('the newest transfusions that something spoke against are found, those with nothing never', async ({
  database,
}) => {
  const { db, pool } = database
  const { ctx } = await aWorld(database)
  await createFacility(ctx, { code: 'H2', name: 'H2', kind: 'hospital', timeZone: 'Asia/Shanghai' })
  const discrepancies = fc.array(fc.constantFrom('not_issued', 'another_patient', 'held', 'expired'), {
    maxLength: 2,
  })
  const given = fc.record({
    discrepancies,
    at: instant,
    holderId: fc.constantFrom(1, 2),
    originId: fc.constantFrom(1, 2, null),
    isDiscarded: seldom,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(given, { minLength: 1, maxLength: 40 }),
      fc.constantFrom('all' as const, new Set([1]), new Set<number>()),
      async (bags, reach) => {
        await pool.query('truncate bag cascade')
        await db.insert(bag).values(
          bags.map(({ holderId, originId, isDiscarded }, number) => ({
            id: id(number),
            scheme: 'ISBT128',
            identifier: `A999926${String(number).padStart(6, '0')}`,
            productCode: 'E0336',
            collectionType: 'V',
            division: '00',
            component: 'red_cells' as const,
            expiresAt: noon,
            registeredAt: noon,
            holderId,
            originId,
            state: isDiscarded ? ('discarded' as const) : ('transfused' as const),
            version: 1,
          })),
        )
        await db.insert(bagEvent).values(
          bags.map(({ discrepancies, at, isDiscarded }, number) => ({
            bagId: id(number),
            version: 1,
            verb: isDiscarded ? ('discard' as const) : ('transfuse' as const),
            from: 'available' as const,
            to: isDiscarded ? ('discarded' as const) : ('transfused' as const),
            at,
            actor: {},
            data: isDiscarded ? { reason: 'torn' } : { patient: null, discrepancies },
          })),
        )
        const right = bags
          .map((drawn, number) => ({ ...drawn, bagId: id(number) }))
          .filter(({ discrepancies, isDiscarded }) => !isDiscarded && faultsOf(discrepancies).length > 0)
          .filter(
            ({ holderId, originId }) =>
              reach === 'all' || reach.has(holderId) || (originId !== null && reach.has(originId)),
          )
          .sort((a, b) => b.at - a.at || (a.bagId < b.bagId ? 1 : -1))
        const found = await transfusedAgainst(db, reach)
        expect(found.map(({ bagId }) => bagId)).toEqual(right.map(({ bagId }) => bagId))
        expect(found.map(({ discrepancies }) => discrepancies)).toEqual(
          right.map(({ discrepancies }) => discrepancies),
        )
      },
    ),
    { numRuns: 40 },
  )
})
