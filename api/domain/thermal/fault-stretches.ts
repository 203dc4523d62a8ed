import type { ProbeFaultKind } from '../../../schema/vocabulary.ts'
import type { CauseRule } from './facts.ts'
import { impossibleSteps } from './probe-faults.ts'
import type { Sample } from './sample.ts'

/** A probe is not to be believed in [from, to); `to` is null while that lasts at its newest reading. */
export type FaultStretch = {
  readonly kind: ProbeFaultKind
  readonly from: number
  readonly to: number | null
}

/**
 * The stretches in which a probe is not to be believed, of all its readings in order of event time and of nothing else:
 * the same readings give the same stretches, in whatever order they came.
 *
 * `stuck`: neighbours of one value for at least `flatMs`, and so many times longer than any one value stood in the time
 * looked back on before it, of which enough must be known; from the first of them to the first other value, or to the last
 * before a silence of `flatMs`. `implausible`: from a step no probe can follow, for `recentMs`; what overlaps is one.
 * Only what was told within `lookbackMs` before such a stretch decides about it.
 */
export function faultStretches(
  probe: 'air' | 'load',
  samples: readonly Sample[],
  rule: CauseRule,
): readonly FaultStretch[] {
  return [...stuck(samples, rule), ...implausible(probe, samples, rule)].sort(
    (a, b) => a.from - b.from || (a.kind < b.kind ? -1 : 1),
  )
}

/** One value from `from` to `last`, the times of its first and last reading; `to` is of the first other value. */
type Run = { readonly from: number; readonly last: number; readonly to: number | null }

function runsOf(samples: readonly Sample[], { flatMs }: CauseRule): readonly Run[] {
  const runs: { from: number; last: number; to: number | null }[] = []
  let before: Sample | undefined
  for (const sample of samples) {
    const run = runs.at(-1)
    const isSilence = before !== undefined && sample.at - before.at > flatMs
    if (run && before && !isSilence && sample.centi === before.centi) run.last = sample.at
    else {
      if (run) run.to = isSilence ? run.last : sample.at
      runs.push({ from: sample.at, last: sample.at, to: null })
    }
    before = sample
  }
  return runs
}

/** When the run began that holds the last reading at or before an instant; the instant itself where there is none. */
export function runBefore(samples: readonly Sample[], at: number, rule: CauseRule): number {
  return runsOf(samples, rule).findLast(({ from }) => from <= at)?.from ?? at
}

function stuck(samples: readonly Sample[], rule: CauseRule): FaultStretch[] {
  const runs = runsOf(samples, rule)
  return runs.flatMap(({ from, last, to }, index) => {
    const flat = last - from
    if (flat < rule.flatMs) return []
    const since = from - rule.lookbackMs
    const known = samples.find(({ at }) => at >= since)?.at ?? from
    if (from - known < rule.leastUsualMs) return []
    const earlier = runs.slice(0, index).filter((run) => run.last >= since)
    const longest = Math.max(0, ...earlier.map((run) => run.last - Math.max(run.from, since)))
    return flat >= rule.flatRatio * longest ? [{ kind: 'stuck' as const, from, to }] : []
  })
}

function implausible(probe: 'air' | 'load', samples: readonly Sample[], rule: CauseRule): FaultStretch[] {
  const stretches: { kind: 'implausible'; from: number; to: number }[] = []
  for (const at of impossibleSteps(probe, samples, rule)) {
    const last = stretches.at(-1)
    if (last && at <= last.to) last.to = at + rule.recentMs
    else stretches.push({ kind: 'implausible', from: at, to: at + rule.recentMs })
  }
  return stretches
}
