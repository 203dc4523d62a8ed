import type { CauseRule } from './facts.ts'
import type { FaultStretch } from './fault-stretches.ts'
import type { Sample } from './sample.ts'

/**
 * The stretches in which air and load of one container contradict each other: more than `apart` between them for `apartMs`
 * at least, of all their readings in order and of nothing else. A reading holds from its own time to the next one of its
 * probe, or for no time at all where that is a silence too long; of the newest, to the newest of both.
 *
 * Such a stretch begins with the first instant of it and not when it has lasted long enough: what made it was so from then
 * on. It ends with the first instant they are no more apart, or where one of them falls silent, for of a silence nobody
 * knows, and what follows one begins anew. Near the threshold nothing is smoothed: hysteresis is for paging alone.
 *
 * Which of the two lies is not known, so neither is believed. For a bag that is the load: the air does not speak for it
 * from where the load was first heard on, and before that there is nothing to contradict. Doors and defrosts, declared or
 * not, are no excuse: they set air and load apart for minutes, and what lasts longer must be looked at; a declaration mutes
 * pages, and never the record. Where containers really warm the air leads the load: what the load tells outside limits is
 * measured for all that, and only what it tells within them is doubted.
 *
 * @param maxSilenceAt how long a silence may follow on a reading of then, ms
 */
export function contradictions(
  air: readonly Sample[],
  load: readonly Sample[],
  maxSilenceAt: (at: number) => number,
  { apart, apartMs }: Pick<CauseRule, 'apart' | 'apartMs'>,
): readonly FaultStretch[] {
  const newest = Math.max(
    air.at(-1)?.at ?? Number.NEGATIVE_INFINITY,
    load.at(-1)?.at ?? Number.NEGATIVE_INFINITY,
  )
  const [airAt, loadAt] = [air, load].map((samples) => holding(samples, maxSilenceAt, newest))
  const instants = [...new Set([...air, ...load].map(({ at }) => at))].sort((a, b) => a - b)
  const stretches: FaultStretch[] = []
  let from: number | null = null
  const end = (to: number | null) => {
    if (from !== null && (to ?? newest) - from >= apartMs) stretches.push({ kind: 'contradicted', from, to })
    from = null
  }
  for (const at of instants) {
    const [airs, loads] = [airAt?.(at) ?? null, loadAt?.(at) ?? null]
    const areApart = airs !== null && loads !== null && Math.abs(airs - loads) > apart
    if (areApart) from ??= at
    else end(at)
  }
  end(null)
  return stretches
}

/** What a probe says from an instant on, asked of ever later ones; null where it says nothing. */
function holding(
  samples: readonly Sample[],
  maxSilenceAt: (at: number) => number,
  newest: number,
): (at: number) => number | null {
  let next = 0
  return (at) => {
    while (next < samples.length && (samples[next] as Sample).at <= at) next++
    const last = samples[next - 1]
    if (!last) return null
    const until = samples[next]?.at ?? newest
    return until - last.at <= maxSilenceAt(last.at) ? last.centi : null
  }
}
