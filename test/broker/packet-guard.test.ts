import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPacketMeter, guardPackets } from '../../broker/packet-guard.ts'
import { connectPacket, packet, pingPacket, publishPacket, remainingLength } from './bytes.ts'
import { openWorld, readingsOf, secretOf } from './world.ts'

const limits = { first: 20, later: 300 }

/** Cut bytes into chunks of these sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 })
const firstByte = fc.integer({ min: 0, max: 255 })
const body = (max: number) => fc.uint8Array({ maxLength: max }).map((bytes) => Buffer.from(bytes))
const smallFirst = fc.tuple(firstByte, body(18)).map(([type, bytes]) => packet(type, bytes))
const small = fc.tuple(firstByte, body(297)).map(([type, bytes]) => packet(type, bytes))

describe('the meter', () => {
  test('finds nothing in packets within their limits, however they are cut', () => {
    fc.assert(
      fc.property(smallFirst, fc.array(small, { maxLength: 20 }), sizes, (first, later, cuts) => {
        const measure = createPacketMeter(limits)
        for (const chunk of cut(Buffer.concat([first, ...later]), cuts)) expect(measure(chunk)).toBe(0)
      }),
    )
  })

  test('finds the first packet beyond its limit in the chunk that ends its header', () => {
    const length = fc.integer({ min: 298, max: 268_435_455 })
    fc.assert(
      fc.property(
        smallFirst,
        fc.array(small, { maxLength: 10 }),
        length,
        sizes,
        (first, later, large, cuts) => {
          const header = Buffer.concat([Buffer.from([0x32]), remainingLength(large)])
          const innocent = Buffer.concat([first, ...later])
          const measure = createPacketMeter(limits)
          const total = header.length + large
          if (total <= limits.later) return
          let seen = 0
          for (const chunk of cut(Buffer.concat([innocent, header, Buffer.alloc(500)]), cuts)) {
            const verdict = measure(chunk)
            seen += chunk.length
            const due = seen >= innocent.length + header.length
            expect(verdict).toBe(due ? total : 0)
            if (due) return
          }
          expect.unreachable()
        },
      ),
    )
  })

  test('holds the first packet to its own limit, and a packet at its limit is none beyond it', () => {
    const judge = (...bytes: Buffer[]) => createPacketMeter(limits)(Buffer.concat(bytes))
    expect(judge(packet(0x10, Buffer.alloc(18)))).toBe(0)
    expect(judge(packet(0x10, Buffer.alloc(19)))).toBe(21)
    expect(judge(pingPacket, packet(0x30, Buffer.alloc(297)))).toBe(0)
    expect(judge(pingPacket, packet(0x30, Buffer.alloc(298)))).toBe(301)
  })

  test('takes a length of more than four bytes for endless', () => {
    fc.assert(
      fc.property(firstByte, fc.uint8Array({ minLength: 4, maxLength: 4 }), sizes, (type, digits, cuts) => {
        const measure = createPacketMeter({ first: 1e9, later: 1e9 })
        const endless = Buffer.from([type, ...digits.map((digit) => digit | 0x80), 0])
        const verdicts = cut(endless, cuts).map(measure)
        expect(verdicts.find((verdict) => verdict > 0)).toBe(Number.POSITIVE_INFINITY)
      }),
    )
  })

  test('reads a length spelt with more bytes than it needs as the parser does', () => {
    const measure = createPacketMeter(limits)
    expect(measure(Buffer.from([0xc0, 0x80, 0x80, 0x00]))).toBe(0)
    expect(measure(packet(0x30, Buffer.alloc(298)))).toBe(301)
  })
})

test('the guard lets through nothing of the chunk that is too much, and destroys the stream', async () => {
  const stream = new Duplex({ read() {} })
  const told: number[] = []
  guardPackets(stream, limits, (bytes) => told.push(bytes))
  const failed = new Promise<Error>((resolve) => stream.once('error', resolve))

  stream.push(pingPacket)
  expect(stream.read()).toEqual(pingPacket)
  expect(stream.push(packet(0x30, Buffer.alloc(1_000)))).toBe(false)
  expect(stream.push(packet(0x30, Buffer.alloc(1_000)))).toBe(false)

  expect((await failed).message).toContain('1003')
  expect(told).toEqual([1_003])
  expect(stream.read()).toBeNull()
})

describe('at the broker', () => {
  const tenMegabytes = 10_000_000
  const header = Buffer.concat([Buffer.from([0x32]), remainingLength(tenMegabytes)])

  test('a packet of 10 MB closes the link of a device at its header', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')

    line.write(header)

    expect(await line.closed).toEqual([])
    expect(await world.event({ kind: 'oversized' })).toEqual({
      kind: 'oversized',
      device: 'fridge-1',
      bytes: tenMegabytes + header.length,
    })
    expect(world.logged).toContainEqual(expect.objectContaining({ level: 'warn', device: 'fridge-1' }))
  })

  test('a stranger may announce far less before it is hung up on', async () => {
    const world = await openWorld()
    const line = await world.line()

    line.write(Buffer.concat([Buffer.from([0x10]), remainingLength(5_000)]))

    expect(await line.closed).toEqual([])
    expect(world.events).toEqual([{ kind: 'oversized', device: null, bytes: 5_003 }])
  })

  test('a packet of 10 MB behind a CONNECT is not waited for, let in or not', async () => {
    const world = await openWorld()
    for (const secret of [secretOf('fridge-1'), 'guessed']) {
      const line = await world.line()
      line.write(connectPacket({ device: 'fridge-1', secret }), header)
      await line.closed
    }
    expect(world.received).toEqual([])
    expect(world.events.filter(({ kind }) => kind === 'oversized')).toHaveLength(2)
  })

  test('ten megabytes really sent, again and again, are not kept', async () => {
    const world = await openWorld()
    const flood = Buffer.concat([header, Buffer.alloc(tenMegabytes)])
    const before = process.memoryUsage().rss
    for (let round = 0; round < 30; round++) {
      const line = await (round % 2 ? world.admittedLine('fridge-1') : world.line())
      line.write(flood)
      await line.closed
      line.socket.destroy()
    }

    expect(world.received).toEqual([])
    expect(world.events.filter(({ kind }) => kind === 'oversized')).toHaveLength(30)
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  })

  test('a message of the largest size is taken and one byte more is not', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')
    const topic = readingsOf('fridge-1')
    const overhead = publishPacket({ topic, payload: 'x'.repeat(200_000) }).length - 200_000

    line.write(publishPacket({ topic, payload: 'x'.repeat(256_000 - overhead) }))
    expect(await line.next()).toMatchObject({ name: 'puback' })
    line.write(publishPacket({ topic, payload: 'x'.repeat(256_001 - overhead) }))

    expect(await line.closed).toEqual([])
    expect(world.received.map(({ payload }) => payload.length)).toEqual([256_000 - overhead])
  })

  test('packets that arrive byte by byte are understood', async () => {
    const world = await openWorld()
    const line = await world.line()
    const bytes = Buffer.concat([
      connectPacket({ device: 'fridge-1', secret: secretOf('fridge-1') }),
      publishPacket({ topic: readingsOf('fridge-1'), payload: 'x'.repeat(200), id: 9 }),
    ])

    for (const byte of bytes) {
      line.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }

    expect(await line.next()).toMatchObject({ name: 'connack' })
    expect(await line.next()).toMatchObject({ name: 'puback', id: 9 })
    expect(world.received).toHaveLength(1)
  })

  test('a length that never ends closes the link', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')

    line.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 0xff]))

    expect(await line.closed).toEqual([])
    expect(world.events).toContainEqual({
      kind: 'oversized',
      device: 'fridge-1',
      bytes: Number.POSITIVE_INFINITY,
    })
  })

  test('no bytes whatever bring the broker down', async () => {
    const world = await openWorld({ limits: { connectTimeoutMs: 20, maxConnections: 100_000 } })
    const valid = [
      connectPacket({ device: 'fridge-1', secret: secretOf('fridge-1') }),
      publishPacket({ topic: readingsOf('fridge-1') }),
      pingPacket,
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constantFrom(...valid), body(60)), { minLength: 1, maxLength: 8 }),
        async (parts) => {
          const line = await world.line()
          line.write(...parts)
          line.socket.end()
          await line.closed
        },
      ),
      { numRuns: 200 },
    )

    const line = await world.admittedLine('fridge-1')
    expect(await line.untilPong()).toEqual(['pingresp'])
  })
})
