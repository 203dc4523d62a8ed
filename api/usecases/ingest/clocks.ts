import {
  type ClockJudgement,
  type ClockState,
  faultBeginsAt,
  judgeClock,
  offsetOf,
  stretchesOf,
} from '../../domain/clock.ts'
import {
  type Boot,
  endClockFault,
  insertClockFact,
  raiseClockFault,
  saveClocks,
} from '../../stores/clocks.ts'
import type { Transaction } from '../../stores/database.ts'
import type { Taken } from './taken.ts'

/** A clock is written again once it has drifted this far from what is written, ms. */
const worthWritingMs = 1_000

/** A clock is written again once it has run this long since it was, so that drift is never allowed for much longer. */
const referenceLastsMs = 3_600_000

/**
 * Measure the clocks of the devices on their live messages. Faults are raised at once; one that a later message shows
 * to have been a late delivery is settled by the service itself, with a fact that says so.
 *
 * @returns what to remember once the transaction is committed
 */
export async function judgeClocks(tx: Transaction, messages: readonly Taken[]): Promise<() => void> {
  const measured = new Map<number, { boots: Map<string, Boot>; boot: Boot }>()
  const written = new Map<number, ClockState>()
  for (const message of messages) {
    const { incoming, device, boots, boot, decoded } = message
    const known = measured.get(boot.id)?.boot ?? boot
    const { seq } = decoded
    const { receivedAt } = incoming
    const knownOffsetMs = offsetOf(device.clockFacts, boot.boot, seq)
    const judged = judge(known, message, knownOffsetMs)
    if (!judged) continue
    let { fault } = known
    const raised = faultToRaise(known, judged)
    if (raised) {
      const { kind, measuredOffsetMs } = raised
      const fromSeq = faultBeginsAt(known.clock, fault, device.clockFacts, boot.boot)
      const id = await raiseClockFault(tx, {
        deviceId: device.id,
        bootId: boot.id,
        kind,
        fromSeq,
        measuredOffsetMs,
        raisedAt: receivedAt,
      })
      fault = { id, kind, fromSeq }
    }
    if (fault && isSettledBy(fault, judged, seq)) {
      await endClockFault(tx, boot.id, seq)
      // What is known of their offsets stays as it is: this says that they were late, not what their time is worth.
      for (const stretch of stretchesOf(device.clockFacts, boot.boot, fault.fromSeq, seq)) {
        const reason = `message ${seq} of the same boot shows the clock to be right: earlier ones were delivered late`
        const fact = { deviceId: device.id, device: device.name, bootId: boot.id, ...stretch, reason }
        await insertClockFact(tx, { kind: 'job', id: 'clock-watch' }, fact, receivedAt)
      }
      fault = null
    }
    const isWorthIt = raised !== null || isWorthWriting(known.clock, judged.state)
    if (isWorthIt) written.set(boot.id, judged.state)
    const clock = isWorthIt ? judged.state : remembered(known, judged.state)
    measured.set(boot.id, { boots, boot: { ...known, clock, fault } })
  }
  await saveClocks(tx, written)
  return () => {
    for (const { boots, boot } of measured.values()) boots.set(boot.boot, boot)
  }
}

/** What a message shows of its sender's clock; null for one that was not sent as it was measured, or is old news. */
function judge({ clock }: Boot, { incoming, decoded }: Taken, knownOffsetMs: number): ClockJudgement | null {
  if (!decoded.live || incoming.channel !== 'readings') return null
  const { seq, sentAt, uptimeMs } = decoded
  return judgeClock(clock, { seq, sentAt, uptimeMs, receivedAt: incoming.receivedAt, knownOffsetMs })
}

/** A fault that is not known yet; an offset says nothing new while any fault is open. */
function faultToRaise({ fault }: Boot, judged: ClockJudgement): ClockJudgement['fault'] {
  return judged.fault && fault && judged.fault.kind === 'offset' ? null : judged.fault
}

/** What a fact left in doubt of messages still to come is not vouched for by one before them. */
function isSettledBy(fault: NonNullable<Boot['fault']>, judged: ClockJudgement, seq: number): boolean {
  return judged.provedRight && fault.kind === 'offset' && fault.fromSeq <= seq
}

/** A boot one message later; null where the message shows of its clock what has to be written down. */
export function followClock(known: Boot, message: Taken): Boot | null {
  const { seq } = message.decoded
  const judged = judge(known, message, offsetOf(message.device.clockFacts, known.boot, seq))
  if (!judged) return known
  if (faultToRaise(known, judged) || (known.fault && isSettledBy(known.fault, judged, seq))) return null
  return isWorthWriting(known.clock, judged.state)
    ? null
    : { ...known, clock: remembered(known, judged.state) }
}

function isWorthWriting(old: ClockState | null, clock: ClockState): boolean {
  return (
    !old ||
    old.proven !== clock.proven ||
    old.lateSince !== clock.lateSince ||
    Math.abs(old.epoch - clock.epoch) >= worthWritingMs ||
    Math.abs(old.uptimeMs - clock.uptimeMs) >= referenceLastsMs
  )
}

/** A clock that is not written keeps the written reference, so that slow drift adds up to a write and never to a step. */
function remembered({ clock: old }: Boot, clock: ClockState): ClockState {
  return old ? { ...clock, epoch: old.epoch, uptimeMs: old.uptimeMs } : clock
}
