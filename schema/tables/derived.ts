import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { excursionEnds, probeFaultKinds, sides } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { probe } from './devices.ts'

/**
 * Silence of a probe between two neighbouring readings, [from, to) in event time. Derived, so never edited: a row that
 * late data proves wrong gets `knownTo` and others take its place. Silence before the first and after the last reading
 * is open, a function of the moment of asking, and not stored.
 */
export const gap = pgTable(
  'gap',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    probeId: integer()
      .notNull()
      .references(() => probe.id),
    from: instant().notNull(),
    to: instant().notNull(),
    knownFrom: instant().notNull(),
    knownTo: instant(),
  },
  (t) => [
    check('gap_interval', sql`${t.from} < ${t.to}`),
    index('gap_current').on(t.probeId, t.from).where(sql`known_to is null`),
  ],
)

/**
 * A stretch in which a probe was outside its device's limits, in event time; `to` null while it lasts. Derived, so
 * never edited: superseded by `knownTo`. The running extremes of an open one stand in `probe_state`.
 */
export const excursion = pgTable(
  'excursion',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    probeId: integer()
      .notNull()
      .references(() => probe.id),
    side: text({ enum: sides }).notNull(),
    from: instant().notNull(),
    to: instant(),
    ended: text({ enum: excursionEnds }),
    /** Hundredths of a degree Celsius. */
    coldest: smallint().notNull(),
    warmest: smallint().notNull(),
    /** Distinct readings outside. */
    readings: integer().notNull(),
    knownFrom: instant().notNull(),
    knownTo: instant(),
  },
  (t) => [
    oneOf('excursion_side', t.side, sides),
    oneOf('excursion_ended', t.ended, excursionEnds),
    check('excursion_interval', sql`${t.from} <= ${t.to} and (${t.to} is null) = (${t.ended} is null)`),
    index('excursion_current').on(t.probeId, t.from).where(sql`known_to is null`),
    // Whoever watches looks for what lasts, and for what became known of late.
    index('excursion_lasting').on(t.probeId).where(sql`known_to is null and "to" is null`),
    index('excursion_known').on(t.knownFrom).where(sql`known_to is null`),
  ],
)

/**
 * A stretch in which a probe is not to be believed, in event time; `to` null while it lasts. Derived, so never edited:
 * superseded by `knownTo`. What it told in [from, to) within limits is UNVERIFIED, and what it told outside them measured.
 * That air and load contradict each other is the load's: it speaks for the bags.
 */
export const probeFault = pgTable(
  'probe_fault',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    probeId: integer()
      .notNull()
      .references(() => probe.id),
    kind: text({ enum: probeFaultKinds }).notNull(),
    from: instant().notNull(),
    to: instant(),
    knownFrom: instant().notNull(),
    knownTo: instant(),
  },
  (t) => [
    oneOf('probe_fault_kind', t.kind, probeFaultKinds),
    check('probe_fault_interval', sql`${t.to} is null or ${t.from} < ${t.to}`),
    index('probe_fault_current').on(t.probeId, t.from).where(sql`known_to is null`),
    index('probe_fault_lasting').on(t.to).where(sql`known_to is null`),
  ],
)
