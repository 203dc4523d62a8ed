import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { signatureComponents, signatureMeanings, signedActs } from '../vocabulary.ts'
import { instant, oneOf, sha256 } from './columns.ts'
import { facility } from './facilities.ts'
import { person } from './people.ts'

/** Which acts a facility demands a signature of, from when on. Append-only: the newest row is in force. */
export const signatureRule = pgTable(
  'signature_rule',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    from: instant().notNull(),
    acts: jsonb().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [index('signature_rule_facility').on(t.facilityId, t.id)],
)

/** Somebody's electronic signature: who, when and what it means, with both components shown then. Append-only. */
export const signature = pgTable(
  'signature',
  {
    id: uuid().primaryKey(),
    at: instant().notNull(),
    personId: text()
      .notNull()
      .references(() => person.id),
    username: text().notNull(),
    /** As printed then, whatever they are called later. */
    name: text().notNull(),
    meaning: text({ enum: signatureMeanings }).notNull(),
    components: text({ enum: signatureComponents }).notNull(),
    act: text({ enum: signedActs }).notNull(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
  },
  (t) => [
    index('signature_facility').on(t.facilityId, t.id),
    oneOf('signature_meaning', t.meaning, signatureMeanings),
    oneOf('signature_components', t.components, signatureComponents),
    oneOf('signature_act', t.act, signedActs),
  ],
)

/**
 * What a signature signs: one audit entry, which names the signature in its actor. The seal is an HMAC over both, so that
 * neither is changed, and neither is bound to another, unnoticed (21 CFR 11.70). Append-only; no reference to the entry,
 * as the audit has none.
 */
export const signedEntry = pgTable(
  'signed_entry',
  {
    signatureId: uuid()
      .notNull()
      .references(() => signature.id),
    entryId: bigint({ mode: 'number' }).notNull(),
    /** Which key sealed it: a hash of it. */
    keyId: text().notNull(),
    seal: sha256().notNull(),
  },
  (t) => [primaryKey({ columns: [t.signatureId, t.entryId] }), index('signed_entry_entry').on(t.entryId)],
)
