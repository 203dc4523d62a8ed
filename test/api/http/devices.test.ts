import { describe, expect } from 'vitest'
import { authenticateDevice } from '../../../api/usecases/authenticate-device.ts'
import {
  Device,
  Devices,
  Profile,
  ProvisionedDevice,
  Revocation,
  RotatedSecret,
} from '../../../schema/http/devices.ts'
import { aMessage, aReading, noon } from '../../support/world.ts'
import { aFridge, type Door, iso, test } from './door.ts'

const minute = 60_000

function provision(door: Door, name: string, more: Record<string, unknown> = {}) {
  return door.ask(ProvisionedDevice, 'POST', '/devices', aFridge(name, more))
}

/** Would the broker let it in with this secret, at the door's clock? */
async function isLetIn({ world }: Door, name: string, secret: string): Promise<boolean> {
  world.ingest.forget(name)
  return authenticateDevice(
    (await world.ingest.memory.learn(name))?.device,
    Buffer.from(secret),
    world.clock.now,
  )
}

describe('a new device', () => {
  test('gets a secret that lets it in, and what was not said by default', async ({ door }) => {
    const { secret, ...device } = await provision(door, 'fridge-7')

    expect(device).toEqual({
      name: 'fridge-7',
      label: null,
      kind: 'fridge',
      facility: 'H1',
      inServiceFrom: iso(noon),
      profile: {
        from: iso(noon),
        low: 2,
        high: 6,
        maxSilenceSeconds: 300,
        physicalLow: -100,
        physicalHigh: 100,
      },
    })
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(await isLetIn(door, 'fridge-7', secret)).toBe(true)
    expect(await isLetIn(door, 'fridge-7', `${secret}x`)).toBe(false)
  })

  test('may have been in service before, told with any offset', async ({ door }) => {
    const { inServiceFrom, profile } = await provision(door, 'fridge-7', {
      inServiceFrom: '2020-01-01T08:00:00+08:00',
      profile: { low: -65.25, high: -25, physicalLow: -150.5, physicalHigh: 60 },
    })
    expect(inServiceFrom).toBe('2020-01-01T00:00:00.000Z')
    expect(profile).toMatchObject({ low: -65.25, high: -25, physicalLow: -150.5, physicalHigh: 60 })
  })

  test('is silent for no longer than three of its intervals, and never than 900 s', async ({ door }) => {
    const silences: [Record<string, number>, number][] = [
      [{ expectedIntervalSeconds: 60 }, 180],
      [{ expectedIntervalSeconds: 600 }, 900],
      [{ expectedIntervalSeconds: 60, maxSilenceSeconds: 120 }, 120],
      [{ maxSilenceSeconds: 900 }, 900],
    ]
    for (const [index, [settings, expected]] of silences.entries()) {
      const profile = { low: 2, high: 6, ...settings }
      const device = await provision(door, `fridge-${index}`, { profile })
      expect(device.profile.maxSilenceSeconds).toBe(expected)
    }
  })

  test('whose profile makes no sense is refused', async ({ door }) => {
    const senseless: [Record<string, unknown>, string][] = [
      [{ low: 6, high: 2 }, 'profile.low'],
      [{ low: 6, high: 6 }, 'profile.low'],
      [{ low: 2.005, high: 6 }, 'profile.low'],
      [{ low: -300, high: 6 }, 'profile.low'],
      [{ low: 2, high: 6, maxSilenceSeconds: 901 }, 'profile.maxSilenceSeconds'],
      [{ low: 2, high: 6, maxSilenceSeconds: 0 }, 'profile.maxSilenceSeconds'],
      [{ low: 2, high: 6, maxSilenceSeconds: 60.5 }, 'profile.maxSilenceSeconds'],
      [{ low: 2, high: 6, expectedIntervalSeconds: 901 }, 'profile.expectedIntervalSeconds'],
      [{ low: 2, high: 6, physicalLow: 3 }, 'profile.physicalLow'],
      [{ low: 2, high: 6, physicalHigh: 5 }, 'profile.physicalHigh'],
    ]
    for (const [profile, path] of senseless) {
      expect(await door.refused('POST', '/devices', aFridge('fridge-7', { profile }))).toMatchObject({
        status: 400,
        code: 'invalid_request',
        issues: expect.arrayContaining([{ path, message: expect.any(String) }]),
      })
    }
    expect(await door.refused('GET', '/devices/fridge-7')).toMatchObject({ code: 'not_found' })
  })

  test('whose name could not stand in a topic is refused', async ({ door }) => {
    for (const name of ['', '.hidden', 'a/b', '+', '#', 'a b', 'x'.repeat(65), '冰箱']) {
      expect(await door.refused('POST', '/devices', aFridge(name))).toMatchObject({
        status: 400,
        issues: [{ path: 'name' }],
      })
    }
  })

  test('goes into service at a time that can be told', async ({ door }) => {
    for (const inServiceFrom of [
      'yesterday',
      '2020-05-06',
      '2020-05-06T12:00:00',
      '1960-01-01T00:00:00Z',
      0,
    ]) {
      expect(await door.refused('POST', '/devices', aFridge('fridge-7', { inServiceFrom }))).toMatchObject({
        status: 400,
        issues: [{ path: 'inServiceFrom' }],
      })
    }
  })

  test('needs a facility that is known, and a name that is free', async ({ door }) => {
    expect(await door.refused('POST', '/devices', aFridge('fridge-7', { facility: 'H9' }))).toMatchObject({
      status: 404,
      code: 'not_found',
    })
    const { secret } = await provision(door, 'fridge-7')
    expect(await door.refused('POST', '/devices', aFridge('fridge-7'))).toMatchObject({
      status: 409,
      code: 'already_exists',
    })
    expect(await isLetIn(door, 'fridge-7', secret)).toBe(true)
  })
})

