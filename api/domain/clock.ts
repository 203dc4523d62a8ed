import type { ClockFaultKind } from '../../schema/vocabulary.ts'

/** A device's clock may differ from ours by this much before its time is doubted, ms. */
export const offsetToleranceMs = 60_000

/** Between two messages a clock may move against the power-up counter by this much, ms, plus the drift below. */
export const stepToleranceMs = 5_000

/** Drift allowed for what has passed since the reference; never more than a clock may be off at all, however long. */
const driftPerMs = 200e-6
const maxDriftMs = offsetToleranceMs

/** A network makes live messages late for this long on end, ms; what is late for longer is late by its own clock. */
export const latenessLastsMs = 3_600_000

/** What is remembered of a clock within one boot. */
export type ClockState = {
  /** The newest live message it was measured on. */
  readonly seq: number
  /** `sentAt - uptimeMs` of the message it is compared with: stands still unless it is stepped or drifts, ms UTC. */
  readonly epoch: number
  /** The power-up counter of that same message, ms: drift is allowed for what has passed since. */
  readonly uptimeMs: number
  /** When the first live message came that has been late ever since the clock last agreed, ms UTC; null while none has. */
  readonly lateSince: number | null
  /** A live message has agreed with our clock since the last step, so a later lateness is the network's. */
  readonly proven: boolean
  /** The newest live message that agreed with our clock; no time after it is vouched for. Null where none did. */
  readonly agreedSeq: number | null
}

/** What one live message shows of its sender's clock. */
export type ClockSample = {
  readonly seq: number
  readonly sentAt: number
  readonly uptimeMs: number
  readonly receivedAt: number
  /** What is already known to be added to this message's raw time, ms. */
  readonly knownOffsetMs: number
}

export type ClockJudgement = {
  readonly state: ClockState
  /** Its time is UNVERIFIED; `faultBeginsAt` says from where on. */
  readonly fault: { readonly kind: ClockFaultKind; readonly measuredOffsetMs: number } | null
  /** The clock has proved right: an offset fault raised in this stretch was only a late delivery. */
  readonly provedRight: boolean
}

/**
 * Judge a clock by one more live message. Delivery can only make a message late, never early: once the clock has
 * agreed with ours, lateness is the network's for `latenessLastsMs` on end, or until the clock is stepped. A step is
 * seen against the power-up counter, whatever the network does.
 */
export function judgeClock(state: ClockState | null, sample: ClockSample): ClockJudgement | null {
  if (state && sample.seq <= state.seq) return null
  const epoch = sample.sentAt - sample.uptimeMs
  const measuredOffsetMs = sample.receivedAt - sample.sentAt
  const remaining = measuredOffsetMs - sample.knownOffsetMs
  const agrees = Math.abs(remaining) <= offsetToleranceMs

  const agreedSeq = state?.agreedSeq ?? null
  const { seq, uptimeMs } = sample
  if (state && Math.abs(epoch - state.epoch) > stepToleranceMs + driftAllowed(state, sample)) {
    return {
      state: { seq, epoch, uptimeMs, proven: false, agreedSeq, lateSince: null },
      fault: { kind: 'step', measuredOffsetMs },
      provedRight: false,
    }
  }
  if (agrees) {
    return {
      state: { seq, epoch, uptimeMs, proven: true, agreedSeq: seq, lateSince: null },
      fault: null,
      provedRight: !state?.proven,
    }
  }
  const isLate = remaining > 0
  const lateSince = state?.lateSince ?? sample.receivedAt
  const isOverdue = isLate && sample.receivedAt - lateSince >= latenessLastsMs
  const proven = state?.proven === true && !isOverdue
  return {
    state: { seq, epoch, uptimeMs, proven, agreedSeq, lateSince: isLate && proven ? lateSince : null },
    fault: isLate && proven ? null : { kind: 'offset', measuredOffsetMs },
    provedRight: false,
  }
}

function driftAllowed(reference: ClockState, { uptimeMs }: ClockSample): number {
  return Math.min(maxDriftMs, Math.max(0, uptimeMs - reference.uptimeMs) * driftPerMs)
}

/**
 * The first message whose time a new fault puts in doubt. A live message shows that the clock is wrong, not since when:
 * so it is right after the newest one that agreed, or the first of the boot where none did. What an open fault covers
 * stays with that one as far as the clock was measured, and so does what a clock fact has decided.
 *
 * @param known the clock before the message that shows the fault
 */
export function faultBeginsAt(
  known: ClockState | null,
  open: { readonly fromSeq: number } | null,
  facts: readonly ClockFact[],
  boot: string,
): number {
  if (!known) return 0
  const decided = facts
    .filter((fact) => fact.boot === boot && fact.fromSeq <= known.seq)
    .map(({ toSeq }) => Math.min(toSeq ?? known.seq, known.seq))
  const covered = open && open.fromSeq <= known.seq ? [known.seq] : []
  return Math.max(-1, known.agreedSeq ?? -1, ...covered, ...decided) + 1
}

/** Add `offsetMs` to the raw times of messages `fromSeq` to `toSeq` (inclusive, null is open) of a boot. */
export type ClockFact = {
  readonly id: number
  readonly boot: string
  readonly fromSeq: number
  readonly toSeq: number | null
  readonly offsetMs: number
}

export function offsetOf(facts: readonly ClockFact[], boot: string, seq: number): number {
  let ruling: ClockFact | null = null
  for (const fact of facts) {
    if (fact.boot !== boot || seq < fact.fromSeq || (fact.toSeq !== null && seq > fact.toSeq)) continue
    if (!ruling || fact.id > ruling.id) ruling = fact
  }
  return ruling?.offsetMs ?? 0
}

/** Messages `fromSeq` to `toSeq`, inclusive, that have one offset. */
export type Stretch = { readonly fromSeq: number; readonly toSeq: number; readonly offsetMs: number }

/** Cut messages `fromSeq` to `toSeq` of a boot where their offset changes by what is known. */
export function stretchesOf(
  facts: readonly ClockFact[],
  boot: string,
  fromSeq: number,
  toSeq: number,
): Stretch[] {
  const cuts = facts
    .filter((fact) => fact.boot === boot)
    .flatMap((fact) => [fact.fromSeq, ...(fact.toSeq === null ? [] : [fact.toSeq + 1])])
    .filter((cut) => cut > fromSeq && cut <= toSeq)
  const starts = [fromSeq, ...new Set(cuts)].sort((a, b) => a - b)
  return starts.map((start, index) => ({
    fromSeq: start,
    toSeq: (starts[index + 1] ?? toSeq + 1) - 1,
    offsetMs: offsetOf(facts, boot, start),
  }))
}
