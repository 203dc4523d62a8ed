import type { Log } from './context.ts'
import { greatCircleKm, type Position } from './domain/rescue-route.ts'
import {
  driveFault,
  minutesBetween,
  minutesOfDrive,
  type Site,
  type TravelTime,
} from './domain/transfer/travel.ts'
import type { TravelTable } from './domain/transfer/travel-table.ts'
import { askOsrm, type Drive, mostCoordinates } from './osrm.ts'
import { cnTransferDrives, cnTransferRoads } from './policies/transfer.ts'

/** Who is asked how long ways take, before they are reckoned. */
export type TravelConfig = {
  readonly table?: TravelTable | undefined
  /** An OSRM server, its address without a slash at its end, and how long all answers together may take, ms. */
  readonly osrm?: { readonly url: string; readonly timeoutMs: number } | undefined
}

/** How long blood takes from place to place. */
export type Travel = {
  /**
   * From each of these sites to one: by the table, else by the server, else by the great circle. It never fails for what
   * they say, and never waits longer than the server may take; what cannot be true is not believed of that pair only.
   *
   * @param hour of the wall clock there, 0 to 23
   */
  minutesTo(from: readonly Site[], to: Site, hour: number): Promise<readonly TravelTime[]>
}

const unknown: TravelTime = { minutes: null, source: null }

/** Two places that are both known, and apart. */
type Pair = { readonly index: number; readonly from: Position; readonly km: number }

export function openTravel({ table, osrm }: TravelConfig, { log }: { readonly log: Log }): Travel {
  const tell = toldOnce(log)

  /** By the server, for as many pairs as it is believed of. */
  async function driven(pairs: readonly Pair[], to: Position, hour: number, faults: string[]) {
    const ofServer: string[] = []
    const times = new Map<number, TravelTime>()
    if (!osrm || pairs.length === 0) return times
    const batches = Array.from({ length: Math.ceil(pairs.length / (mostCoordinates - 1)) }, (_, batch) =>
      pairs.slice(batch * (mostCoordinates - 1), (batch + 1) * (mostCoordinates - 1)),
    )
    // Not AbortSignal.timeout: Node 20 may collect it as garbage before it fires.
    const late = new AbortController()
    const impatience = setTimeout(() => late.abort(), osrm.timeoutMs)
    const told = { signal: late.signal, mostStrayM: cnTransferDrives.mostStrayM }
    const asked = batches.map(async (batch): Promise<readonly Drive[]> => {
      const places = batch.map(({ from }) => from)
      return askOsrm(osrm.url, places, to, told).catch(({ message }: Error) => {
        ofServer.push(message)
        return []
      })
    })
    const drives = await Promise.all(asked).finally(() => clearTimeout(impatience))
    tell(null, ofServer)
    for (const [batch, pairsOf] of batches.entries())
      for (const [place, { index, km }] of pairsOf.entries()) {
        const drive = drives[batch]?.[place]
        if (drive === undefined) continue
        if (typeof drive !== 'number') {
          faults.push(drive.fault)
          continue
        }
        const fault = driveFault(drive, km, cnTransferDrives)
        if (fault !== null) {
          faults.push(fault)
          continue
        }
        const minutes = minutesOfDrive(drive, hour, cnTransferDrives, cnTransferRoads)
        times.set(index, { minutes: Math.max(1, minutes), source: 'osrm' })
      }
    return times
  }

  /** By the table, unless no car is so fast; how slow it may be is the word of whoever measured it. */
  function tabled(from: Site, to: Site, hour: number, faults: string[]): TravelTime | null {
    const minutes = table?.(from.id, to.id, hour) ?? null
    if (minutes === null) return null
    const km = from.position && to.position ? greatCircleKm(from.position, to.position) : 0
    if (minutes * cnTransferDrives.mostKmh >= km * 60) return { minutes, source: 'table' }
    faults.push(`the table says from ${from.id} it is faster than ${cnTransferDrives.mostKmh} km/h`)
    return null
  }

  return {
    async minutesTo(from, to, hour) {
      const faults: string[] = []
      const told = from.map((site) => tabled(site, to, hour, faults))
      const { position } = to
      const pairs = from.flatMap(({ position: start }, index): Pair[] => {
        const km = start && position ? greatCircleKm(start, position) : 0
        return start && km > 0 && !told[index] ? [{ index, from: start, km }] : []
      })
      const drives = position ? await driven(pairs, position, hour, faults) : new Map<number, TravelTime>()
      if (table || pairs.length > 0) tell(to.id, faults)
      return from.map((site, index) => {
        const known = told[index] ?? drives.get(index)
        if (known) return known
        const minutes = minutesBetween(site.position, position, hour, cnTransferRoads)
        return minutes === null ? unknown : { minutes: Math.max(1, minutes), source: 'great_circle' }
      })
    },
  }
}

/** A line for what is wrong with the server (null), or with the ways to a destination, and no other while the same is. */
function toldOnce(log: Log): (destination: string | null, faults: readonly string[]) => void {
  const last = new Map<string | null, string>()
  return (destination, all) => {
    const faults: Record<string, number> = {}
    for (const fault of [...all].sort()) faults[fault] = (faults[fault] ?? 0) + 1
    const names = Object.keys(faults).join('; ')
    if (names === '') {
      last.delete(destination)
      return
    }
    if (names !== last.get(destination))
      log.warn({ destination, faults }, 'travel times that were told are not believed, and reckoned instead')
    last.set(destination, names)
  }
}
