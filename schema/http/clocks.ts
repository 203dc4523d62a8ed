import { z } from 'zod'
import { Boot, Seq } from '../messages.ts'
import { actorKinds, clockFaultKinds } from '../vocabulary.ts'
import { InstantText, orNull, text } from './values.ts'

const offset = z
  .int()
  .min(-253_402_300_799_999)
  .max(253_402_300_799_999)
  .meta({ description: "what to add to the device's time to get ours, ms" })

export const ClockFactInput = z
  .strictObject({
    boot: Boot,
    fromSeq: Seq,
    toSeq: Seq.optional().meta({ description: 'inclusive; without it all that follow' }),
    offsetMs: offset,
    reason: text(500),
  })
  .meta({ id: 'ClockFactInput', description: 'what the time of some messages of one boot is worth' })

const ClockFact = z
  .object({
    boot: Boot,
    fromSeq: Seq,
    toSeq: orNull(Seq).meta({ description: 'inclusive; null is open' }),
    offsetMs: offset,
    reason: z.string(),
    decidedBy: z.object({ kind: z.enum(actorKinds), id: z.string() }),
    decidedAt: InstantText,
  })
  .meta({ id: 'ClockFact' })

export const ClockFacts = z
  .object({
    clockFacts: z
      .array(ClockFact)
      .meta({ description: 'oldest first; a later one overrules an earlier one' }),
  })
  .meta({ id: 'ClockFacts' })

export const ClockFault = z
  .object({
    boot: Boot,
    kind: z.enum(clockFaultKinds),
    fromSeq: Seq,
    toSeq: orNull(Seq).meta({ description: 'inclusive; null while it lasts' }),
    measuredOffsetMs: offset,
    raisedAt: InstantText,
    settled: z.boolean().meta({ description: 'a clock fact has said what its time is worth' }),
  })
  .meta({ id: 'ClockFault' })

export const ClockFaults = z.object({ clockFaults: z.array(ClockFault) }).meta({ id: 'ClockFaults' })
