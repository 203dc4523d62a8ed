import { sql } from 'drizzle-orm'
import {
  boolean,
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
import { clockFaultKinds, deviceKinds, deviceStates, probeKinds, sides } from '../vocabulary.ts'
import { bytes, instant, oneOf } from './columns.ts'
import { facility } from './facilities.ts'

/** A container that reports: a fridge, a freezer, an incubator, a transport box. Its secret is kept as SHA-256 only. */
export const device = pgTable(
  'device',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    /** What it signs in by and is told by on the wire: its identity, never changed. */
    name: text().notNull().unique(),
    /** What people call it; null where by its name. Nothing of the record hangs on it. */
    label: text(),
    kind: text({ enum: deviceKinds }).notNull(),
    secretHash: bytes().notNull(),
    /** The secret before the last rotation, believed until `previousSecretUntil`. */
    previousSecretHash: bytes(),
    previousSecretUntil: instant(),
    revokedAt: instant(),
    /** No event of this device can be older. */
    inServiceFrom: instant().notNull(),
    createdAt: instant().notNull(),
    /** How many bags it takes in all; null where nobody has said. */
    capacity: integer(),
    /** Counts what was decided of it: secrets, profiles, clock facts. Whoever judged by an older one judges again. */
    version: integer().notNull().default(1),
  },
  (t) => [
    oneOf('device_kind', t.kind, deviceKinds),
    check('device_capacity', sql`${t.capacity} >= 0`),
    check('device_label', sql`char_length(${t.label}) between 1 and 80`),
  ],
)

/** Where a device stands, from when: the facility at an event's time is looked up here, never read from the topic. */
export const devicePlacement = pgTable(
  'device_placement',
  {
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    from: instant().notNull(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
  },
  (t) => [primaryKey({ columns: [t.deviceId, t.from] })],
)

/** The limits a device's own excursions are judged by, and how long its probes may be silent, from when. */
export const deviceProfile = pgTable(
  'device_profile',
  {
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    from: instant().notNull(),
    /** Inclusive limits, hundredths of a degree Celsius. */
    low: smallint().notNull(),
    high: smallint().notNull(),
    maxSilenceMs: integer().notNull(),
    /** Outside these the probe, not the blood, is at fault. Hundredths of a degree Celsius. */
    physicalLow: smallint().notNull(),
    physicalHigh: smallint().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.deviceId, t.from] }),
    check(
      'device_profile_limits',
      sql`${t.physicalLow} <= ${t.low} and ${t.low} < ${t.high} and ${t.high} <= ${t.physicalHigh}`,
    ),
    check('device_profile_silence', sql`${t.maxSilenceMs} > 0`),
  ],
)

/** One power-up of a device, and what its clock has shown since. */
export const boot = pgTable(
  'boot',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    boot: text().notNull(),
    /** The newest live message the clock was measured on. */
    clockSeq: integer(),
    /** `sentAt - uptimeMs` of that message: stands still while the clock is not stepped, ms UTC. */
    clockEpoch: instant(),
    /** `uptimeMs` of that message: drift is allowed for what has passed since. */
    clockUptimeMs: instant(),
    /** The newest live message by which the clock agreed with ours; no time after it is vouched for. */
    clockAgreedSeq: integer(),
    /** When the first live message came that has been late ever since the clock last agreed, ms UTC. */
    clockLateSince: instant(),
    /** Has a live message shown the clock to agree with ours since its last step? */
    clockProven: boolean().notNull().default(false),
  },
  (t) => [unique('boot_of_device').on(t.deviceId, t.boot)],
)

/** What decides event time: add `offsetMs` to the raw times of these messages. A later fact overrules an earlier one. */
export const clockFact = pgTable(
  'clock_fact',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    bootId: integer()
      .notNull()
      .references(() => boot.id),
    fromSeq: integer().notNull(),
    /** Inclusive; null is open. */
    toSeq: integer(),
    offsetMs: instant().notNull(),
    reason: text().notNull(),
    decidedBy: jsonb().notNull(),
    decidedAt: instant().notNull(),
  },
  (t) => [index('clock_fact_device').on(t.deviceId)],
)

/** A stretch of messages whose time is UNVERIFIED until a clock fact settles it. */
export const clockFault = pgTable(
  'clock_fault',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    bootId: integer()
      .notNull()
      .references(() => boot.id),
    kind: text({ enum: clockFaultKinds }).notNull(),
    fromSeq: integer().notNull(),
    /** Inclusive; null while the fault lasts. */
    toSeq: integer(),
    /** What to add to the device's time to get ours, as measured when the fault was raised, ms. */
    measuredOffsetMs: instant().notNull(),
    raisedAt: instant().notNull(),
    settledBy: integer().references(() => clockFact.id),
  },
  (t) => [oneOf('clock_fault_kind', t.kind, clockFaultKinds), index('clock_fault_device').on(t.deviceId)],
)

/** The newest known state of a device, each part by its own event time. */
export const deviceState = pgTable(
  'device_state',
  {
    deviceId: integer()
      .primaryKey()
      .references(() => device.id),
    lastReceivedAt: instant(),
    status: text({ enum: deviceStates }),
    statusBoot: text(),
    /** The broker's connection that told it; a will of any other is old news. */
    statusConnection: text(),
    statusReceivedAt: instant(),
    /** Newest element per door. */
    doors: jsonb().notNull().default({}),
    power: jsonb(),
    position: jsonb(),
  },
  (t) => [oneOf('device_state_status', t.status, deviceStates)],
)

/** One sensor of a device, met the first time it reports. */
export const probe = pgTable(
  'probe',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    kind: text({ enum: probeKinds }).notNull(),
  },
  (t) => [oneOf('probe_kind', t.kind, probeKinds), unique('probe_of_device').on(t.deviceId, t.kind)],
)

/**
 * Where the incremental derivation of a probe stands: its newest reading by event time and the excursion still open
 * there. `version` guards it: of two writers who derived from the same state, one must start again.
 */
export const probeState = pgTable(
  'probe_state',
  {
    probeId: integer()
      .primaryKey()
      .references(() => probe.id),
    version: integer().notNull(),
    firstAt: instant().notNull(),
    lastAt: instant().notNull(),
    lastBoot: text().notNull(),
    lastCenti: smallint().notNull(),
    lastReceivedAt: instant().notNull(),
    openFrom: instant(),
    openSide: text({ enum: sides }),
    openColdest: smallint(),
    openWarmest: smallint(),
    openReadings: integer(),
    /** Up to which event time its faults are derived; what came before it since has set it back. */
    faultsTo: instant(),
  },
  // Updated with every message: no index but the key, and room on the page, so that updates stay in place.
  (t) => [oneOf('probe_state_side', t.openSide, sides)],
)

/** When a person has a device defrosted: what is too warm then is recorded, and pages nobody. Append-only. */
export const deviceDefrost = pgTable(
  'device_defrost',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    from: instant().notNull(),
    to: instant().notNull(),
    reason: text().notNull(),
    actor: jsonb().notNull(),
    declaredAt: instant().notNull(),
  },
  (t) => [
    check('device_defrost_length', sql`${t.from} < ${t.to}`),
    index('device_defrost_device').on(t.deviceId, t.to),
    index('device_defrost_to').on(t.to),
  ],
)
