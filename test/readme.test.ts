import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type ServiceProcess, startServiceProcess } from './faults/service.ts'

const checkout = fileURLToPath(new URL('..', import.meta.url))

/** What a section of the README tells its reader to type. */
async function commandsOf(section: string): Promise<string> {
  const readme = await readFile(join(checkout, 'README.md'), 'utf8')
  const text = readme.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? ''
  const blocks = [...text.matchAll(/^```\n(.*?)^```$/gms)].map(([, block]) => block ?? '')
  expect(blocks.length, section).toBeGreaterThan(2)
  return blocks.join('')
}

/** Type it at a shell in the checkout, which ends at the first command that fails: what was printed. */
async function type(
  commands: string,
  { url, mqttPort, key }: ServiceProcess,
  folder: string,
): Promise<string> {
  const here = commands
    .replaceAll('http://localhost:8080', url)
    .replaceAll('-h localhost -p 1883', `-h 127.0.0.1 -p ${mqttPort}`)
    .replaceAll('--device logger-1', `--device logger-1 --url mqtt://127.0.0.1:${mqttPort}`)
    .replaceAll('logger.csv', join(folder, 'logger.csv'))
  expect(here).not.toMatch(/localhost/)
  const child = spawn('bash', ['-euo', 'pipefail'], {
    cwd: checkout,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      HEMOTRAIL_ADMIN_KEY: key,
      HEMOTRAIL_URL: url,
      HEMOTRAIL_SESSIONS: join(folder, 'sessions.json'),
    },
  })
  onTestFinished(() => void child.kill())
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  child.stdin.end(here)
  const [code] = await once(child, 'close')
  expect(code, `${out}\n${err}`).toBe(0)
  return out
}

async function aService(): Promise<{ service: ServiceProcess; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'hemotrail-readme-'))
  const service = await startServiceProcess({ HEMOTRAIL_DATA: join(folder, 'data') })
  onTestFinished(async () => {
    await service.stop()
    await rm(folder, { recursive: true })
  })
  return { service, folder }
}

test('both walks work as they are written', { timeout: 240_000 }, async () => {
  const { service, folder } = await aService()

  // The longer one first: it needs nothing of the other.
  const walk = await type(await commandsOf('A bag from the arm to the patient'), service, folder)
  const steps = ['quarantined', 'available', 'distributed', 'in_transit', 'available', 'transfused']
  expect(walk.match(/^[a-z_]+$/gm)).toEqual(steps)
  expect(walk).toMatch(/released by somebody who neither grouped nor tested it$/m)
  expect(walk).toMatch(/^fridge-or +fridge +H1 .* load 4\.10 °C at /m)
  expect(walk).toMatch(/^A999926000124\w +E0336V00 +red_cells +O\+ +H1\/fridge-or .* yes$/m)
  expect(walk).toContain('"answer":"GO"')
  expect(walk).toMatch(/^H1\/fridge-or +\S+ +\S+ +load +[\d.]+ +0 +0 +0 +0 +4\.1\.\.4\.1 °C$/m)
  expect(walk).toMatch(/^in hand +\S+ +\S+Z /m)

  const first = await type(await commandsOf('From a reading to a trace by hand'), service, folder)
  expect(first).toMatch(/^H1\/fridge-1 +\S+ +still +load +10\S* .* 3\.9\.\.4\.1 °C$/m)
  expect(first).toMatch(/"excursions":\[\{"side":"high","from":"2020-05-05T09:24:00\.000Z"/)
})
