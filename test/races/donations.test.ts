import { eq, isNull } from 'drizzle-orm'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../api/domain/isbt128.ts'
import { Refusal } from '../../api/domain/refusal.ts'
import { insertBag } from '../../api/stores/bags.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { lockIdentifier } from '../../api/stores/donations.ts'
import { collectDonation } from '../../api/usecases/collect-donation.ts'
import { recallDonation } from '../../api/usecases/hold-bags.ts'
import { registerBag, uuidv7 } from '../../api/usecases/register-bag.ts'
import { bag, bagHold } from '../../schema/tables/bags.ts'
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
      await insertBag(tx, {
        id: uuidv7(noon),
        scheme: 'ISBT128',
        identifier,
        productCode,
        collectionType: 'V',
        division: '00',
        component: 'red_cells',
        expiresAt,
        registeredAt: noon,
      })
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
  'a bag that is being registered when its donation is collected and called back is called back too',
  async ({ database }) => {
    const world = await aWorld(database)
    let registering: Promise<{ id: string }> | undefined
    let recalling: Promise<readonly string[]> | undefined
    await halfway(database, 'E0336', async () => {
      registering = register(world)
      await waiting(database, 'transactionid')
      recalling = collect(world).then(() => recallDonation(world.ctx, { din, reason: 'donor was ill' }))
      await waiting(database, 'advisory')
    })
    const registered = await registering
    expect(await recalling).toHaveLength(2)
    expect(await recalling).toContain(registered?.id)
    const free = await database.db
      .select({ id: bag.id })
      .from(bag)
      .leftJoin(bagHold, eq(bagHold.bagId, bag.id))
      .where(isNull(bagHold.id))
    expect(free).toEqual([])
  },
)

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
