import type { z } from 'zod'
import type { Excursions, Gaps, Telemetry } from '../../../schema/http/series.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { Excursion, GapAsOf } from '../../domain/series.ts'
import type { Bucket } from '../../stores/telemetry.ts'
import { celsius, iso, isoOrNull } from '../units.ts'

const dayMs = 86_400_000

/** The range a request means: up to now, the last day of it, where it does not say. */
export function rangeOf(
  query: { readonly from?: number | undefined; readonly to?: number | undefined },
  now: number,
): { readonly from: number; readonly to: number } {
  const { to = now, from = to - dayMs } = query
  if (from < to) return { from, to }
  throw new Refusal('invalid_request', `from ${iso(from)} is not before to ${iso(to)}`)
}

export function bucketView({
  from,
  count,
  min,
  mean,
  max,
}: Bucket): z.infer<typeof Telemetry>['buckets'][number] {
  return { from: iso(from), count, min: celsius(min), mean: celsius(mean), max: celsius(max) }
}

export function gapView({ from, to, open }: GapAsOf): z.infer<typeof Gaps>['gaps'][number] {
  return { from: iso(from), to: iso(to), ms: to - from, open }
}

/** One that lasts has lasted until `asOf`. */
export function excursionView(
  excursion: Excursion,
  asOf: number,
): z.infer<typeof Excursions>['excursions'][number] {
  const { side, from, to, ended, coldest, warmest, readings } = excursion
  return {
    side,
    from: iso(from),
    to: isoOrNull(to),
    ms: lengthOf(excursion, asOf),
    ended,
    coldest: celsius(coldest),
    warmest: celsius(warmest),
    readings,
  }
}

/** How many and how long, bounded and open ones apart. */
export function totalOf(
  findings: readonly { readonly from: number; readonly to: number | null; readonly open: boolean }[],
  asOf: number,
): z.infer<typeof Gaps>['total'] {
  const sum = (open: boolean) => {
    const some = findings.filter((finding) => finding.open === open)
    return { count: some.length, ms: some.reduce((ms, finding) => ms + lengthOf(finding, asOf), 0) }
  }
  return { bounded: sum(false), open: sum(true) }
}

function lengthOf({ from, to }: { readonly from: number; readonly to: number | null }, asOf: number): number {
  return Math.max(0, (to ?? asOf) - from)
}
