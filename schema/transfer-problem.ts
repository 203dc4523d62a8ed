import { z } from 'zod'
import { InstantInput, orNull, text } from './http/values.ts'
import {
  abos,
  boxKinds,
  components,
  jurisdictions,
  orderedComponents,
  requirements,
  rhds,
  sexes,
  transferObstacles,
  unitsOfMeasure,
  urgencies,
} from './vocabulary.ts'

/**
 * A planning problem as a file, for what-if work and for checks by others: what `npm run cli -- plan` reads. Its JSON Schema
 * is printed by `npm run cli -- plan --schema`.
 */

const Name = text(100)
const Minutes = z.int().min(1).max(100_000)
const Amount = z
  .number()
  .min(0)
  .max(1_000_000)
  .multipleOf(0.01, 'has more than two decimals')
  .meta({ description: 'in the unit of measure, at most two decimals' })

const Site = z.strictObject({
  id: Name,
  name: text(200).optional(),
  lat: z.number().min(-90).max(90).optional(),
  lon: z.number().min(-180).max(180).optional(),
  boxes: z
    .array(z.enum(boxKinds))
    .optional()
    .meta({ description: 'transport boxes at hand; any kind where absent' }),
})

const Bag = z.strictObject({
  id: Name,
  site: Name,
  component: z.enum(components),
  abo: orNull(z.enum(abos)).meta({ description: 'null until it is confirmed' }),
  rhd: orNull(z.enum(rhds)),
  amount: orNull(Amount.refine((amount) => amount > 0, 'must be more than 0')),
  uom: orNull(z.enum(unitsOfMeasure)),
  expiresAt: InstantInput.meta({ description: 'exclusive' }),
  lowTitre: z.boolean().default(false),
  treated: z.array(z.enum(requirements)).default([]),
  obstacle: orNull(z.enum(transferObstacles))
    .default(null)
    .meta({ description: 'what keeps it from going to anybody' }),
})

const Level = z
  .strictObject({
    site: Name,
    component: z.enum(components),
    abo: z.enum(abos),
    rhd: z.enum(rhds),
    uom: z.enum(unitsOfMeasure),
    target: Amount,
    minimum: Amount,
    critical: Amount,
    booked: Amount.default(0).meta({
      description: 'promised to transfers that have not left, and to surgery',
    }),
    perDay: orNull(Amount).default(null).meta({ description: 'used, discarded or expired in a day' }),
  })
  .refine(({ critical, minimum, target }) => critical <= minimum && minimum <= target, {
    error: 'critical must not be above minimum, nor minimum above target',
  })

const Line = z.strictObject({
  component: z.enum(orderedComponents),
  amount: Amount.refine((amount) => amount > 0, 'must be more than 0'),
  uom: z.enum(unitsOfMeasure),
})

const Patient = z.strictObject({
  abo: orNull(z.enum(abos)).default(null),
  rhd: orNull(z.enum(rhds)).default(null),
  antiD: z.boolean().default(false),
  sex: orNull(z.enum(sexes)).default(null),
  ageYears: orNull(z.int().min(0).max(130)).default(null),
  rhdPositiveAllowed: z
    .boolean()
    .optional()
    .meta({ description: 'a physician’s word; where absent the rule of the jurisdiction for emergencies' }),
  requires: z.array(z.enum(requirements)).default([]),
})

const Request = z.strictObject({
  id: Name,
  site: Name,
  urgency: z.enum(urgencies),
  deadline: InstantInput,
  patient: Patient.prefault({}),
  lines: z.array(Line).min(1).max(20),
})

export const TransferProblemInput = z.strictObject({
  at: InstantInput,
  jurisdiction: z.enum(jurisdictions).default('CN'),
  timeZone: text(60)
    .default('Asia/Shanghai')
    .meta({ description: 'of the IANA data base: rush hours go by it' }),
  sites: z.array(Site).min(1).max(10_000),
  minutes: z
    .array(z.array(orNull(Minutes)))
    .optional()
    .meta({
      description: 'p80 from each site (row) to each (column), in their order; by positions where absent',
    }),
  stock: z.array(Bag).max(1_000_000),
  levels: z.array(Level).default([]),
  requests: z.array(Request).min(1).max(1_000),
  weights: z
    .strictObject({
      trip: z.int().min(0).max(100).optional(),
      box: z.int().min(0).max(100).optional(),
      handoverMinutes: z.int().min(0).max(240).optional(),
      packMinutes: z.record(z.enum(boxKinds), z.int().min(0).max(240)).optional(),
      coverDays: z.int().min(1).max(365).optional(),
      riskStep: z.int().min(1).max(50).optional(),
      unusedPercent: z.record(z.enum(urgencies), z.int().min(0).max(100)).optional(),
    })
    .default({})
    .meta({ description: 'in place of the policy’s' }),
})
export type TransferProblemDocument = z.infer<typeof TransferProblemInput>

/** A plan to be scored: which bag goes to which line of which request, `R/1` for the first of `R`. */
export const TransferPlanInput = z.object({
  moves: z.array(z.object({ bag: Name, demand: Name })).max(1_000_000),
})