describe('a device', () => {
  test('that has said nothing yet is shown as that', async ({ door }) => {
    const { secret: _secret, ...device } = await provision(door, 'fridge-7')
    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toEqual({
      ...device,
      revokedAt: null,
      capacity: null,
      status: null,
      lastReceivedAt: null,
      doors: [],
      power: null,
      position: null,
      readings: [],
      clockFaults: [],
    })
  })

  test('shows the newest it said of each thing, by its own time', async ({ door }) => {
    await provision(door, 'box-1', { kind: 'box', inServiceFrom: iso(noon - 60 * minute) })
    const device = 'box-1'
    const at = (minutes: number) => noon + minutes * minute
    const status = Buffer.from(JSON.stringify({ boot: 'boot-a', state: 'online' }))
    const topic = 'hemotrail/v1/H1/box-1/status'
    door.world.clock.now = at(4)
    await door.world.ingest.accept([
      {
        device,
        topic,
        channel: 'status',
        payload: status,
        receivedAt: at(0),
        connection: 'one',
        will: false,
      },
      aMessage({ device, seq: 0, body: [aReading(at(-1), 4.256), aReading(at(-2), 3)] }),
      aMessage({ device, seq: 1, body: [aReading(at(-1), -1.5, 'air')], receivedAt: at(3) }),
      aMessage({
        device,
        seq: 2,
        channel: 'door',
        body: [{ at: at(-1), door: 'main', open: true, session: 's1' }],
      }),
      aMessage({ device, seq: 3, channel: 'door', body: [{ at: at(-5), door: 'main', open: false }] }),
      aMessage({
        device,
        seq: 4,
        channel: 'power',
        body: [{ at: at(-1), mains: false, batteryPercent: 80 }],
      }),
      aMessage({ device, seq: 5, channel: 'position', body: [{ at: at(-1), lat: 30.27, lon: 120.15 }] }),
    ])

    expect(await door.ask(Device, 'GET', '/devices/box-1')).toMatchObject({
      status: { state: 'online', boot: 'boot-a', receivedAt: iso(at(0)) },
      lastReceivedAt: iso(at(3)),
      doors: [{ door: 'main', open: true, at: iso(at(-1)), session: 's1' }],
      power: { at: iso(at(-1)), mains: false, batteryPercent: 80 },
      position: { at: iso(at(-1)), lat: 30.27, lon: 120.15 },
      readings: [
        { probe: 'load', at: iso(at(-1)), celsius: 4.26 },
        { probe: 'air', at: iso(at(-1)), celsius: -1.5 },
      ],
    })
  })

  test('that is not known is not there, whatever is asked of it', async ({ door }) => {
    const profile = { low: 2, high: 6 }
    const fact = { boot: 'boot-a', fromSeq: 0, offsetMs: 0, reason: 'measured' }
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PUT', '/profile', profile],
      ['PUT', '/label', { label: 'A' }],
      ['POST', '/moves', { facility: 'H1', reason: 'moved' }],
      ['POST', '/secret', {}],
      ['POST', '/revocation', { reason: 'lost' }],
      ['GET', '/clock-facts', undefined],
      ['POST', '/clock-facts', fact],
      ['GET', '/clock-faults', undefined],
      ['GET', '/telemetry', undefined],
      ['GET', '/readings', undefined],
      ['GET', '/excursions', undefined],
      ['GET', '/gaps', undefined],
    ] as const) {
      expect(await door.refused(method, `/devices/fridge-9${path}`, body), path).toMatchObject({
        status: 404,
        code: 'not_found',
        detail: 'no device is named fridge-9',
      })
    }
  })
})

