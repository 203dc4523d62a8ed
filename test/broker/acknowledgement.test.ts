import { expect, test } from 'vitest'
import { connectPacket, publishPacket, pubrelPacket } from './bytes.ts'
import { holdCommits, openWorld, readingsOf, secretOf } from './world.ts'

const topic = readingsOf('fridge-1')

test('a message is acknowledged after it is committed and not before', async () => {
  const commits = holdCommits()
  const world = await openWorld({ commits })
  const line = await world.admittedLine('fridge-1')

  line.write(publishPacket({ topic, payload: 'cold', id: 7 }))
  const { batch, commit } = await commits.next()

  expect(batch).toEqual([
    {
      device: 'fridge-1',
      topic,
      channel: 'readings',
      payload: Buffer.from('cold'),
      receivedAt: 1_000,
      connection: expect.any(String),
      will: false,
    },
  ])
  expect(await line.untilPong()).toEqual(['pingresp'])
  commit()
  expect(await line.next()).toMatchObject({ name: 'puback', id: 7 })
})

test('a message of QoS 2 is not received before it is committed, and is committed once', async () => {
  const commits = holdCommits()
  const world = await openWorld({ commits })
  const line = await world.admittedLine('fridge-1')

  line.write(publishPacket({ topic, qos: 2, id: 7 }))
  const { commit } = await commits.next()

  expect(await line.untilPong()).toEqual(['pingresp'])
  commit()
  expect(await line.next()).toMatchObject({ name: 'pubrec', id: 7 })
  line.write(pubrelPacket(7))
  expect(await line.next()).toMatchObject({ name: 'pubcomp', id: 7 })
  line.write(pubrelPacket(7))
  expect(await line.next()).toMatchObject({ name: 'pubcomp', id: 7 })
  expect(world.received).toHaveLength(1)
})

test('a device may send thousands of messages of QoS 2 over one connection', async () => {
  const world = await openWorld()
  const line = await world.admittedLine('fridge-1')

  for (let turn = 0; turn < 1_500; turn++) {
    const id = (turn % 1_200) + 1
    line.write(publishPacket({ topic, qos: 2, id }))
    expect(await line.next()).toMatchObject({ name: 'pubrec', id })
    line.write(pubrelPacket(id))
    expect(await line.next()).toMatchObject({ name: 'pubcomp', id })
  }

  expect(world.received).toHaveLength(1_500)
})

test('a message of QoS 0 goes through the same gate', async () => {
  const world = await openWorld()
  const device = await world.device('fridge-1')

  await device.publishAsync(topic, 'cold', { qos: 0 })

  expect(await world.message('fridge-1')).toMatchObject({ topic, will: false })
})

test('a batch that is not committed is not acknowledged and its devices are hung up on', async () => {
  const commits = holdCommits()
  const world = await openWorld({ commits })
  const first = await world.admittedLine('fridge-1')
  const second = await world.admittedLine('fridge-2')
  const bystander = await world.admittedLine('fridge-3')

  first.write(publishPacket({ topic }))
  const holding = await commits.next()
  first.write(publishPacket({ topic, id: 2 }))
  second.write(publishPacket({ topic: readingsOf('fridge-2'), id: 3 }))
  await first.untilPong()
  await second.untilPong()
  holding.commit()
  expect(await first.next()).toMatchObject({ name: 'puback', id: 1 })
  const failing = await commits.next()
  expect(failing.batch.map(({ device }) => device)).toEqual(['fridge-1', 'fridge-2'])
  failing.fail()

  expect(await first.closed).toEqual([])
  expect(await second.closed).toEqual([])
  expect(await bystander.untilPong()).toEqual(['pingresp'])
  expect(world.logged).toContainEqual(expect.objectContaining({ level: 'error', messages: 2 }))
})

