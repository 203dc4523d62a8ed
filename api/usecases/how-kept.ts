import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { exposureOf } from '../domain/exposure.ts'
import type { Kept } from '../domain/take-out.ts'
import type { Transaction } from '../stores/database.ts'
import { keptBy, type ScanFacts } from '../stores/scans.ts'
import { traceBag } from './trace-bag.ts'

/**
 * How a bag was kept since a person last vouched for it, by its own component's policy: what its trace would tell of that
 * time. On its way into the first container it was in hands: for as long as handling may last that is uncontrolled, and
 * beyond it nobody knows.
 *
 * Where no clock is or was in doubt the stays are what they were folded into, and need not be folded again.
 */
export async function howKept(
  ctx: Pick<Context, 'database' | 'now'>,
  tx: Transaction,
  facts: Pick<ScanFacts, 'vouchedAt' | 'stays' | 'hasClockMatters' | 'policies'> & { readonly bagId: string },
  jurisdiction: Jurisdiction,
  handlingMs: number,
): Promise<Kept | null> {
  if (facts.policies.length === 0) return null
  const now = ctx.now()
  const { total, carriedMs } = facts.hasClockMatters
    ? await asTraced(ctx, tx, facts.bagId, facts.vouchedAt, jurisdiction, now)
    : await asFolded(tx, facts, now)
  const handledMs = Math.min(carriedMs, handlingMs)
  return {
    outOfRangeMs: total.outOfRangeMs,
    unverifiedMs: total.unverifiedMs + carriedMs - handledMs,
    uncontrolledMs: total.uncontrolledMs + handledMs,
  }
}

/** Of the containers it was in, and the time before the first. */
type Told = { readonly total: Kept; readonly carriedMs: number }

async function asTraced(
  ctx: Pick<Context, 'database' | 'now'>,
  tx: Transaction,
  bagId: string,
  since: number,
  jurisdiction: Jurisdiction,
  now: number,
): Promise<Told> {
  const deps = { database: { ...ctx.database, db: tx }, now: ctx.now }
  const { total, beforeFirstSeen } = await traceBag(deps, { bagId, jurisdiction, asOf: now, since })
  const carriedMs = beforeFirstSeen ? beforeFirstSeen.to - beforeFirstSeen.from : 0
  const outOfRangeMs = total.belowMs + total.aboveMs
  const { uncontrolledMs } = total
  return { total: { outOfRangeMs, unverifiedMs: total.unverifiedMs - carriedMs, uncontrolledMs }, carriedMs }
}

async function asFolded(
  tx: Transaction,
  { vouchedAt, stays, policies }: Pick<ScanFacts, 'vouchedAt' | 'stays' | 'policies'>,
  now: number,
): Promise<Told> {
  let outOfRangeMs = 0
  let unverifiedMs = 0
  let uncontrolledMs = 0
  let firstSeen = now
  for (const stay of stays) {
    const custody = { from: Math.max(stay.from, vouchedAt), to: Math.min(stay.to ?? now, now) }
    if (stay.from >= now || (stay.to !== null && stay.to <= vouchedAt)) continue
    firstSeen = Math.min(firstSeen, custody.from)
    const ms = custody.to - custody.from
    if (stay.state === 'unknown') unverifiedMs += ms
    else if (stay.state === 'in_hand') uncontrolledMs += ms
    else {
      const { readings, silences } = await keptBy(tx, { deviceId: stay.deviceId, ...custody })
      const limitsAt = (at: number) => {
        const limits = inForce(policies, at)
        const { maxSilenceMs } = inForce(silences, at)
        return { ...limits, maxSilenceMs: Math.min(limits.maxSilenceMs, maxSilenceMs) }
      }
      const timed = readings
        .filter(({ at }) => at <= now)
        .map((reading) => ({ ...reading, timeVerified: true }))
      const exposure = exposureOf(timed, custody, limitsAt, now)
      outOfRangeMs += exposure.belowMs + exposure.aboveMs
      unverifiedMs += exposure.unverifiedMs
    }
  }
  return {
    total: { outOfRangeMs, unverifiedMs, uncontrolledMs },
    carriedMs: Math.max(0, firstSeen - vouchedAt),
  }
}
