import { z } from 'zod'
import { Boot, Seq } from '../messages.ts'
import { InstantText, limit } from './values.ts'

export const SequenceHolesQuery = z.strictObject({ limit: limit(1_000, 100) })

export const SequenceHoles = z
  .object({
    holes: z
      .array(
        z
          .object({
            boot: Boot,
            fromSeq: Seq,
            toSeq: Seq.meta({ description: 'inclusive' }),
            seenAt: InstantText.meta({ description: 'when the message behind it was received' }),
          })
          .meta({ id: 'SequenceHole' }),
      )
      .meta({ description: 'the newest first. Behind the last message of a boot nobody knows of any' }),
    complete: z.boolean().meta({
      description: 'false while messages stored before are still looked at: there may be more',
    }),
  })
  .meta({ id: 'SequenceHoles', description: 'numbers of messages that were never stored, boot by boot' })
