import { z } from 'zod'
import {
  abos,
  bagStates,
  components,
  groupingMethods,
  requirements,
  rhds,
  sampleRejections,
  specificities,
  unitTraits,
} from '../vocabulary.ts'
import { Crossmatch } from './crossmatches.ts'
import { Patient, PatientParams } from './life.ts'
import { InstantInput, InstantText, orNull, text } from './values.ts'

/** What is on record of a patient: samples and what was found in them, antibodies, and what every bag must be. */

const remark = text(1_000)

export const SampleParams = PatientParams.extend({ sampleId: z.uuid().toLowerCase() })

const rejection = {
  reason: z.enum(sampleRejections),
  remark: remark.optional(),
}

export const SampleInput = z
  .strictObject({
    label: text(100).meta({ description: 'as the tube says: no two of a facility are labelled alike' }),
    collectedAt: InstantInput.meta({ description: 'when it was taken, however late that is told' }),
    collector: text(100).meta({ description: 'who took it, by name' }),
    exposed: orNull(z.boolean()).default(null).meta({
      description:
        'transfused or pregnant in the three months before; null where nobody knows, which counts as yes',
    }),
    rejected: z
      .strictObject(rejection)
      .optional()
      .meta({ description: 'where it is rejected as it comes in: it is on record all the same' }),
  })
  .meta({ id: 'SampleInput' })

export const SampleRejectionInput = z.strictObject(rejection).meta({
  id: 'SampleRejectionInput',
  description: 'nothing that was found in it counts any more',
})

export const PatientGroupingInput = z
  .strictObject({ abo: z.enum(abos), rhd: z.enum(rhds), method: z.enum(groupingMethods) })
  .meta({ id: 'PatientGroupingInput' })

export const ScreenInput = z.strictObject({ positive: z.boolean() }).meta({ id: 'ScreenInput' })

export const AntibodyInput = z
  .strictObject({
    specificity: z.enum(specificities),
    significant: z
      .boolean()
      .optional()
      .meta({ description: 'may it harm? Otherwise as policy says of its kind; never undone' }),
    sample: z
      .uuid()
      .toLowerCase()
      .optional()
      .meta({ description: 'in which it was found; left out where it is known from elsewhere' }),
    remark: remark.optional(),
  })
  .meta({ id: 'AntibodyInput' })

export const RequirementInput = z
  .strictObject({
    requirement: z.enum(requirements).meta({
      description:
        'what every bag must be; serological_crossmatch: none is crossmatched by what is on record alone',
    }),
    needed: z.boolean().default(true),
    reason: remark,
  })
  .meta({ id: 'RequirementInput' })

const trait = z.object({ trait: z.enum(unitTraits), present: z.boolean() })

export const TraitsInput = z
  .strictObject({ traits: z.array(trait.strict()).min(1).max(50) })
  .meta({ id: 'TraitsInput', description: 'what was found in its blood, or looked for and not found' })

export const Traits = z
  .object({ traits: z.array(trait) })
  .meta({ id: 'Traits', description: 'of its donation, whichever bag it was told of: found once is there' })

const told = { at: InstantText, by: z.string() }

const Sample = z
  .object({
    sampleId: z.uuid(),
    label: z.string(),
    collectedAt: InstantText,
    collector: z.string(),
    exposed: orNull(z.boolean()),
    until: InstantText.meta({
      description: 'until when it may be relied on, exclusive, as far as is known now',
    }),
    valid: z.boolean().meta({ description: 'may it be relied on now?' }),
    rejected: orNull(z.object({ reason: z.enum(sampleRejections), remark: orNull(z.string()), ...told })),
    groupings: z.array(
      z.object({ abo: z.enum(abos), rhd: z.enum(rhds), method: z.enum(groupingMethods), ...told }),
    ),
    screens: z.array(z.object({ positive: z.boolean(), ...told })),
    ...told,
  })
  .meta({ id: 'PatientSample' })

export const TransfusionRecord = Patient.extend({
  doubt: orNull(z.enum(['discrepancy', 'unconfirmed'])).meta({
    description:
      'why the group is not relied on: groupings differ, or no two of samples taken apart agree. It is null then, and ' +
      'only what fits everybody is handed out',
  }),
  samples: z.array(Sample).meta({ description: 'in order of when they were taken' }),
  antibodies: z
    .array(
      z.object({
        specificity: z.enum(specificities),
        significant: z.boolean(),
        sampleId: orNull(z.uuid()),
        remark: orNull(z.string()),
        ...told,
      }),
    )
    .meta({ description: 'found now or ever: none vanishes' }),
  requirements: z.array(z.enum(requirements)).meta({ description: 'what they need now' }),
  crossmatches: z.array(Crossmatch).meta({ description: 'oldest first' }),
  bags: z
    .array(
      z.object({
        bagId: z.uuid(),
        label: z.string(),
        component: z.enum(components),
        state: z.enum(bagStates),
      }),
    )
    .meta({ description: 'held there: kept for them, handed out for them or given to them' }),
}).meta({ id: 'TransfusionRecord' })