describe('the list of devices', () => {
  test('goes by name, page by page, to the last', async ({ door }) => {
    for (const name of ['fridge-2', 'fridge-1', 'fridge-3']) await provision(door, name)
    const page = (query: string) => door.ask(Devices, 'GET', `/devices?${query}`)

    const first = await page('limit=2')
    expect(first.devices.map(({ name }) => name)).toEqual(['fridge-1', 'fridge-2'])
    expect(first.next).toBe('fridge-2')
    const second = await page(`limit=2&after=${first.next}`)
    expect(second.devices.map(({ name }) => name)).toEqual(['fridge-3'])
    expect(second.next).toBeNull()
    expect((await page('limit=3')).next).toBeNull()
    expect(await page('after=fridge-3')).toEqual({ devices: [], next: null })
  })

  test('tells of each what it said last', async ({ door }) => {
    await provision(door, 'fridge-1')
    await provision(door, 'fridge-2')
    await door.world.ingest.accept([aMessage({ device: 'fridge-2', seq: 0, body: [aReading(noon, 5)] })])

    expect((await door.ask(Devices, 'GET', '/devices')).devices).toEqual([
      {
        name: 'fridge-1',
        label: null,
        kind: 'fridge',
        facility: 'H1',
        revokedAt: null,
        status: null,
        lastReceivedAt: null,
        readings: [],
      },
      {
        name: 'fridge-2',
        label: null,
        kind: 'fridge',
        facility: 'H1',
        revokedAt: null,
        status: null,
        lastReceivedAt: iso(noon),
        readings: [{ probe: 'load', at: iso(noon), celsius: 5 }],
      },
    ])
  })

  test('is empty where there are none', async ({ door }) => {
    expect(await door.ask(Devices, 'GET', '/devices')).toEqual({ devices: [], next: null })
  })
})

describe('a profile', () => {
  test('comes into force when it is said to', async ({ door }) => {
    await provision(door, 'fridge-7')
    const from = iso(noon + minute)
    const change = { low: 1, high: 10, expectedIntervalSeconds: 20, from }
    expect(await door.ask(Profile, 'PUT', '/devices/fridge-7/profile', change)).toEqual({
      from,
      low: 1,
      high: 10,
      maxSilenceSeconds: 60,
      physicalLow: -100,
      physicalHigh: 100,
    })

    const profile = async () => (await door.ask(Device, 'GET', '/devices/fridge-7')).profile
    expect(await profile()).toMatchObject({ from: iso(noon), high: 6 })
    door.world.clock.now += minute
    expect(await profile()).toMatchObject({ from, high: 10 })
  })

  test('is never set for the past', async ({ door }) => {
    await provision(door, 'fridge-7')
    const change = { low: 1, high: 10, from: iso(noon - 1) }
    expect(await door.refused('PUT', '/devices/fridge-7/profile', change)).toMatchObject({
      status: 400,
      code: 'invalid_request',
      detail: expect.stringContaining('is in the past'),
    })
  })

  test('begins where no other begins', async ({ door }) => {
    await provision(door, 'fridge-7')
    const change = { low: 1, high: 10, from: iso(noon + minute) }
    await door.ask(Profile, 'PUT', '/devices/fridge-7/profile', change)
    expect(await door.refused('PUT', '/devices/fridge-7/profile', change)).toMatchObject({
      status: 409,
      code: 'conflict',
    })
  })

  test('that makes no sense changes nothing', async ({ door }) => {
    await provision(door, 'fridge-7')
    for (const [change, path] of [
      [{ low: 6, high: 2 }, 'low'],
      [{ low: 1, high: 10, maxSilenceSeconds: 901 }, 'maxSilenceSeconds'],
      [{ low: 1 }, 'high'],
    ] as const) {
      expect(await door.refused('PUT', '/devices/fridge-7/profile', change)).toMatchObject({
        status: 400,
        issues: [{ path }],
      })
    }
    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({ profile: { low: 2, high: 6 } })
  })
})

