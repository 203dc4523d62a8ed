import { once } from 'node:events'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ContainerOptions, createContainer } from '../../devices-sim/container.ts'
import { type Device, type DeviceOptions, startDevice } from '../../devices-sim/device.ts'
import { presets } from '../../devices-sim/heat.ts'
import { openJournal, readJournal } from '../../devices-sim/journal.ts'
import { backoffMs } from '../../devices-sim/link.ts'
import { identity, type Message } from '../../devices-sim/outbox.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { Status } from '../../schema/messages.ts'
import { commandTopic } from '../../schema/topics.ts'
import { type Broker, type Heard, startBroker } from './support/broker.ts'
import { checkMessage, readingsIn } from './support/checked-message.ts'

const noon = Date.UTC(2026, 5, 1, 12)
const everyMs = 10_000
const patience = { minMs: 1, maxMs: 20 }

let broker: Broker
let devices: Device[] = []

beforeEach(async () => {
  broker = await startBroker()
})
afterEach(async () => {
  await Promise.all(devices.map((device) => device.close()))
  devices = []
  await broker.close()
})

/** A device in simulated time: every tick is 10 s after the last. `produced` is what its probes measured. */
function aDevice(options: Partial<DeviceOptions> = {}, containerOptions: Partial<ContainerOptions> = {}) {
  const time = { now: noon }
  const produced: string[] = []
  const container = createContainer({
    random: createRandom('container'),
    heat: presets.bloodFridge,
    tags: ['a', 'b'],
    ...containerOptions,
  })
  const device = startDevice({
    url: broker.url,
    facility: 'hospital',
    device: 'fridge',
    secret: 'secret',
    random: createRandom('device'),
    container: {
      ...container,
      measure() {
        const measured = container.measure()
        produced.push(...measured.map(({ probe, celsius }) => reading({ at: time.now, probe, celsius })))
        return measured
      },
    },
    now: () => time.now,
    patience,
    ...options,
  })
  devices.push(device)
  const tick = (times = 1) => {
    for (let index = 0; index < times; index += 1) {
      time.now += everyMs
      device.tick()
    }
  }
  const connected = async () => {
    if (!device.isConnected()) await once(device.events, 'connected')
  }
  return { device, time, produced, tick, connected }
}

const reading = ({ at, probe, celsius }: { at: number; probe: string; celsius: number | null }) =>
  `${at} ${probe} ${celsius}`
const numbered = (heard: readonly Heard[]) => heard.filter(({ channel }) => channel !== 'status')
const statuses = (heard: readonly Heard[]) =>
  heard.filter(({ channel }) => channel === 'status').map(({ payload }) => Status.parse(JSON.parse(payload)))
const received = (heard: readonly Heard[]) =>
  heard.filter(({ channel }) => channel === 'readings').flatMap((message) => readingsIn(message).map(reading))

/** Payloads by identity; fails when one identity came with two payloads. */
function byIdentity(heard: readonly Heard[]): Map<string, Heard> {
  const messages = new Map<string, Heard>()
  for (const message of numbered(heard)) {
    const name = identity(checkMessage(message).envelope)
    const known = messages.get(name)
    if (known) expect(message.payload).toBe(known.payload)
    messages.set(name, message)
  }
  return messages
}

describe('a device that is switched on', () => {
  test('says that it is online, what power it has, that its door is shut and which bags it holds', async () => {
    const { device } = aDevice()
    await device.drained()
    expect(statuses(broker.heard)).toEqual([{ boot: device.boot(), state: 'online' }])
    const told = numbered(broker.heard).map((message) => checkMessage(message))
    expect(told.map(({ envelope }) => envelope.seq)).toEqual([0, 1, 2])
    expect(told.map(({ body }) => body)).toEqual([
      [{ at: noon, mains: true, compressorOn: false, batteryPercent: 100 }],
      [{ at: noon, door: 'main', open: false }],
      { at: noon, inventory: ['a', 'b'] },
    ])
  })

  test('measures all probes in one live message, with true clocks', async () => {
    const { device, tick } = aDevice()
    await device.drained()
    tick()
    await device.drained()
    const live = numbered(broker.heard).at(-1)
    expect(live && checkMessage(live).envelope).toMatchObject({
      seq: 3,
      sentAt: noon + everyMs,
      uptimeMs: everyMs,
    })
    expect(live && readingsIn(live).map(({ at, probe }) => [at, probe])).toEqual([
      [noon + everyMs, 'air'],
      [noon + everyMs, 'load'],
    ])
  })

  test('counts its bags again every day', async () => {
    const { device, time, tick } = aDevice()
    for (let hour = 0; hour < 48; hour += 1) {
      time.now += 3_590_000
      tick()
      await device.drained()
    }
    const inventories = broker.heard.filter(({ payload }) => payload.includes('inventory'))
    expect(inventories).toHaveLength(3)
  })
})

