import { once } from 'node:events'
import { z } from 'zod'
import { BagsDelta, BagsInventory, Envelope } from '../../schema/messages.ts'
import { createContainer, type Moved } from '../container.ts'
import { type Device, startDevice } from '../device.ts'
import type { Habits, Message } from '../outbox.ts'
import { createRandom } from '../random.ts'
import type { CityClock } from './clock.ts'
import type { City, Unit } from './draw-city.ts'
import type { Position } from './geography.ts'

/** What a device told of a tag, and was acknowledged. Instants are the device's. */
export type Sighting = {
  readonly unit: string
  readonly at: number
  readonly kind: 'added' | 'removed' | 'seen'
}

/** All fridges and boxes of a city, with their devices. */
export type Units = {
  readonly devices: ReadonlyMap<string, Device>
  /** Somebody opens it, takes bags out and puts bags in, and closes it after so long, ms. */
  exchange(unit: string, moved: Partial<Moved>, doorMs: number, session?: string): Promise<void>
  /** It tells where it is. */
  locate(unit: string, position: Position): void
  /** What was told of a tag, in the order it was told. */
  toldOf(tag: string): readonly Sighting[]
  /** Everything of them: messages sent, again or doubled ones too, and messages acknowledged. */
  counts(): { readonly sent: number; readonly acknowledged: number; readonly connected: number }
  /** What has been sent has arrived, and who is not cut off is connected. */
  settled(): Promise<void>
  connected(signal?: AbortSignal): Promise<void>
  /** Nobody has anything left to say, all of them at one moment: what is counted then adds up. */
  drained(): Promise<void>
  close(graceMs?: number): Promise<void>
}

export type UnitsOptions = {
  readonly url: string
  readonly city: City
  readonly clock: CityClock
  readonly run: string
  readonly secrets: ReadonlyMap<string, string>
  /** Tags inside each at the beginning. */
  readonly tagsIn: (unit: string) => readonly string[]
  readonly habitsOf?: (unit: string) => Habits
  readonly onTrouble: (error: Error) => void
}

/** Switch them all on. They measure at once, and then when `tick` says so. */
export function openUnits(options: UnitsOptions): Units {
  const { url, city, clock, run, secrets, tagsIn, habitsOf = () => ({}), onTrouble } = options
  const random = createRandom(city.seed).fork('units')
  const boots = createRandom(`${city.seed}/${run}`)
  const sightings = new Map<string, Sighting[]>()
  const devices = new Map(city.units.map((unit) => [unit.name, open(unit)]))

  function open({ name, facility, heat, sensor, ambient }: Unit): Device {
    const own = random.fork(name)
    // What it holds and how cold it is, it tells of one instant: no moment of its bags is without a reading.
    let switchedOn: number | null = clock.instant()
    const container = createContainer({
      random: own.fork('container'),
      heat,
      sensor,
      ambient,
      tags: tagsIn(name),
      attended: true,
    })
    const device = startDevice({
      ...habitsOf(name),
      url,
      facility,
      device: name,
      secret: secrets.get(name) ?? '',
      container,
      random: own,
      boots: boots.fork(name),
      now: () => switchedOn ?? clock.instant(),
      speed: clock.speed,
    })
    device.events.on('acknowledged', (message) => remember(name, message))
    device.events.on('refused', (error) => onTrouble(new Error(`${name}: ${error.message}`)))
    device.tick()
    switchedOn = null
    return device
  }

  function remember(unit: string, { channel, payload }: Message): void {
    if (channel !== 'bags') return
    const told = Told.parse(Envelope.parse(JSON.parse(payload)).body)
    if (Array.isArray(told)) {
      for (const { at, added, removed } of told) {
        for (const tag of removed) add(tag, { unit, at, kind: 'removed' })
        for (const tag of added) add(tag, { unit, at, kind: 'added' })
      }
    } else for (const tag of told.inventory) add(tag, { unit, at: told.at, kind: 'seen' })
  }

  function add(tag: string, sighting: Sighting): void {
    const known = sightings.get(tag)
    if (known) known.push(sighting)
    else sightings.set(tag, [sighting])
  }

  function deviceOf(unit: string): Device {
    const device = devices.get(unit)
    if (!device) throw new Error(`there is no ${unit}`)
    return device
  }

  const all = () => [...devices.values()]
  const sum = (count: (device: Device) => number) => all().reduce((total, device) => total + count(device), 0)
  return {
    devices,
    async exchange(unit, { added = [], removed = [], warm = 0 }, doorMs, session = random.id()) {
      const device = deviceOf(unit)
      device.attend((container, at) => container.openDoor(session, at))
      await clock.sleep(doorMs)
      device.attend((container, at) => container.closeDoor(session, at, { added, removed, warm }))
    },
    locate(unit, { lat, lon }) {
      deviceOf(unit).attend((_container, at) => [{ channel: 'position', element: { at, lat, lon } }])
    },
    toldOf: (tag) => sightings.get(tag) ?? [],
    counts: () => ({
      sent: sum(({ counts }) => counts.sent),
      acknowledged: sum(({ counts }) => counts.acknowledged),
      connected: sum((device) => Number(device.isConnected())),
    }),
    settled: async () => void (await Promise.all(all().map((device) => device.settled()))),
    async connected(signal) {
      for (const device of all())
        while (!device.isConnected()) await once(device.events, 'connected', { signal })
    },
    async drained() {
      // Whoever was done may be asked something, and answer it, while the others are waited for.
      while (!all().every((device) => device.isDrained()))
        await Promise.all(all().map((device) => device.drained()))
    },
    close: async (graceMs) => void (await Promise.all(all().map((device) => device.close(graceMs)))),
  }
}

const Told = z.union([z.array(BagsDelta), BagsInventory])
