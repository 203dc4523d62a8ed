import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { equipmentResults, probeKinds, qualificationStages } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { device } from './devices.ts'

/** Of every record: whose it is, and who wrote it down when. A mistake is corrected by another record. */
const recorded = {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  deviceId: integer()
    .notNull()
    .references(() => device.id),
  recordedBy: jsonb().notNull(),
  recordedAt: instant().notNull(),
}

/** That a probe was compared with a standard, and for how long that speaks for it. Append-only. */
export const calibration = pgTable(
  'calibration',
  {
    ...recorded,
    probe: text({ enum: probeKinds }).notNull(),
    doneAt: instant().notNull(),
    /** Exclusive. */
    validUntil: instant().notNull(),
    certificate: text().notNull(),
    /** What the probe showed less what the standard did, hundredths of a degree Celsius. */
    offset: smallint().notNull(),
    /** The laboratory or person who compared. */
    doneBy: text().notNull(),
  },
  (t) => [
    oneOf('calibration_probe', t.probe, probeKinds),
    check('calibration_valid', sql`${t.doneAt} < ${t.validUntil}`),
    index('calibration_newest').on(t.deviceId, t.probe, t.doneAt),
  ],
)

/** That a device was shown to be installed, to work, and to keep what it must. Append-only. */
export const qualification = pgTable(
  'qualification',
  {
    ...recorded,
    stage: text({ enum: qualificationStages }).notNull(),
    doneAt: instant().notNull(),
    /** Exclusive; null where it stands until the next. */
    validUntil: instant(),
    result: text({ enum: equipmentResults }).notNull(),
    remark: text(),
  },
  (t) => [
    oneOf('qualification_stage', t.stage, qualificationStages),
    oneOf('qualification_result', t.result, equipmentResults),
    check('qualification_valid', sql`${t.doneAt} < ${t.validUntil}`),
    index('qualification_newest').on(t.deviceId, t.stage, t.doneAt),
  ],
)

/** What was mended or serviced, and since when the device is in service again. Append-only. */
export const maintenance = pgTable(
  'maintenance',
  {
    ...recorded,
    what: text().notNull(),
    doneAt: instant().notNull(),
    /** Null where it is not back: another record says when it is. */
    backInServiceAt: instant(),
  },
  (t) => [
    check('maintenance_back', sql`${t.doneAt} <= ${t.backInServiceAt}`),
    index('maintenance_newest').on(t.deviceId, t.doneAt),
  ],
)

/** How cold and how warm it was at points all over a device for a day or longer. Append-only. */
export const temperatureMapping = pgTable(
  'temperature_mapping',
  {
    ...recorded,
    from: instant().notNull(),
    to: instant().notNull(),
    /** Hundredths of a degree Celsius. */
    points: jsonb()
      .$type<readonly { readonly place: string; readonly coldest: number; readonly warmest: number }[]>()
      .notNull(),
    result: text({ enum: equipmentResults }).notNull(),
    remark: text(),
  },
  (t) => [
    oneOf('temperature_mapping_result', t.result, equipmentResults),
    check('temperature_mapping_length', sql`${t.from} < ${t.to}`),
    index('temperature_mapping_newest').on(t.deviceId, t.to),
  ],
)

/** What a person read off a device, and what a probe of it had shown then as far as anybody had heard. Append-only. */
export const manualReading = pgTable(
  'manual_reading',
  {
    ...recorded,
    /** Hundredths of a degree Celsius. */
    centi: smallint().notNull(),
    /** The probe it is compared with. */
    probe: text({ enum: probeKinds }).notNull(),
    /** The newest of that probe, by event time; null where none was fresh enough, or its time was not believed. */
    probeCenti: smallint(),
    probeAt: instant(),
    remark: text(),
  },
  (t) => [
    oneOf('manual_reading_probe', t.probe, probeKinds),
    check('manual_reading_compared', sql`(${t.probeCenti} is null) = (${t.probeAt} is null)`),
    index('manual_reading_newest').on(t.deviceId, t.recordedAt),
  ],
)
