import { z } from 'zod'
import { Tag } from '../messages.ts'
import { Name } from '../topics.ts'
import { Count, InstantText, limit } from './values.ts'

export const UnresolvedTagsQuery = z.strictObject({ limit: limit(1_000, 100) })

const UnresolvedTag = z
  .object({
    tag: Tag,
    sightings: Count,
    firstAt: InstantText,
    lastAt: InstantText,
    lastDevice: Name.meta({ description: 'the device that saw it last' }),
  })
  .meta({ id: 'UnresolvedTag' })

export const UnresolvedTags = z
  .object({ tags: z.array(UnresolvedTag).meta({ description: 'longest waiting first' }) })
  .meta({ id: 'UnresolvedTags', description: 'tags that were seen while they were on no bag' })
