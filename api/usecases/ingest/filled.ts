import { offsetOf } from '../../domain/clock.ts'
import type { Transaction } from '../../stores/database.ts'
import { type Device, probesOf } from '../../stores/devices.ts'
import { dueForDevices } from '../../stores/ledger-due.ts'
import { newestBeside } from '../../stores/messages.ts'
import { readingJustAfter, readingsJustBefore } from '../../stores/readings.ts'
import type { Taken } from './taken.ts'

/**
 * That nothing will come for a silence is certain once all messages from around it came, whatever these are about: bags
 * that were in the device must be judged again when one comes that is numbered before others of its boot, from the last
 * reading before what it tells of to the first one after it was sent. The others may have come to another service, of
 * which nothing is remembered here.
 */
export async function dueForFilled(tx: Transaction, messages: readonly Taken[], now: number): Promise<void> {
  const times = new Map<Device, number[]>()
  const numbers = new Map<number, number[]>()
  for (const { boot, decoded } of messages)
    numbers.set(boot.id, [...(numbers.get(boot.id) ?? []), decoded.seq])
  const others = await newestBeside(tx, numbers)
  for (const { device, boot, decoded, again } of messages) {
    if (again || decoded.seq > Math.max(boot.newestSeq, others.get(boot.id) ?? -1)) continue
    const { seq, sentAt, readings, bags, events } = decoded
    const offset = offsetOf(device.clockFacts, boot.boot, seq)
    const told = [sentAt, ...[...readings, ...bags, ...events].map(({ at }) => at)]
    times.set(device, [...(times.get(device) ?? []), ...told.map((at) => at + offset)])
  }
  for (const [device, told] of times) {
    const span = { from: Math.min(...told), to: Math.max(...told) }
    const ends = [span.from, span.to]
    for (const { id } of await probesOf(tx, device.id)) {
      const [before] = await readingsJustBefore(tx, id, device.clockFacts, span.from)
      const after = await readingJustAfter(tx, id, device.clockFacts, span.to)
      ends.push(before?.at ?? span.from, after?.at ?? span.to)
    }
    await dueForDevices(tx, [{ deviceId: device.id, from: Math.min(...ends), to: Math.max(...ends) }], now)
  }
}
