import { z } from 'zod'
import { Name } from '../topics.ts'
import { characterClasses, codeParts } from '../vocabulary.ts'
import { InstantInput, InstantText } from './values.ts'

const field = z.union([
  z.strictObject({
    part: z.enum(codeParts).meta({ description: 'what it is: names the donation, the product, or neither' }),
    characters: z.enum(characterClasses).meta({ description: 'upper: capital letters and digits' }),
    length: z.int().min(1).max(40),
  }),
  z.strictObject({
    literal: z
      .string()
      .regex(/^[ -~]{1,20}$/, '1 to 20 printable ASCII characters')
      .meta({ description: 'these very characters', example: '00' }),
  }),
])

const code = z.strictObject({
  codabar: z.boolean().default(false).meta({
    description: 'a start and a stop character of Codabar (A to D) may stand around it, and are taken off',
  }),
  fields: z.array(field).min(1).max(20).meta({ description: 'from its first character to its last' }),
})

const region = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,20}$/, '1 to 20 of A-Z a-z 0-9 -')
  .meta({ description: 'whose numbers they are; stays the same for all versions', example: 'CN-3702' })

export const BarcodeProfileInput = z
  .strictObject({
    region,
    codes: z.array(code).min(1).max(4).meta({ description: 'each barcode of a bag that is read' }),
    effectiveFrom: InstantInput.optional().meta({ description: 'otherwise now; not in the past' }),
  })
  .meta({ id: 'BarcodeProfileInput' })

export const BarcodeProfileParams = z.strictObject({ code: Name, profile: Name })
export const BarcodeProfilesParams = z.strictObject({ code: Name })

export const BarcodeProfiles = z
  .object({
    profiles: z.array(
      z
        .object({
          profile: Name,
          region: z.string(),
          codes: z.array(code),
          effectiveFrom: InstantText,
          setAt: InstantText,
          inForce: z.boolean(),
        })
        .meta({ id: 'BarcodeProfile' }),
    ),
  })
  .meta({ id: 'BarcodeProfiles', description: 'every version, the newest of each in front' })
