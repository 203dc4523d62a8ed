import { z } from 'zod'
import { Name } from '../topics.ts'
import { taskKinds } from '../vocabulary.ts'
import { InstantText } from './values.ts'

export const TasksQuery = z.strictObject({
  facility: Name.optional().meta({ description: 'only those of this facility' }),
  kind: z.enum(taskKinds).optional(),
})

const Task = z
  .object({
    kind: z.enum(taskKinds).meta({
      description: 'issue_unconfirmed: a bag was issued at a fridge, and nobody saw it leave',
    }),
    bagId: z.uuid(),
    label: z.string().meta({ description: 'donation with check character, and product' }),
    device: z.string().meta({ description: 'where to look' }),
    facility: z.string(),
    since: InstantText,
    zh: z.string(),
    en: z.string(),
  })
  .meta({ id: 'Task' })

export const Tasks = z
  .object({ tasks: z.array(Task).meta({ description: 'the longest waiting first' }) })
  .meta({ id: 'Tasks' })
