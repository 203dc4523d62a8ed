import { once } from 'node:events'
import type { Device } from '../device.ts'
import type { Habits } from '../outbox.ts'
import { createRandom } from '../random.ts'
import type { City } from './draw-city.ts'
import { shuffled } from './names.ts'
import { hour, minute } from './plan.ts'
import type { World } from './world.ts'

/** What may go wrong: with some fridges for a time, or with how all devices send. */
export const faultKinds = [
  'compressor',
  'power',
  'probe',
  'network',
  'clock',
  'doubled',
  'reordered',
] as const
export type FaultKind = (typeof faultKinds)[number]

export type Fault = {
  readonly kind: Exclude<FaultKind, 'doubled' | 'reordered'>
  readonly unit: string
  /** City time, ms. */
  readonly at: number
  readonly forMs: number
  /** How far a clock is set wrong, ms. */
  readonly clockMs: number
}

/** A server believes no more than ten minutes of the future. */
export const wrongClock = { least: 2 * minute, most: 9 * minute }
const longestMs = 4 * hour
/** Of a kind, one fridge in so many. */
const oneIn = 100

/** Which faults come when, of the kinds asked for: nothing but data, and the same for the same seed. */
export function planFaults(
  city: City,
  kinds: readonly FaultKind[],
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): Fault[] {
  const random = createRandom(city.seed).fork('faults')
  const fridges = city.units.filter(({ use }) => use !== 'box')
  const count = Math.max(1, Math.round(fridges.length / oneIn))
  const spanMs = untilMs - fromMs
  return faultKinds.flatMap((kind) => {
    if (!kinds.includes(kind) || kind === 'doubled' || kind === 'reordered') return []
    const own = random.fork(kind)
    return shuffled(own, fridges)
      .slice(0, count)
      .map(({ name }): Fault => {
        const sign = own.chance(0.5) ? 1 : -1
        return {
          kind,
          unit: name,
          at: fromMs + Math.round(Math.max(2 * wrongClock.most, own.between(0.1, 0.35) * spanMs)),
          forMs: Math.round(Math.min(longestMs, own.between(0.4, 0.55) * spanMs)),
          clockMs: sign * own.whole(wrongClock.least, wrongClock.most),
        }
      })
  })
}

export function habitsOf(kinds: readonly FaultKind[]): Habits {
  return {
    ...(kinds.includes('doubled') ? { doubled: 0.1 } : {}),
    ...(kinds.includes('reordered') ? { reordered: 0.1 } : {}),
  }
}

/** Of these nobody can say afterwards how every bag was kept. */
export function doubtfulUnits(faults: readonly Fault[]): ReadonlySet<string> {
  return new Set(faults.filter(({ kind }) => kind === 'probe' || kind === 'clock').map(({ unit }) => unit))
}

/** It comes, lasts its time, and is mended. */
export async function strike({ clock, units, tally }: World, fault: Fault): Promise<void> {
  const { kind, unit, at, forMs, clockMs } = fault
  const device = units.devices.get(unit)
  if (!device) throw new Error(`there is no ${unit}`)
  await clock.sleep(at - clock.now())
  tally.counts.faults += 1
  tally.note(clock.now(), `fault: ${kind} at ${unit}, for ${Math.round(forMs / minute)} minutes`)
  const mend = begin(device, { kind, forMs, clockMs })
  await clock.sleep(forMs)
  await mend()
}

function begin(device: Device, { kind, forMs, clockMs }: Omit<Fault, 'unit' | 'at'>): () => Promise<void> {
  const byItself = async () => {}
  switch (kind) {
    case 'compressor':
      device.attend((container) => {
        container.stopCompressor(forMs)
        return []
      })
      return byItself
    case 'power':
      device.attend((container) => {
        container.loseMains(forMs)
        return []
      })
      return byItself
    case 'probe':
      device.attend((container) => {
        container.silence('load', forMs)
        return []
      })
      return byItself
    case 'network':
      device.cutNetwork()
      return async () => {
        const connected = once(device.events, 'connected')
        device.restoreNetwork()
        await connected
        await device.settled()
      }
    case 'clock':
      device.stepClock(clockMs)
      return async () => device.stepClock(-clockMs)
  }
}