describe('a secret', () => {
  test('that is rotated ends the old one at once', async ({ door }) => {
    const { secret: old } = await provision(door, 'fridge-7')
    const rotated = await door.ask(RotatedSecret, 'POST', '/devices/fridge-7/secret', {})

    expect(rotated).toMatchObject({ name: 'fridge-7', previousUntil: iso(noon) })
    expect(rotated.secret).not.toBe(old)
    expect(await isLetIn(door, 'fridge-7', old)).toBe(false)
    expect(await isLetIn(door, 'fridge-7', rotated.secret)).toBe(true)
  })

  test('that is rotated with grace lets the old one in for so long', async ({ door }) => {
    const { secret: old } = await provision(door, 'fridge-7')
    const body = { graceSeconds: 60 }
    const { secret, previousUntil } = await door.ask(RotatedSecret, 'POST', '/devices/fridge-7/secret', body)

    expect(previousUntil).toBe(iso(noon + minute))
    door.world.clock.now = noon + minute - 1
    expect(await isLetIn(door, 'fridge-7', old)).toBe(true)
    door.world.clock.now = noon + minute
    expect(await isLetIn(door, 'fridge-7', old)).toBe(false)
    expect(await isLetIn(door, 'fridge-7', secret)).toBe(true)
  })

  test('has a grace that is told in whole seconds, a week at most', async ({ door }) => {
    await provision(door, 'fridge-7')
    for (const graceSeconds of [-1, 0.5, 604_801, '60']) {
      expect(await door.refused('POST', '/devices/fridge-7/secret', { graceSeconds })).toMatchObject({
        status: 400,
        issues: [{ path: 'graceSeconds' }],
      })
    }
  })
})

describe('a revoked device', () => {
  test('is let in no more, gets no new secret, and stays revoked since the first time', async ({ door }) => {
    const { secret } = await provision(door, 'fridge-7')
    const revoked = await door.ask(Revocation, 'POST', '/devices/fridge-7/revocation', { reason: 'stolen' })
    expect(revoked).toEqual({ name: 'fridge-7', revokedAt: iso(noon), bagsInside: 0 })
    expect(await isLetIn(door, 'fridge-7', secret)).toBe(false)

    door.world.clock.now += minute
    expect(await door.refused('POST', '/devices/fridge-7/secret', {})).toMatchObject({
      status: 409,
      code: 'device_revoked',
    })
    expect(await door.ask(Revocation, 'POST', '/devices/fridge-7/revocation', { reason: 'again' })).toEqual(
      revoked,
    )
    expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({ revokedAt: iso(noon) })
    expect(await door.ask(Devices, 'GET', '/devices')).toMatchObject({ devices: [{ revokedAt: iso(noon) }] })
  })

  test('is revoked for a reason', async ({ door }) => {
    await provision(door, 'fridge-7')
    for (const body of [{}, { reason: ' ' }, { reason: 'x'.repeat(501) }]) {
      expect(await door.refused('POST', '/devices/fridge-7/revocation', body)).toMatchObject({ status: 400 })
    }
  })
})

test('no secret and no hash of one is ever told again', async ({ door, database }) => {
  const { secret } = await provision(door, 'fridge-7', { inServiceFrom: iso(noon - minute) })
  const rotated = await door.ask(RotatedSecret, 'POST', '/devices/fridge-7/secret', { graceSeconds: 600 })
  const { rows } = await database.pool.query<Record<string, Buffer>>(
    'select secret_hash, previous_secret_hash from device',
  )
  const hashes = Object.values(rows[0] ?? {})
  expect(hashes).toHaveLength(2)
  const forbidden = [
    secret,
    rotated.secret,
    ...hashes.flatMap((hash) => (['hex', 'base64', 'base64url'] as const).map((as) => hash.toString(as))),
  ]
  for (const path of [
    '/devices',
    '/devices/fridge-7',
    '/devices/fridge-7/clock-facts',
    '/devices/fridge-7/clock-faults',
    '/devices/fridge-7/gaps',
    '/facilities',
    '/rejected-messages',
    '/metrics',
    '/openapi.json',
  ]) {
    const headers = { authorization: `Bearer ${door.services.adminKey}` }
    const response = await door.raw(path, { headers })
    expect(response.status).toBe(200)
    const text = await response.text()
    for (const word of forbidden) expect(text).not.toContain(word)
    if (path !== '/openapi.json') expect(text).not.toMatch(/secret|hash/i)
  }
})
