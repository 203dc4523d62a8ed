import { eq, isNull } from 'drizzle-orm'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../api/domain/isbt128/din.ts'
import { Refusal } from '../../api/domain/refusal.ts'
import { insertBag } from '../../api/stores/bags.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { lockIdentifier } from '../../api/stores/donations.ts'
import { collectDonation } from '../../api/usecases/collect-donation.ts'
import { holdBag } from '../../api/usecases/hold-bags.ts'
import { processBag } from '../../api/usecases/process-bag.ts'
import { recallDonation } from '../../api/usecases/recall.ts'
import { registerBag, uuidv7 } from '../../api/usecases/register-bag.ts'
import { bag, bagHold, donation } from '../../schema/tables/bags.ts'
import { testOnServer } from '../support/database.ts'
import { failureOf, until } from '../support/outcomes.ts'
import { aWorld, noon, type World } from '../support/world.ts'

const identifier = 'A999926100001'
const din = identifier + dinCheckCharacter(identifier)
const expiresAt = noon + 86_400_000

const collect = ({ ctx }: World) =>
  collectDonation(ctx, {
    din,
    donor: 'D1',
    facility: 'H1',
    productCode: 'E0001V00',
    expiresAt,
    collectedAt: noon,
  })

const register = ({ ctx }: World) =>
  registerBag(ctx, { din, productCode: 'E0336V00', facility: 'H1', component: 'red_cells', expiresAt })

/** A row of which nothing but the number says what donation it is of. */
const aBag = () => ({
  id: uuidv7(noon),
  scheme: 'ISBT128',
  identifier,
  productCode: 'E0336',
  collectionType: 'V',
  division: '00',
  component: 'red_cells' as const,
  expiresAt,
  registeredAt: noon,
})

/**
 * Stop whoever inserts a bag with this product code where its row is written, and let it go on when `meanwhile` is done:
 * a row of the same identity stands uncommitted, and comes to nothing.
 */
async function halfway(
  { db }: OpenDatabase,
  productCode: string,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const undone = new Error('comes to nothing')
  const failure = await failureOf(
    db.transaction(async (tx) => {
      await insertBag(tx, { ...aBag(), productCode })
      await meanwhile()
      throw undone
    }),
  )
  expect(failure).toBe(undone)
}

/** Until so many wait for another's transaction, or for an advisory lock. */
function waiting({ pool }: OpenDatabase, locktype: 'transactionid' | 'advisory', count = 1): Promise<void> {
  return until(async () => {
    const { rows } = await pool.query(
      `select from pg_locks l join pg_stat_activity a using (pid)
       where a.datname = current_database() and l.locktype = $1 and not l.granted`,
      [locktype],
    )
    return rows.length === count
  })
}

testOnServer('a bag is not registered while its donation is being collected here', async ({ database }) => {
  const world = await aWorld(database)
  let collecting: Promise<unknown> | undefined
  let registering: Promise<unknown> | undefined
  await halfway(database, 'E0001', async () => {
    collecting = collect(world)
    await waiting(database, 'transactionid')
    registering = failureOf(register(world))
    await waiting(database, 'advisory')
  })
  await collecting
  const refused = await registering
  expect(refused).toBeInstanceOf(Refusal)
  expect(refused).toMatchObject({ code: 'conflict' })
})

testOnServer(
  'a donation is not collected while a bag of its number is being registered as from elsewhere',
  async ({ database }) => {
    const world = await aWorld(database)
    let registering: Promise<{ id: string }> | undefined
    let collecting: Promise<unknown> | undefined
    await halfway(database, 'E0336', async () => {
      registering = register(world)
      await waiting(database, 'transactionid')
      collecting = failureOf(collect(world))
      await waiting(database, 'advisory')
    })
    const registered = await registering
    const refused = await collecting
    expect(refused).toBeInstanceOf(Refusal)
    expect(refused).toMatchObject({ code: 'conflict' })
    expect(await database.db.select({ id: bag.id }).from(bag)).toEqual([{ id: registered?.id }])
    expect(await database.db.select().from(donation)).toEqual([])
  },
)

testOnServer('whichever of registering and collecting comes first is the only one', async ({ database }) => {
  const world = await aWorld(database)
  const codes = new Set<string>()
  for (let round = 0; round < 20; round++) {
    await database.pool.query('truncate donation, bag cascade')
    const rivals = round % 2 === 0 ? [collect, register] : [register, collect]
    const outcomes = await Promise.allSettled(rivals.map((act) => act(world)))
    const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(lost).toHaveLength(1)
    codes.add(lost[0].code)
    expect(await database.db.select({ id: bag.id }).from(bag)).toHaveLength(1)
  }
  expect([...codes]).toEqual(['conflict'])
})

testOnServer('a recall waits for whoever is busy with a bag of its number', async ({ database }) => {
  const world = await aWorld(database)
  await collect(world)
  let recalling: Promise<readonly string[]> | undefined
  await database.db.transaction(async (tx) => {
    await lockIdentifier(tx, identifier)
    recalling = recallDonation(world.ctx, { din, reason: 'donor was ill' })
    await waiting(database, 'advisory')
  })
  expect(await recalling).toHaveLength(1)
})

testOnServer('a recall reaches a bag of its number that nobody knew to be of it', async ({ database }) => {
  const world = await aWorld(database)
  const { id } = await collect(world)
  const unknown = aBag()
  await database.db.transaction((tx) => insertBag(tx, unknown))
  expect(await recallDonation(world.ctx, { din, reason: 'donor was ill' })).toEqual([id, unknown.id].sort())
  const free = await database.db
    .select({ id: bag.id })
    .from(bag)
    .leftJoin(bagHold, eq(bagHold.bagId, bag.id))
    .where(isNull(bagHold.id))
  expect(free).toEqual([])
})

testOnServer('a hold on a bag that is being parted holds what it is parted into', async ({ database }) => {
  const world = await aWorld(database)
  const { id } = await register(world)
  let parting: Promise<readonly { id: string }[]> | undefined
  let holding: Promise<void> | undefined
  await halfway(database, 'E0337', async () => {
    const child = { productCode: 'E0337V00', component: 'red_cells', expiresAt, lowTitre: false } as const
    parting = processBag(world.ctx, { bagId: id, children: [child] })
    await waiting(database, 'transactionid')
    holding = holdBag(world.ctx, { bagId: id, kind: 'recall', reason: 'donor was ill' })
    await waiting(database, 'transactionid', 2)
  })
  const [made] = (await parting) ?? []
  await holding
  const held = await database.db.select({ id: bagHold.bagId }).from(bagHold)
  expect(held.map((one) => one.id).sort()).toEqual([id, made?.id].sort())
})
