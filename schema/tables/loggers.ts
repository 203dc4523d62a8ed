import { sql } from 'drizzle-orm'
import {
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
} from 'drizzle-orm/pg-core'
import { loggerFormats, probeKinds, type RejectionCode } from '../vocabulary.ts'
import { bytes, instant, oneOf, sha256 } from './columns.ts'
import { device } from './devices.ts'
import { facility } from './facilities.ts'

/**
 * A file of a recorded logger that somebody brought to a device without a network, and what became of it: its exact
 * bytes, who brought it, when, and where the device stood then. The same file of a device is imported once. Append-only.
 */
export const loggerImport = pgTable(
  'logger_import',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    fileHash: sha256().notNull(),
    file: bytes().notNull(),
    format: text({ enum: loggerFormats }).notNull(),
    /** Where readings were taken; null for a file that holds none. */
    probe: text({ enum: probeKinds }),
    /** The messages its readings came as, inclusive; null for a file that holds none. */
    boot: text(),
    fromSeq: integer(),
    toSeq: integer(),
    /** What the logger says of itself; null where its files do not. */
    model: text(),
    serial: text(),
    /** When the logger wrote the file, YYYY-MM-DD HH:MM by its own clock. */
    reportedAt: text(),
    /** Readings or days in the file, and of these: taken in, rejected. */
    rows: integer().notNull(),
    taken: integer().notNull(),
    rejected: integer().notNull(),
    /** Why rows were rejected; the first of them where they are very many. */
    rejections: jsonb()
      .$type<readonly { readonly line: number; readonly code: RejectionCode; readonly reason: string }[]>()
      .notNull(),
    /** Of the rows taken: told before in the very same words, told otherwise before. */
    known: integer().notNull(),
    differing: integer().notNull(),
    /** Keys of the file nobody knows the meaning of. */
    unknownKeys: integer().notNull(),
    /** What its rows span. */
    from: instant().notNull(),
    to: instant().notNull(),
    importedBy: jsonb().notNull(),
    importedAt: instant().notNull(),
  },
  (t) => [
    unique('logger_import_file').on(t.deviceId, t.fileHash),
    oneOf('logger_import_format', t.format, loggerFormats),
    oneOf('logger_import_probe', t.probe, probeKinds),
    check('logger_import_rows', sql`${t.rows} = ${t.taken} + ${t.rejected}`),
  ],
)

/**
 * What a logger kept of a day instead of its readings, by the import that told it. It is evidence for a person to weigh,
 * and nothing more: it says how cold and how warm it was, not when, so no time is verified by it, and no reading, gap,
 * excursion or exposure comes of it. A day that was not over when its file was written is told again by a later one.
 * Append-only.
 */
export const loggerDay = pgTable(
  'logger_day',
  {
    importId: integer()
      .notNull()
      .references(() => loggerImport.id),
    /** YYYY-MM-DD by the logger's clock. */
    date: text().notNull(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    /** That day in the zone of the facility the device stood at. */
    from: instant().notNull(),
    to: instant().notNull(),
    /** Hundredths of a degree Celsius; HH:MM by the logger's clock. Null is what was not measured. */
    coldest: smallint(),
    coldestAt: text(),
    warmest: smallint(),
    warmestAt: text(),
    mean: smallint(),
    /** Time beyond each of the logger's own limits, in their order; limits in hundredths of a degree Celsius. */
    alarms: jsonb()
      .$type<
        readonly {
          readonly limit: number | null
          readonly allowedMinutes: number | null
          readonly minutes: number
          readonly at: string | null
        }[]
      >()
      .notNull(),
    /** Without a value of the sensor, min. */
    timeoutMinutes: smallint().notNull(),
    externalTimeoutMinutes: smallint(),
  },
  (t) => [
    primaryKey({ columns: [t.importId, t.date] }),
    index('logger_day_device').on(t.deviceId, t.date),
    check('logger_day_length', sql`${t.from} < ${t.to}`),
  ],
)
