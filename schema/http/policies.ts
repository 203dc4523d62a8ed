import { z } from 'zod'
import { components, jurisdictions, phases } from '../vocabulary.ts'
import { Celsius, Count, InstantText } from './values.ts'

const Policy = z
  .object({
    jurisdiction: z.enum(jurisdictions),
    component: z.enum(components),
    phase: z.enum(phases),
    version: Count,
    effectiveFrom: InstantText,
    low: Celsius,
    high: Celsius,
    maxSilenceSeconds: z.number().meta({ description: 'the longest silence a reading may cover, s' }),
    source: z.string(),
  })
  .meta({ id: 'Policy', description: 'what a component must be kept at in one phase of its life' })

export const Policies = z.object({ policies: z.array(Policy) }).meta({ id: 'Policies' })
