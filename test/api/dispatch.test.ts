import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFacility } from '../../api/usecases/create-facility.ts'
import { createContainer } from '../../devices-sim/container.ts'
import { startDevice } from '../../devices-sim/device.ts'
import { presets } from '../../devices-sim/heat.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { DeviceCommand, DeviceCommands } from '../../schema/http/commands.ts'
import { Device, Profile } from '../../schema/http/devices.ts'
import { TakeOut, TakeOutSession } from '../../schema/http/life.ts'
import { Person, Session } from '../../schema/http/people.ts'
import { type Command, ConfigureBody } from '../../schema/messages.ts'
import { until } from '../support/outcomes.ts'
import { type Listener, listenAs, type Running, runningKey, startRunning } from '../support/running.ts'
import { aDevice } from '../support/world.ts'

let running: Running & { stop(): Promise<void> }
let nurse: string
beforeAll(async () => {
  running = await startRunning()
  const facility = { code: 'H1', name: 'First', kind: 'hospital', timeZone: 'Asia/Shanghai' } as const
  await createFacility(running.ctx, facility)
  const credentials = { username: 'nurse', password: 'correct horse battery' }
  const roles = [{ role: 'nurse', facility: 'H1' }]
  await running.ask(Person, 'POST', '/people', { ...credentials, name: 'Nurse', roles })
  nurse = (await running.ask(Session, 'POST', '/session', credentials)).token
})
afterAll(() => running?.stop())

let drawn = 0
const aFridge = () => aDevice(running, `fridge-${++drawn}`)

const emergency = { emergency: true, reason: 'haemorrhage' }
const open = (device: string) => running.ask(TakeOut, 'POST', '/take-outs', { device, ...emergency }, nurse)
const read = (takeOutId: string) => running.ask(TakeOutSession, 'GET', `/take-outs/${takeOutId}`)
const commandsOf = async (device: string) =>
  (await running.ask(DeviceCommands, 'GET', `/devices/${device}/commands`)).commands.filter(
    ({ kind }) => kind !== 'configure' && kind !== 'holdList',
  )
const sound = (device: string) =>
  running.ask(DeviceCommand, 'POST', `/devices/${device}/commands`, { kind: 'sound' })

/** Have it told something new: whatever was to come before it has come by then. */
async function nextIsNew(device: string, listener: Listener): Promise<void> {
  const { commandId } = await sound(device)
  expect(await listener.next()).toMatchObject({ id: commandId, kind: 'sound' })
}

async function toldOf(table: 'news' | 'audit_entry', commandId: string) {
  const { pool } = running.service.deps.database
  const what = table === 'news' ? 'kind' : `action || ' by ' || (actor->>'kind')`
  const { rows } = await pool.query(`select ${what} as told from ${table} where subject = $1 order by id`, [
    commandId,
  ])
  return rows.map(({ told }) => told)
}

