import { z } from 'zod'
import { crossmatchMethods, crossmatchResults } from '../vocabulary.ts'
import { PatientParams } from './life.ts'
import { InstantText } from './values.ts'

export const CrossmatchInput = z
  .strictObject({
    patient: PatientParams.shape.pseudonym,
    sample: z
      .uuid()
      .toLowerCase()
      .meta({ description: 'by which: one of the patient’s, that may be relied on' }),
    method: z.enum(crossmatchMethods).meta({
      description:
        'electronic: by what is on record alone, where policy accepts that and nothing is left in doubt',
    }),
    result: z
      .enum(crossmatchResults)
      .optional()
      .meta({ description: 'what cells and serum showed; of electronic ones there is none to tell' }),
    reserve: z
      .boolean()
      .default(true)
      .meta({ description: 'keep a compatible bag for the patient for as long as that counts' }),
  })
  .refine(({ method, result }) => (method === 'serological') === (result !== undefined), {
    path: ['result'],
    message: 'is told of serological crossmatches, and of no others',
  })
  .meta({ id: 'CrossmatchInput' })

export const Crossmatch = z
  .object({
    bagId: z.uuid(),
    sampleId: z.uuid(),
    method: z.enum(crossmatchMethods),
    result: z.enum(crossmatchResults),
    at: InstantText,
    until: InstantText.meta({ description: 'exclusive; its sample may run out sooner' }),
    by: z.string(),
  })
  .meta({ id: 'Crossmatch' })
