import { z } from 'zod'
import { actorKinds } from '../vocabulary.ts'
import { InstantInput, InstantText, limit, text } from './values.ts'

export const DefrostInput = z
  .strictObject({
    from: InstantInput.optional().meta({ description: 'now, where it is not said' }),
    to: InstantInput.meta({ description: 'half an hour after it at most' }),
    reason: text(500),
  })
  .meta({ id: 'DefrostInput' })

export const DefrostsQuery = z.strictObject({ limit: limit(200, 50) })

export const Defrosts = z
  .object({
    defrosts: z
      .array(
        z.object({
          from: InstantText,
          to: InstantText,
          reason: z.string(),
          by: z.object({ kind: z.enum(actorKinds), id: z.string() }),
          declaredAt: InstantText,
        }),
      )
      .meta({ description: 'the last first' }),
  })
  .meta({ id: 'Defrosts' })
