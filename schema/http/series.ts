import { z } from 'zod'
import { Name } from '../topics.ts'
import { excursionEnds, probeKinds, sides } from '../vocabulary.ts'
import {
  Celsius,
  Count,
  InstantInput,
  InstantText,
  limit,
  Milliseconds,
  orNull,
  ProbeChoice,
} from './values.ts'

const range = {
  probe: ProbeChoice,
  from: InstantInput.optional().meta({ description: 'inclusive' }),
  to: InstantInput.optional().meta({ description: 'exclusive; otherwise the moment of asking' }),
}

const isRange = ({ from, to }: { readonly from?: number | undefined; readonly to?: number | undefined }) =>
  from === undefined || to === undefined || from < to
const noRange = { path: ['from'], error: 'must be before to' }

const aDay = 'inclusive; otherwise a day before the end'

export const TelemetryQuery = z
  .strictObject({
    ...range,
    from: range.from.meta({ description: aDay }),
    everySeconds: z.coerce.number().int().min(1).max(31_536_000).default(300).meta({
      description: 'the length of a bucket, s',
    }),
  })
  .refine(isRange, noRange)

export const ReadingsQuery = z
  .strictObject({ ...range, from: range.from.meta({ description: aDay }), limit: limit(10_000, 1_000) })
  .refine(isRange, noRange)

export const FindingsQuery = z
  .strictObject({
    ...range,
    from: range.from.meta({ description: 'inclusive; otherwise when the device went into service' }),
    asOf: InstantInput.optional().meta({ description: 'what is open is open as of then; otherwise now' }),
    before: InstantInput.optional().meta({ description: 'only those that begin before then' }),
    limit: limit(10_000, 1_000).meta({
      description:
        'the most to answer with, and of more the newest; what begins in one instant is not parted',
    }),
  })
  .refine(isRange, noRange)

const series = { device: Name, probe: z.enum(probeKinds), from: InstantText, to: InstantText }

const delayed = z.boolean().meta({
  description: 'readings of late are stored and still on their way to where these come from',
})

const Gap = z
  .object({
    from: InstantText,
    to: InstantText,
    ms: Milliseconds,
    open: z.boolean().meta({ description: 'no reading bounds it on one side' }),
  })
  .meta({ id: 'Gap', description: 'nothing is known of [from, to)' })

const Bucket = z.object({ from: InstantText, count: Count, min: Celsius, mean: Celsius, max: Celsius }).meta({
  id: 'Bucket',
  description: 'what was measured from here to the next; one without readings is absent',
})

export const Telemetry = z
  .object({
    ...series,
    asOf: InstantText,
    everySeconds: z.int(),
    buckets: z.array(Bucket),
    gaps: z.array(Gap).meta({ description: 'no line may be drawn across these' }),
    delayed,
  })
  .meta({ id: 'Telemetry' })

export const Readings = z
  .object({
    ...series,
    readings: z.array(z.object({ at: InstantText, celsius: Celsius })),
    next: orNull(InstantText).meta({
      description:
        'go on `from` here; null where the list is whole. Readings of that very instant may come twice',
    }),
    delayed,
  })
  .meta({ id: 'Readings' })

const Sum = z.object({ count: Count, ms: Milliseconds }).meta({ id: 'Sum' })

const Total = z
  .object({
    bounded: Sum,
    open: Sum.meta({ description: 'still open as of the moment of asking, up to it' }),
  })
  .meta({
    id: 'Total',
    description:
      'of all that is listed here, each in its whole length; where `next` is not null there is more',
  })

const next = orNull(InstantText).meta({
  description: 'ask for what began `before` this; null where nothing did',
})

export const Gaps = z
  .object({
    ...series,
    asOf: InstantText,
    gaps: z.array(Gap).meta({ description: 'oldest first' }),
    total: Total,
    next,
  })
  .meta({ id: 'Gaps' })

const Excursion = z
  .object({
    side: z.enum(sides),
    from: InstantText,
    to: orNull(InstantText).meta({ description: 'null while it lasts' }),
    ms: Milliseconds,
    ended: orNull(z.enum(excursionEnds)),
    coldest: Celsius,
    warmest: Celsius,
    readings: Count.meta({ description: 'readings outside the limits' }),
  })
  .meta({ id: 'Excursion', description: "outside the device's own limits in [from, to)" })

export const Excursions = z
  .object({
    ...series,
    asOf: InstantText,
    excursions: z.array(Excursion).meta({ description: 'oldest first' }),
    total: Total,
    next,
  })
  .meta({ id: 'Excursions' })
