import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { exposureOf } from '../domain/exposure.ts'
import type { Kept } from '../domain/take-out.ts'
import type { Transaction } from '../stores/database.ts'
import { keptBy, type ScanFacts } from '../stores/scans.ts'
import { traceBag } from './trace-bag.ts'

/**
 * How a bag was kept, by its own component's policy: what its trace would tell. What was measured outside its limits is
 * never forgotten; for what nobody measured a person vouches, so that counts since the last time one did. On its way into the first container it was in hands: for as long as handling may last that is uncontrolled, and
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
  const { total: life } = await traceBag(deps, { bagId, jurisdiction, asOf: now })
  const carriedMs = beforeFirstSeen ? beforeFirstSeen.to - beforeFirstSeen.from : 0
  const outOfRangeMs = life.belowMs + life.aboveMs
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
  for (const { state, deviceId, from, to } of stays) {
    if (from >= now) continue
    const stay = { from, to: Math.min(to ?? now, now) }
    const counted = { from: Math.max(from, vouchedAt), to: stay.to }
    const countedMs = Math.max(0, counted.to - counted.from)
    if (to === null || to > vouchedAt) firstSeen = Math.min(firstSeen, counted.from)
    if (state === 'unknown') unverifiedMs += countedMs
    else if (state === 'in_hand') uncontrolledMs += countedMs
    else {
      const { readings, silences } = await keptBy(tx, { deviceId, ...stay })
      const limitsAt = (at: number) => {
        const limits = inForce(policies, at)
        const { maxSilenceMs } = inForce(silences, at)
        return { ...limits, maxSilenceMs: Math.min(limits.maxSilenceMs, maxSilenceMs) }
      }
      const timed = readings
        .filter(({ at }) => at <= now)
        .map((reading) => ({ ...reading, timeVerified: true }))
      const { belowMs, aboveMs } = exposureOf(timed, stay, limitsAt, now)
      outOfRangeMs += belowMs + aboveMs
      if (countedMs > 0) unverifiedMs += exposureOf(timed, counted, limitsAt, now).unverifiedMs
    }
  }
  return {
    total: { outOfRangeMs, unverifiedMs, uncontrolledMs },
    carriedMs: Math.max(0, firstSeen - vouchedAt),
  }
}
