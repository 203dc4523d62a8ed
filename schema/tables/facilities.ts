import { integer, pgTable, text } from 'drizzle-orm/pg-core'
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