describe('a broker that goes away', () => {
  test('loses nothing: after its return every reading has been heard, and no identity with two payloads', async () => {
    const { device, produced, tick } = aDevice({}, { visitsPerHour: 20 })
    await device.drained()
    tick()
    await device.drained()

    broker.withhold = true
    tick()
    await broker.until((heard) => received(heard).includes(produced.at(-1) ?? ''))
    await broker.down()
    tick(600)
    broker.withhold = false
    await broker.up()
    await device.drained()
    tick(2)
    await device.drained()

    expect(produced).toHaveLength(2 * 604)
    const messages = byIdentity(broker.heard)
    expect([...received([...messages.values()])].sort()).toEqual([...produced].sort())
    const seqs = [...messages.values()].map((message) => checkMessage(message).envelope.seq)
    expect(seqs.sort((a, b) => a - b)).toEqual(seqs.map((_, index) => index))
    expect(broker.heard.some(({ dup }) => dup)).toBe(true)
    expect(device.counts.acknowledged).toBe(messages.size)
  })

  test('also when it dies again and again while a device with bad habits sends its backlog', async () => {
    const { device, produced, tick, connected } = aDevice({
      window: 3,
      batch: 20,
      doubled: 0.2,
      reordered: 0.2,
      backlog: 'in order',
    })
    for (let round = 1; round <= 5; round += 1) {
      tick(100)
      broker.withhold = true
      await connected()
      const before = broker.heard.length
      await broker.until((heard) => heard.length > before)
      await broker.down()
      tick(10)
      broker.withhold = false
      await broker.up()
      await connected()
      const then = broker.heard.length
      await broker.until((heard) => heard.length >= then + 3)
      await broker.down()
      await broker.up()
    }
    await device.drained()
    expect([...received([...byIdentity(broker.heard).values()])].sort()).toEqual([...produced].sort())
  })
})

describe('a cut network', () => {
  test('leaves the will with the broker; on return the newest readings come first', async () => {
    const { device, tick } = aDevice()
    await device.drained()
    device.cutNetwork()
    await broker.until((heard) => statuses(heard).some(({ state }) => state === 'offline'))
    expect(statuses(broker.heard).at(-1)).toEqual({ boot: device.boot(), state: 'offline' })
    tick(300)
    const before = broker.heard.length
    device.restoreNetwork()
    await device.drained()
    const bodies = broker.heard
      .slice(before)
      .filter(({ channel }) => channel === 'readings')
      .map(readingsIn)
    expect(bodies.map((body) => body.length)).toEqual([2, 500, 98])
    expect(bodies[0]?.[0]?.at).toBe(noon + 300 * everyMs)
  })

  test('comes back by itself when it was cut for a time', async () => {
    const { device, connected } = aDevice()
    await connected()
    device.cutNetwork(1)
    expect(device.isConnected()).toBe(false)
    await connected()
    expect(device.counts.connects).toBe(2)
  })
})

