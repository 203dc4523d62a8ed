import { index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { facilityKinds, jurisdictions } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'

/** An institution or vehicle that holds blood. `code` is its name in topics and URLs. */
export const facility = pgTable(
  'facility',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    code: text().notNull().unique(),
    name: text().notNull(),
    kind: text({ enum: facilityKinds }).notNull(),
    /** IANA zone in which its labels are read. */
    timeZone: text().notNull(),
    /** Whose policies its blood is judged by. */
    jurisdiction: text({ enum: jurisdictions }).notNull().default('CN'),
    createdAt: instant().notNull(),
  },
  (t) => [
    oneOf('facility_kind', t.kind, facilityKinds),
    oneOf('facility_jurisdiction', t.jurisdiction, jurisdictions),
  ],
)

/**
 * How a station's own barcodes are read, from when: which stretch names the donation and which the product. Append-only:
 * a bag is known by what was read then.
 */
export const barcodeProfile = pgTable(
  'barcode_profile',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    profile: text().notNull(),
    /** Whose numbers they are: part of what a bag is known by, and the same in all versions. */
    region: text().notNull(),
    codes: jsonb().notNull(),
    effectiveFrom: instant().notNull(),
    setAt: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [index('barcode_profile_newest').on(t.facilityId, t.profile, t.effectiveFrom)],
)
