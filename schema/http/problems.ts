import { z } from 'zod'

/** RFC 9457: why a request was not done. Programs go by `code`, people by `detail`. */
export const Problem = z.object({
  type: z.string().meta({ description: 'a URI that names the kind of problem' }),
  title: z.string(),
  status: z.int().meta({ description: 'the HTTP status' }),
  detail: z.string().meta({ description: 'what is wrong with this request' }),
  code: z.string().meta({ description: 'the kind of problem in one word; others may be added' }),
  requestId: z.string().meta({ description: 'names the request in the log' }),
  issues: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .optional()
    .meta({ description: 'each thing that is not as described, where it is' }),
})
export type Problem = z.infer<typeof Problem>
