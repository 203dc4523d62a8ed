import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { publishChannel, refuseConnect, subscribeFacility } from '../../broker/access.ts'
import { defaultLimits } from '../../broker/limits.ts'
import { commandTopic, upTopic } from '../../schema/topics.ts'
import { upChannels } from '../../schema/vocabulary.ts'
import { publishPacket, subscribePacket } from './bytes.ts'
import { openWorld, readingsOf } from './world.ts'

const name = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}$/)
const channel = fc.constantFrom(...upChannels)
/** A level as a mischievous device would write it, often one that belongs there. */
const level = fc.oneof(
  name,
  fc.constantFrom('', '+', '#', '$SYS', 'hemotrail', 'v1', 'commands', 'readings', 'me', '\ufffd', 'a\u0000'),
)
const topic = fc.oneof(
  fc.array(level, { maxLength: 7 }).map((levels) => levels.join('/')),
  fc
    .tuple(level, level, level)
    .map(([facility, device, last]) => `hemotrail/v1/${facility}/${device}/${last}`),
)

/** Does this filter match this topic? MQTT 3.1.1 § 4.7. */
function matches(filter: string, subject: string): boolean {
  const topicLevels = subject.split('/')
  const filterLevels = filter.split('/')
  for (const [index, part] of filterLevels.entries()) {
    if (part === '#') return true
    if (index >= topicLevels.length) return false
    if (part !== '+' && part !== topicLevels[index]) return false
  }
  return filterLevels.length === topicLevels.length
}

describe('by rule', () => {
  test('a device may publish on each of its channels, under any facility', () => {
    fc.assert(
      fc.property(name, name, channel, (facility, device, word) => {
        expect(publishChannel(upTopic(facility, device, word), device)).toBe(word)
      }),
    )
  })

  test('a topic a device may publish on is spelt with its own name', () => {
    fc.assert(
      fc.property(topic, (text) => {
        const granted = publishChannel(text, 'me')
        const facility = text.split('/')[2] ?? ''
        if (granted) expect(text).toBe(upTopic(facility, 'me', granted))
        if (granted) expect(facility).toMatch(/^[A-Za-z0-9._-]+$/)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a filter that is granted matches no topic but the own commands', () => {
    fc.assert(
      fc.property(topic, topic, (filter, subject) => {
        const facility = subscribeFacility(filter, 'me')
        if (facility === null) return
        expect(facility).toMatch(/^(\+|[A-Za-z0-9._-]+)$/)
        if (matches(filter, subject)) expect(subject).toBe(commandTopic(subject.split('/')[2] ?? '', 'me'))
      }),
      { numRuns: 5_000 },
    )
  })

  test('a device may listen to its commands under its facility or any', () => {
    fc.assert(
      fc.property(name, name, (facility, device) => {
        expect(subscribeFacility(commandTopic(facility, device), device)).toBe(facility)
        expect(subscribeFacility(commandTopic('+', device), device)).toBe('+')
        expect(subscribeFacility(commandTopic(facility, device), `${device}x`)).toBeNull()
      }),
    )
  })

  test('a will at the limit is let in and one byte more is not', () => {
    const connect = (bytes: number) => ({
      username: 'me',
      clientId: 'x',
      keepAliveSeconds: 60,
      will: { topic: upTopic('h', 'me', 'status'), bytes },
    })
    expect(refuseConnect(connect(1_000), defaultLimits)).toBeNull()
    expect(refuseConnect(connect(1_001), defaultLimits)).toBe('will')
  })
})

describe('at the broker', () => {
  test.each([
    ['under the name of another device', readingsOf('fridge-2')],
    ['under another root', 'somewhere/v1/hospital-1/fridge-1/readings'],
    ['under another version of the grammar', 'hemotrail/v2/hospital-1/fridge-1/readings'],
    ['on a channel nobody knows', 'hemotrail/v1/hospital-1/fridge-1/gossip'],
    ['on its own commands', 'hemotrail/v1/hospital-1/fridge-1/commands'],
    ['below its channel', 'hemotrail/v1/hospital-1/fridge-1/readings/air'],
    ['in $SYS', '$SYS/broker/new/clients'],
    ['on a wildcard', 'hemotrail/v1/+/fridge-1/readings'],
    ['on no topic', ''],
    ['on a topic of a hundred and one levels', '/'.repeat(100)],
    ['on a topic of thousands of levels', '/'.repeat(60_000)],
    ['with bytes that are no UTF-8', Buffer.from('hemotrail/v1/\xff\xfe/fridge-1/readings', 'latin1')],
    ['with a NUL in the facility', 'hemotrail/v1/a\u0000b/fridge-1/readings'],
  ])('a device that publishes %s is hung up on and not heard', async (_where, text) => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')
    const other = await world.admittedLine('fridge-2')

    line.write(publishPacket({ topic: text }))

    expect(await line.closed).toEqual([])
    expect(await other.untilPong()).toEqual(['pingresp'])
    expect(world.received).toEqual([])
  })

  test('a refused topic is counted and logged with the device', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')

    line.write(publishPacket({ topic: readingsOf('fridge-2') }))
    await line.closed

    expect(world.events).toContainEqual({ kind: 'refused', device: 'fridge-1', reason: 'publish' })
    expect(world.logged).toContainEqual({
      level: 'warn',
      message: 'refused',
      device: 'fridge-1',
      reason: 'publish',
      topic: readingsOf('fridge-2'),
    })
  })

  test('the facility a device writes is passed on as it is', async () => {
    const world = await openWorld()
    const device = await world.device('fridge-1')

    await device.publishAsync('hemotrail/v1/elsewhere/fridge-1/door', '[]', { qos: 1 })

    expect(world.received).toMatchObject([
      { device: 'fridge-1', channel: 'door', topic: 'hemotrail/v1/elsewhere/fridge-1/door' },
    ])
  })

  test('a device is granted its own commands and nothing else, and stays connected', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')

    line.write(
      subscribePacket(
        1,
        'hemotrail/v1/hospital-1/fridge-1/commands',
        '#',
        'hemotrail/v1/hospital-1/fridge-2/commands',
        'hemotrail/v1/+/+/commands',
        'hemotrail/v1/#',
        '$SYS/#',
        readingsOf('fridge-1'),
        'hemotrail/v1/+/fridge-1/commands',
      ),
    )
    const { name: answer, body } = await line.next()

    expect(answer).toBe('suback')
    expect([...body.subarray(2)]).toEqual([1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1])
    expect(await line.untilPong()).toEqual(['pingresp'])
    expect(world.events.filter(({ kind }) => kind === 'refused')).toHaveLength(6)
  })

  test('a device that keeps asking for what is not its own is hung up on', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')

    line.write(subscribePacket(1, ...Array.from({ length: 20 }, (_, index) => `a/${index}`)))

    expect(await line.closed).toEqual([])
    expect(world.events.filter(({ kind }) => kind === 'refused')).toHaveLength(8)
  })

  test('a device holds only so many filters, and may ask for one again', async () => {
    const world = await openWorld()
    const line = await world.admittedLine('fridge-1')
    const filters = Array.from({ length: 9 }, (_, index) => `hemotrail/v1/h${index}/fridge-1/commands`)

    line.write(subscribePacket(1, ...filters))
    expect([...(await line.next()).body.subarray(2)]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0x80])
    line.write(subscribePacket(2, 'hemotrail/v1/h0/fridge-1/commands'))
    expect([...(await line.next()).body.subarray(2)]).toEqual([1])
  })
})
