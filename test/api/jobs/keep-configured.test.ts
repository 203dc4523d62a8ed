import { expect } from 'vitest'
import { keepConfigured } from '../../../api/jobs/keep-configured.ts'
import { configureDevices } from '../../../api/usecases/configure-devices.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { test } from '../../support/database.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aWorld, bloodFridge, noon } from '../../support/world.ts'

const hour = 3_600_000

test('a profile or a policy that was decided on before is told when it comes into force, to nobody else', async ({
  database,
}) => {
  const world = await aWorld(database)
  const { deps, clock } = world
  const newestOf = async (device: string) => {
    const { rows } = await database.pool.query(
      `select (c.body->>'high')::float8 as high, (c.body->>'airMs')::int as "airMs" from device_command c
       join device d on d.id = c.device_id where d.name = $1 and c.kind = 'configure' order by c.issued_at desc`,
      [device],
    )
    return rows
  }
  for (const name of ['f1', 'f2']) await aDevice(world, name)
  // The second is for no component in particular, and goes by its own limits.
  await aDevice(world, 'f3', { low: 0, high: 900 })
  expect(await configureDevices(deps, ['f1', 'f2', 'f3', 'nobody'])).toBe(3)
  expect(await configureDevices(deps, ['f1', 'f2', 'f3'])).toBe(0)
  expect(await newestOf('f3')).toEqual([{ high: 9, airMs: 0 }])
  await setDeviceProfile(world.ctx, {
    device: 'f1',
    profile: { ...bloodFridge, high: 550 },
    from: noon + hour,
  })
  expect(await newestOf('f1')).toHaveLength(1)
  await database.pool.query(
    `insert into policy (jurisdiction, component, phase, version, effective_from, low, high, max_silence_ms, alarm, source)
     select jurisdiction, component, phase, 2, $1, low, high, max_silence_ms, jsonb_set(alarm, '{airMs}', '300000'), source
     from policy where jurisdiction = 'CN' and component = 'red_cells' and phase = 'storage'`,
    [noon + 2 * hour],
  )
  const stop = keepConfigured(deps, { everyMs: 5 })
  clock.now = noon + hour
  await until(async () => (await newestOf('f1')).length === 2)
  expect(await newestOf('f1')).toMatchObject([{ high: 5.5 }, { high: 6 }])
  expect(await newestOf('f2')).toHaveLength(1)
  clock.now = noon + 2 * hour
  await until(async () => (await newestOf('f2')).length === 2)
  expect(await newestOf('f2')).toMatchObject([{ airMs: 300_000 }, { airMs: 600_000 }])
  await stop()
  expect(await newestOf('f3')).toHaveLength(1)
})
