import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createRandom } from '../../devices-sim/random.ts'
import { type ReplayOptions, readLogger, replay } from '../../devices-sim/replay.ts'
import { recorded, recordedNote, skipRecorded } from '../support/recorded.ts'
import { type Broker, startBroker } from './support/broker.ts'
import { checkMessage, readingsIn } from './support/checked-message.ts'

let broker: Broker
beforeEach(async () => {
  broker = await startBroker({ secrets: { logger: 'secret' } })
})
afterEach(() => broker.close())

const logged = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    at: Date.UTC(2020, 4, 5) + index * 1_000,
    celsius: 4 + index / 1_000,
    humidity: 40,
  }))

const play = (options: Partial<ReplayOptions> & Pick<ReplayOptions, 'readings'>) =>
  replay({
    url: broker.url,
    facility: 'hospital',
    device: 'logger',
    secret: 'secret',
    probe: 'load',
    random: createRandom('replay'),
    patience: { minMs: 1, maxMs: 20 },
    ...options,
  })

const messages = () => broker.heard.filter(({ channel }) => channel === 'readings')

describe(`a recorded logger${recordedNote}`, () => {
  test.skipIf(skipRecorded).each([
    ['fridge-2020-05-05.csv', 368],
    ['freezer-2020-05-05.csv', 371],
  ])('%s is played as %i readings, instants and values as recorded', async (file, count) => {
    const readings = await readLogger(recorded(file))
    const before = Date.now()
    const done = await play({ readings })
    expect(done).toMatchObject({ readings: count, messages: 1 })
    const [message] = messages()
    expect(message && readingsIn(message)).toEqual(readings.map((reading) => ({ ...reading, probe: 'load' })))
    expect(message && checkMessage(message).envelope.sentAt).toBeGreaterThanOrEqual(before)
  })
})

test('a long record goes in messages of 500, in order, each acknowledged', async () => {
  const readings = logged(1_203)
  const done = await play({ readings })
  expect(done).toMatchObject({ readings: 1_203, messages: 3 })
  expect(messages().map((message) => readingsIn(message).length)).toEqual([500, 500, 203])
  expect(messages().flatMap((message) => readingsIn(message).map(({ at }) => at))).toEqual(
    readings.map(({ at }) => at),
  )
})

test('with a speed each reading is a live message of its own', async () => {
  const done = await play({ readings: logged(30), speed: 1_000 })
  expect(done).toMatchObject({ readings: 30, messages: 30 })
  expect(messages().map((message) => readingsIn(message).length)).toEqual(Array.from({ length: 30 }, () => 1))
})

test('a broker that dies midway hears the rest when it is back, and nothing under two names', async () => {
  broker.withhold = true
  const playing = play({ readings: logged(100), batch: 10 })
  await broker.until(() => messages().length === 4)
  await broker.down()
  broker.withhold = false
  await broker.up()
  expect(await playing).toMatchObject({ readings: 100, messages: 10 })
  const payloads = new Set(messages().map(({ payload }) => payload))
  expect(payloads.size).toBe(10)
  expect(messages()).toHaveLength(14)
})

test('an empty record is played at once', async () => {
  expect(await play({ readings: [] })).toMatchObject({ readings: 0, messages: 0 })
})

test('a wrong secret ends the replay with the reason of the broker, the device and the address', async () => {
  await expect(play({ readings: logged(1), secret: 'wrong' })).rejects.toThrow(
    new RegExp(`^${broker.url} does not want logger: .*Bad username or password`),
  )
})

test('a replay that is called off stops', async () => {
  broker.withhold = true
  const off = new AbortController()
  const playing = play({ readings: logged(1), signal: off.signal })
  await broker.until(() => messages().length === 1)
  off.abort(new Error('enough'))
  await expect(playing).rejects.toThrow('enough')
})

test('a file that cannot be read is named, with the line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hemotrail-'))
  const file = join(folder, 'bad.csv')
  await writeFile(file, 'timestamp,temperature,humidity\nnever,1,2\n')
  await expect(readLogger(file)).rejects.toThrow(`${file}: line 2: timestamp "never"`)
  await rm(folder, { recursive: true })
})
