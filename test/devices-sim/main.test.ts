import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../devices-sim/command-line.ts'
import { readJournal } from '../../devices-sim/journal.ts'
import { recorded, recordedNote, skipRecorded } from '../support/recorded.ts'
import { type Broker, startBroker } from './support/broker.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The program as people start it. */
function run(words: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'devices-sim/main.ts', ...words], {
    cwd: root,
    env: { ...process.env, ...environment },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  const ended = once(child, 'close').then(([code]) => ({ code, out, err }))
  return { child, ended }
}

describe('the words after npm run sim --', () => {
  const parse = (line: string, environment = {}) =>
    parseCommandLine(line.split(' ').filter(Boolean), environment)

  test('a rate is messages a second over the whole fleet', () => {
    expect(parse('--fridges 20000 --rate 2000 --seed 7')).toMatchObject({
      verb: 'fleet',
      fridges: 20_000,
      intervalMs: 10_000,
      seed: '7',
      url: 'mqtt://127.0.0.1:1883',
    })
    expect(parse('--fridges 2 --interval-seconds 0.5')).toMatchObject({ intervalMs: 500 })
    expect(parse('')).toMatchObject({ fridges: 10, intervalMs: 10_000 })
  })

  test('secrets may come from the environment', () => {
    expect(parse('replay a.csv --device x', { HEMOTRAIL_DEVICE_SECRET: 's' })).toMatchObject({ secret: 's' })
    expect(parse('replay a.csv --device x --secret t', { HEMOTRAIL_DEVICE_SECRET: 's' })).toMatchObject({
      secret: 't',
    })
    expect(parse('--api http://127.0.0.1:1', { HEMOTRAIL_KEY: 'k' })).toMatchObject({
      api: { api: 'http://127.0.0.1:1', key: 'k' },
    })
  })

  test('a secret may begin with a dash', () => {
    expect(parse('replay a.csv --device x --secret -s')).toMatchObject({ secret: '-s' })
    expect(parse('--api http://127.0.0.1:1 --key --k --rotate')).toMatchObject({
      api: { key: '--k' },
      rotate: true,
    })
  })

  test('a replay plays the load probe at once unless told otherwise', () => {
    expect(parse('replay a.csv --device x')).toMatchObject({
      verb: 'replay',
      file: 'a.csv',
      device: 'x',
      probe: 'load',
    })
    expect(parse('replay a.csv --device x --speed 60 --probe air')).toMatchObject({ speed: 60, probe: 'air' })
  })

  test('a city is 43 hospitals and 400 fridges for a day, unless told otherwise', () => {
    expect(parse('city --api http://127.0.0.1:1 --key k')).toMatchObject({
      verb: 'city',
      hospitals: 43,
      fridges: 400,
      fromMs: 0,
      untilMs: 86_400_000,
      speed: 1,
      faults: [],
    })
    expect(
      parse(
        'city --api http://127.0.0.1:1 --key k --from-hour 8 --days 0.5 --faults probe,doubled --speed 60',
      ),
    ).toMatchObject({ fromMs: 28_800_000, untilMs: 72_000_000, faults: ['probe', 'doubled'], speed: 60 })
  })

  test.each([
    ['--fridges 0', '--fridges: must be 1 or more'],
    ['--fridges many', '--fridges: must be a number'],
    ['--fridges 2.5', '--fridges: must be a whole number'],
    ['--rate -1', '--rate'],
    ['--rate 1 --interval-seconds 1', 'give one of --rate and --interval-seconds'],
    ['--url http://127.0.0.1', '--url: must be like mqtt://127.0.0.1:1883'],
    ['--url nowhere', '--url: must be like mqtt://127.0.0.1:1883'],
    ['--api http://127.0.0.1', '--api needs --key or HEMOTRAIL_KEY'],
    ['--rotate', '--rotate needs --api'],
    ['--prefix a/b', '--prefix: '],
    ['replay a.csv --device x --api http://127.0.0.1', '--api needs --key or HEMOTRAIL_KEY'],
    ['--frigdes 5', "Unknown option '--frigdes'"],
    ['relpay a.csv', "Unexpected argument 'relpay'"],
    ['city', '--api is missing'],
    ['city --api http://127.0.0.1', '--api needs --key or HEMOTRAIL_KEY'],
    [
      'city --api http://127.0.0.1 --key k --hospitals 3 --fridges 6',
      '--fridges: 3 hospitals and a centre need 7',
    ],
    ['city --api http://127.0.0.1 --key k --faults fire', '--faults: must be of compressor, '],
    ['city --api http://127.0.0.1 --key k --from-hour 24', '--from-hour: must be less than 24'],
    ['city --api http://127.0.0.1 --key k --days 0', '--days: must be more than 0'],
    ['replay', 'is missing'],
    ['replay a.csv', '--device is missing'],
    ['replay a.csv --device a/b', '--device: '],
    ['replay --device x', 'replay plays one FILE.csv'],
    ['replay a.csv b.csv --device x', 'replay plays one FILE.csv'],
    ['replay a.csv --device x --probe wall', '--probe: must be one of air, load, ambient'],
    ['replay a.csv --device x --batch 501', '--batch: must be at most 500'],
    ['replay a.csv --device x --batch 5 --speed 2', 'give one of --speed and --batch'],
  ])('%j is refused in plain words', (line, problem) => {
    expect(() => parse(line)).toThrow(problem)
  })
})

