import type { EntryKind, LedgerReason, Phase, ProbeKind, Verdict } from '../../schema/vocabulary.ts'
import { verdicts } from '../../schema/vocabulary.ts'
import type { Span } from './exposure.ts'
import type { Allowance } from './policy.ts'

/**
 * A stretch of a bag's life in which it was not measured within its limits, or a journey, however it was measured: all
 * of its time in boxes without storage between. [from, to) in event time, ms UTC. Low and
 * high may last for no time at all: one reading before a silence.
 */
export type LedgerEntry = Span & {
  readonly kind: EntryKind
  /** Which bag it is of: the bag itself, or one it was made of. */
  readonly bagId: string
  /** Whose limits it was judged by; null where it was in no container. */
  readonly phase: 'storage' | 'transport' | null
  /** The device it was in or was last seen in; null before it was seen anywhere. */
  readonly device: string | null
  readonly probe: ProbeKind | null
  /** Hundredths of a degree Celsius; null where nothing was measured. */
  readonly coldest: number | null
  readonly warmest: number | null
  /** It lasts still at the moment of asking, which is all `to` says then. */
  readonly ongoing: boolean
}

/** What the policy in force says of a stretch. ms */
export type LedgerRules = {
  readonly allowances: readonly Allowance[]
  readonly longestMs: number | null
  readonly gapGraceMs: number
}

/** What people said of a bag. */
export type Vouched = {
  /** When one last vouched for how it was kept: what nobody measured until then counts no more. ms UTC */
  readonly until: number
  /** What was released: what was measured, or never heard, is taken for what it was, and not for what it becomes. */
  readonly released: readonly LedgerEntry[]
}

export type Judged = {
  readonly entry: LedgerEntry
  readonly verdict: Verdict
  readonly reason: LedgerReason
}

export type Judgement = {
  readonly verdict: Verdict
  /** One for each entry, in their order. */
  readonly entries: readonly Judged[]
  /** When it may be another one though nothing more is heard, ms UTC; null where it never will. */
  readonly dueAt: number | null
}

/**
 * What becomes of a bag by its ledger, the worst of what becomes of it by each entry.
 *
 * Outside its limits it is BREACHED, but for what its policy allows in the life of a bag: that is HOLD, for a person to
 * look at, who by releasing it uses it up. What no reading speaks for in a container is UNVERIFIED for as long as the
 * missing may still come (`gapGraceMs` after it began), and HOLD from then on, or once it is certain that nothing will
 * come. What only a probe spoke for that is not to be believed is UNVERIFIED while that lasts, and HOLD from when it is
 * over, for then all has been told, or once it has lasted as long as one waits for what is missing. At places nobody
 * knows it is UNVERIFIED, and so is all that was in hands once that is longer than may be, and a journey that took
 * longer, however cold. What a person released or vouched for since is OK; a stretch that grew since is not what was
 * released.
 *
 * @param rulesOf by the version in force when the entry began, of the component of the bag it is of
 * @param isProvenEmpty of a bounded stretch: all messages from around it came, and none speaks of it
 */
export function judgeLedger(
  entries: readonly LedgerEntry[],
  { until, released }: Vouched,
  rulesOf: (entry: LedgerEntry, phase: Phase, at: number) => LedgerRules | null,
  isProvenEmpty: (entry: LedgerEntry) => boolean,
  now: number,
): Judgement {
  const outside = entries.filter(isOutside)
  let handledMs = 0
  let dueAt: number | null = null
  const due = (at: number) => {
    if (at > now) dueAt = Math.min(dueAt ?? at, at)
  }

  function judge(entry: LedgerEntry): Omit<Judged, 'entry'> {
    const { kind, phase, from, to, ongoing } = entry
    if (isReleased(entry, released)) return { verdict: 'OK', reason: 'released' }
    const rules = phase && rulesOf(entry, phase, from)
    if (isOutside(entry)) {
      const allowance = rules && allowanceFor(outside, rules.allowances)
      if (!allowance) return { verdict: 'BREACHED', reason: 'outside_limits' }
      if (ongoing) due(now + allowance.longestMs - totalMs(outside) + 1)
      return { verdict: 'HOLD', reason: 'within_allowance' }
    }
    const countedMs = to - Math.max(from, until)
    if (countedMs <= 0) return { verdict: 'OK', reason: 'vouched_for' }
    if (kind === 'in_hand' || kind === 'unseen') {
      const longestMs = rulesOf(entry, 'in_hand', from)?.longestMs ?? null
      handledMs += countedMs
      if (longestMs === null) return { verdict: 'OK', reason: 'in_hands' }
      if (handledMs > longestMs) return { verdict: 'UNVERIFIED', reason: 'in_hands_too_long' }
      if (ongoing) due(now + longestMs - handledMs + 1)
      return { verdict: 'OK', reason: 'in_hands' }
    }
    if (kind === 'journey') {
      const longestMs = rules?.longestMs ?? null
      if (longestMs === null) return { verdict: 'OK', reason: 'on_journey' }
      if (countedMs > longestMs) return { verdict: 'UNVERIFIED', reason: 'journey_too_long' }
      if (ongoing) due(now + longestMs - countedMs + 1)
      return { verdict: 'OK', reason: 'on_journey' }
    }
    if (kind === 'unknown_place') return { verdict: 'UNVERIFIED', reason: 'place_unknown' }
    const graceEnds = from + (rules?.gapGraceMs ?? 0)
    if (kind === 'probe_fault') {
      if (!ongoing || now > graceEnds) return { verdict: 'HOLD', reason: 'probe_fault_stands' }
      due(graceEnds + 1)
      return { verdict: 'UNVERIFIED', reason: 'probe_fault' }
    }
    if (!ongoing && isProvenEmpty(entry)) return { verdict: 'HOLD', reason: 'nothing_will_come' }
    if (now > graceEnds) return { verdict: 'HOLD', reason: 'unheard_too_long' }
    due(graceEnds + 1)
    return { verdict: 'UNVERIFIED', reason: 'unheard' }
  }

  const judged = entries.map((entry) => ({ entry, ...judge(entry) }))
  return { verdict: worstOf(judged.map(({ verdict }) => verdict)), entries: judged, dueAt }
}

