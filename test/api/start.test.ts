import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startService } from '../../api/compose.ts'
import { readConfig } from '../../api/config.ts'
import { silent } from '../support/world.ts'

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