describe('the program', () => {
  let broker: Broker | undefined
  afterEach(async () => {
    await broker?.close()
    broker = undefined
  })

  test.each(['--help', 'city -h', 'help'])('says how it is used when %s asks', async (words) => {
    const { code, out, err } = await run(words.split(' ')).ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^usage:\n {2}npm run sim -- /)
  })

  test('meets bad arguments with the usage and exit code 2', async () => {
    const { code, out, err } = await run(['replay', 'a.csv']).ended
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/^--device is missing\n\nusage:\n/)
  })

  test('fails with a sentence, not a stack, when the file is not there', async () => {
    const { code, err } = await run(['replay', 'no-such-file.csv', '--device', 'x']).ended
    expect(code).toBe(1)
    expect(err).toMatch(/^ENOENT[^\n]*no-such-file\.csv'\n$/)
  })

  test.skipIf(skipRecorded)(`replays a recorded fridge${recordedNote}`, async () => {
    broker = await startBroker({ secrets: { logger: 's' } })
    const words = ['replay', recorded('fridge-2020-05-05.csv'), '--device', 'logger', '--url', broker.url]
    const { code, out, err } = await run(words, { HEMOTRAIL_DEVICE_SECRET: 's' }).ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^logger: 368 readings in 1 message, all acknowledged/)
  })

  test('runs a fleet until Ctrl-C, then waits for the last acknowledgements, prints the totals and ends well', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hemotrail-'))
    const [secrets, journal] = [join(folder, 'secrets.json'), join(folder, 'journal')]
    const known = { 'sim-fridge-0001': 'one', 'sim-fridge-0002': 'two' }
    await writeFile(secrets, JSON.stringify(known))
    broker = await startBroker({ secrets: known })
    const { child, ended } = run([
      ...['--url', broker.url, '--fridges', '2', '--rate', '40', '--seed', '3'],
      ...['--secrets', secrets, '--journal', journal],
    ])
    await broker.until(
      (heard) =>
        new Set(heard.filter(({ channel }) => channel === 'readings').map(({ device }) => device)).size === 2,
    )
    child.kill('SIGINT')
    const { code, out, err } = await ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const heard = broker.heard.filter(({ channel }) => channel !== 'status')
    expect(out.trim().split('\n').at(-1)).toContain(`sent ${heard.length}  acknowledged ${heard.length} `)
    const { acknowledged, outstanding } = await readJournal(journal)
    const proven = [...acknowledged.values()].flat().map(({ payload }) => payload)
    expect(proven.sort()).toEqual(heard.map(({ payload }) => payload).sort())
    expect(outstanding.size).toBe(0)
    await rm(folder, { recursive: true })
  })

  test('fails when nothing was acknowledged', async () => {
    broker = await startBroker({ secrets: {} })
    const { code, err } = await run(['--url', broker.url, '--fridges', '1', '--seconds', '1']).ended
    expect(code).toBe(1)
    expect(err).toMatch(/^nothing was acknowledged at mqtt:.*sim-fridge-0001: .*Bad username or password$/m)
  })

  test('when it is killed, its journal still proves what was acknowledged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hemotrail-'))
    const journal = join(folder, 'journal')
    broker = await startBroker()
    const { child, ended } = run([
      ...['--url', broker.url, '--fridges', '3', '--rate', '300', '--journal', journal],
    ])
    await broker.until((heard) => heard.length > 100)
    child.kill('SIGKILL')
    await ended
    const heard = new Set(broker.heard.map(({ payload }) => payload))
    const { acknowledged } = await readJournal(journal)
    const proven = [...acknowledged.values()].flat()
    expect(proven.length).toBeGreaterThan(50)
    for (const { payload } of proven) expect(heard.has(payload)).toBe(true)
    await rm(folder, { recursive: true })
  })
})