export function worstOf(all: readonly Verdict[]): Verdict {
  return verdicts[Math.max(0, ...all.map((one) => verdicts.indexOf(one)))] as Verdict
}

export function isOutside({ kind }: Pick<LedgerEntry, 'kind'>): boolean {
  return kind === 'low' || kind === 'high'
}

/**
 * The allowance all that a bag ever was outside its limits keeps to, and so many occasions more; null where none is wide
 * or long enough.
 */
function allowanceFor(
  outside: readonly LedgerEntry[],
  allowances: readonly Allowance[],
  more = 0,
): Allowance | null {
  const isKept = ({ low, high, longestMs, occasions }: Allowance) =>
    outside.length + more <= occasions &&
    totalMs(outside) <= longestMs &&
    outside.every(({ coldest, warmest }) => (coldest ?? low) >= low && (warmest ?? high) <= high)
  return allowances.find(isKept) ?? null
}

/**
 * How much longer a bag may be outside its limits, ms, by all that it ever was. What is over was an occasion, and there
 * must be another one left; 0 where nothing is.
 */
export function allowanceLeftMs(entries: readonly LedgerEntry[], allowances: readonly Allowance[]): number {
  const outside = entries.filter(isOutside)
  const isOut = outside.some(({ ongoing }) => ongoing)
  const allowance = allowanceFor(outside, allowances, isOut ? 0 : 1)
  return allowance ? allowance.longestMs - totalMs(outside) : 0
}

function totalMs(entries: readonly LedgerEntry[]): number {
  return entries.reduce((ms, { from, to }) => ms + to - from, 0)
}

/** Is it just what somebody released? That was over: nobody releases what lasts. */
export function isReleased(entry: LedgerEntry, released: readonly LedgerEntry[]): boolean {
  return !entry.ongoing && released.some((one) => isSame(one, entry))
}

function isSame(one: LedgerEntry, other: LedgerEntry): boolean {
  return (
    one.kind === other.kind &&
    one.bagId === other.bagId &&
    one.device === other.device &&
    one.from === other.from &&
    one.to === other.to &&
    one.coldest === other.coldest &&
    one.warmest === other.warmest
  )
}

/** A stretch as a ledger tells it, or as is told beside it; `to` is null while it lasts. */
type Told = Pick<LedgerEntry, 'kind' | 'bagId' | 'device' | 'from' | 'coldest' | 'warmest'> & {
  readonly to: number | null
  readonly verdict: Verdict
}

/**
 * What is told of that was measured outside limits and nobody released, but for what was told already: as long, as far
 * outside and as gravely. That something else is wrong with the bag as well is no reason to keep silent of it, for who
 * sees to that does not see this. Of what is better now nothing follows.
 *
 * @param known what was told before, or in the ledger that it is told beside
 */
export function graverThan<T extends Told>(known: readonly Told[], told: readonly T[]): readonly T[] {
  return told.filter(
    (one) => one.verdict !== 'OK' && isOutside(one) && !known.some((other) => contains(other, one)),
  )
}

function contains(known: Told, one: Told): boolean {
  const isAsLong = known.from <= one.from && (known.to === null || (one.to !== null && known.to >= one.to))
  // How warm a stretch that lasts has become is told when it is over.
  const isAsFar =
    known.to === null ||
    (one.kind === 'low'
      ? (known.coldest ?? 0) <= (one.coldest ?? 0)
      : (known.warmest ?? 0) >= (one.warmest ?? 0))
  return (
    known.kind === one.kind &&
    known.bagId === one.bagId &&
    known.device === one.device &&
    isAsLong &&
    isAsFar &&
    verdicts.indexOf(known.verdict) >= verdicts.indexOf(one.verdict)
  )
}
