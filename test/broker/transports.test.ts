import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { connectAsync, connect as connectAtLeisure, type IClientOptions } from 'mqtt'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import type { Urls } from '../../broker/listeners.ts'
import { commandTopic, upTopic } from '../../schema/topics.ts'
import { aCertificate } from '../support/certificate.ts'
import { connectPacket, packet, publishPacket, remainingLength } from './bytes.ts'
import { linkClosed, openWorld, readingsOf, secretOf, type World } from './world.ts'

let tls: { cert: Buffer; key: Buffer }

beforeAll(async () => {
  const { directory, cert, key } = await aCertificate()
  tls = { cert, key }
  await rm(directory, { recursive: true })
})

const openEverything = (options: Parameters<typeof openWorld>[0] = {}): Promise<World> =>
  openWorld({
    listen: { host: '127.0.0.1', mqttPort: 0, wsPort: 0, mqttsPort: 0, wssPort: 0, tls },
    ...options,
  })

const schemes = ['mqtt', 'ws', 'mqtts', 'wss'] as const

async function connect(urls: Urls, scheme: keyof Urls, options: IClientOptions = {}) {
  const client = await connectAsync(urls[scheme] ?? '', {
    username: 'fridge-1',
    password: secretOf('fridge-1'),
    reconnectPeriod: 0,
    ca: tls.cert,
    ...options,
  })
  client.on('error', () => {})
  onTestFinished(() => void client.end(true))
  return client
}

describe.each(schemes)('over %s', (scheme) => {
  test('a device is heard, acknowledged and commanded', async () => {
    const world = await openEverything()
    const device = await connect(world.broker.urls, scheme)
    await device.subscribeAsync(commandTopic('+', 'fridge-1'), { qos: 1 })

    await device.publishAsync(readingsOf('fridge-1'), '[]', { qos: 1 })
    const heard = new Promise<Buffer>((resolve) => {
      device.once('message', (_topic, payload) => resolve(payload))
    })
    const command = { id: crypto.randomUUID(), kind: 'sound', expiresAt: 2_000, body: null } as const
    expect(await world.broker.send('fridge-1', command)).toBe(true)

    expect(world.received).toMatchObject([{ device: 'fridge-1', channel: 'readings' }])
    expect(JSON.parse(String(await heard))).toEqual(command)
  })

  test('a wrong secret is answered before the link is closed', async () => {
    const world = await openEverything()

    await expect(connect(world.broker.urls, scheme, { password: 'x' })).rejects.toMatchObject({ code: 4 })
  })

  test('a packet that is too large closes the link and is not taken', async () => {
    const world = await openEverything()
    const device = await connect(world.broker.urls, scheme)
    const closed = linkClosed(device)

    device.publish(readingsOf('fridge-1'), Buffer.alloc(10_000_000), { qos: 1 })

    await closed
    expect(world.received).toEqual([])
    await world.event({ kind: 'disconnected', device: 'fridge-1' })
  })

  test('a connection that breaks publishes its will, one that is replaced does not', async () => {
    const world = await openEverything()
    const will = {
      topic: upTopic('h', 'fridge-1', 'status'),
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
    } as const
    const older = await connect(world.broker.urls, scheme, { will })
    const olderClosed = linkClosed(older)
    const newer = await connect(world.broker.urls, scheme, { will })
    await olderClosed
    expect(world.received).toEqual([])

    await newer.subscribeAsync(commandTopic('+', 'fridge-1'))
    newer.stream.destroy()

    expect(await world.message('fridge-1')).toMatchObject({ will: true })
    expect(world.received).toHaveLength(1)
  })

  test('closing acknowledges what was taken and hangs up', async () => {
    const world = await openEverything()
    const device = await connect(world.broker.urls, scheme)
    const closed = linkClosed(device)

    await device.publishAsync(readingsOf('fridge-1'), '[]', { qos: 1 })
    await world.broker.close()

    await closed
    await expect(connect(world.broker.urls, scheme)).rejects.toThrow()
  })

  test('a connection that was cut off leaves its place to another', async () => {
    const world = await openEverything({ limits: { maxConnections: 1 } })
    const first = await connect(world.broker.urls, scheme)
    const second = connectAtLeisure(world.broker.urls[scheme] ?? '', { ca: tls.cert, reconnectPeriod: 0 })
    onTestFinished(() => void second.end(true))
    second.on('error', () => {})
    await world.event({ kind: 'refused', reason: 'too_many' })

    first.stream.destroy()
    await world.event({ kind: 'disconnected' })
    await connect(world.broker.urls, scheme)
  })
})

describe('over WebSocket', () => {
  async function webSocket(world: World, protocol?: string): Promise<WebSocket> {
    const socket = new WebSocket(world.broker.urls.ws ?? '', protocol)
    socket.on('error', () => {})
    onTestFinished(() => socket.terminate())
    return socket
  }

  test('packets may be cut into frames anywhere', async () => {
    const world = await openEverything()
    const socket = await webSocket(world, 'mqtt')
    await once(socket, 'open')
    const bytes = Buffer.concat([
      connectPacket({ device: 'fridge-1', secret: secretOf('fridge-1') }),
      publishPacket({ topic: readingsOf('fridge-1') }),
      publishPacket({ topic: readingsOf('fridge-1'), id: 2 }),
    ])

    for (const byte of bytes) socket.send(Buffer.from([byte]))

    await expect.poll(() => world.received.length).toBe(2)
  })

  test('a packet that announces too much in a small frame closes the link', async () => {
    const world = await openEverything()
    const socket = await webSocket(world, 'mqtt')
    await once(socket, 'open')

    socket.send(Buffer.concat([Buffer.from([0x10]), remainingLength(10_000_000)]))

    await once(socket, 'close')
    expect(world.events).toEqual([{ kind: 'oversized', device: null, bytes: 10_000_005 }])
  })

  test('a frame larger than any packet closes the link', async () => {
    const world = await openEverything()
    const socket = await webSocket(world, 'mqtt')
    await once(socket, 'open')

    socket.send(Buffer.alloc(1_000_000, packet(0xc0)))

    const [code] = await once(socket, 'close')
    expect(code).toBe(1009)
  })

  test('text is not MQTT', async () => {
    const world = await openEverything()
    const socket = await webSocket(world, 'mqtt')
    await once(socket, 'open')

    socket.send('\u0010')

    await once(socket, 'close')
  })

  test.each([
    ['no subprotocol', undefined],
    ['another subprotocol', 'chat'],
  ])('a client with %s is told which one is spoken', async (_what, protocol) => {
    const world = await openEverything()
    const socket = await webSocket(world, protocol)

    const [, response] = await once(socket, 'unexpected-response')

    expect(response.statusCode).toBe(400)
  })

  test('a plain HTTP request is told to upgrade', async () => {
    const world = await openEverything()

    const response = await fetch((world.broker.urls.ws ?? '').replace('ws:', 'http:'))

    expect(response.status).toBe(426)
  })
})

test('TLS without a certificate is a mistake found at the start', async () => {
  await expect(openWorld({ listen: { host: '127.0.0.1', mqttsPort: 0 } })).rejects.toThrow('certificate')
})

test('a port that is taken is a mistake found at the start, and nothing stays open', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }

  await expect(openWorld({ listen: { host: '127.0.0.1', mqttPort: 0, wsPort: port } })).rejects.toThrow(
    'EADDRINUSE',
  )
})
