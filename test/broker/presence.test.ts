import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Command } from '../../schema/messages.ts'
import { commandTopic, upTopic } from '../../schema/topics.ts'
import { connectPacket, disconnectPacket, publishPacket, subscribePacket } from './bytes.ts'
import { openWorld, readingsOf, secretOf } from './world.ts'

const will = { topic: upTopic('hospital-1', 'fridge-1', 'status'), payload: 'offline', retain: true }

function aCommand(command: Partial<Command> = {}): Command {
  return { id: randomUUID(), kind: 'unlock', expiresAt: 2_000, body: { door: 'main' }, ...command }
}

test('when a connection breaks its will comes in as a message of the device', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { will })

  line.socket.resetAndDestroy()

  expect(await world.message('fridge-1')).toEqual({
    device: 'fridge-1',
    topic: will.topic,
    channel: 'status',
    payload: Buffer.from('offline'),
    receivedAt: 1_000,
    connection: expect.any(String),
    will: true,
  })
  expect(await world.event({ kind: 'disconnected' })).toEqual({
    kind: 'disconnected',
    device: 'fridge-1',
    ending: null,
  })
})

test('the will comes in as well when the device listened to its commands', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { will })
  line.write(subscribePacket(1, commandTopic('+', 'fridge-1')))
  await world.event({ kind: 'listening' })

  line.socket.resetAndDestroy()

  expect(await world.message('fridge-1')).toMatchObject({ will: true })
})

test('a device that falls silent is hung up on after one and a half keep-alives, with its will', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { will, keepAliveSeconds: 1 })

  expect(await line.closed).toEqual([])
  expect(await world.message('fridge-1')).toMatchObject({ will: true })
})

test('a device that says goodbye leaves no will', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { will })

  line.write(disconnectPacket)
  await world.event({ kind: 'disconnected', device: 'fridge-1' })
  const other = await world.device('fridge-2')
  await other.publishAsync(readingsOf('fridge-2'), '{}', { qos: 1 })

  expect(world.received.map(({ device }) => device)).toEqual(['fridge-2'])
})

test('a status sent by the device itself is no will', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { will })

  line.write(publishPacket({ topic: will.topic, payload: will.payload }))

  expect(await line.next()).toMatchObject({ name: 'puback' })
  expect(world.received).toMatchObject([{ will: false }])
})

test('a newer connection of a device ends the older one, whose will is not heard', async () => {
  const world = await openWorld()
  const older = await world.admittedLine('fridge-1', { will, clientId: 'before' })

  const newer = await world.admittedLine('fridge-1', { clientId: 'after' })

  expect(await older.closed).toEqual([])
  expect(await world.event({ kind: 'disconnected' })).toMatchObject({ ending: 'replaced' })
  newer.write(publishPacket({ topic: readingsOf('fridge-1') }))
  expect(await newer.next()).toMatchObject({ name: 'puback' })
  expect(world.received).toMatchObject([{ channel: 'readings' }])
  expect(world.broker.connections()).toBe(1)
})

test('of two connections the newer stays, though its secret was checked first', async () => {
  const checked: (() => void)[] = []
  const world = await openWorld({
    authenticate: () => new Promise((resolve) => checked.push(() => resolve(true))),
  })
  const older = await world.line()
  older.write(connectPacket({ device: 'fridge-1', secret: 'x', will }))
  await expect.poll(() => checked.length).toBe(1)
  const newer = await world.line()
  newer.write(connectPacket({ device: 'fridge-1', secret: 'x' }))
  await expect.poll(() => checked.length).toBe(2)

  checked[1]?.()
  expect((await newer.next()).body[1]).toBe(0)
  checked[0]?.()

  expect((await older.next()).body[1]).toBe(5)
  expect(await older.closed).toEqual([])
  expect(await newer.untilPong()).toEqual(['pingresp'])
  expect(world.received).toEqual([])
})

test('many connections of one device at once leave exactly one', async () => {
  const world = await openWorld()
  const lines = await Promise.all(Array.from({ length: 20 }, () => world.line()))
  for (const line of lines)
    line.write(connectPacket({ device: 'fridge-1', secret: secretOf('fridge-1'), will }))

  let open = lines.length
  for (const line of lines) void line.closed.then(() => open--)
  await expect.poll(() => open).toBe(1)

  expect(world.broker.connections()).toBe(1)
  expect(world.received).toEqual([])
})

