import { z } from 'zod'
import { Name } from '../topics.ts'
import { Count, InstantText, orNull } from './values.ts'

export const CompletenessQuery = z.strictObject({
  facility: Name.optional().meta({ description: 'only this facility' }),
})

const counts = {
  bags: Count.meta({ description: 'all that are held there, or were when their fate was recorded' }),
  withFate: Count.meta({
    description: 'transfused, discarded, or made into others, which are counted themselves',
  }),
  inOrder: z
    .object({ inStock: Count, inUse: Count, underWay: Count })
    .meta({ id: 'BagsInOrder', description: 'without a fate, and nothing is due yet' }),
  onWorklists: z
    .object({
      fateUnknown: Count,
      expiredOnShelf: Count,
      returnToInspect: Count,
      presumedTransfused: Count,
      bedsideMissing: Count,
      journeyOverdue: Count,
    })
    .meta({ id: 'BagsOnWorklists', description: 'each on the gravest that has it; GET /tasks tells which' }),
  rest: Count.meta({ description: 'neither a fate, nor in order, nor on a worklist: there must be none' }),
}

export const Completeness = z
  .object({
    at: InstantText,
    city: z.object(counts).meta({ id: 'TraceCounts', description: 'all that is within reach' }),
    facilities: z.array(
      z
        .object({ facility: orNull(z.string()), ...counts })
        .meta({ id: 'FacilityTraceCounts', description: 'null: bags nobody answers for' }),
    ),
  })
  .meta({ id: 'Completeness' })
