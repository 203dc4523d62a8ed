import { z } from 'zod'
import { actorKinds, alarmKinds } from '../vocabulary.ts'
import { InstantInput, InstantText, limit, text } from './values.ts'

/** Those of bags and journeys are no device's: nobody can make one alarm of them. */
const testable = z
  .enum(alarmKinds)
  .exclude(['bag_out_soon', 'bag_out', 'transfusion_late', 'transit_overdue'])

export const AlarmTestInput = z
  .strictObject({
    kind: testable,
    passed: z.boolean().meta({ description: 'the alarm was raised, and heard by who should' }),
    comment: text(500).meta({ description: 'how it was tested, and what was seen' }),
    at: InstantInput.optional().meta({ description: 'now, where it is not said' }),
  })
  .meta({ id: 'AlarmTestInput' })

export const AlarmTestsQuery = z.strictObject({ limit: limit(200, 50) })

export const AlarmTests = z
  .object({
    alarmTests: z
      .array(
        z.object({
          kind: z.enum(alarmKinds),
          passed: z.boolean(),
          comment: z.string(),
          at: InstantText,
          by: z.object({ kind: z.enum(actorKinds), id: z.string() }),
          recordedAt: InstantText,
        }),
      )
      .meta({ description: 'the last first' }),
  })
  .meta({ id: 'AlarmTests' })