test('two devices with the same client id do not disturb each other', async () => {
  const world = await openWorld()
  const first = await world.admittedLine('fridge-1', { clientId: 'factory default' })
  const second = await world.admittedLine('fridge-2', { clientId: 'factory default' })

  expect(await first.untilPong()).toEqual(['pingresp'])
  expect(await second.untilPong()).toEqual(['pingresp'])
  expect(world.broker.connections()).toBe(2)
})

test('a device that is no longer trusted is hung up on without its will', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { will })
  const other = await world.admittedLine('fridge-2')

  await world.broker.disconnect('fridge-1')

  expect(await line.closed).toEqual([])
  expect(world.broker.isConnected('fridge-1')).toBe(false)
  expect(world.events).toContainEqual({ kind: 'disconnected', device: 'fridge-1', ending: 'revoked' })
  expect(await other.untilPong()).toEqual(['pingresp'])
  expect(world.received).toEqual([])
})

test('a device that loses its trust while its secret is being checked does not get in', async () => {
  const checked: (() => void)[] = []
  const world = await openWorld({
    authenticate: () => new Promise((resolve) => checked.push(() => resolve(true))),
  })
  const line = await world.line()
  line.write(connectPacket({ device: 'fridge-1', secret: 'x' }))
  await expect.poll(() => checked.length).toBe(1)

  await world.broker.disconnect('fridge-1')
  checked[0]?.()
  await world.event({ kind: 'refused', reason: 'outdated' })

  expect(await line.closed).toEqual([])
  expect(world.broker.isConnected('fridge-1')).toBe(false)
})

test('hanging up on a device that is not there is no trouble', async () => {
  const world = await openWorld()

  await expect(world.broker.disconnect('fridge-1')).resolves.toBeUndefined()
})

test('a command reaches its device and no other', async () => {
  const world = await openWorld()
  const heard: unknown[] = []
  for (const name of ['fridge-1', 'fridge-2']) {
    const device = await world.device(name)
    device.on('message', (topic, payload) => heard.push([name, topic, JSON.parse(payload.toString())]))
    await device.subscribeAsync(commandTopic('hospital-1', name), { qos: 1 })
  }
  const command = aCommand()

  expect(await world.broker.send('fridge-1', command)).toBe(true)
  await expect.poll(() => heard.length).toBe(1)
  expect(await world.broker.send('fridge-2', aCommand({ kind: 'sound' }))).toBe(true)
  await expect.poll(() => heard.length).toBe(2)

  expect(heard[0]).toEqual(['fridge-1', commandTopic('hospital-1', 'fridge-1'), command])
  expect(heard[1]).toMatchObject(['fridge-2', commandTopic('hospital-1', 'fridge-2'), { kind: 'sound' }])
})

test('a device that listens under any facility hears its commands, and answers for them', async () => {
  const world = await openWorld()
  const device = await world.device('fridge-1')
  await device.subscribeAsync(commandTopic('+', 'fridge-1'), { qos: 1 })
  const command = aCommand()

  const heardOn = new Promise<string>((resolve) => {
    device.once('message', (topic) => resolve(topic))
  })
  expect(await world.broker.send('fridge-1', command)).toBe(true)
  const topic = await heardOn
  await device.publishAsync(upTopic('h', 'fridge-1', 'replies'), '{}', { qos: 1 })

  expect(topic).toMatch(/^hemotrail\/v1\/[^/]+\/fridge-1\/commands$/)
  expect(world.received).toMatchObject([{ device: 'fridge-1', channel: 'replies' }])
})

test('many commands arrive in order and their acknowledgements do no harm', async () => {
  const world = await openWorld()
  const device = await world.device('fridge-1')
  const heard: unknown[] = []
  device.on('message', (_topic, payload) => heard.push(JSON.parse(payload.toString()).body))
  await device.subscribeAsync(commandTopic('+', 'fridge-1'), { qos: 1 })

  const numbers = Array.from({ length: 100 }, (_, index) => index)
  const sent = await Promise.all(numbers.map((body) => world.broker.send('fridge-1', aCommand({ body }))))

  await expect.poll(() => heard.length).toBe(100)
  expect(heard).toEqual(numbers)
  expect(sent.every(Boolean)).toBe(true)
  await device.publishAsync(readingsOf('fridge-1'), '{}', { qos: 1 })
})

