import { describe, expect, onTestFinished, test } from 'vitest'
import { startPostgres } from '../support/postgres-server.ts'
import { describeWithPostgres, temporaryDirectory } from './city.ts'
import { type ServiceProcess, startServiceProcess } from './service.ts'

const patienceMs = 120_000
const kills = 6
const writers = 8

describe('what HTTP has answered with success, on PGlite', () => {
  test('is there after the service was killed', { timeout: patienceMs }, async () => {
    await expectAnswersKept({ HEMOTRAIL_DATA: temporaryDirectory('hemotrail-data-') })
  })
})

describeWithPostgres('what HTTP has answered with success, on Postgres', () => {
  test('is there after the service was killed', { timeout: patienceMs }, async () => {
    const postgres = await startPostgres({ fsync: 'on', commit_delay: '20000', commit_siblings: '0' })
    onTestFinished(() => postgres.remove())
    await expectAnswersKept({ DATABASE_URL: postgres.url })
  })
})

/** Register bags and tag them, kill the service again and again, then find every bag and tag it has answered for. */
async function expectAnswersKept(environment: Readonly<Record<string, string>>): Promise<void> {
  const service = await startServiceProcess(environment)
  onTestFinished(() => service.kill9())
  const facility = { code: 'H1', name: 'First Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await service.ask('POST', '/facilities', facility)
  const answered = new Map<string, { tagged: boolean }>()
  let number = 0
  let cut = 0

  async function write(): Promise<void> {
    for (;;) {
      const own = number++
      try {
        const { bagId } = await service.ask<{ bagId: string }>('POST', '/bags', bag(own))
        answered.set(bagId, { tagged: false })
        await service.ask('POST', `/bags/${bagId}/tags`, { tag: `tag-${own}` })
        answered.set(bagId, { tagged: true })
      } catch (error) {
        // The process was killed under it: whatever it was asked has not been answered. An answer that says no has.
        expect(String(error)).toContain('fetch failed')
        cut++
        return
      }
    }
  }

  for (let kill = 0; kill < kills; kill++) {
    const before = answered.size
    const writing = Array.from({ length: writers }, write)
    while (answered.size < before + 50) await new Promise((resolve) => setImmediate(resolve))
    await service.kill9()
    await Promise.all(writing)
    await service.start()
  }

  expect(cut).toBe(kills * writers)
  for (const [bagId, { tagged }] of answered) await expectKept(service, bagId, tagged)
}

async function expectKept(service: ServiceProcess, bagId: string, tagged: boolean): Promise<void> {
  const { tags } = await service.ask<{ tags: unknown[] }>('GET', `/bags/${bagId}`)
  if (tagged) expect(tags).toHaveLength(1)
}

function bag(number: number) {
  return {
    din: `=A999926${String(number).padStart(6, '0')}00`,
    productCode: 'E0336V00',
    facility: 'H1',
    component: 'red_cells',
    expiresAt: new Date(Date.now() + 30 * 86_400_000).toISOString(),
  }
}
