import { z } from 'zod'

export const Health = z.object({ status: z.literal('alive') }).meta({ id: 'Health' })

export const Readiness = z
  .object({
    status: z.literal('ready'),
    database: z.object({ engine: z.string(), version: z.string() }),
    telemetry: z.object({
      product: z.string(),
      version: z.string().optional(),
      delayed: z.string().optional().meta({
        description: 'why charts lack what came last; absent where they do not. Nothing else hangs on it',
      }),
    }),
  })
  .meta({ id: 'Readiness' })
