import { type Verdict, verdicts } from '../../schema/vocabulary.ts'
import { type Effective, inForce } from './effective.ts'
import type { Span } from './exposure.ts'
import { isOutside, type Judged, type Judgement } from './ledger.ts'

/**
 * The versions of a policy as if one of them had been in force over a span; outside of it each is in force when it was.
 *
 * @param versions at least one, by ascending `from`
 * @returns the same in the same order, to be read by `inForce`
 */
export function asIfInForce<T extends Effective>(
  versions: readonly T[],
  chosen: T,
  { from, to }: Span,
): readonly T[] {
  const before = versions.filter((version) => version.from < from)
  // The first is in force before it was, too.
  const first = before.length > 0 ? before : [{ ...inForce(versions, from), from: Number.NEGATIVE_INFINITY }]
  return [
    ...first,
    { ...chosen, from },
    { ...inForce(versions, to), from: to },
    ...versions.filter((version) => version.from > to),
  ]
}

/** Does it keep a bag further from use than the other? */
export function isGraver(verdict: Verdict, than: Verdict): boolean {
  return verdicts.indexOf(verdict) > verdicts.indexOf(than)
}

/**
 * What asks for a hold beside a ledger that does not: all that was measured outside limits and nobody released, where the
 * bag is worse off than its ledger says. Where it is better off nothing follows by itself.
 */
export function graverThan(ledger: Verdict, { verdict, entries }: Judgement): readonly Judged[] {
  if (!isGraver(verdict, ledger)) return []
  return entries.filter((judged) => judged.verdict !== 'OK' && isOutside(judged.entry))
}
