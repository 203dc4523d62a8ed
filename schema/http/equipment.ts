import { z } from 'zod'
import { actorKinds, equipmentResults, probeKinds, qualificationStages } from '../vocabulary.ts'
import { Celsius, CelsiusInput, InstantInput, InstantText, limit, orNull, text } from './values.ts'

const recorded = {
  id: z.int(),
  recordedBy: z.object({ kind: z.enum(actorKinds), id: z.string() }),
  recordedAt: InstantText,
}

export const RecordsQuery = z.strictObject({
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional().meta({
    description: 'only those with a smaller id',
  }),
  limit: limit(200, 50),
})

const page = {
  next: orNull(z.int()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
}

/** Refuse what ends before it begins. */
function inOrder<F extends string, T extends string>(from: F, to: T) {
  return ({
    value,
    issues,
  }: z.core.ParsePayload<Record<F, number> & Partial<Record<T, number | undefined>>>) => {
    const end = value[to]
    if (end !== undefined && end <= value[from])
      issues.push({ code: 'custom', path: [to], message: `must be after ${from}`, input: value })
  }
}

export const CalibrationInput = z
  .strictObject({
    probe: z.enum(probeKinds),
    doneAt: InstantInput,
    validUntil: InstantInput,
    certificate: text(100).meta({ description: 'the number of its certificate' }),
    offset: z.number().min(-100).max(100).multipleOf(0.01, 'has more than two decimals').meta({
      description: 'what the probe showed less what the standard did, °C',
    }),
    doneBy: text(200).meta({ description: 'the laboratory or person who compared' }),
  })
  .check(inOrder('doneAt', 'validUntil'))
  .meta({ id: 'CalibrationInput' })

export const Calibration = z
  .object({
    ...recorded,
    probe: z.enum(probeKinds),
    doneAt: InstantText,
    validUntil: InstantText,
    certificate: z.string(),
    offset: Celsius,
    doneBy: z.string(),
  })
  .meta({ id: 'Calibration' })

export const Calibrations = z
  .object({ calibrations: z.array(Calibration).meta({ description: 'newest first' }), ...page })
  .meta({ id: 'Calibrations' })

export const QualificationInput = z
  .strictObject({
    stage: z.enum(qualificationStages).meta({
      description:
        'of installation, of operation, of performance: it is qualified when it has passed all three',
    }),
    doneAt: InstantInput,
    validUntil: InstantInput.optional().meta({ description: 'without it until the next of its stage' }),
    result: z.enum(equipmentResults),
    remark: text(500).optional(),
  })
  .check(inOrder('doneAt', 'validUntil'))
  .meta({ id: 'QualificationInput' })

export const Qualification = z
  .object({
    ...recorded,
    stage: z.enum(qualificationStages),
    doneAt: InstantText,
    validUntil: orNull(InstantText),
    result: z.enum(equipmentResults),
    remark: orNull(z.string()),
  })
  .meta({ id: 'Qualification' })

export const Qualifications = z
  .object({ qualifications: z.array(Qualification).meta({ description: 'newest first' }), ...page })
  .meta({ id: 'Qualifications' })

export const MaintenanceInput = z
  .strictObject({
    what: text(500),
    doneAt: InstantInput,
    backInServiceAt: InstantInput.optional().meta({
      description: 'without it the device is out of service, until another record says when it is back',
    }),
  })
  .check(({ value, issues }) => {
    const { doneAt, backInServiceAt } = value
    if (backInServiceAt !== undefined && backInServiceAt < doneAt)
      issues.push({
        code: 'custom',
        path: ['backInServiceAt'],
        message: 'must not be before doneAt',
        input: value,
      })
  })
  .meta({ id: 'MaintenanceInput' })

export const Maintenance = z
  .object({
    ...recorded,
    what: z.string(),
    doneAt: InstantText,
    backInServiceAt: orNull(InstantText),
  })
  .meta({ id: 'Maintenance' })

export const Maintenances = z
  .object({ maintenance: z.array(Maintenance).meta({ description: 'newest first' }), ...page })
  .meta({ id: 'Maintenances' })

const PointInput = z
  .strictObject({ place: text(100), coldest: CelsiusInput, warmest: CelsiusInput })
  .check(({ value, issues }) => {
    if (value.coldest > value.warmest)
      issues.push({
        code: 'custom',
        path: ['coldest'],
        message: 'must not be above warmest',
        input: value,
      })
  })

export const MappingInput = z
  .strictObject({
    from: InstantInput,
    to: InstantInput,
    points: z.array(PointInput).min(1).max(200),
    result: z.enum(equipmentResults),
    remark: text(500).optional(),
  })
  .check(inOrder('from', 'to'))
  .meta({
    id: 'MappingInput',
    description: 'how long and at how many points at least is policy: 24 h and 3 points',
  })

export const Mapping = z
  .object({
    ...recorded,
    from: InstantText,
    to: InstantText,
    points: z.array(z.object({ place: z.string(), coldest: Celsius, warmest: Celsius })),
    result: z.enum(equipmentResults),
    remark: orNull(z.string()),
  })
  .meta({ id: 'Mapping' })

export const Mappings = z
  .object({ mappings: z.array(Mapping).meta({ description: 'newest first' }), ...page })
  .meta({ id: 'Mappings' })

export const ManualReadingInput = z
  .strictObject({
    celsius: CelsiusInput,
    probe: z.enum(probeKinds).optional().meta({
      description: 'which to compare it with; otherwise the load, or the air where there is no load probe',
    }),
    remark: text(500).optional(),
  })
  .meta({ id: 'ManualReadingInput', description: 'what somebody reads off a device now' })

export const ManualReading = z
  .object({
    ...recorded,
    celsius: Celsius,
    probe: z.enum(probeKinds),
    compared: orNull(
      z.object({ at: InstantText, celsius: Celsius, difference: Celsius }).meta({ id: 'ComparedReading' }),
    ).meta({
      description:
        'the newest of the probe then, and how much warmer the reading by hand is; null where it was silent, or its time ' +
        'was not believed',
    }),
    remark: orNull(z.string()),
  })
  .meta({ id: 'ManualReading' })

export const ManualReadings = z
  .object({ manualReadings: z.array(ManualReading).meta({ description: 'newest first' }), ...page })
  .meta({ id: 'ManualReadings' })
