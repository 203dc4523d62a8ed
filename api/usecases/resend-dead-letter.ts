import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { closeDeadLetter } from '../stores/dead-letters.ts'
import { lockDevice } from '../stores/devices.ts'
import { insertOutbox } from '../stores/outbox.ts'
import { unpackReadings } from '../stores/outbox-body.ts'
import { type StoredReading, standingReadings } from '../stores/readings.ts'
import { reachDeadLetter } from './demand.ts'

export type Resending = {
  /** Readings on their way again. */
  readonly queued: number
  /** Readings that no longer rule; what does was sent for itself. */
  readonly overruled: number
}

/**
 * Put readings the telemetry store refused on their way again, now that the cause is thought to be mended. What it
 * refuses again is another dead letter.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where it was sent again already, or there is nowhere to send it
 */
export async function resendDeadLetter(ctx: Context, input: { readonly id: number }): Promise<Resending> {
  const now = ctx.now()
  return ctx.database.db.transaction(async (tx) => {
    const { id, deviceId, body } = await reachDeadLetter(ctx, tx, input.id, 'message.readmit')
    if (!ctx.telemetry.isElsewhere)
      throw new Refusal('conflict', 'telemetry is kept in the database now: there is nowhere to send it')
    // Nothing else is made to rule meanwhile: whatever is decided later is sent later, and so is what stays.
    await lockDevice(tx, deviceId)
    const readings = unpackReadings(body)
    const standing = new Map((await standingReadings(tx, readings)).map((row) => [identityOf(row), row]))
    const ruling = readings.filter((reading) => {
      const stands = standing.get(identityOf(reading)) ?? reading
      return stands.centi === reading.centi && stands.seq === reading.seq
    })
    await insertOutbox(tx, ruling, now)
    const outcome = { queued: ruling.length, overruled: readings.length - ruling.length }
    await closeDeadLetter(tx, ctx.actor, id, outcome, now)
    return outcome
  })
}

function identityOf({ probeId, at, bootId }: StoredReading): string {
  return `${probeId}/${at}/${bootId}`
}
