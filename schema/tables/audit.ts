import { bigint, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Who did what to which subject, and why; written in the transaction that did it. Append-only; no foreign keys, so it outlives its subjects. */
export const auditEntry = pgTable(
  'audit_entry',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
    action: text().notNull(),
    subjectKind: text().notNull(),
    subject: text().notNull(),
    before: jsonb(),
    after: jsonb(),
    reason: text(),
  },
  (t) => [index('audit_entry_subject').on(t.subjectKind, t.subject)],
)
