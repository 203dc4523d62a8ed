import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { drivenClock } from '../../../devices-sim/city/clock.ts'
import { drawCity } from '../../../devices-sim/city/draw-city.ts'
import { openUnits, type Units } from '../../../devices-sim/city/units.ts'
import type { Device } from '../../../devices-sim/device.ts'
import { type Broker, startBroker } from '../support/broker.ts'

const epoch = Date.UTC(2026, 2, 2)
const here = { lat: 30, lon: 120 }

let broker: Broker
let units: Units
let troubles: unknown[]
beforeEach(async () => {
  broker = await startBroker()
  troubles = []
  const onTrouble = (error: unknown) => troubles.push(error)
  units = openUnits({
    ...{ url: broker.url, city: drawCity({ seed: 'u', hospitals: 1, fridges: 4 }), run: 'r' },
    ...{ clock: drivenClock({ epoch, onTrouble }), secrets: new Map(), tagsIn: () => [], onTrouble },
  })
  await units.connected()
  await units.drained()
})
afterEach(async () => {
  await units.close()
  await broker.close()
})

test('are drained when nobody has anything left to say, not when each of them once had nothing', async () => {
  const [late, asked] = [...units.devices.values()] as [Device, Device]
  late.cutNetwork()
  units.locate(late.name, here)
  let isOver = false
  const drained = units.drained().then(() => {
    isOver = true
    return units.counts()
  })
  // It was done; and has something to say again, which does not arrive, before the one that is late is done.
  asked.cutNetwork()
  units.locate(asked.name, here)
  const arrived = once(late.events, 'acknowledged')
  late.restoreNetwork()
  await arrived
  await nextTurn()
  expect(isOver).toBe(false)
  asked.restoreNetwork()
  const { sent, acknowledged } = await drained
  expect(acknowledged).toBe(sent)
  expect(asked.isDrained()).toBe(true)
  expect(troubles).toEqual([])
})
