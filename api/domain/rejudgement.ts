import { type Effective, inForce } from './effective.ts'
import type { Span } from './exposure.ts'

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