describe('the door of a take-out', () => {
  test('is told to open, and what came of it is told to who asks', async () => {
    const fridge = await aFridge()
    const listener = await listenAs(running, fridge)
    const { takeOutId, unlock } = await open(fridge.name)
    const expiresAt = running.clock.now + 15_000
    expect(unlock).toMatchObject({ state: 'queued', expiresAt: new Date(expiresAt).toISOString() })
    const command = { id: unlock.commandId, kind: 'unlock', expiresAt, body: { session: takeOutId } }
    expect(await listener.next()).toEqual(command)
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'sent' })
    await listener.reply({ command: unlock.commandId, state: 'done' })
    expect(await read(takeOutId)).toMatchObject({
      device: fridge.name,
      facility: 'H1',
      emergency: true,
      unlock: { state: 'done', reason: null },
      scans: [],
    })
    expect(await toldOf('news', unlock.commandId)).toEqual([
      'command.queued',
      'command.sent',
      'command.replied',
    ])
    expect(await toldOf('audit_entry', unlock.commandId)).toEqual([
      'command.queued by person',
      'command.sent by job',
      'command.replied by device',
    ])
    await listener.leave()
  })

  test('that does not open is told with the reason its device gave; another reply changes nothing', async () => {
    const fridge = await aFridge()
    const listener = await listenAs(running, fridge)
    const { takeOutId, unlock } = await open(fridge.name)
    await listener.next()
    const command = unlock.commandId
    await listener.reply({ command, state: 'failed', reason: 'the bolt is stuck' })
    await listener.reply({ command, state: 'done' })
    await listener.reply({ command: '00000000-0000-7000-8000-000000000000', state: 'done' })
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'failed', reason: 'the bolt is stuck' })
    expect(await toldOf('news', command)).toHaveLength(3)
    const { rows } = await running.service.deps.database.pool.query(
      `select count(*)::int as n from device_event e join device d on d.id = e.device_id
       where d.name = $1 and channel = 'replies'`,
      [fridge.name],
    )
    expect(rows).toEqual([{ n: 3 }])
    await listener.leave()
  })

  test('is nobody else’s to answer for', async () => {
    const fridge = await aFridge()
    const listener = await listenAs(running, fridge)
    const stranger = await listenAs(running, await aFridge())
    const { takeOutId, unlock } = await open(fridge.name)
    await listener.next()
    await stranger.reply({ command: unlock.commandId, state: 'done' })
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'sent' })
    expect(stranger.heard).toEqual([])
    await listener.leave()
    await stranger.leave()
  })

  test('is told when its device comes back within 15 s, once', async () => {
    const fridge = await aFridge()
    const { takeOutId, unlock } = await open(fridge.name)
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'queued' })
    running.clock.now += 14_999
    const listener = await listenAs(running, fridge)
    expect(await listener.next()).toMatchObject({ id: unlock.commandId })
    await listener.leave()
    const again = await listenAs(running, fridge)
    await nextIsNew(fridge.name, again)
    await again.leave()
  })

  test('is told nothing after 15 s: the command has expired', async () => {
    const fridge = await aFridge()
    const { takeOutId, unlock } = await open(fridge.name)
    running.clock.now += 15_000
    const listener = await listenAs(running, fridge)
    await nextIsNew(fridge.name, listener)
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'expired' })
    expect(await commandsOf(fridge.name)).toMatchObject([
      { kind: 'sound', state: 'sent' },
      { commandId: unlock.commandId, kind: 'unlock', state: 'expired', sentAt: null, reply: null },
    ])
    await listener.leave()
  })

  test('whose reply comes late has opened all the same', async () => {
    const fridge = await aFridge()
    const listener = await listenAs(running, fridge)
    const { takeOutId, unlock } = await open(fridge.name)
    await listener.next()
    running.clock.now += 20_000
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'expired' })
    await listener.reply({ command: unlock.commandId, state: 'done' })
    expect((await read(takeOutId)).unlock).toMatchObject({ state: 'done' })
    await listener.leave()
  })

  test('is opened by a simulated fridge, which calls the opening by its take-out', async () => {
    const { name, secret } = await aFridge()
    const device = startDevice({
      url: running.service.broker.urls.mqtt as string,
      facility: 'H1',
      device: name,
      secret,
      random: createRandom('device'),
      container: createContainer({ random: createRandom('container'), heat: presets.bloodFridge }),
      now: () => running.clock.now,
    })
    const { takeOutId } = await open(name)
    await until(async () => (await read(takeOutId)).unlock?.state === 'done')
    await device.drained()
    const { doors } = await running.ask(Device, 'GET', `/devices/${name}`)
    expect(doors).toMatchObject([{ open: true, session: takeOutId }])
    await device.close()
  })
})

