import { type ClockState, judgeClock, offsetOf } from '../../domain/clock.ts'
import { type Boot, insertClockFact, raiseClockFault, saveClock } from '../../stores/clocks.ts'
import type { Transaction } from '../../stores/database.ts'
import type { Memory } from './memory.ts'
import type { Taken } from './taken.ts'

/** A clock is written again once it has drifted this far from what is written, ms. */
const worthWritingMs = 1_000

/**
 * Measure the clocks of the devices on their live messages. Faults are raised at once; one that a later message shows
 * to have been a late delivery is settled by the service itself, with a fact that says so.
 *
 * @returns what to remember once the transaction is committed
 */
export async function judgeClocks(
  tx: Transaction,
  messages: readonly Taken[],
  memory: Memory,
): Promise<() => void> {
  const boots = new Map<number, { deviceId: number; boot: Boot }>()
  for (const { incoming, device, boot, decoded } of messages) {
    if (!decoded.live || incoming.channel !== 'readings') continue
    const known = boots.get(boot.id)?.boot ?? boot
    const { seq, sentAt, uptimeMs } = decoded
    const knownOffsetMs = offsetOf(device.clockFacts, boot.boot, seq)
    const { receivedAt } = incoming
    const judged = judgeClock(known.clock, { seq, sentAt, uptimeMs, receivedAt, knownOffsetMs })
    if (!judged) continue
    let { fault } = known
    if (judged.fault && !(fault && judged.fault.kind === 'offset')) {
      const { kind, measuredOffsetMs } = judged.fault
      const id = await raiseClockFault(tx, {
        deviceId: device.id,
        bootId: boot.id,
        kind,
        fromSeq: seq,
        measuredOffsetMs,
        raisedAt: receivedAt,
      })
      fault = { id, kind, fromSeq: seq }
    }
    if (judged.provedRight && fault?.kind === 'offset') {
      await insertClockFact(
        tx,
        { kind: 'job', id: 'clock-watch' },
        {
          deviceId: device.id,
          device: device.name,
          bootId: boot.id,
          fromSeq: fault.fromSeq,
          toSeq: seq,
          offsetMs: knownOffsetMs,
          reason: `message ${seq} of the same boot shows the clock to be right: earlier ones were delivered late`,
        },
        receivedAt,
      )
      fault = null
    }
    const clock = await written(tx, known, judged.state)
    boots.set(boot.id, { deviceId: device.id, boot: { ...known, clock, fault } })
  }
  return () => {
    for (const { deviceId, boot } of boots.values()) memory.setBoot(deviceId, boot)
  }
}

/**
 * Write a clock where it changed enough to matter. What is remembered keeps the written epoch until then, so that slow
 * drift adds up to a write and never to a step.
 */
async function written(tx: Transaction, { id, clock: old }: Boot, clock: ClockState): Promise<ClockState> {
  const isSame = old && old.proven === clock.proven && Math.abs(old.epoch - clock.epoch) < worthWritingMs
  if (isSame) return { ...clock, epoch: old.epoch }
  await saveClock(tx, id, clock)
  return clock
}
