import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { lockBags } from '../stores/bags.ts'
import { findBoot, insertClockFact } from '../stores/clocks.ts'
import { findDevice } from '../stores/devices.ts'
import { rawTimesOf } from '../stores/readings.ts'
import { bagsTouchedByBoot, lockInventories, refoldPlaces } from '../stores/sightings.ts'
import { signalDevice } from '../stores/signals.ts'
import { reachDevice } from './demand.ts'
import { rederiveDevice } from './rederive-device.ts'

export type ClockFactRequest = {
  readonly device: string
  readonly boot: string
  readonly fromSeq: number
  /** Inclusive; absent is open. */
  readonly toSeq?: number | undefined
  readonly offsetMs: number
  readonly reason: string
}

/**
 * Decide what the time of some messages is worth. Raw times stay as they are; gaps, excursions and places that hang on
 * them are derived again.
 */
export async function recordClockFact(ctx: Context, input: ClockFactRequest): Promise<void> {
  const now = ctx.now()
  const toSeq = input.toSeq ?? null
  if (toSeq !== null && toSeq < input.fromSeq) {
    throw new Refusal('invalid_request', `toSeq: ${toSeq} is before fromSeq ${input.fromSeq}`)
  }
  await ctx.database.db.transaction(async (tx) => {
    const before = await reachDevice(ctx, tx, input.device, 'clock.decide')
    const boot = await findBoot(tx, before.id, input.boot)
    if (!boot)
      throw new Refusal('not_found', `device ${before.name} never reported a boot named ${input.boot}`)
    // Whoever tags a bag this device saw waits, and places it by this fact.
    await lockInventories(tx, [before.id])
    const bags = await lockBags(tx, await bagsTouchedByBoot(tx, boot.id, before.id))
    const { fromSeq, offsetMs, reason } = input
    const fact = {
      deviceId: before.id,
      device: before.name,
      bootId: boot.id,
      fromSeq,
      toSeq,
      offsetMs,
      reason,
    }
    await insertClockFact(tx, ctx.actor, fact, now)

    const device = await findDevice(tx, input.device)
    const offsets = device.clockFacts.map((known) => known.offsetMs)
    await rederiveDevice(
      tx,
      device,
      async (probe) => {
        const raw = await rawTimesOf(tx, probe.id, { bootId: boot.id, fromSeq, toSeq })
        return raw && { from: raw.from + Math.min(0, ...offsets), to: raw.to + Math.max(0, ...offsets) }
      },
      now,
      ctx.telemetry.isElsewhere,
    )
    await refoldPlaces(tx, bags, now)
    await signalDevice(tx, { device: device.name, disconnect: false })
  })
}
