import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startService } from '../../api/compose.ts'
import { readConfig } from '../../api/config.ts'
import type { Context } from '../../api/context.ts'
import { everywhere } from '../../api/domain/rights.ts'
import { createFacility } from '../../api/usecases/create-facility.ts'
import { Readiness } from '../../schema/http/service.ts'
import { createServerDatabase, describeOnServer } from '../support/database.ts'
import { connectRaw } from '../support/raw-mqtt.ts'
import { aDevice, silent } from '../support/world.ts'

test.for(['HTTP_PORT', 'MQTT_PORT'])(
  'a service whose %s is taken closes what it has opened',
  async (taken) => {
    const directory = mkdtempSync(join(tmpdir(), 'hemotrail-start-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const environment = {
      HEMOTRAIL_DATA: directory,
      HEMOTRAIL_ADMIN_KEY: 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg==',
      HTTP_PORT: '0',
      MQTT_PORT: '0',
    }
    const { port } = other.address() as AddressInfo
    const start = (changes: Record<string, string>) =>
      startService(readConfig({ ...environment, ...changes }), { log: silent })

    await expect(start({ [taken]: String(port) })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    // The directory serves one process at a time: it would still be locked.
    const service = await start({})
    expect((await fetch(new URL('/ready', service.url))).status).toBe(200)
    await service.close()
  },
)

describe('where telemetry is kept', () => {
  async function started(environment: Record<string, string>) {
    const directory = mkdtempSync(join(tmpdir(), 'hemotrail-start-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const said: string[] = []
    const log = { ...silent, info: (_: object, message: string) => void said.push(message) }
    const config = readConfig({
      HEMOTRAIL_DATA: directory,
      HEMOTRAIL_ADMIN_KEY: 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg==',
      HTTP_PORT: '0',
      MQTT_PORT: '0',
      ...environment,
    })
    const service = await startService(config, { log })
    onTestFinished(() => service.close())
    const { telemetry } = Readiness.parse(await (await fetch(new URL('/ready', service.url))).json())
    return { telemetry, said }
  }
  const notElsewhere = 'telemetry stays in the database: there is no INFLUX_URL'

  test('is said at the start, and by /ready', async () => {
    const { telemetry, said } = await started({})
    expect(said).toContain(notElsewhere)
    expect(telemetry).toEqual({ product: 'PGlite', version: expect.any(String) })
  })

  test('may be an InfluxDB that is not there yet', async () => {
    const { telemetry, said } = await started({ INFLUX_URL: 'http://127.0.0.1:1', INFLUX_DATABASE: 'd' })
    expect(said).not.toContain(notElsewhere)
    expect(telemetry).toEqual({ product: 'InfluxDB', delayed: 'InfluxDB does not answer' })
  })
})

describeOnServer('two services on one server', (url) => {
  test('hang up on a device that was revoked while one of them could not hear of it', async () => {
    const created = await createServerDatabase(url)
    const environment = {
      DATABASE_URL: created.url,
      HEMOTRAIL_ADMIN_KEY: 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg==',
      HTTP_PORT: '0',
      MQTT_PORT: '0',
    }
    const service = await startService(readConfig(environment), { log: silent })
    onTestFinished(async () => {
      await service.close()
      await created.drop()
    })
    const ctx: Context = {
      ...service.deps,
      actor: { kind: 'person', id: 'administrator' },
      grants: everywhere,
    }
    await createFacility(ctx, { code: 'H1', name: 'First', kind: 'hospital', timeZone: 'Asia/Shanghai' })
    const { name, secret } = await aDevice({ ctx }, 'fridge-1')
    const { port } = new URL(service.broker.urls.mqtt as string)
    const credentials = { clientId: name, username: name, password: secret }
    const device = await connectRaw({ host: '127.0.0.1', port: Number(port), ...credentials })
    const gone = once(device.socket, 'close')

    // Its LISTEN is lost, and the notice of the very change is never sent: only the rows tell.
    const { pool } = service.deps.database
    await pool.query('update device set revoked_at = 1')
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    )
    await gone
  })
})
