import type { ClockFaultKind } from '../../schema/vocabulary.ts'

/** A device's clock may differ from ours by this much before its time is doubted, ms. */
export const offsetToleranceMs = 60_000

/** Between two messages a clock may move against the power-up counter by this much, ms, plus the drift below. */
export const stepToleranceMs = 5_000
const driftPerMs = 200e-6

/** What is remembered of a clock within one boot. */
export type ClockState = {
  /** The newest live message it was measured on. */
  readonly seq: number
  /** `sentAt - uptimeMs` there: stands still unless the clock is stepped or drifts, ms UTC. */
  readonly epoch: number
  /** A live message has agreed with our clock since the last step, so a later lateness is the network's. */
  readonly proven: boolean
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
  /** Its time is UNVERIFIED from this message on. */
  readonly fault: { readonly kind: ClockFaultKind; readonly measuredOffsetMs: number } | null
  /** The clock has proved right: an offset fault raised in this stretch was only a late delivery. */
  readonly provedRight: boolean
}

/**
 * Judge a clock by one more live message. Delivery can only make a message late, never early: once the clock has
 * agreed with ours, lateness is the network's for as long as the clock is not stepped. A step is seen against the
 * power-up counter, whatever the network does.
 */
export function judgeClock(state: ClockState | null, sample: ClockSample): ClockJudgement | null {
  if (state && sample.seq <= state.seq) return null
  const epoch = sample.sentAt - sample.uptimeMs
  const measuredOffsetMs = sample.receivedAt - sample.sentAt
  const remaining = measuredOffsetMs - sample.knownOffsetMs
  const agrees = Math.abs(remaining) <= offsetToleranceMs

  const tolerance = stepToleranceMs + sample.uptimeMs * driftPerMs
  if (state && Math.abs(epoch - state.epoch) > tolerance) {
    return {
      state: { seq: sample.seq, epoch, proven: false },
      fault: { kind: 'step', measuredOffsetMs },
      provedRight: false,
    }
  }
  if (agrees) {
    return { state: { seq: sample.seq, epoch, proven: true }, fault: null, provedRight: !state?.proven }
  }
  const excused = state?.proven === true && remaining > 0
  return {
    state: { seq: sample.seq, epoch, proven: state?.proven ?? false },
    fault: excused ? null : { kind: 'offset', measuredOffsetMs },
    provedRight: false,
  }
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