test('a command to a device that is absent, not listening, or listening no more is not sent', async () => {
  const world = await openWorld()
  expect(await world.broker.send('fridge-1', aCommand())).toBe(false)
  const device = await world.device('fridge-1')
  expect(await world.broker.send('fridge-1', aCommand())).toBe(false)
  expect(world.broker.listeningOn('fridge-1')).toBeNull()

  await device.subscribeAsync(commandTopic('+', 'fridge-1'))
  expect(await world.event({ kind: 'listening', device: 'fridge-1' })).toBeDefined()
  await device.publishAsync(readingsOf('fridge-1'), '{}', { qos: 1 })
  expect(world.broker.listeningOn('fridge-1')).toBe(world.received[0]?.connection)
  expect(await world.broker.send('fridge-1', aCommand())).toBe(true)
  await device.unsubscribeAsync(commandTopic('+', 'fridge-1'))

  expect(await world.broker.send('fridge-1', aCommand())).toBe(false)
  expect(world.broker.listeningOn('fridge-1')).toBeNull()
})

test('nothing is delivered on reconnect, whatever session the device asks for', async () => {
  const world = await openWorld()
  const before = await world.device('fridge-1', { clean: false })
  await before.subscribeAsync(commandTopic('+', 'fridge-1'), { qos: 1 })
  await before.endAsync()
  await world.event({ kind: 'disconnected', device: 'fridge-1' })
  expect(await world.broker.send('fridge-1', aCommand({ body: 'stale' }))).toBe(false)

  const line = await world.admittedLine('fridge-1', { clientId: 'client of fridge-1', clean: false })
  expect(await line.untilPong()).toEqual(['pingresp'])
  line.write(subscribePacket(1, commandTopic('+', 'fridge-1')))
  expect(await line.next()).toMatchObject({ name: 'suback' })

  expect(await line.untilPong()).toEqual(['pingresp'])
})

test('a device is told that it has no session to come back to', async () => {
  const world = await openWorld()
  for (let visit = 0; visit < 2; visit++) {
    const line = await world.line()
    line.write(
      connectPacket({ device: 'fridge-1', secret: secretOf('fridge-1'), clientId: 'same', clean: false }),
      subscribePacket(1, commandTopic('+', 'fridge-1')),
    )
    expect((await line.next()).body[0]).toBe(0)
    expect(await line.next()).toMatchObject({ name: 'suback' })
    line.socket.destroy()
    await world.event({ kind: 'disconnected' })
  }
})

test('what a device publishes, retained or not, is delivered to nobody', async () => {
  const world = await openWorld()
  const publisher = await world.admittedLine('fridge-1')
  const listener = await world.admittedLine('fridge-2')
  listener.write(subscribePacket(1, commandTopic('+', 'fridge-2')))
  expect(await listener.next()).toMatchObject({ name: 'suback' })

  publisher.write(publishPacket({ topic: readingsOf('fridge-1'), retain: true }))
  expect(await publisher.next()).toMatchObject({ name: 'puback' })

  expect(await listener.untilPong()).toEqual(['pingresp'])
})

test('a device that stops reading is hung up on and holds nobody up', async () => {
  const world = await openWorld({ limits: { drainTimeoutMs: 100 } })
  const frozen = await world.admittedLine('fridge-1')
  const lively = await world.admittedLine('fridge-2')
  for (const [name, line] of Object.entries({ 'fridge-1': frozen, 'fridge-2': lively })) {
    line.write(subscribePacket(1, commandTopic('+', name)))
    expect(await line.next()).toMatchObject({ name: 'suback' })
  }
  frozen.socket.pause()

  const large = aCommand({ body: 'x'.repeat(500_000) })
  const sent = await Promise.all(Array.from({ length: 40 }, () => world.broker.send('fridge-1', large)))

  expect(sent).toContain(false)
  await world.event({ kind: 'disconnected', device: 'fridge-1' })
  expect(await world.broker.send('fridge-2', aCommand())).toBe(true)
  expect(await lively.next()).toMatchObject({ name: 'publish' })
})
