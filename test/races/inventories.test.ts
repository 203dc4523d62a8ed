import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import { dinCheckCharacter } from '../../api/domain/isbt128.ts'
import { findDevice } from '../../api/stores/devices.ts'
import { insertInventories, lockInventories } from '../../api/stores/sightings.ts'
import { registerBag } from '../../api/usecases/register-bag.ts'
import { tagBag } from '../../api/usecases/tag-bag.ts'
import { bagPlace } from '../../schema/tables/bags.ts'
import { boot } from '../../schema/tables/devices.ts'
import { testOnServer } from '../support/database.ts'
import { until } from '../support/outcomes.ts'
import { aDevice, aMessage, aWorld, noon } from '../support/world.ts'

testOnServer('a bag that is tagged while an inventory misses it is missed by it', async ({ database }) => {
  const { db, pool } = database
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const added = [{ at: noon - 60_000, added: ['T1'], removed: [] }]
  await world.ingest.accept([aMessage({ device: 'f1', channel: 'bags', seq: 0, body: added })])
  const { id: deviceId } = await findDevice(db, 'f1')
  const [known] = await db.select().from(boot).where(eq(boot.deviceId, deviceId))
  const din = 'A999926100001'
  const bag = await registerBag(world.ctx, {
    din: din + dinCheckCharacter(din),
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: noon + 86_400_000,
  })

  let tagging: Promise<void> | undefined
  await db.transaction(async (tx) => {
    await lockInventories(tx, [deviceId])
    await insertInventories(tx, [{ bootId: known?.id as number, seq: 1, deviceId, at: noon }])
    tagging = tagBag(world.ctx, { bagId: bag.id, tag: 'T1' })
    await until(async () => {
      const { rows } = await pool.query(`select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`)
      return rows.length === 1
    })
  })
  await tagging

  const places = await db.select({ state: bagPlace.state }).from(bagPlace).where(eq(bagPlace.bagId, bag.id))
  expect(places).toEqual([{ state: 'unknown' }])
})
