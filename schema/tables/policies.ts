import { sql } from 'drizzle-orm'
import { check, integer, pgTable, smallint, text, unique } from 'drizzle-orm/pg-core'
import { components, jurisdictions, phases } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'

/** What a component must be kept at in one phase of its life, from when, and who says so. Data, never code. */
export const policy = pgTable(
  'policy',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    jurisdiction: text({ enum: jurisdictions }).notNull(),
    component: text({ enum: components }).notNull(),
    phase: text({ enum: phases }).notNull(),
    version: integer().notNull(),
    effectiveFrom: instant().notNull(),
    /** Inclusive limits, hundredths of a degree Celsius. */
    low: smallint().notNull(),
    high: smallint().notNull(),
    /** The longest silence a reading may cover; a device's own setting may only be shorter. */
    maxSilenceMs: integer().notNull(),
    source: text().notNull(),
  },
  (t) => [
    unique('policy_version').on(t.jurisdiction, t.component, t.phase, t.version),
    oneOf('policy_jurisdiction', t.jurisdiction, jurisdictions),
    oneOf('policy_component', t.component, components),
    oneOf('policy_phase', t.phase, phases),
    check('policy_limits', sql`${t.low} < ${t.high} and ${t.maxSilenceMs} > 0`),
  ],
)