describe('a restart', () => {
  test.each(['kept', 'lost'] as const)('begins another boot at 0, with its memory %s', async (memory) => {
    const { device, produced, tick } = aDevice()
    await device.drained()
    const first = device.boot()
    device.cutNetwork()
    tick(5)
    device.restart(memory)
    tick(5)
    device.restoreNetwork()
    await device.drained()

    const second = device.boot()
    expect(second).not.toBe(first)
    const messages = [...byIdentity(broker.heard).values()].map((message) => checkMessage(message).envelope)
    const seqs = messages.filter(({ boot }) => boot === second).map(({ seq }) => seq)
    expect(seqs[0]).toBe(0)
    expect(received(broker.heard).sort()).toEqual(produced.slice(memory === 'kept' ? 0 : 10).sort())
    expect(statuses(broker.heard).at(-1)).toEqual({ boot: second, state: 'online' })
  })

  test('sends a message that was on its way again under its old name, if memory was kept', async () => {
    const { device, tick } = aDevice()
    await device.drained()
    broker.withhold = true
    tick()
    await broker.until((heard) => heard.some(({ channel }) => channel === 'readings'))
    device.restart('kept')
    broker.withhold = false
    await device.drained()
    const readings = broker.heard.filter(({ channel }) => channel === 'readings')
    expect(readings.map(({ dup }) => dup)).toEqual([false, true])
    expect(readings[1]?.payload).toBe(readings[0]?.payload)
  })
})

test('a clock that is wrong or stepped moves instants, never the uptime', async () => {
  const { device, tick } = aDevice({ clockErrorMs: 90_000 })
  tick()
  await device.drained()
  device.stepClock(-3_600_000)
  tick()
  await device.drained()
  const [before, after] = broker.heard
    .filter(({ channel }) => channel === 'readings')
    .map((message) => checkMessage(message).envelope)
  expect([before?.sentAt, before?.uptimeMs]).toEqual([noon + everyMs + 90_000, everyMs])
  expect([after?.sentAt, after?.uptimeMs]).toEqual([noon + 2 * everyMs + 90_000 - 3_600_000, 2 * everyMs])
  expect(after?.body).toMatchObject([{ at: after?.sentAt }, { at: after?.sentAt }])
})

describe('a command', () => {
  const command = (id: number, kind: string, expiresAt = noon + 60_000) => ({
    id: `00000000-0000-4000-8000-00000000000${id}`,
    kind,
    expiresAt,
    body: {},
  })
  const replies = (heard: readonly Heard[]) =>
    heard.filter(({ channel }) => channel === 'replies').map((message) => checkMessage(message).body)

  test('is obeyed and answered once; an expired or repeated one is refused', async () => {
    const { device, time, tick } = aDevice()
    await broker.subscribed('fridge')
    time.now += 7_000
    const topic = commandTopic('hospital', 'fridge')
    for (const sent of [
      command(1, 'unlock'),
      command(1, 'unlock'),
      command(2, 'unlock', noon),
      'nonsense',
      command(3, 'inventory'),
    ]) {
      await broker.send(topic, sent)
    }
    await broker.until((heard) => replies(heard).length === 4)
    expect(replies(broker.heard)).toEqual([
      { command: command(1, '').id, state: 'done' },
      { command: command(1, '').id, state: 'refused', reason: 'repeated' },
      { command: command(2, '').id, state: 'refused', reason: 'expired' },
      { command: command(3, '').id, state: 'done' },
    ])
    tick(10)
    await device.drained()
    const doors = broker.heard
      .filter(({ channel }) => channel === 'door')
      .flatMap((message): unknown => checkMessage(message).body)
    const opening = { door: 'main', session: command(1, '').id }
    expect(doors.slice(1)).toMatchObject([
      { ...opening, at: noon + 7_000, open: true },
      { ...opening, open: false },
    ])
    const inventories = broker.heard.filter(
      ({ channel, payload }) => channel === 'bags' && payload.includes('inventory'),
    )
    expect(inventories).toHaveLength(2)
  })

  test('that is about nothing of its container does not show in what its probes measure', async () => {
    const sensor = { offsetCelsius: 0, noiseCelsius: 0, resolutionCelsius: 1e-9 }
    // Unlocked for people who are told to it themselves, its door stays shut until they open it.
    const alone = aDevice({ device: 'alone' }, { sensor, attended: true })
    const told = aDevice({}, { sensor, attended: true })
    await broker.subscribed('fridge')
    for (const [index, kind] of ['holdList', 'sound', 'configure', 'unlock'].entries()) {
      alone.tick()
      told.time.now += everyMs / 2
      await broker.send(commandTopic('hospital', 'fridge'), command(index + 1, kind))
      await broker.until((heard) => replies(heard).length === index + 1)
      told.time.now += everyMs / 2
      told.device.tick()
    }
    expect(told.produced).toEqual(alone.produced)
  })
})

