import { z } from 'zod'
import { Name } from '../topics.ts'
import {
  discardMethods,
  discardReasons,
  dispositions,
  inspectionChecks,
  inspectionOccasions,
  transfusionContradictions,
  transfusionFaults,
  transfusionVerbs,
} from '../vocabulary.ts'
import { SignatureInput } from './signatures.ts'
import { InstantInput, InstantText, orNull, text } from './values.ts'

/** What is told of a bag at the end of its life: how it was given, looked at, or thrown away. */

export const ObserveInput = z
  .strictObject({
    occurredAt: InstantInput.meta({ description: 'when it happened, however late it is told' }),
    patient: Name.optional().meta({
      description: 'as the wristband says: the facility’s own pseudonym; never a name',
    }),
    checkers: z
      .array(text(100))
      .max(4)
      .default([])
      .meta({ description: 'who checked bag and patient, by name; how many must is policy' }),
    volumeMl: z.int().min(0).max(5_000).optional(),
    remark: text(1_000).optional(),
  })
  .meta({
    id: 'ObserveInput',
    description:
      'one part of a transfusion: in any order, late or doubled; never refused for what speaks against it',
  })

export const DiscardInput = z
  .strictObject({
    reason: text(1_000),
    code: z.enum(discardReasons).optional(),
    method: z.enum(discardMethods).optional(),
    witness: Name.optional().meta({
      description:
        'the username of somebody else who saw it and may witness it there; policy says where one is needed',
    }),
    witnessSignature: SignatureInput.optional().meta({
      description:
        'of the witness, who proves thereby that they were there; needed where the facility demands it',
    }),
  })
  .meta({ id: 'DiscardInput' })

export const checks = z
  .partialRecord(z.enum(inspectionChecks), z.boolean())
  .refine((told) => Object.keys(told).length > 0, 'say what was looked at')
  .meta({ description: 'for each thing that was looked at, whether it was good' })

export const InspectionInput = z
  .strictObject({
    occasion: z.enum(inspectionOccasions),
    checks,
    remark: text(1_000).optional(),
  })
  .meta({ id: 'InspectionInput', description: 'what was found wrong holds the bag' })

export const Inspections = z
  .object({
    inspections: z.array(
      z
        .object({
          at: InstantText,
          occasion: z.enum(inspectionOccasions),
          checks: z.record(z.string(), z.boolean()),
          remark: orNull(z.string()),
          by: z.string().meta({ description: 'who looked: the id of a person' }),
        })
        .meta({ id: 'Inspection' }),
    ),
  })
  .meta({ id: 'Inspections', description: 'oldest first' })

export const Transfusion = z
  .object({
    disposition: orNull(z.enum(dispositions)).meta({
      description: 'in the words of HL7 tables 0513 and 0510; null while it is not used',
    }),
    isPresumed: z.boolean().meta({
      description:
        'it was handed out so long ago that it is presumed given: nobody has said so, and it is no fate',
    }),
    startedAt: orNull(InstantText),
    endedAt: orNull(InstantText),
    isOver: z.boolean(),
    wasInterrupted: z.boolean(),
    reaction: z.boolean(),
    volumeMl: orNull(z.int()),
    patient: orNull(z.string()).meta({ description: 'told who may know the patients of its holder' }),
    checkers: z.array(z.string()).meta({ description: 'told to the same' }),
    discrepancies: z.array(z.enum(transfusionFaults)),
    contradictions: z.array(z.enum(transfusionContradictions)),
    observations: z
      .array(
        z
          .object({ verb: z.enum(transfusionVerbs), occurredAt: InstantText })
          .meta({ id: 'TransfusionObservation' }),
      )
      .meta({ description: 'by when they happened' }),
  })
  .meta({ id: 'Transfusion' })
