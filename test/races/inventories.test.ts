import { eq, isNull } from 'drizzle-orm'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../api/domain/isbt128/din.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { findDevice } from '../../api/stores/devices.ts'
import { insertInventories, lockInventories } from '../../api/stores/sightings.ts'
import { recordClockFact } from '../../api/usecases/record-clock-fact.ts'
import { registerBag } from '../../api/usecases/register-bag.ts'
import { tagBag } from '../../api/usecases/tag-bag.ts'
import { bagPlace } from '../../schema/tables/bags.ts'
import { boot } from '../../schema/tables/devices.ts'
import { testOnServer } from '../support/database.ts'
import { until } from '../support/outcomes.ts'
import { aDevice, aMessage, aWorld, noon, type World } from '../support/world.ts'

/** Until somebody waits for an advisory lock. */
function waiting({ pool }: OpenDatabase): Promise<void> {
  return until(async () => {
    const { rows } = await pool.query(`select from pg_locks where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`)
    return rows.length === 1
  })
}

async function aBag({ ctx }: World) {
  const din = 'A999926100001'
  return registerBag(ctx, {
    din: din + dinCheckCharacter(din),
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: noon + 86_400_000,
  })
}

testOnServer('a bag that is tagged while an inventory misses it is missed by it', async ({ database }) => {
  const { db } = database
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const added = [{ at: noon - 60_000, added: ['T1'], removed: [] }]
  await world.ingest.accept([aMessage({ device: 'f1', channel: 'bags', seq: 0, body: added })])
  const { id: deviceId } = await findDevice(db, 'f1')
  const [known] = await db.select().from(boot).where(eq(boot.deviceId, deviceId))
  const bag = await aBag(world)

  let tagging: Promise<void> | undefined
  await db.transaction(async (tx) => {
    await lockInventories(tx, [deviceId])
    await insertInventories(tx, [{ bootId: known?.id as number, seq: 1, deviceId, at: noon }])
    tagging = tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    await waiting(database)
  })
  await tagging

  const places = await db.select({ state: bagPlace.state }).from(bagPlace).where(eq(bagPlace.bagId, bag.id))
  expect(places).toEqual([{ state: 'unknown' }])
})

testOnServer(
  'a bag that is put in a device while an inventory misses it is missed by it',
  async ({ database }) => {
    const { db } = database
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    const bag = await aBag(world)
    await tagBag(world.ctx, { bagId: bag.id, tag: 'T1', from: noon - 86_400_000 })
    const say = (seq: number, body: unknown) =>
      world.ingest.accept([aMessage({ device: 'f1', channel: 'bags', seq, body })])
    await say(0, [{ at: noon - 120_000, added: ['T2'], removed: [] }])
    const { id: deviceId } = await findDevice(db, 'f1')
    const [known] = await db.select().from(boot).where(eq(boot.deviceId, deviceId))

    // The device told the one to this process, and the other to another.
    let putting: Promise<unknown> | undefined
    await db.transaction(async (tx) => {
      await lockInventories(tx, [deviceId])
      await insertInventories(tx, [{ bootId: known?.id as number, seq: 2, deviceId, at: noon }])
      putting = say(1, [{ at: noon - 60_000, added: ['T1'], removed: [] }])
      await Promise.race([putting, waiting(database)])
    })
    await putting

    const places = await db.select({ state: bagPlace.state }).from(bagPlace).where(eq(bagPlace.bagId, bag.id))
    expect(places).toEqual([{ state: 'unknown' }])
  },
)

testOnServer(
  'a bag that is tagged while a clock is put right is placed by the clock put right',
  async ({ database }) => {
    const { db } = database
    const world = await aWorld(database)
    for (const device of ['f1', 'f2']) await aDevice(world, device)
    const saw = (device: string, minutes: number) => {
      const body = [{ at: noon - minutes * 60_000, added: ['T1'], removed: [] }]
      return world.ingest.accept([aMessage({ device, channel: 'bags', seq: 0, body })])
    }
    await saw('f1', 10)
    await saw('f2', 20)
    const bag = await aBag(world)
    // It was in f2 after it had been in f1: the clock of f2 was slow.
    const fact = { device: 'f2', boot: 'boot-a', fromSeq: 0, offsetMs: 15 * 60_000, reason: 'it was slow' }
    let tagging: Promise<void> | undefined
    await db.transaction(async (tx) => {
      await recordClockFact({ ...world.ctx, database: { ...database, db: tx } }, fact)
      tagging = tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
      await Promise.race([tagging, waiting(database)])
    })
    await tagging

    const { id: deviceId } = await findDevice(db, 'f2')
    const believed = await db.select().from(bagPlace).where(isNull(bagPlace.knownTo))
    expect(believed.find(({ to }) => to === null)).toMatchObject({ state: 'inside', deviceId })
  },
)
