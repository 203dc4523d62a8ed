import { z } from 'zod'
import { Name } from '../topics.ts'
import { Count, InstantText, limit, orNull } from './values.ts'

export const DeadLetterParams = z.strictObject({
  id: z.coerce.number().int().min(1).meta({ description: 'the number of the dead letter' }),
})

export const DeadLettersQuery = z.strictObject({
  device: Name.optional(),
  before: z.coerce.number().int().min(1).optional().meta({ description: 'only those with a smaller number' }),
  limit: limit(100, 20),
})

const DeadLetter = z
  .object({
    id: z.int(),
    device: Name,
    at: InstantText.meta({ description: 'when the telemetry store refused them' }),
    readings: Count,
    from: InstantText.meta({ description: 'the time of the first by the clock of the device' }),
    to: InstantText.meta({ description: 'that of the last' }),
    reason: z.string().meta({ description: 'in the words of the telemetry store' }),
  })
  .meta({ id: 'DeadLetter' })

export const DeadLetters = z
  .object({
    deadLetters: z
      .array(DeadLetter)
      .meta({ description: 'newest first; those that were sent again are left out' }),
    next: orNull(z.int()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
  })
  .meta({ id: 'DeadLetters' })

export const Resending = z
  .object({
    queued: Count.meta({ description: 'readings on their way again' }),
    overruled: Count.meta({ description: 'readings that no longer rule; what does was sent for itself' }),
  })
  .meta({ id: 'Resending' })
