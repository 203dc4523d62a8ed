import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { facilityKinds } from '../vocabulary.ts'
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
    createdAt: instant().notNull(),
  },
  (t) => [oneOf('facility_kind', t.kind, facilityKinds)],
)
