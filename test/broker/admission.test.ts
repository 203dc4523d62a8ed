import { expect, test } from 'vitest'
import { type Connect, connectPacket, packet, publishPacket, utf8 } from './bytes.ts'
import { openWorld, readingsOf, secretOf, type World } from './world.ts'

const known = { device: 'fridge-1', secret: secretOf('fridge-1') }

/** The CONNACK return code, and that the line is closed after it. */
async function answerTo(world: World, connect: Connect): Promise<number | undefined> {
  const line = await world.line()
  line.write(connectPacket(connect))
  const { name, body } = await line.next()
  expect(name).toBe('connack')
  expect(await line.closed).toEqual([])
  return body[1]
}

test('a device is let in by its name and secret, whatever its client id', async () => {
  const world = await openWorld()

  await world.device('fridge-1', { clientId: 'compressor 7 / rev B' })

  expect(world.broker.isConnected('fridge-1')).toBe(true)
  expect(world.broker.isConnected('fridge-2')).toBe(false)
  expect(world.broker.connections()).toBe(1)
})

test('a device may leave its client id empty', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1', { clientId: '', clean: false })

  expect(await line.untilPong()).toEqual(['pingresp'])
})

test('a wrong secret is refused as such', async () => {
  const world = await openWorld()

  expect(await answerTo(world, { ...known, secret: secretOf('fridge-2') })).toBe(4)
  expect(await answerTo(world, { device: 'fridge-1' })).toBe(4)
  await expect(world.device('fridge-1', { password: 'guessed' })).rejects.toMatchObject({ code: 4 })
  expect(world.events).toContainEqual({ kind: 'refused', device: null, reason: 'secret' })
  expect(world.broker.connections()).toBe(0)
})

test('a device nobody knows is refused like one with a wrong secret', async () => {
  const world = await openWorld()

  expect(await answerTo(world, { device: 'stranger', secret: secretOf('stranger') })).toBe(4)
})

test.each([
  ['no name', {}],
  ['an empty name', { device: '' }],
  ['a name with a slash', { device: 'fridge/1' }],
  ['a name with a wildcard', { device: '+' }],
  ['a name of 65 characters', { device: 'f'.repeat(65) }],
])('%s is refused before anybody looks it up', async (_what, connect) => {
  const asked: string[] = []
  const world = await openWorld({ authenticate: async (device) => asked.push(device) > 0 })

  expect(await answerTo(world, { secret: 'x', ...connect })).toBe(4)
  expect(asked).toEqual([])
})

test('when the secret cannot be checked the device is told to come back, not that it is wrong', async () => {
  const world = await openWorld({
    authenticate: async () => {
      throw new Error('the database is away')
    },
  })

  expect(await answerTo(world, known)).toBe(3)
  expect(world.events).toContainEqual({ kind: 'refused', device: null, reason: 'unavailable' })
})

test.each([
  ['too long', 'x'.repeat(65)],
  ['with a control character', 'a\u0007b'],
  ['that is not ASCII', '冰箱'],
])('a client id %s is refused', async (_what, clientId) => {
  const world = await openWorld()

  expect(await answerTo(world, { ...known, clientId })).toBe(2)
})

test('a device must promise to be heard within the longest keep-alive', async () => {
  const world = await openWorld()

  expect(await answerTo(world, { ...known, keepAliveSeconds: 0 })).toBe(5)
  expect(await answerTo(world, { ...known, keepAliveSeconds: 601 })).toBe(5)
  expect(world.events).toContainEqual({ kind: 'refused', device: null, reason: 'keep_alive' })
  await world.admittedLine('fridge-1', { keepAliveSeconds: 600 })
})

test.each([
  ['on another channel', { topic: readingsOf('fridge-1'), payload: 'x' }],
  ['in the name of another device', { topic: 'hemotrail/v1/hospital-1/fridge-2/status', payload: 'x' }],
  ['on commands', { topic: 'hemotrail/v1/hospital-1/fridge-1/commands', payload: 'x' }],
  ['in $SYS', { topic: '$SYS/x/new/clients', payload: 'x' }],
  ['that is too large', { topic: 'hemotrail/v1/hospital-1/fridge-1/status', payload: 'x'.repeat(1_001) }],
])('a will %s is refused', async (_what, will) => {
  const world = await openWorld()

  expect(await answerTo(world, { ...known, will })).toBe(5)
  expect(world.events).toEqual([{ kind: 'refused', device: null, reason: 'will' }])
  expect(world.received).toEqual([])
})

test('MQTT 5 is answered with the version that is not spoken here', async () => {
  const world = await openWorld()

  await expect(world.device('fridge-1', { protocolVersion: 5 })).rejects.toThrow()
  expect(world.broker.connections()).toBe(0)
})

test('whoever does not begin with a CONNECT is hung up on', async () => {
  const world = await openWorld()
  const line = await world.line()

  line.write(publishPacket({ topic: readingsOf('fridge-1') }))

  expect(await line.closed).toEqual([])
  expect(world.received).toEqual([])
})

test('whoever says nothing is hung up on', async () => {
  const world = await openWorld({ limits: { connectTimeoutMs: 50 } })
  const line = await world.line()

  expect(await line.closed).toEqual([])
})

test('a second CONNECT on one connection is the end of it', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1')

  line.write(connectPacket({ device: 'fridge-2', secret: secretOf('fridge-2') }))

  expect(await line.closed).toEqual([])
  expect(world.events).not.toContainEqual({ kind: 'connected', device: 'fridge-2' })
})

test('a CONNECT with broken flags is hung up on and the broker goes on', async () => {
  const world = await openWorld()
  const line = await world.line()

  line.write(packet(0x10, utf8('MQTT'), Buffer.from([4, 0xff, 0, 60]), utf8('x')))

  expect(await line.closed).toEqual([])
  await world.admittedLine('fridge-1')
})

test('messages sent along with a CONNECT that is refused are not taken', async () => {
  const world = await openWorld()
  const line = await world.line()

  line.write(connectPacket({ ...known, secret: 'guessed' }), publishPacket({ topic: readingsOf('fridge-1') }))

  expect(await line.next()).toMatchObject({ name: 'connack' })
  expect(await line.closed).toEqual([])
  expect(world.received).toEqual([])
})

test('beyond the most connections the next is cut off, and let in again when one has left', async () => {
  const world = await openWorld({ limits: { maxConnections: 2 } })
  const first = await world.admittedLine('fridge-1')
  await world.admittedLine('fridge-2')
  const third = await world.line()

  expect(await third.closed).toEqual([])
  expect(world.events).toContainEqual({ kind: 'refused', device: null, reason: 'too_many' })
  first.socket.destroy()
  await world.event({ kind: 'disconnected', device: 'fridge-1' })
  await world.admittedLine('fridge-3')
})