test('each device hears its acknowledgements in the order it published', async () => {
  const world = await openWorld({ limits: { maxBatch: 7 } })
  const ids = Array.from({ length: 300 }, (_, index) => ((index * 7_919) % 65_535) + 1)
  const lines = [await world.admittedLine('fridge-1'), await world.admittedLine('fridge-2')]

  for (const id of ids) {
    for (const [index, line] of lines.entries()) {
      line.write(publishPacket({ topic: readingsOf(`fridge-${index + 1}`), id }))
    }
  }

  for (const line of lines) {
    const heard: (number | null)[] = []
    while (heard.length < ids.length) heard.push((await line.next()).id)
    expect(heard).toEqual(ids)
  }
})

test('messages sent along with the CONNECT are taken in order once the device is admitted', async () => {
  const world = await openWorld()
  const line = await world.line()
  const messages = [1, 2, 3, 4, 5].map((id) => publishPacket({ topic, id, payload: String(id) }))

  line.write(connectPacket({ device: 'fridge-1', secret: secretOf('fridge-1') }), ...messages)

  expect(await line.next()).toMatchObject({ name: 'connack' })
  for (const id of [1, 2, 3, 4, 5]) expect(await line.next()).toMatchObject({ name: 'puback', id })
  expect(world.received.map(({ payload }) => payload.toString())).toEqual(['1', '2', '3', '4', '5'])
})

test('a device that leaves before its message is committed has it committed all the same', async () => {
  const commits = holdCommits()
  const world = await openWorld({ commits })
  const line = await world.admittedLine('fridge-1')

  line.write(publishPacket({ topic }))
  const { commit } = await commits.next()
  line.socket.destroy()
  await world.event({ kind: 'disconnected', device: 'fridge-1' })
  commit()

  const again = await world.admittedLine('fridge-1')
  expect(await again.untilPong()).toEqual(['pingresp'])
})

test('when too much is waiting to be committed the newcomer is hung up on and the others are served', async () => {
  const commits = holdCommits()
  const world = await openWorld({ commits, limits: { maxPendingMessages: 2 } })
  const early = await world.admittedLine('fridge-1')
  const late = await world.admittedLine('fridge-2')

  early.write(publishPacket({ topic, id: 1 }), publishPacket({ topic, id: 2 }))
  const { commit } = await commits.next()
  late.write(publishPacket({ topic: readingsOf('fridge-2') }))

  expect(await late.closed).toEqual([])
  expect(await world.event({ kind: 'overloaded', device: 'fridge-2' })).toBeDefined()
  commit()
  expect(await early.next()).toMatchObject({ name: 'puback', id: 1 })
  expect(await early.next()).toMatchObject({ name: 'puback', id: 2 })
})

test('closing commits and acknowledges what was taken, takes no more, and then hangs up', async () => {
  const commits = holdCommits()
  const world = await openWorld({ commits })
  const line = await world.admittedLine('fridge-1', {
    will: { topic: 'hemotrail/v1/hospital-1/fridge-1/status', payload: 'gone' },
  })
  const handshake = await world.admittedLine('fridge-2')
  line.write(publishPacket({ topic, id: 1 }))
  const { commit } = await commits.next()
  line.write(publishPacket({ topic, id: 2 }))
  handshake.write(publishPacket({ topic: readingsOf('fridge-2'), qos: 2, id: 3 }))
  await line.untilPong()
  await handshake.untilPong()

  const closed = world.broker.close()
  line.write(publishPacket({ topic, id: 4 }))
  await line.untilPong()
  commit()
  commits.letGo()
  await closed

  expect(await line.closed).toEqual(['puback', 'puback'])
  expect(await handshake.closed).toEqual(['pubrec'])
  expect(world.received.map(({ device, will }) => ({ device, will }))).toEqual([
    { device: 'fridge-1', will: false },
    { device: 'fridge-1', will: false },
    { device: 'fridge-2', will: false },
  ])
  expect(world.broker.connections()).toBe(0)
  expect(world.events).toContainEqual({ kind: 'disconnected', device: 'fridge-1', ending: 'shutdown' })
})

test('closing twice is closing once, and nobody is let in afterwards', async () => {
  const world = await openWorld()
  const url = world.broker.urls.mqtt
  await Promise.all([world.broker.close(), world.broker.close()])

  expect(url).toBeDefined()
  await expect(world.device('fridge-1')).rejects.toThrow()
})
