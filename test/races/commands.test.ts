import { expect, onTestFinished, test } from 'vitest'
import { configureDevices } from '../../api/usecases/configure-devices.ts'
import { createFacility } from '../../api/usecases/create-facility.ts'
import { DeviceCommand } from '../../schema/http/commands.ts'
import { createServerDatabase, describeOnServer } from '../support/database.ts'
import { until } from '../support/outcomes.ts'
import { listenAs, type Running, runOn } from '../support/running.ts'
import { aDevice } from '../support/world.ts'

/** Two services on one server. */
async function aCluster(url: string): Promise<[Running, Running]> {
  const created = await createServerDatabase(url)
  const environment = { DATABASE_URL: created.url }
  const nodes: Running[] = []
  onTestFinished(async () => {
    for (const { service } of nodes) await service.close()
    await created.drop()
  })
  for (let n = 0; n < 2; n++) nodes.push(await runOn(environment))
  const [one, other] = nodes as [Running, Running]
  await createFacility(one.ctx, { code: 'H1', name: 'First', kind: 'hospital', timeZone: 'Asia/Shanghai' })
  return [one, other]
}

const sound = (node: Running, device: string) =>
  node.ask(DeviceCommand, 'POST', `/devices/${device}/commands`, { kind: 'sound' })

/** Is it known to all where the device listens? */
async function isWrittenDown({ service }: Running, device: string): Promise<boolean> {
  const { rows } = await service.deps.database.pool.query(
    'select connection from device_listener l join device d on d.id = l.device_id where d.name = $1',
    [device],
  )
  return rows[0]?.connection === service.broker.listeningOn(device)
}

describeOnServer('commands', (url) => {
  test('are each sent once, by the service the device began to listen at last', async () => {
    const [one, other] = await aCluster(url)
    const fridge = await aDevice(one, 'fridge-1')
    // A connection that has died stays for one and a half keep-alives with the service that has it.
    const left = await listenAs(one, fridge)
    const asked: string[] = [(await sound(other, fridge.name)).commandId]
    await left.next()
    const live = await listenAs(other, fridge)
    await until(() => isWrittenDown(other, fridge.name))
    const many = await Promise.all(
      Array.from({ length: 60 }, (_, n) => sound(n % 2 ? one : other, fridge.name)),
    )
    asked.push(...many.map(({ commandId }) => commandId))

    await until(() => left.heard.length + live.heard.length === asked.length)
    expect(left.heard.map(({ id }) => id)).toEqual(asked.slice(0, 1))
    expect(live.heard.map(({ id }) => id).sort()).toEqual(asked.slice(1).sort())
    const { rows } = await one.service.deps.database.pool.query(
      `select action, count(*)::int as n from audit_entry where subject_kind = 'command' and after->>'kind' <> 'configure' group by action order by action`,
    )
    expect(rows).toEqual([
      { action: 'command.queued', n: asked.length },
      { action: 'command.sent', n: asked.length },
    ])
    await left.leave()
    await live.leave()
  })

  test('are sent once to devices that come back while they are issued', async () => {
    const [one, other] = await aCluster(url)
    const fridges = []
    for (let n = 0; n < 8; n++) fridges.push(await aDevice(one, `fridge-${n}`))
    const heard = await Promise.all(
      fridges.map(async (fridge, n) => {
        const issued: string[] = []
        const heardHere: string[] = []
        for (let visit = 0; visit < 4; visit++) {
          const node = (n + visit) % 2 ? one : other
          const [listener] = await Promise.all([
            listenAs(node, fridge),
            sound(visit % 2 ? one : other, fridge.name).then(({ commandId }) => issued.push(commandId)),
          ])
          await until(() => listener.heard.length > 0)
          heardHere.push(...listener.heard.map(({ id }) => id))
          await listener.leave()
          await until(() => !node.service.broker.isConnected(fridge.name))
        }
        return { issued, heardHere }
      }),
    )
    for (const { issued, heardHere } of heard) expect(heardHere).toEqual(issued)
  })

  test('reach a device after the connection that listens for them was lost', async () => {
    const [one, other] = await aCluster(url)
    const fridge = await aDevice(one, 'fridge-1')
    const listener = await listenAs(one, fridge)
    await sound(other, fridge.name)
    await listener.next()
    await one.service.deps.database.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    )
    const { commandId } = await sound(other, fridge.name)
    expect(await listener.next()).toMatchObject({ id: commandId })
    await listener.leave()
  })

  test('with settings stand once for a device, whoever notices that it needs them', async () => {
    const [one, other] = await aCluster(url)
    const names = ['fridge-1', 'fridge-2', 'fridge-3']
    for (const name of names) await aDevice(one, name)
    const { pool } = one.service.deps.database
    for (const high of [600, 580, 560]) {
      one.clock.now += 1_000
      other.clock.now = one.clock.now
      await pool.query('update device_profile set high = $1', [high])
      const rivals = Array.from({ length: 8 }, (_, n) => (n % 2 ? one : other).service.deps)
      const told = await Promise.all(rivals.map((deps) => configureDevices(deps, names)))
      expect(told.reduce((sum, n) => sum + n, 0)).toBe(names.length)
      const { rows } = await pool.query(
        `select count(*)::int as n, min((body->>'high')::float8) as high, max((body->>'high')::float8) as highest
         from device_command where kind = 'configure' and replied_at is null and expires_at > $1`,
        [one.clock.now],
      )
      expect(rows).toEqual([{ n: names.length, high: high / 100, highest: high / 100 }])
    }
  })
})
