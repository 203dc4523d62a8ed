import { z } from 'zod'
import { Name } from '../topics.ts'
import { actorKinds, loggerFormats, probeKinds, rejectionCodes } from '../vocabulary.ts'
import { Celsius, Count, InstantText, limit, orNull } from './values.ts'

export const LoggerFileInput = z
  .strictObject({
    file: z.string().min(1).meta({
      description:
        'the text of the file as it was read out, all of it; the whole request may have a megabyte',
    }),
    format: z.enum(loggerFormats).optional().meta({
      description:
        'what it is: a RuuviTag CSV or the text export of a Berlinger Fridge-tag; otherwise by its first line',
    }),
    probe: z
      .enum(probeKinds)
      .optional()
      .meta({
        description:
          'where the readings were taken, which must be said: in the air, in a load that behaves like a bag, or outside ' +
          'the container; means nothing to a file of days',
      }),
  })
  .meta({ id: 'LoggerFileInput' })

const clockTime = (what: string) =>
  orNull(z.string()).meta({ description: `${what}, HH:MM by the logger's clock`, example: '03:10' })

const CalendarDay = z.iso.date().meta({ description: 'a day of the calendar', example: '2026-11-22' })

const report = {
  format: z.enum(loggerFormats),
  sha256: z.hex().meta({ description: 'of the bytes of the file in UTF-8' }),
  probe: orNull(z.enum(probeKinds)).meta({ description: 'null for a file of days' }),
  boot: orNull(z.string()).meta({
    description:
      'the boot its readings are of: a clock fact for it, fromSeq to toSeq, says what their time is worth',
  }),
  fromSeq: orNull(Count),
  toSeq: orNull(Count).meta({ description: 'inclusive' }),
  model: orNull(z.string()),
  serial: orNull(z.string()),
  reportedAt: orNull(z.string()).meta({
    description: 'when the logger wrote the file, YYYY-MM-DD HH:MM by its own clock: that day was not over',
  }),
  rows: Count.meta({ description: 'readings or days in the file' }),
  taken: Count,
  rejected: Count,
  rejections: z
    .array(
      z
        .object({ line: z.int().min(1), code: z.enum(rejectionCodes), reason: z.string() })
        .meta({ id: 'RejectedRow' }),
    )
    .meta({ description: 'by the line of the file, from 1; the first 1000' }),
  known: Count.meta({
    description: 'of the rows taken, those that files told before just so: they change nothing',
  }),
  differing: Count.meta({
    description:
      'of the rows taken, those that files told otherwise before: of readings the worse rules, of days both stand; what the device itself told stands beside them',
  }),
  unknownKeys: Count.meta({ description: 'keys of no meaning known here, which were read over' }),
}

export const LoggerImport = z
  .object({
    id: z.int(),
    facility: z.string().meta({ description: 'where the device stood' }),
    ...report,
    from: InstantText.meta({ description: 'where what was taken begins' }),
    to: InstantText,
    importedBy: z.object({ kind: z.enum(actorKinds), id: z.string() }),
    importedAt: InstantText,
  })
  .meta({ id: 'LoggerImport' })

export const LoggerImportParams = z.strictObject({
  name: Name,
  importId: z.coerce.number().int().min(1).max(2_147_483_647),
})

export const LoggerImportWithFile = LoggerImport.extend({
  file: z.base64().meta({ description: 'its exact bytes' }),
}).meta({ id: 'LoggerImportWithFile' })

export const LoggerPreview = z
  .object({
    ...report,
    from: orNull(InstantText).meta({
      description: 'where what would be taken begins; null where nothing would be',
    }),
    to: orNull(InstantText),
    imported: orNull(z.int()).meta({ description: 'the import of this very file, where there is one' }),
  })
  .meta({ id: 'LoggerPreview', description: 'what would become of a file; nothing of it is stored' })

export const LoggerImportsQuery = z.strictObject({
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional().meta({
    description: 'only those with a smaller id',
  }),
  limit: limit(100, 20),
})

export const LoggerImports = z
  .object({
    imports: z.array(LoggerImport).meta({ description: 'newest first' }),
    next: orNull(z.int()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
  })
  .meta({ id: 'LoggerImports' })

const LoggerAlarm = z
  .object({
    limit: orNull(Celsius).meta({ description: "the logger's own limit, °C; null where none was set" }),
    allowedMinutes: orNull(Count).meta({
      description: 'beyond it for longer is an alarm of the logger, min',
    }),
    minutes: Count.meta({ description: 'beyond it on this day, min' }),
    at: clockTime('when the alarm went off'),
  })
  .meta({ id: 'LoggerAlarm' })

const LoggerDay = z
  .object({
    date: CalendarDay,
    from: InstantText.meta({ description: 'that day in the time of the facility the device stood at' }),
    to: InstantText,
    model: orNull(z.string()),
    serial: orNull(z.string()),
    reportedAt: orNull(z.string()).meta({ description: "when it was told last, by the logger's clock" }),
    coldest: orNull(Celsius),
    coldestAt: clockTime('when'),
    warmest: orNull(Celsius),
    warmestAt: clockTime('when'),
    mean: orNull(Celsius),
    alarms: z.array(LoggerAlarm).meta({ description: 'in the order of the limits' }),
    timeoutMinutes: Count.meta({ description: 'without a value of the sensor inside, min' }),
    externalTimeoutMinutes: orNull(Count).meta({ description: 'without one of the sensor on a cable, min' }),
    imports: z.array(z.int()).meta({ description: 'the imports that told it in these words' }),
  })
  .meta({ id: 'LoggerDay' })

export const LoggerDaysQuery = z.strictObject({
  before: CalendarDay.optional().meta({ description: 'only days before this one' }),
  limit: limit(366, 60),
})

export const LoggerDays = z
  .object({
    days: z.array(LoggerDay).meta({
      description:
        'newest first. Evidence only: a day says how cold and how warm it was, not when, so no time is verified by it. One ' +
        'told in different words stands once for each, the newest report first',
    }),
    next: orNull(CalendarDay).meta({
      description: 'ask for what comes `before` this; null where nothing does',
    }),
  })
  .meta({ id: 'LoggerDays' })
