import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServiceProcess, startServiceProcess } from '../../faults/service.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const slow = 240_000

let folder: string
let service: ServiceProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hemotrail-city-'))
  service = await startServiceProcess({ HEMOTRAIL_DATA: folder })
}, slow)
afterAll(async () => {
  await service.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The program as people start it, beside a service whose clock is ours. */
async function run(...words: string[]) {
  const at = ['--url', `mqtt://127.0.0.1:${service.mqttPort}`, '--api', service.url]
  const child = spawn(process.execPath, ['--import', 'tsx', 'devices-sim/main.ts', 'city', ...at, ...words], {
    cwd: root,
    env: { ...process.env, HEMOTRAIL_KEY: service.key },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const [code] = await once(child, 'close')
  return { code, out, err }
}

const small = ['--hospitals', '2', '--fridges', '14', '--from-hour', '8', '--days', '0.2', '--speed', '1200']

test('a city lives beside any service, twenty of its minutes a second, and tells how it went', {
  timeout: slow,
}, async () => {
  const { code, out, err } = await run(...small)
  expect({ code, err }, out).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^a city from seed 1: 2 hospitals, 16 fridges and boxes, /)
  expect(out).toMatch(/^messages {3}sent \d+, acknowledged \d+, rejected 0$/m)
  expect(out).toMatch(/^answers {4}GO [1-9]\d*, STOP \d+, CALL \d+$/m)
  expect(out).toMatch(/^traces {5}checked \d+, incomplete 0$/m)
})

test('a city that is there already is left alone, unless new secrets are asked for', {
  timeout: slow,
}, async () => {
  const { code, out, err } = await run(...small)
  expect(code).toBe(1)
  expect(err).toMatch(/exists already and its secret is not known here: [^\n]*--rotate/)
  expect(out).not.toContain('awake')
  const again = await run(...small, '--rotate', '--faults', 'doubled,reordered')
  expect({ code: again.code, err: again.err }, again.out).toEqual({ code: 0, err: '' })
  expect(again.out).toMatch(/^traces {5}checked \d+, incomplete 0$/m)
})

test('a clock that is set back in a young city costs it nothing, and is told beforehand', {
  timeout: slow,
}, async () => {
  const { code, out, err } = await run(...small, '--prefix', 'young', '--seed', '3', '--faults', 'clock')
  expect({ code, err }, out).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^fault: clock at young-\S+, day 1 \d\d:\d\d until day 1 \d\d:\d\d$/m)
  expect(out).toMatch(/, rejected 0$/m)
})