test('a door is opened in the session its command names, and a device that is told to sound is heard', async () => {
  const sounds: string[] = []
  const { device, time } = aDevice({ onSound: () => sounds.push('beep') })
  await broker.subscribed('fridge')
  const order = { id: '00000000-0000-4000-8000-000000000001', expiresAt: noon + 15_000 }
  const topic = commandTopic('hospital', 'fridge')
  await broker.send(topic, { ...order, kind: 'unlock', body: { session: 'take-out-1' } })
  const sound = { ...order, id: '00000000-0000-4000-8000-000000000002', kind: 'sound', body: {} }
  await broker.send(topic, sound)
  await broker.send(topic, sound)
  await broker.until((heard) => heard.filter(({ channel }) => channel === 'replies').length === 3)
  time.now += 60_000
  device.tick()
  await device.drained()
  const doors = broker.heard
    .filter(({ channel }) => channel === 'door')
    .flatMap((message): unknown => checkMessage(message).body)
  expect(doors.slice(1)).toMatchObject([
    { open: true, session: 'take-out-1' },
    { open: false, session: 'take-out-1' },
  ])
  expect(sounds).toEqual(['beep'])
})

describe('what a device was told to keep', () => {
  const limits = {
    ...{ low: 2, high: 6, loadMs: 0, airLow: 2, airHigh: 8, airMs: 20_000, airActionMs: 40_000 },
    ...{ doorMs: 180_000, maxSilenceMs: 60_000 },
  }
  const configure = (id: number, body: unknown = limits, expiresAt = noon + 3_600_000) => ({
    id: `00000000-0000-4000-8000-00000000000${id}`,
    kind: 'configure',
    expiresAt,
    body,
  })
  const replies = (heard: readonly Heard[]) =>
    heard.filter(({ channel }) => channel === 'replies').map((message) => checkMessage(message).body)

  /** A device that is told these, one after the other, and shows what it is made to show. */
  async function told(...commands: object[]) {
    const sounds: number[] = []
    const shown: { load?: number; air?: number } = { load: 4, air: 4 }
    const container = createContainer({ random: createRandom('container'), heat: presets.bloodFridge })
    const { device, time, tick } = aDevice({
      onSound: () => sounds.push((time.now - noon) / everyMs),
      container: {
        ...container,
        measure: () =>
          (['load', 'air'] as const).flatMap((probe) => {
            const celsius = shown[probe]
            return celsius === undefined ? [] : [{ probe, celsius }]
          }),
      },
    })
    await broker.subscribed('fridge')
    for (const command of commands) await broker.send(commandTopic('hospital', 'fridge'), command)
    await broker.until((heard) => replies(heard).length === commands.length)
    return { device, tick, sounds, shown }
  }

  test('is the newest it was told that has not expired, and outlives a restart', async () => {
    const { device } = await told(
      configure(1),
      configure(1, { ...limits, high: 5 }),
      configure(2, { ...limits, high: 5 }, noon),
      configure(3, { ...limits, high: 1 }),
      configure(4, { ...limits, high: 5.5 }),
    )
    expect(replies(broker.heard)).toEqual([
      { command: configure(1).id, state: 'done' },
      { command: configure(1).id, state: 'refused', reason: 'repeated' },
      { command: configure(2).id, state: 'refused', reason: 'expired' },
      { command: configure(3).id, state: 'failed', reason: 'unreadable' },
      { command: configure(4).id, state: 'done' },
    ])
    device.restart('lost')
    expect(device.limits()).toEqual({ ...limits, high: 5.5 })
  })

  test('is watched without anybody: the load at once, the air after its delay, each once until it is well', async () => {
    const { device, tick, sounds, shown } = await told(configure(1))
    device.cutNetwork()
    tick()
    shown.load = 6.01
    tick()
    expect(sounds).toEqual([2])
    tick(2)
    expect(sounds).toEqual([2])
    shown.load = 6
    tick()
    expect(device.isSounding()).toBe(false)
    shown.air = 8.01
    tick(2)
    expect(device.isSounding()).toBe(false)
    tick()
    expect(sounds).toEqual([2, 8])
    shown.air = 4
    tick()
    expect(device.isSounding()).toBe(false)
  })

  test('makes it sound when a probe falls silent', async () => {
    const { device, tick, shown } = await told(configure(1))
    tick()
    delete shown.load
    tick(6)
    expect(device.isSounding()).toBe(false)
    tick()
    expect(device.isSounding()).toBe(true)
  })

  test('is nothing where it was told nothing', async () => {
    const { device, tick, shown } = await told()
    shown.load = 30
    tick(3)
    expect(device.limits()).toBeNull()
    expect(device.isSounding()).toBe(false)
  })
})

