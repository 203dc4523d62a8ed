import { afterEach, beforeEach, expect, test } from 'vitest'
import { createContainer } from '../../devices-sim/container.ts'
import { drawFridges, startFleet } from '../../devices-sim/fleet.ts'
import { type Broker, startBroker } from './support/broker.ts'
import { checkMessage, readingsIn } from './support/checked-message.ts'

let broker: Broker
beforeEach(async () => {
  broker = await startBroker()
})
afterEach(() => broker.close())

/** What each fridge measures in an hour, every ten seconds. */
const hourOf = (seed: string, count: number) =>
  drawFridges(seed, count).map(({ container: options }) => {
    const container = createContainer(options)
    return Array.from({ length: 360 }, (_, index) => [
      container.advance((index + 1) * 10_000, Math.round),
      container.measure(),
    ])
  })

test('a seed draws the same fleet each time, no two fridges alike, and more fridges change none of them', () => {
  expect(hourOf('x', 3)).toEqual(hourOf('x', 3))
  expect(hourOf('x', 5).slice(0, 3)).toEqual(hourOf('x', 3))
  const [first, second] = hourOf('x', 2)
  expect(first).not.toEqual(second)
  expect(hourOf('y', 1)).not.toEqual(hourOf('x', 1))
})

test('whatever the seed draws is a fridge that holds blood', () => {
  for (const { name, container: options } of drawFridges('sound', 40)) {
    const container = createContainer({ ...options, visitsPerHour: 0 })
    for (let at = 60_000; at <= 86_400_000; at += 60_000) {
      container.advance(at, Math.round)
      for (const { celsius } of container.measure()) {
        expect(celsius, name).toBeGreaterThan(2)
        expect(celsius, name).toBeLessThan(6)
      }
    }
  }
})

test('fridges stand twelve to a hospital', () => {
  const fridges = drawFridges(1, 25)
  expect(fridges.at(11)).toMatchObject({ name: 'sim-fridge-0012', facility: 'sim-hospital-0001' })
  expect(fridges.at(12)).toMatchObject({ name: 'sim-fridge-0013', facility: 'sim-hospital-0002' })
})

test('two fleets of one seed and two prefixes live alike and share no name and no tag', () => {
  const [a, b] = ['a', 'b'].map((prefix) => drawFridges('x', 20, prefix))
  const named = (fridges = a ?? []) =>
    fridges.flatMap(({ name, facility, container }) => [name, facility, ...(container.tags ?? [])])
  expect(named(a).filter((name) => named(b).includes(name))).toEqual([])
  expect(a?.map(({ container }) => container.heat)).toEqual(b?.map(({ container }) => container.heat))
})

test('the first refusal of a fleet is told, once', async () => {
  await broker.close()
  broker = await startBroker({ secrets: {} })
  const refused: string[] = []
  const fridges = drawFridges('x', 3)
  const fleet = startFleet({
    url: broker.url,
    fridges,
    seed: 'x',
    run: 'first',
    intervalMs: 3,
    secretOf: () => 'wrong',
    onRefused: (name) => refused.push(name),
  })
  await expect.poll(() => fleet.totals().refusals).toBe(3)
  await fleet.close()
  expect(refused).toHaveLength(1)
})

test('a fleet reports, every fridge under its own name and boot, and two runs of a seed share no boot', async () => {
  const boots = new Set<string>()
  for (const run of ['first', 'second']) {
    const fleet = startFleet({
      url: broker.url,
      fridges: drawFridges('x', 5),
      seed: 'x',
      run,
      intervalMs: 20,
      secretOf: () => '',
    })
    const from = broker.heard.length
    await broker.until((heard) => {
      const readings = heard.slice(from).filter(({ channel }) => channel === 'readings')
      return readings.length > 25 && new Set(readings.map(({ device }) => device)).size === 5
    })
    await fleet.close(30_000)
    const totals = fleet.totals()
    const heard = broker.heard.slice(from).filter(({ channel }) => channel !== 'status')
    expect(totals).toMatchObject({ devices: 5, acknowledged: heard.length, sent: heard.length, waiting: 0 })
    expect(totals).toMatchObject({ reconnects: 0, refusals: 0 })
    for (const message of heard) boots.add(`${message.device}/${checkMessage(message).envelope.boot}`)
    for (const message of heard) {
      if (message.channel === 'readings') expect(readingsIn(message).length).toBeGreaterThanOrEqual(2)
    }
  }
  expect(boots.size).toBe(10)
})
