import type { Deps } from '../context.ts'
import { faultCondition } from '../domain/alarm.ts'
import { inForce } from '../domain/effective.ts'
import { type FaultStretch, faultStretches, runBefore } from '../domain/thermal/fault-stretches.ts'
import { probeFaults } from '../domain/thermal/probe-faults.ts'
import { cnCauseRule } from '../policies/causes.ts'
import type { Database } from '../stores/database.ts'
import { type Device, lookUpDevices } from '../stores/devices.ts'
import { quarrelling, saveFaults, type Underived, underived } from '../stores/probe-faults.ts'
import { readingsBetween } from '../stores/readings.ts'
import { samplesOf } from './thermal-facts.ts'
import type { Found } from './watch-alarms.ts'

/** How often probes to look at are sought while none lag, how far they may lag behind their readings, ms; how many at once. */
const everyMs = 30_000
const lagMs = 600_000
const atOnce = 5

/** How many devices that quarrelled are looked at again by whoever takes over. */
const mostTakenOver = 50

export type FaultWatch = {
  /** Devices whose air and load contradict each other, as last looked at. */
  readonly found: () => readonly Found[]
  /** Look at the next few probes. @returns at how many it looked */
  readonly look: () => Promise<number>
}

/**
 * Derive the faults of probes from their readings, some minutes after these came and a few probes at a time. What was
 * derived stands with the version of the series it was derived from: where that moved meanwhile, it is done again. Whether
 * air and load contradict each other is a matter of now, and asked along with it.
 */
export function createFaultWatch({
  database: { db },
  now: clock,
}: Pick<Deps, 'database' | 'now'>): FaultWatch {
  let restUntil = Number.NEGATIVE_INFINITY
  let hasTakenOver = false
  const moved = new Set<number>()
  const quarrels = new Map<number, Found>()
  return {
    found: () => [...quarrels.values()],
    async look() {
      const now = clock()
      if (!hasTakenOver) {
        const before = await quarrelling(db, now, mostTakenOver)
        const devices = await lookUpDevices(db, namesOf(before))
        for (const probe of before) await compare(devices.get(probe.device), probe)
        hasTakenOver = true
      }
      if (now < restUntil) return 0
      const next = await underived(db, now, { lagMs, limit: atOnce, except: moved })
      if (next.length < atOnce) {
        moved.clear()
        restUntil = now + everyMs
      }
      const devices = await lookUpDevices(db, namesOf(next))
      for (const probe of next) {
        const device = devices.get(probe.device)
        if (!device) continue
        const from = probe.faultsTo ?? probe.firstAt
        const found = await stretchesFrom(db, device, probe, from)
        const isKept = await db.transaction((tx) => saveFaults(tx, probe, from, found, now))
        if (!isKept) moved.add(probe.probeId)
        if (probe.probe === 'load') await compare(device, probe)
      }
      return next.length
    },
  }

  async function compare(
    device: Device | undefined,
    { deviceId, lastAt, ...probe }: Underived,
  ): Promise<void> {
    if (!device) return
    const readings = await samplesOf(db, device, lastAt, cnCauseRule.lookbackMs)
    const profile = inForce(device.profiles, lastAt)
    const signs = probeFaults({ at: lastAt, readings, doors: null, power: [], profile }, cnCauseRule)
    const { facilityId, jurisdiction } = probe
    const whose = { deviceId, device: device.name, facilityId, jurisdiction }
    const from = quarrels.get(deviceId)?.from ?? lastAt
    if (signs.includes('probes_disagree'))
      quarrels.set(deviceId, { ...faultCondition('disagree', '', { from, to: null }), whose })
    else quarrels.delete(deviceId)
  }
}

function namesOf(probes: readonly Underived[]): string[] {
  return [...new Set(probes.map(({ device }) => device))]
}

/**
 * The stretches that last at `from` or end then or later: of all readings from so long before that nothing earlier decides
 * about any of them.
 */
async function stretchesFrom(
  db: Database,
  { clockFacts }: Device,
  { probeId, probe, firstAt, lastAt }: Underived,
  from: number,
): Promise<FaultStretch[]> {
  const { lookbackMs, recentMs } = cnCauseRule
  for (let reach = 2 * lookbackMs; ; reach *= 2) {
    const begin = Math.max(firstAt, from - reach)
    const samples = await readingsBetween(db, probeId, clockFacts, begin, lastAt + 1)
    const found = faultStretches(probe, samples, cnCauseRule).filter(({ to }) => to === null || to >= from)
    // What ends at `from` itself began before it.
    const earliest = Math.min(runBefore(samples, from - 1, cnCauseRule), ...found.map((one) => one.from))
    if (begin === firstAt || earliest - lookbackMs - recentMs > begin) return found
  }
}
