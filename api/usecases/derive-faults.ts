import { isDeepStrictEqual } from 'node:util'
import type { Deps } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { contradictions } from '../domain/thermal/contradictions.ts'
import { type FaultStretch, faultStretches, runBefore } from '../domain/thermal/fault-stretches.ts'
import { cnCauseRule } from '../policies/causes.ts'
import { isTimeVerified, unsettledFaultsOf } from '../stores/clocks.ts'
import { type Device, lockDevice, lookUpDevices } from '../stores/devices.ts'
import { type Derived, saveFaults, type Underived, underived } from '../stores/probe-faults.ts'
import { readingsBetween, type TracedReading } from '../stores/readings.ts'

/** How often probes to look at are sought while none lag, ms, and how many at once. */
const everyMs = 30_000
const atOnce = 5

export type FaultWatch = {
  /** Look at the next few probes. @returns at how many it looked */
  readonly look: () => Promise<number>
}

/**
 * Derive the faults of probes from their readings, some minutes after these came and a few probes at a time. What was
 * derived stands with the versions of the series it was derived from: where one moved meanwhile, it is done again. What air
 * and load show together is derived with either of them, from where that one is derived on.
 *
 * @param lagMs how far what is derived may lag behind the readings of a probe that is still heard, ms
 */
export function createFaultWatch(
  { database: { db }, now: clock }: Pick<Deps, 'database' | 'now'>,
  { lagMs = 600_000 } = {},
): FaultWatch {
  let restUntil = Number.NEGATIVE_INFINITY
  const moved = new Set<number>()
  return {
    async look() {
      const now = clock()
      if (now < restUntil) return 0
      const next = await underived(db, now, { lagMs, limit: atOnce, except: moved })
      if (next.length < atOnce) {
        moved.clear()
        restUntil = now + everyMs
      }
      const devices = await lookUpDevices(db, [...new Set(next.map(({ device }) => device))])
      for (const probe of next) {
        const device = devices.get(probe.device)
        if (!device) continue
        const from = probe.faultsTo ?? probe.firstAt
        const doubts = await unsettledFaultsOf(db, device.id)
        const read: Read = async (probeId, begin, end) =>
          (await readingsBetween(db, probeId, device.clockFacts, begin, end)).filter(({ boot, seq }) =>
            isTimeVerified(doubts, boot, seq),
          )
        const shown = {
          alone: { from, found: await stretchesFrom(read, probe, from) },
          together: await contradictionsFrom(read, device, probe, from),
        }
        const isKept = await db.transaction(async (tx) => {
          // Whoever raises a doubt or settles one has the device, and says from where on to derive again.
          await lockDevice(tx, device.id)
          const isAsRead = isDeepStrictEqual(await unsettledFaultsOf(tx, device.id), doubts)
          return isAsRead && (await saveFaults(tx, probe, shown, now))
        })
        if (!isKept) moved.add(probe.probeId)
      }
      return next.length
    },
  }
}

/** What a probe told in [begin, end) by a clock that is believed, in order. */
type Read = (probeId: number, begin: number, end: number) => Promise<readonly TracedReading[]>

/**
 * The stretches that last at `from` or end then or later: of all readings from so long before that nothing earlier decides
 * about any of them.
 */
async function stretchesFrom(
  read: Read,
  { probeId, probe, firstAt, lastAt }: Underived,
  from: number,
): Promise<FaultStretch[]> {
  const { lookbackMs, recentMs } = cnCauseRule
  for (let reach = 2 * lookbackMs; ; reach *= 2) {
    const begin = Math.max(firstAt, from - reach)
    const samples = await read(probeId, begin, lastAt + 1)
    const found = faultStretches(probe, samples, cnCauseRule).filter(({ to }) => to === null || to >= from)
    // What ends at `from` itself began before it.
    const earliest = Math.min(runBefore(samples, from - 1, cnCauseRule), ...found.map((one) => one.from))
    if (begin === firstAt || earliest - lookbackMs - recentMs > begin) return found
  }
}

/**
 * When air and load contradict each other, as far as what one of them told at `from` or later decides about it: how long
 * its reading before that held, and so whatever ends no longer than a silence before. Null where there is no other.
 */
async function contradictionsFrom(
  read: Read,
  { profiles }: Device,
  { other, probe, ...own }: Underived,
  from: number,
): Promise<Derived | null> {
  if (!other) return null
  const [air, load] = probe === 'air' ? [own, other] : [other, own]
  const longestMs = Math.max(...profiles.map(({ maxSilenceMs }) => maxSilenceMs))
  const since = from - longestMs
  // Both must have been heard for there to be anything.
  const first = Math.max(air.firstAt, load.firstAt)
  const end = Math.max(air.lastAt, load.lastAt) + 1
  for (let reach = cnCauseRule.apartMs + 2 * longestMs; ; reach *= 4) {
    const begin = since - reach
    const found = contradictions(
      await read(air.probeId, begin, end),
      await read(load.probeId, begin, end),
      (at) => inForce(profiles, at).maxSilenceMs,
      cnCauseRule,
    ).filter(({ to }) => to === null || to >= since)
    // One that lasts as the readings begin may have begun before them, and so may one a reading before them had a part in.
    if (begin < first - longestMs || found.every((one) => one.from > begin + longestMs))
      return { from: since, found }
  }
}
