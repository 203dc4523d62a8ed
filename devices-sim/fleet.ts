import { type ContainerOptions, createContainer } from './container.ts'
import { type Device, startDevice } from './device.ts'
import { type HeatParams, presets } from './heat.ts'
import type { Journal } from './journal.ts'
import type { Habits, Message } from './outbox.ts'
import { createRandom, type Random } from './random.ts'
import type { SensorParams } from './sensor.ts'

/** A fridge as the seed draws it: no two alike, and the same each time. */
export type Fridge = {
  readonly name: string
  readonly facility: string
  readonly container: ContainerOptions
}

export type FleetOptions = Habits & {
  readonly url: string
  readonly fridges: readonly Fridge[]
  readonly seed: string | number
  /** Distinguishes runs of one seed: they live alike, but a boot must never come back. */
  readonly run: string
  readonly intervalMs: number
  readonly speed?: number
  readonly secretOf: (name: string) => string
  readonly journal?: Journal | undefined
  readonly onAcknowledged?: (device: string, message: Message) => void
  /** Told once, of the first device the broker does not want: the others likely share its fate. */
  readonly onRefused?: (device: string, error: Error) => void
  /** A device was told to make itself heard. */
  readonly onSound?: (device: string) => void
}

export type Totals = {
  readonly devices: number
  readonly connected: number
  readonly sent: number
  readonly acknowledged: number
  readonly reconnects: number
  readonly refusals: number
  /** Readings in no message yet. */
  readonly waiting: number
}

export type Fleet = {
  readonly devices: readonly Device[]
  totals(): Totals
  /** What went wrong last, and was tried again. */
  lastTrouble(): string | null
  /** Measure no more, wait so long for the last acknowledgements, and leave. */
  close(graceMs?: number): Promise<void>
}

/** As many as one hospital has. */
const fridgesPerFacility = 12
/** A fleet switched on at once comes to the broker no faster than this. */
const connectsPerSecond = 1_000

/** The prefix begins every name, so that two fleets of one seed can share a service. */
export function drawFridges(seed: string | number, count: number, prefix = 'sim'): Fridge[] {
  const fleet = createRandom(seed)
  return Array.from({ length: count }, (_, index) => drawFridge(fleet.fork(index), index, prefix))
}

function drawFridge(random: Random, index: number, prefix: string): Fridge {
  const numbered = (name: string, number: number) =>
    `${prefix}-${name}-${String(number + 1).padStart(4, '0')}`
  return {
    name: numbered('fridge', index),
    facility: numbered('hospital', Math.floor(index / fridgesPerFacility)),
    container: {
      random: random.fork('container'),
      heat: drawHeat(random),
      sensor: drawSensor(random),
      tags: Array.from({ length: random.whole(0, 40) }, () => `${prefix}-${random.id()}`),
      visitsPerHour: random.between(0, 4),
      ambient: { celsius: random.between(19, 26), swing: random.between(0, 3) },
    },
  }
}

export function drawSensor(random: Random): SensorParams {
  return {
    offsetCelsius: random.between(-0.1, 0.1),
    noiseCelsius: random.between(0.01, 0.05),
    resolutionCelsius: 0.01,
  }
}

/** A blood fridge unlike any other. */
export function drawHeat(random: Random): HeatParams {
  const { compressor, ...walls } = presets.bloodFridge
  const spread = (value: number) => value * random.between(0.8, 1.25)
  return {
    ...walls,
    airJPerK: spread(walls.airJPerK),
    loadWPerK: spread(walls.loadWPerK),
    wallWPerK: spread(walls.wallWPerK),
    doorWPerK: spread(walls.doorWPerK),
    compressor: { ...compressor, setpoint: random.between(3.7, 4.3), coolingW: spread(compressor.coolingW) },
  }
}

export function startFleet(options: FleetOptions): Fleet {
  const { fridges, seed, run, intervalMs, secretOf } = options
  const fleet = createRandom(seed)
  const powerUps = createRandom(`${seed}/${run}`)
  const devices: Device[] = []
  const starting = new Set<NodeJS.Timeout>()
  let refusals = 0
  let trouble: string | null = null

  function start({ name, facility, container }: Fridge): void {
    const device = startDevice({
      ...options,
      device: name,
      facility,
      secret: secretOf(name),
      container: createContainer(container),
      random: fleet.fork(name),
      boots: powerUps.fork(name),
      onSound: () => options.onSound?.(name),
    })
    device.events.on('acknowledged', (message) => options.onAcknowledged?.(name, message))
    device.events.on('trouble', (error) => {
      trouble = `${name}: ${error.message}`
    })
    device.events.on('refused', (error) => {
      refusals += 1
      if (refusals === 1) options.onRefused?.(name, error)
      trouble = `${name}: ${error.message}`
    })
    devices.push(device)
  }

  // Spread over the interval, so that a fleet's messages come evenly.
  fridges.forEach((fridge, index) => {
    const afterMs = Math.max((index / fridges.length) * intervalMs, (index / connectsPerSecond) * 1_000)
    const timer = setTimeout(() => {
      starting.delete(timer)
      start(fridge)
    }, afterMs)
    starting.add(timer)
  })

  const sum = (count: (device: Device) => number) =>
    devices.reduce((total, device) => total + count(device), 0)
  return {
    devices,
    totals: () => ({
      devices: fridges.length,
      connected: sum((device) => (device.isConnected() ? 1 : 0)),
      sent: sum(({ counts }) => counts.sent),
      acknowledged: sum(({ counts }) => counts.acknowledged),
      reconnects: sum(({ counts }) => Math.max(0, counts.connects - 1)),
      refusals,
      waiting: sum((device) => device.waiting()),
    }),
    lastTrouble: () => trouble,
    async close(graceMs) {
      for (const timer of starting) clearTimeout(timer)
      await Promise.all(devices.map((device) => device.close(graceMs)))
    },
  }
}
