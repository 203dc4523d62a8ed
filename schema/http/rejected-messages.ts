import { z } from 'zod'
import { Name } from '../topics.ts'
import { rejectionCodes } from '../vocabulary.ts'
import { Count, InstantText, limit, orNull } from './values.ts'

export const RejectedMessageParams = z.strictObject({
  id: z.coerce.number().int().min(1).meta({ description: 'the number of the rejected message' }),
})

export const RejectedMessagesQuery = z.strictObject({
  device: Name.optional(),
  before: z.coerce.number().int().min(1).optional().meta({ description: 'only those with a smaller number' }),
  limit: limit(100, 20),
})

const code = z.enum(rejectionCodes)

export const RejectedMessage = z
  .object({
    id: z.int(),
    device: Name,
    topic: z.string(),
    boot: orNull(z.string()),
    seq: orNull(z.int()),
    code,
    reason: z.string(),
    elements: orNull(
      z.array(z.object({ index: Count, code, reason: z.string() }).meta({ id: 'RejectedElement' })),
    ).meta({ description: 'its bad elements; null where the message itself was rejected' }),
    receivedAt: InstantText,
    times: Count.meta({ description: 'how often these very bytes came and were rejected' }),
    readmittedAt: orNull(InstantText),
    payload: z.base64().meta({ description: 'its exact bytes' }),
    text: orNull(z.string()).meta({ description: 'the same as text, where they are UTF-8' }),
  })
  .meta({ id: 'RejectedMessage' })

export const RejectedMessages = z
  .object({
    rejectedMessages: z
      .array(RejectedMessage)
      .meta({ description: 'newest first; readmitted ones are left out' }),
    next: orNull(z.int()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
  })
  .meta({ id: 'RejectedMessages' })

export const Readmission = z
  .object({
    readmitted: z.boolean().meta({ description: 'all of it is in' }),
    left: z
      .array(z.object({ index: orNull(Count), code, reason: z.string() }).meta({ id: 'LeftOver' }))
      .meta({ description: 'what is still wrong, element by element; index null is the message itself' }),
  })
  .meta({ id: 'Readmission' })
