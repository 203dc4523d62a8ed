import type { Deps } from '../context.ts'
import { foreseenCondition } from '../domain/alarm.ts'
import { inForce } from '../domain/effective.ts'
import { isUnusual } from '../domain/thermal/forecast.ts'
import { outlookOf } from '../domain/thermal/outlook.ts'
import { foresight } from '../policies/alarms.ts'
import { cnForecastRule, outlookWords } from '../policies/forecast.ts'
import { lookUpDevices } from '../stores/devices.ts'
import { type NearLimit, nearLimits } from '../stores/near-limits.ts'
import { samplesOf } from './thermal-facts.ts'
import type { Found } from './watch-alarms.ts'

/** How often those near a limit are sought, ms, and how many of them are looked at in one go. */
const everyMs = 30_000
const atOnce = 5

/** What is remembered between looks: of each load near a limit what was foretold, and when that was asked. */
export type Foresight = {
  /** The conditions that are foretold at present. */
  readonly found: () => readonly Found[]
  /** Look at the next few. */
  readonly look: () => Promise<void>
}

/**
 * Look ahead, a few loads at a time: those near a limit and on their way to it are sought now and then by their newest
 * readings alone, and the history of a handful of them is read with each look, the one not looked at for longest first.
 * What was foretold of one stands until it is looked at again, or is not among them any more. Of two processes only the
 * one that watches looks ahead; one that takes over begins anew.
 */
export function createForesight({ database: { db }, now: clock }: Pick<Deps, 'database' | 'now'>): Foresight {
  let soughtAt = Number.NEGATIVE_INFINITY
  let waiting: NearLimit[] = []
  let known = new Map<number, { readonly askedAt: number; readonly condition: Found | null }>()

  async function seek(now: number): Promise<void> {
    soughtAt = now
    const near = await nearLimits(db, now, foresight)
    known = new Map(
      near.flatMap(({ probeId }) => {
        const before = known.get(probeId)
        return before ? [[probeId, before] as const] : []
      }),
    )
    const askedAt = ({ probeId }: NearLimit) => known.get(probeId)?.askedAt ?? Number.NEGATIVE_INFINITY
    waiting = near.toSorted((a, b) => (askedAt(a) < askedAt(b) ? -1 : askedAt(a) > askedAt(b) ? 1 : 0))
  }

  return {
    found: () => [...known.values()].flatMap(({ condition }) => condition ?? []),
    async look() {
      const now = clock()
      if (now - soughtAt >= everyMs) await seek(now)
      const next = waiting.splice(0, atOnce)
      if (next.length === 0) return
      const devices = await lookUpDevices(db, [...new Set(next.map(({ device }) => device))])
      for (const { probeId, lastAt, ...whose } of next) {
        const device = devices.get(whose.device)
        if (!device) continue
        const readings = await samplesOf(db, device, lastAt, cnForecastRule.lookbackMs)
        const foretold = outlookOf('load', readings, inForce(device.profiles, lastAt), cnForecastRule)
        const { load = [] } = readings
        const isTrend = foretold && isUnusual(foretold.side, load, foresight.unusualShare, cnForecastRule)
        const outlook = isTrend ? foretold : null
        const before = known.get(probeId)?.condition
        const since = before?.kind === `load_${outlook?.side}_soon` ? before.from : (outlook?.at ?? lastAt)
        const said = outlook && { ...outlook, ...outlookWords(outlook) }
        const condition = said && foreseenCondition(said, foresight, since)
        known.set(probeId, { askedAt: now, condition: condition && { ...condition, whose } })
      }
    },
  }
}
