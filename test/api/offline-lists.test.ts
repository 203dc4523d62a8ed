import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createContainer } from '../../devices-sim/container.ts'
import { startDevice } from '../../devices-sim/device.ts'
import { presets } from '../../devices-sim/heat.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { openTerminal } from '../../devices-sim/terminal/terminal.ts'
import { BagDetail } from '../../schema/http/bags.ts'
import { Facility } from '../../schema/http/facilities.ts'
import { Recall } from '../../schema/http/recalls.ts'
import { until } from '../support/outcomes.ts'
import { type Running, startRunning } from '../support/running.ts'
import { aDevice } from '../support/world.ts'

const day = 86_400_000

let running: Running & { stop(): Promise<void> }
let directory: string
beforeAll(async () => {
  running = await startRunning()
  directory = await mkdtemp(join(tmpdir(), 'hemotrail-lists-'))
})
afterAll(async () => {
  await running?.stop()
  await rm(directory, { recursive: true, force: true })
})

test('a recall is in the hands of every terminal that listens, without anybody asking', async () => {
  const { clock } = running
  await running.ask(Facility, 'POST', '/facilities', {
    ...{ code: 'H1', name: 'First', kind: 'hospital', timeZone: 'Asia/Shanghai' },
  })
  const { name, secret } = await aDevice(running, 'fridge-or')
  const { bagId } = await running.ask(BagDetail, 'POST', '/bags', {
    ...{ din: '=A99992600000100', productCode: 'E0336V00', facility: 'H1' },
    ...{ group: { abo: 'O', rhd: 'positive' }, expiresAt: new Date(clock.now + 10 * day).toISOString() },
  })
  const terminal = openTerminal({
    ...{ directory, device: name },
    clock: () => ({ at: clock.now, uncertaintyMs: 0 }),
  })
  const random = createRandom('a terminal')
  const device = startDevice({
    ...{ url: running.service.broker.urls.mqtt as string, device: name, facility: 'H1', secret },
    container: createContainer({ heat: presets.bloodFridge, random: random.fork('fridge') }),
    ...{ random, terminal, now: () => clock.now },
  })
  await until(
    () => terminal.list()?.bags.some(({ id, holds }) => id === bagId && holds.length === 0) ?? false,
  )
  const before = terminal.list()?.seq ?? 0
  await running.ask(Recall, 'POST', '/recalls', {
    ...{ facility: 'H1', scope: 'bag', of: bagId, reason: 'donor ill' },
  })
  await until(
    () => terminal.list()?.bags.some(({ id, holds }) => id === bagId && holds.includes('recall')) ?? false,
  )
  expect(terminal.list()?.seq).toBeGreaterThan(before)
  await device.drained()
  const { rows } = await running.service.deps.database.pool.query(
    `select reply_state, body from device_command where kind = 'holdList' order by issued_at desc, (body->>'seq')::int desc limit 1`,
  )
  expect(rows).toEqual([{ reply_state: 'done', body: { seq: terminal.list()?.seq } }])
  // Whom a bag is for is nowhere in what goes over MQTT.
  expect(JSON.stringify(terminal.list())).not.toMatch(/salt|pseudonym/)
  await device.close()
})

test('a terminal that is killed has on disk whatever it has shown', async () => {
  const own = join(directory, 'killed')
  const main = fileURLToPath(new URL('../../devices-sim/main.ts', import.meta.url))
  const words = ['terminal', '--device', 'fridge-or', '--directory', own]
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const shown: string[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    shown.push((JSON.parse(line) as { decisionId: string }).decisionId)
    if (shown.length === 20) child.kill('SIGKILL')
  })
  const scan = { din: '=A99992600000100', productCode: 'E0336V00', emergency: true, reason: 'x' }
  child.stdin.on('error', () => {})
  for (let scanned = 0; scanned < 200; scanned++) child.stdin.write(`${JSON.stringify(scan)}\n`)
  await once(child, 'close')
  const kept = await readFile(join(own, 'decisions.jsonl'), 'utf8')
  for (const id of shown) expect(kept).toContain(id)
  const terminal = openTerminal({
    ...{ directory: own, device: 'fridge-or' },
    clock: () => ({ at: 0, uncertaintyMs: 0 }),
  })
  expect(terminal.outstanding().length).toBeGreaterThanOrEqual(20)
})