describe('a device whose secret is wrong', () => {
  test('is told so, and goes on trying', async () => {
    await broker.close()
    broker = await startBroker({ secrets: { fridge: 'another' } })
    const { device } = aDevice()
    const [first] = await once(device.events, 'refused')
    const [again] = await once(device.events, 'refused')
    for (const error of [first, again]) expect(error.message).toMatch(/Bad username or password/)
    expect(device.counts.connects).toBe(0)
  })
})

test('a device that has nothing left to say takes its leave; a will is not needed', async () => {
  const { device } = aDevice()
  await device.drained()
  await device.close()
  expect(statuses(broker.heard).map(({ state }) => state)).toEqual(['online', 'offline'])
})

describe('a journal', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hemotrail-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('proves what was acknowledged, and lets the next run send the rest unchanged', async () => {
    const file = join(folder, 'journal')
    const journal = await openJournal(file)
    const { device, tick } = aDevice({ journal })
    await device.drained()
    tick(3)
    await device.drained()
    const acknowledged = byIdentity(broker.heard)
    broker.withhold = true
    tick(3)
    await broker.until((heard) => byIdentity(heard).size > acknowledged.size)
    await device.close()
    await journal.close()

    const account = await readJournal(file)
    const payloads = (messages: readonly Message[] | undefined) =>
      messages?.map(({ payload }) => payload).sort()
    expect(payloads(account.acknowledged.get('fridge'))).toEqual(
      [...acknowledged.values()].map(({ payload }) => payload).sort(),
    )
    const outstanding = account.outstanding.get('fridge') ?? []
    expect(outstanding.length).toBeGreaterThan(0)

    broker.withhold = false
    const second = await openJournal(file)
    const { device: successor } = aDevice({ journal: second, random: createRandom('another run') })
    await successor.drained()
    for (const { payload } of outstanding) {
      expect(broker.heard.some((message) => message.payload === payload && message.dup)).toBe(true)
    }
    byIdentity(broker.heard)
    await successor.close()
    await second.close()
    expect((await readJournal(file)).outstanding.size).toBe(0)
  })

  test('does not count a line that a kill cut short, and is written on behind it', async () => {
    const file = join(folder, 'journal')
    const message = (seq: number): Message => ({ channel: 'door', boot: 'b', seq, payload: `é${seq}` })
    const first = await openJournal(file)
    await Promise.all([first.made('x', message(0)), first.made('x', message(1))])
    await first.acknowledged('x', message(0))
    await first.close()
    await appendFile(file, '{"device":"x","acknowledged":{"boot":"b","se')

    expect((await readJournal(file)).outstanding.get('x')).toEqual([message(1)])
    const second = await openJournal(file)
    await second.acknowledged('x', message(1))
    await second.close()
    const account = await readJournal(file)
    expect(account.acknowledged.get('x')).toEqual([message(0), message(1)])
    expect(account.outstanding.size).toBe(0)
  })
})

test('waiting grows with each failure, up to a limit, and is never the same for all', () => {
  const random = createRandom('patience')
  const waits = (attempt: number) =>
    Array.from({ length: 1_000 }, () => backoffMs(attempt, random, { minMs: 1_000, maxMs: 60_000 }))
  for (const [attempt, ceiling] of [
    [0, 1_000],
    [3, 8_000],
    [6, 60_000],
    [2_000, 60_000],
  ] as const) {
    const drawn = waits(attempt)
    expect(Math.max(...drawn)).toBeLessThanOrEqual(ceiling)
    expect(Math.max(...drawn)).toBeGreaterThan(ceiling * 0.9)
    expect(Math.min(...drawn)).toBeLessThan(ceiling * 0.1)
  }
})
