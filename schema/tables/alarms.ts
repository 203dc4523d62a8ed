import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { alarmClasses, alarmKinds, alarmVerbs, type CauseSign, causes, sides } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { device, probe } from './devices.ts'
import { facility } from './facilities.ts'

/** A bag an alarm is about, as people name it. */
export type AlarmBag = { readonly bagId: string; readonly label: string }

/**
 * The case of an alarm: what was done about a condition, by the server's clock. The condition itself is a function of
 * event time and found anew each time; what late data changes of it is linked here, never rewritten. The row is the
 * projection of its events.
 */
export const alarmCase = pgTable(
  'alarm_case',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    /** Null where it is about bags. */
    deviceId: integer().references(() => device.id),
    /** Where the device stands, while what it is about lasts, or stood; or who held the bags when it was raised. */
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    kind: text({ enum: alarmKinds }).notNull(),
    /** Which probe or door; empty where it is the device itself; the id of a bag; a journey. */
    part: text().notNull(),
    /** The bags it is about, as they were when it was raised; null where it is about a device. */
    bags: jsonb().$type<readonly AlarmBag[]>(),
    class: text({ enum: alarmClasses }).notNull(),
    /** Event time: when the condition began that raised it. */
    conditionFrom: instant().notNull(),
    raisedAt: instant().notNull(),
    /** From when the next step is counted: raised, or begun again; later where others are waited for, or it was muted. */
    pagedFrom: instant().notNull(),
    /** How many steps of escalation have been taken since. */
    steps: integer().notNull(),
    /** Nobody is paged before; nor after while it does not last, if nobody was before. */
    mutedUntil: instant(),
    acknowledgedAt: instant(),
    /** Since when the condition has not been found any more; what comes back soon was never over. */
    overSince: instant(),
    /** When it had been over for long enough. */
    endedAt: instant(),
    /** When its device was revoked while it lasted: nobody hears any more whether it is over, so it never ends. */
    retiredAt: instant(),
    closedAt: instant(),
    /** Why, as found when it was raised, and what decided; null until that was asked, and where nobody asks. */
    cause: text({ enum: causes }),
    causeSigns: jsonb().$type<readonly CauseSign[]>(),
    /** When the load was foretold then to leave its limits. */
    outlook: jsonb(),
  },
  (t) => [
    oneOf('alarm_case_kind', t.kind, alarmKinds),
    oneOf('alarm_case_class', t.class, alarmClasses),
    oneOf('alarm_case_cause', t.cause, causes),
    check('alarm_case_steps', sql`${t.steps} >= 0`),
    // One case for one thing: what begins again while it is open belongs to it.
    uniqueIndex('alarm_case_open').on(t.deviceId, t.kind, t.part).where(sql`closed_at is null`),
    uniqueIndex('alarm_case_open_bags')
      .on(t.kind, t.part, t.facilityId)
      .where(sql`device_id is null and closed_at is null`),
    check('alarm_case_about', sql`(${t.deviceId} is null) = (${t.bags} is not null)`),
    index('alarm_case_facility').on(t.facilityId, t.id),
  ],
)

/** All that happened in a case, and who did it. Append-only. */
export const alarmEvent = pgTable(
  'alarm_event',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    caseId: integer()
      .notNull()
      .references(() => alarmCase.id),
    at: instant().notNull(),
    verb: text({ enum: alarmVerbs }).notNull(),
    actor: jsonb().notNull(),
    comment: text(),
    data: jsonb().notNull(),
  },
  (t) => [oneOf('alarm_event_verb', t.verb, alarmVerbs), index('alarm_event_case').on(t.caseId, t.id)],
)

/** Which excursions belong to which case. Append-only: one that is no longer believed was believed when it was linked. */
export const alarmLink = pgTable(
  'alarm_link',
  {
    probeId: integer()
      .notNull()
      .references(() => probe.id),
    side: text({ enum: sides }).notNull(),
    from: instant().notNull(),
    caseId: integer()
      .notNull()
      .references(() => alarmCase.id),
  },
  (t) => [primaryKey({ columns: [t.probeId, t.side, t.from] }), oneOf('alarm_link_side', t.side, sides)],
)

/** That somebody made a device alarm on purpose, and whether it did. Append-only. */
export const alarmTest = pgTable(
  'alarm_test',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    kind: text({ enum: alarmKinds }).notNull(),
    passed: boolean().notNull(),
    comment: text().notNull(),
    /** When it was tested. */
    at: instant().notNull(),
    recordedAt: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    oneOf('alarm_test_kind', t.kind, alarmKinds),
    index('alarm_test_device').on(t.deviceId, t.kind, t.at),
  ],
)
