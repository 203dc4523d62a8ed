import { z } from 'zod'
import { Name } from '../topics.ts'
import { Count, InstantText, limit, orNull, text } from './values.ts'

export const hl7MediaType = 'application/hl7-v2'

export const Hl7Input = z
  .strictObject({
    message: z.string().min(1).max(1_000_000).meta({ description: 'one message, segments by CR' }),
  })
  .meta({ id: 'Hl7Input', description: `the same as ${hl7MediaType}, for who sends JSON only` })

export const Hl7TextInput = z
  .string()
  .meta({ id: 'Hl7TextInput', description: 'one message as it is sent, segments by CR' })

export const Hl7Done = z
  .object({
    code: z.literal('AA'),
    acknowledgement: z.string().meta({ description: 'the acknowledgement as MLLP would send it' }),
  })
  .meta({ id: 'Hl7Done' })

export const Hl7RefusalsParams = z.strictObject({ code: Name })
export const Hl7RefusalsQuery = z.strictObject({
  before: z.coerce.number().int().min(1).optional(),
  limit: limit(500, 100),
})
export const Hl7RefusalParams = z.strictObject({ id: z.coerce.number().int().min(1).max(2_147_483_647) })

export const Hl7Refusal = z
  .object({
    id: z.int(),
    sender: z.string().meta({ description: 'MSH-3 and MSH-4' }),
    controlId: orNull(z.string()).meta({ description: 'MSH-10; null where it could not be read' }),
    type: orNull(z.string()),
    code: z.string(),
    reason: z.string(),
    shown: z.string().meta({ description: 'what is kept of it: nothing that names a patient' }),
    firstAt: InstantText,
    lastAt: InstantText,
    times: Count,
    conclusion: orNull(z.string()),
  })
  .meta({ id: 'Hl7Refusal' })

export const Hl7Refusals = z
  .object({
    refusals: z.array(Hl7Refusal).meta({ description: 'those nobody has concluded, newest first' }),
  })
  .meta({ id: 'Hl7Refusals' })

export const Hl7ConclusionInput = z
  .strictObject({ conclusion: text(1_000) })
  .meta({ id: 'Hl7ConclusionInput' })

export const PseudonymInput = z
  .strictObject({ number: text(200).meta({ description: 'as the hospital numbers the patient' }) })
  .meta({ id: 'PseudonymInput' })
export const Pseudonym = z.object({ pseudonym: z.string() }).meta({ id: 'Pseudonym' })
