import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { z } from 'zod'
import { type Service, startService } from '../../api/compose.ts'
import { BagDetail, Trace } from '../../schema/http/bags.ts'
import { Device, Profile, ProvisionedDevice, Revocation } from '../../schema/http/devices.ts'
import { Facility } from '../../schema/http/facilities.ts'
import { Readmission, RejectedMessages } from '../../schema/http/rejected-messages.ts'
import { Readings } from '../../schema/http/series.ts'
import { UnresolvedTags } from '../../schema/http/tags.ts'
import { upTopic } from '../../schema/topics.ts'
import type { UpChannel } from '../../schema/vocabulary.ts'
import { failureOf } from '../support/outcomes.ts'
import { silent } from '../support/world.ts'

const minute = 60_000
const noon = Date.parse('2026-06-01T12:00:00Z')
const adminKey = 'the key of an administrator of poison'

/** The whole service, both its doors and a database of its own; only the clock is ours. */
let service: Service
const clock = { now: noon }

beforeAll(async () => {
  const config = {
    adminKey,
    database: { poolSize: 2 },
    host: '127.0.0.1',
    httpPort: 0,
    mqtt: { mqttPort: 0 },
    holdMs: 60_000,
    logLevel: 'silent',
  }
  service = await startService(config, { log: silent, now: () => clock.now })
  const facility = { code: 'H1', name: 'First Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await ask(Facility, 'POST', '/facilities', facility)
})

afterAll(async () => {
  await service?.close()
})

async function ask<T extends z.ZodType>(
  schema: T,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: unknown,
): Promise<z.output<T>> {
  const response = await fetch(new URL(path, service.url), {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true)
  return schema.parse(JSON.parse(text))
}

type Fridge = {
  readonly name: string
  readonly secret: string
  /** Its connection; made again where the last one has ended. */
  link(): Promise<MqttClient>
  /** Resolves at the acknowledgement. */
  send(payload: string | Buffer, channel?: UpChannel): Promise<void>
}

let fridges = 0

/** A fridge that keeps 2 to 6 °C, whose probe shows -50 to 50, in service for an hour. */
async function aFridge(): Promise<Fridge> {
  const name = `fridge-${++fridges}`
  const { secret } = await ask(ProvisionedDevice, 'POST', '/devices', {
    name,
    kind: 'fridge',
    facility: 'H1',
    inServiceFrom: iso(noon - 60 * minute),
    profile: { low: 2, high: 6, physicalLow: -50, physicalHigh: 50 },
  })
  let client: MqttClient | undefined
  const link = async () => {
    if (!client?.connected) client = await connect(name, secret)
    return client
  }
  return {
    name,
    secret,
    link,
    async send(payload, channel = 'readings') {
      await (await link()).publishAsync(upTopic('H1', name, channel), payload, { qos: 1 })
    },
  }
}

async function connect(name: string, secret: string): Promise<MqttClient> {
  const options = { username: name, password: secret, clientId: name, reconnectPeriod: 0 }
  const client = await connectAsync(service.broker.urls.mqtt as string, options)
  client.on('error', () => {})
  onTestFinished(() => void client.end(true))
  return client
}

/** Publish what must cost the connection: resolves when that has ended, with whether there was an acknowledgement. */
async function provoke(client: MqttClient, topic: string, payload: string | Buffer): Promise<boolean> {
  let acknowledged = false
  const gone = ended(client)
  client.publish(topic, payload, { qos: 1 }, (error) => {
    acknowledged = !error
  })
  await gone
  return acknowledged
}

function ended(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', () => resolve()))
}

/** A message as text, so that a test can spoil it. */
function envelope(seq: number, body: unknown): string {
  return JSON.stringify({ v: 1, boot: 'boot-a', seq, sentAt: clock.now, uptimeMs: 3_600_000, body })
}

function reading(at: number, celsius: number) {
  return { at, probe: 'load', celsius }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

async function rejected({ name }: Fridge) {
  return (await ask(RejectedMessages, 'GET', `/rejected-messages?device=${name}`)).rejectedMessages
}

async function stored({ name }: Fridge): Promise<number[]> {
  const to = iso(clock.now + 15 * minute)
  const { readings } = await ask(Readings, 'GET', `/devices/${name}/readings?to=${to}`)
  return readings.map(({ celsius }) => celsius)
}

/** Its next good message is acknowledged and stored. */
async function expectAlive(fridge: Fridge): Promise<void> {
  await fridge.send(envelope(1_000, [reading(clock.now - 1, 5.55)]))
  expect(await stored(fridge)).toContain(5.55)
}

describe('one bad element costs that element, and no other', () => {
  const good = (seq: number) => [reading(noon - 3 - seq, 4), reading(noon - 2 - seq, 4.5)]

  for (const { what, spoilt, code, reason } of [
    { what: 'NaN, as printf writes it,', spoilt: 'nan', code: 'not_finite', reason: /is no temperature/ },
    { what: 'NaN, as JavaScript writes it,', spoilt: 'NaN', code: 'not_finite', reason: /is no temperature/ },
    { what: 'minus infinity', spoilt: '-inf', code: 'not_finite', reason: /is no temperature/ },
    { what: '1e400', spoilt: '1e400', code: 'not_finite', reason: /Infinity is no temperature/ },
    { what: '1e300', spoilt: '1e300', code: 'out_of_physical_range', reason: /1e\+300 is outside/ },
    { what: 'a number in quotes', spoilt: '"4.2"', code: 'bad_element', reason: /must be a number/ },
  ] as const) {
    test(`${what} for a temperature`, async () => {
      const fridge = await aFridge()
      const [before, after] = good(0)
      const body = [before, reading(noon - 1, 99), after]

      await fridge.send(envelope(0, body).replace('"celsius":99', `"celsius":${spoilt}`))

      expect(await stored(fridge)).toEqual([4, 4.5])
      expect(await rejected(fridge)).toMatchObject([
        {
          code,
          boot: 'boot-a',
          seq: 0,
          elements: [{ index: 1, code, reason: expect.stringMatching(reason) }],
        },
      ])
      await expectAlive(fridge)
    })
  }

  test('the year 2100, and a year no calendar has', async () => {
    const fridge = await aFridge()
    const body = [...good(0), reading(Date.parse('2100-01-01T00:00:00Z'), 4.1), reading(1e15, 4.2)]

    await fridge.send(envelope(0, body))

    expect(await stored(fridge)).toEqual([4, 4.5])
    expect(await rejected(fridge)).toMatchObject([
      {
        elements: [
          { index: 2, code: 'too_far_ahead', reason: expect.stringContaining('2100-01-01') },
          { index: 3, code: 'bad_element', reason: expect.stringContaining('at:') },
        ],
      },
    ])
    await expectAlive(fridge)
  })

  test('one among 499 good ones', async () => {
    const fridge = await aFridge()
    const body = Array.from({ length: 500 }, (_, i) => reading(noon - 1_000 + i, i === 250 ? 60 : 4))

    await fridge.send(envelope(0, body))

    expect(await stored(fridge)).toHaveLength(499)
    expect(await rejected(fridge)).toMatchObject([
      { code: 'out_of_physical_range', elements: [{ index: 250, code: 'out_of_physical_range' }] },
    ])
    await expectAlive(fridge)
  })

  test('a NUL, and half a surrogate pair, in a string', async () => {
    const fridge = await aFridge()
    const at = noon - 5
    const doors = ['main', 'ma\u0000in', 'ma\ud83din'].map((door) => ({ at, door, open: true }))

    await fridge.send(envelope(0, doors), 'door')
    await fridge.send(envelope(1, [{ at, added: ['tag\u0000'], removed: [] }]), 'bags')

    const control = expect.stringContaining('control character')
    expect(await rejected(fridge)).toMatchObject([
      { seq: 1, code: 'bad_element', elements: [{ index: 0, reason: control }] },
      {
        seq: 0,
        elements: [
          { index: 1, reason: control },
          { index: 2, reason: control },
        ],
      },
    ])
    const { doors: known } = await ask(Device, 'GET', `/devices/${fridge.name}`)
    expect(known).toMatchObject([{ door: 'main', open: true }])
    await expectAlive(fridge)
  })

  for (const [what, name] of [
    ['a rare Chinese character', '𠮷'],
    ['an emoji', '🩸'],
    ['a word that means something to JavaScript', 'constructor'],
    ['another', '__proto__'],
  ] as const) {
    test(`${what} is nothing bad: ${name}`, async () => {
      const fridge = await aFridge()

      await fridge.send(envelope(0, [{ at: noon - 5, door: name, open: true }]), 'door')

      expect(await rejected(fridge)).toEqual([])
      const { doors } = await ask(Device, 'GET', `/devices/${fridge.name}`)
      expect(doors).toMatchObject([{ door: name, open: true }])
      await expectAlive(fridge)
    })
  }
})

describe('a message that is bad as a whole is listed with its bytes', () => {
  for (const [what, payload, reason] of [
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 'the payload is not UTF-8'],
    ['text that is no JSON', '{"v":1,"boot":', 'the payload is not JSON'],
    ['nothing at all', '', 'the payload is not JSON'],
    [
      'JSON nested a hundred thousand deep',
      '['.repeat(100_000) + ']'.repeat(100_000),
      /object|envelope|expected/i,
    ],
    ['an envelope of another version', '{"v":2,"boot":"a","seq":0,"sentAt":0,"uptimeMs":0,"body":[]}', /^v:/],
    [
      '501 elements',
      envelope(
        0,
        Array.from({ length: 501 }, () => reading(noon, 4)),
      ),
      /at most 500/,
    ],
  ] as const) {
    test(what, async () => {
      const fridge = await aFridge()

      await fridge.send(payload)

      expect(await rejected(fridge)).toMatchObject([
        {
          code: 'unreadable',
          reason: typeof reason === 'string' ? reason : expect.stringMatching(reason),
          elements: null,
          payload: Buffer.from(payload).toString('base64'),
        },
      ])
      expect(await stored(fridge)).toEqual([])
      await expectAlive(fridge)
    })
  }

  test('a number used again for something else, while the same again is nothing new', async () => {
    const fridge = await aFridge()
    const first = envelope(0, [reading(noon - 2, 4)])
    const second = envelope(0, [reading(noon - 1, 9)])

    for (const payload of [first, second, first, second]) await fridge.send(payload)

    expect(await stored(fridge)).toEqual([4])
    expect(await rejected(fridge)).toMatchObject([
      { code: 'seq_reused', boot: 'boot-a', seq: 0, times: 2, text: second },
    ])
    await expectAlive(fridge)
  })
})

describe('what is no message of a device costs it the connection, and nobody anything else', () => {
  test('a packet of 10 MB is not even read', async () => {
    const fridge = await aFridge()
    const neighbour = await aFridge()
    await neighbour.send(envelope(0, [reading(noon - 2, 4)]))
    const metrics = () => fetch(new URL('/metrics', service.url)).then((response) => response.text())
    const topic = upTopic('H1', fridge.name, 'readings')

    expect(await provoke(await fridge.link(), topic, Buffer.alloc(10_000_000, 'x'))).toBe(false)

    expect(await metrics()).toContain('hemotrail_broker_events_total{event="oversized"} 1')
    expect(await rejected(fridge)).toEqual([])
    expect((await neighbour.link()).connected).toBe(true)
    await expectAlive(neighbour)
    await expectAlive(fridge)
  })

  test('a topic of another device is not open to it', async () => {
    const fridge = await aFridge()
    const neighbour = await aFridge()
    const topic = upTopic('H1', neighbour.name, 'readings')
    const message = envelope(0, [reading(noon - 2, 4)])

    expect(await provoke(await fridge.link(), topic, message)).toBe(false)

    expect(await stored(neighbour)).toEqual([])
    expect([...(await rejected(neighbour)), ...(await rejected(fridge))]).toEqual([])
    await expectAlive(fridge)
    await expectAlive(neighbour)
  })

  test('a wrong secret, or that of another device, does not open the door', async () => {
    const fridge = await aFridge()
    const neighbour = await aFridge()
    for (const secret of ['', 'wrong', neighbour.secret, `${fridge.secret}x`]) {
      expect(await failureOf(connect(fridge.name, secret))).toMatchObject({ code: 4 })
    }
    await expectAlive(fridge)
  })

  test('a revoked secret ends the connection it opened and opens no other', async () => {
    const fridge = await aFridge()
    await expectAlive(fridge)
    const client = await fridge.link()
    const gone = ended(client)

    await ask(Revocation, 'POST', `/devices/${fridge.name}/revocation`, { reason: 'stolen' })

    await gone
    expect(await failureOf(connect(fridge.name, fridge.secret))).toMatchObject({ code: 4 })
    expect(await stored(fridge)).toEqual([5.55])
  })
})

describe('what was rejected or unknown is not lost', () => {
  test('a message is readmitted once the profile of its device is widened', async () => {
    const fridge = await aFridge()
    const [soon, at] = [clock.now + minute, clock.now + 2 * minute]
    await fridge.send(envelope(0, [reading(noon - 1, 4), reading(at, 55)]))
    const [rejection] = await rejected(fridge)
    const path = `/rejected-messages/${rejection?.id}/readmission`
    expect(await ask(Readmission, 'POST', path)).toMatchObject({ readmitted: false, left: [{ index: 1 }] })

    const wider = { low: 2, high: 6, physicalLow: -50, physicalHigh: 60, from: iso(soon) }
    await ask(Profile, 'PUT', `/devices/${fridge.name}/profile`, wider)

    expect(await ask(Readmission, 'POST', path)).toEqual({ readmitted: true, left: [] })
    expect(await rejected(fridge)).toEqual([])
    expect(await stored(fridge)).toEqual([4, 55])
    await expectAlive(fridge)
  })

  test('an unknown tag is kept, and once it is put on a bag it tells where that bag has been', async () => {
    const fridge = await aFridge()
    const tag = 'E28011700000020'
    const [entered, left] = [noon - 30 * minute, noon - 10 * minute]
    await fridge.send(envelope(0, [{ at: entered, added: [tag], removed: [] }]), 'bags')
    await fridge.send(envelope(1, [{ at: left, added: [], removed: [tag] }]), 'bags')
    expect(await ask(UnresolvedTags, 'GET', '/tags/unresolved')).toMatchObject({
      tags: [{ tag, sightings: 2, firstAt: iso(entered), lastAt: iso(left), lastDevice: fridge.name }],
    })

    const { bagId } = await ask(BagDetail, 'POST', '/bags', {
      din: '=A99992600012300',
      productCode: 'E0336V00',
      facility: 'H1',
      component: 'red_cells',
      expiresAt: iso(noon + 30 * 1_440 * minute),
    })
    await ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag, from: iso(entered - minute) })

    expect(await ask(UnresolvedTags, 'GET', '/tags/unresolved')).toEqual({ tags: [] })
    expect(await ask(Trace, 'GET', `/bags/${bagId}/trace`)).toMatchObject({
      places: [
        { state: 'inside', device: fridge.name, from: iso(entered), to: iso(left), ongoing: false },
        { state: 'in_hand', device: fridge.name, from: iso(left), ongoing: true },
      ],
    })
    expect(await rejected(fridge)).toEqual([])
    await expectAlive(fridge)
  })
})
