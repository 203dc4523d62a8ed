import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core'
import { components, jurisdictions, processes, shelfLifeStarts, unitsOfMeasure } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { facility } from './facilities.ts'
import { policyProposal } from './policies.ts'

/**
 * The catalogue: what a product code means in a jurisdiction, from when, and who says so. Data, never code. A row stands
 * for ever: it was seeded, or proposed and approved by two.
 */
export const product = pgTable(
  'product',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    jurisdiction: text({ enum: jurisdictions }).notNull(),
    /** Whose code it is, as of a bag. */
    scheme: text().notNull(),
    /** Of ISBT 128 the product description code, five characters. Case kept. */
    code: text().notNull(),
    version: integer().notNull(),
    effectiveFrom: instant().notNull(),
    name: text().notNull(),
    /** Whose policies judge how it was kept. */
    component: text({ enum: components }).notNull(),
    uom: text({ enum: unitsOfMeasure }).notNull(),
    /** What a bag of it usually holds; null where that varies. */
    amount: doublePrecision(),
    shelfLife: jsonb().notNull(),
    countsFrom: text({ enum: shelfLifeStarts }).notNull(),
    agitated: boolean().notNull(),
    /** It comes from a donor as it is. */
    isCollected: boolean().notNull(),
    /** What was done to it already, by processes. */
    treatments: jsonb().notNull(),
    /** What may be made of it, by which process. */
    makes: jsonb().notNull(),
    source: text().notNull(),
    /** Which of these values a transfusion professional has still to confirm. */
    uncertain: jsonb().notNull(),
    /** Null of one the service came with. */
    proposalId: integer()
      .unique()
      .references(() => policyProposal.id),
  },
  (t) => [
    unique('product_version').on(t.scheme, t.code, t.jurisdiction, t.version),
    oneOf('product_jurisdiction', t.jurisdiction, jurisdictions),
    oneOf('product_component', t.component, components),
    oneOf('product_uom', t.uom, unitsOfMeasure),
    oneOf('product_counts_from', t.countsFrom, shelfLifeStarts),
    check('product_amount', sql`${t.amount} > 0`),
  ],
)

/** That bags were made of bags: how, by whom, with what. Which of which is told by their lineage. Append-only. */
export const modification = pgTable(
  'modification',
  {
    id: uuid().primaryKey(),
    process: text({ enum: processes }).notNull(),
    facilityId: integer().references(() => facility.id),
    at: instant().notNull(),
    actor: jsonb().notNull(),
    method: text(),
    equipment: text(),
    /** Numbers of the lots that were used up: solutions, sets, filters. */
    lots: jsonb().notNull(),
    /** The versions of the catalogue it was decided by. */
    products: jsonb().notNull(),
  },
  (t) => [
    index('modification_facility').on(t.facilityId, t.at),
    oneOf('modification_process', t.process, processes),
  ],
)