describe('a command', () => {
  test('that says how things are is sent on each connection until it is replied to', async () => {
    const fridge = await aFridge()
    const ids = new Set<string>()
    for (let visit = 0; visit < 3; visit++) {
      const listener = await listenAs(running, fridge)
      await until(() => listener.lists.length === 1)
      const [{ id } = { id: '' }] = listener.lists
      ids.add(id)
      if (visit === 2) await listener.reply({ command: id, state: 'done' })
      await listener.leave()
    }
    expect(ids.size).toBe(1)
    const last = await listenAs(running, fridge)
    await nextIsNew(fridge.name, last)
    expect(last.lists).toEqual([])
    const { commands } = await running.ask(DeviceCommands, 'GET', `/devices/${fridge.name}/commands`)
    expect(commands.find(({ kind }) => kind === 'holdList')).toMatchObject({
      state: 'replied',
      reply: { state: 'done' },
    })
    await last.leave()
  })

  test('that is asked for with an Idempotency-Key is issued and sent once', async () => {
    const fridge = await aFridge()
    const listener = await listenAs(running, fridge)
    const ask = () =>
      fetch(new URL(`/devices/${fridge.name}/commands`, running.service.url), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${runningKey}`,
          'content-type': 'application/json',
          'idempotency-key': `once-${fridge.name}`,
        },
        body: JSON.stringify({ kind: 'inventory' }),
      }).then((response) => response.json())
    const [first, second] = [await ask(), await ask()]
    expect(second).toEqual(first)
    expect(await listener.next()).toMatchObject({ kind: 'inventory' })
    await nextIsNew(fridge.name, listener)
    await listener.leave()
  })

  test('opens no door but a take-out’s, and reaches no device that is revoked', async () => {
    const { name } = await aFridge()
    const post = (body: object) =>
      fetch(new URL(`/devices/${name}/commands`, running.service.url), {
        method: 'POST',
        headers: { authorization: `Bearer ${runningKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    expect((await post({ kind: 'unlock' })).status).toBe(400)
    await running.ask({ parse: (it) => it }, 'POST', `/devices/${name}/revocation`, { reason: 'lost' })
    expect(await (await post({ kind: 'sound' })).json()).toMatchObject({ code: 'device_revoked' })
  })
})

describe('the settings of a device', () => {
  const settingsOf = async (device: string) =>
    (await running.ask(DeviceCommands, 'GET', `/devices/${device}/commands`)).commands.filter(
      ({ kind }) => kind === 'configure',
    )
  const told = (listener: Listener, count: number) => until(() => listener.settings.length === count)
  const warmer = { low: 2, high: 5.5, maxSilenceSeconds: 600 }

  test('are told when it begins to listen, on each connection until it replies, and then no more', async () => {
    const fridge = await aFridge()
    const ids: string[] = []
    for (let visit = 0; visit < 3; visit++) {
      const listener = await listenAs(running, fridge)
      await told(listener, 1)
      const [{ id, body }] = listener.settings as [Command]
      ids.push(id)
      // By the policies of red cells in China: the load at once, the air by wider limits and later.
      expect(ConfigureBody.strict().parse(body)).toEqual({
        ...{ low: 2, high: 6, loadMs: 0, airLow: 2, airHigh: 8, airMs: 600_000, airActionMs: 1_800_000 },
        ...{ doorMs: 180_000, maxSilenceMs: 900_000 },
        listKeys: [{ id: expect.any(String), key: expect.any(String) }],
      })
      if (visit === 2) await listener.reply({ command: id, state: 'done' })
      await listener.leave()
    }
    expect(new Set(ids).size).toBe(1)
    const last = await listenAs(running, fridge)
    await nextIsNew(fridge.name, last)
    expect(last.settings).toEqual([])
    expect(await settingsOf(fridge.name)).toMatchObject([{ state: 'replied', issuedBy: { kind: 'job' } }])
    await last.leave()
  })

  test('follow its profile at once, and never two of them stand', async () => {
    const fridge = await aFridge()
    const first = await listenAs(running, fridge)
    await told(first, 1)
    running.clock.now += 60_000
    await running.ask(Profile, 'PUT', `/devices/${fridge.name}/profile`, warmer)
    await told(first, 2)
    expect(first.settings[1]).toMatchObject({ body: { high: 5.5, maxSilenceMs: 600_000 } })
    await first.leave()
    expect(await settingsOf(fridge.name)).toMatchObject([{ state: 'sent' }, { state: 'expired' }])
    const again = await listenAs(running, fridge)
    await told(again, 1)
    expect(again.settings[0]).toEqual(first.settings[1])
    await again.reply({ command: again.settings[0]?.id as string, state: 'done' })
    // Nothing new is said: nothing is told.
    running.clock.now += 60_000
    await running.ask(Profile, 'PUT', `/devices/${fridge.name}/profile`, warmer)
    await nextIsNew(fridge.name, again)
    expect(again.settings).toHaveLength(1)
    await again.leave()
  })

  test('are told anew to one that could not take them, an hour later', async () => {
    const fridge = await aFridge()
    const first = await listenAs(running, fridge)
    await told(first, 1)
    await first.reply({ command: first.settings[0]?.id as string, state: 'failed', reason: 'no memory' })
    await first.leave()
    const second = await listenAs(running, fridge)
    await nextIsNew(fridge.name, second)
    expect(second.settings).toEqual([])
    await second.leave()
    running.clock.now += 3_600_000
    const third = await listenAs(running, fridge)
    await told(third, 1)
    expect(third.settings[0]?.id).not.toBe(first.settings[0]?.id)
    expect(third.settings[0]?.body).toEqual(first.settings[0]?.body)
    await third.leave()
  })

  test('are kept by a simulated fridge, which sounds by itself with the network gone', async () => {
    const { name, secret } = await aFridge()
    const sounds: number[] = []
    let warmth = 4
    const container = createContainer({ random: createRandom('container'), heat: presets.bloodFridge })
    const device = startDevice({
      url: running.service.broker.urls.mqtt as string,
      facility: 'H1',
      device: name,
      secret,
      random: createRandom('device'),
      container: { ...container, measure: () => [{ probe: 'load', celsius: warmth }] },
      now: () => running.clock.now,
      onSound: () => sounds.push(running.clock.now),
    })
    await until(async () => (await settingsOf(name))[0]?.reply?.state === 'done')
    expect(device.limits()).toMatchObject({ low: 2, high: 6 })
    device.cutNetwork()
    device.tick()
    warmth = 6.01
    running.clock.now += 10_000
    device.tick()
    expect(sounds).toEqual([running.clock.now])
    expect(device.isSounding()).toBe(true)
    await device.close()
  })
})
