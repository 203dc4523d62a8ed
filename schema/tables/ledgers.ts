import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { jurisdictions, verdicts } from '../vocabulary.ts'
import { bag } from './bags.ts'
import { instant, oneOf } from './columns.ts'
import { device } from './devices.ts'
import { rejudgement } from './policies.ts'
import { recall } from './recalls.ts'

/**
 * How a bag was kept, as it was judged at `knownFrom`: all that was not measured within its limits, and what becomes of it.
 * Derived, so never edited: superseded by `knownTo`.
 */
export const bagLedger = pgTable(
  'bag_ledger',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    /** 1 for the first. */
    revision: integer().notNull(),
    jurisdiction: text({ enum: jurisdictions }).notNull(),
    verdict: text({ enum: verdicts }).notNull(),
    /** Each stretch, what it counts for and why. The end of one that lasts is left open. */
    entries: jsonb().notNull(),
    /** The versions of policies it was judged by, in each phase. */
    policies: jsonb().notNull(),
    /** When it, or what stands beside it, may be another one though nothing more is heard; null where it never will. */
    dueAt: instant(),
    knownFrom: instant().notNull(),
    knownTo: instant(),
  },
  (t) => [
    oneOf('bag_ledger_jurisdiction', t.jurisdiction, jurisdictions),
    oneOf('bag_ledger_verdict', t.verdict, verdicts),
    check('bag_ledger_revision', sql`${t.revision} > 0`),
    unique('bag_ledger_revision_of').on(t.bagId, t.revision),
    index('bag_ledger_current').on(t.bagId).where(sql`known_to is null`),
    index('bag_ledger_due').on(t.dueAt).where(sql`known_to is null and due_at is not null`),
  ],
)

/**
 * How a bag was kept as if another version of a policy had been in force for a while: what an approved re-judgement says
 * beside its ledger. Append-only: the newest of a re-judgement is what it says now.
 */
export const rejudgedLedger = pgTable(
  'rejudged_ledger',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    rejudgementId: integer()
      .notNull()
      .references(() => rejudgement.id),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    /** 1 for the first of the bag by this re-judgement. */
    revision: integer().notNull(),
    /** What stood in the ledger then. */
    ledgerId: bigint({ mode: 'number' })
      .notNull()
      .references(() => bagLedger.id),
    verdict: text({ enum: verdicts }).notNull(),
    entries: jsonb().notNull(),
    policies: jsonb().notNull(),
    knownAt: instant().notNull(),
  },
  (t) => [
    oneOf('rejudged_ledger_verdict', t.verdict, verdicts),
    check('rejudged_ledger_revision', sql`${t.revision} > 0`),
    unique('rejudged_ledger_revision_of').on(t.rejudgementId, t.bagId, t.revision),
    index('rejudged_ledger_bag').on(t.bagId),
  ],
)

/**
 * What has to be judged: a bag, or those that were in a device in [from, to] of event time. Written together with what
 * gives reason to, deleted once it is done. An approved re-judgement is one too, until it has become one for each bag it
 * is about.
 */
export const ledgerDue = pgTable(
  'ledger_due',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid().references(() => bag.id),
    deviceId: integer().references(() => device.id),
    /** What it is to be judged by beside its ledger: nothing waits for that. Null of all other reasons. */
    rejudgementId: integer().references(() => rejudgement.id),
    from: instant(),
    to: instant(),
    /** Not before then, server time. */
    dueAt: instant().notNull(),
  },
  (t) => [
    check(
      'ledger_due_subject',
      sql`num_nonnulls(${t.bagId}, ${t.deviceId}) = 1 or (${t.rejudgementId} is not null and ${t.deviceId} is null)`,
    ),
    check('ledger_due_span', sql`(${t.deviceId} is null) = (${t.from} is null and ${t.to} is null)`),
    index('ledger_due_at').on(t.dueAt, t.id).where(sql`rejudgement_id is null`),
    index('ledger_due_rejudgement').on(t.id).where(sql`rejudgement_id is not null and bag_id is null`),
    index('ledger_due_rejudged').on(t.id).where(sql`rejudgement_id is not null and bag_id is not null`),
  ],
)

/**
 * A bag was given to somebody, and was found later to have been kept in a way that must be looked into, or was called
 * back.
 */
export const lookBack = pgTable(
  'look_back',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    /** By what it was opened: what stood in the ledger, what a re-judgement said beside it, or a recall. */
    ledgerId: bigint({ mode: 'number' }).references(() => bagLedger.id),
    rejudgedId: bigint({ mode: 'number' }).references(() => rejudgedLedger.id),
    recallId: integer().references(() => recall.id),
    openedAt: instant().notNull(),
    closedAt: instant(),
    closedBy: jsonb(),
    conclusion: text(),
  },
  (t) => [
    unique('look_back_ledger').on(t.ledgerId),
    unique('look_back_rejudged').on(t.rejudgedId),
    unique('look_back_recall').on(t.recallId, t.bagId),
    check('look_back_opening', sql`num_nonnulls(${t.ledgerId}, ${t.rejudgedId}, ${t.recallId}) = 1`),
    index('look_back_open').on(t.bagId).where(sql`closed_at is null`),
    check(
      'look_back_closing',
      sql`(${t.closedAt} is null) = (${t.closedBy} is null) and (${t.closedAt} is null) = (${t.conclusion} is null)`,
    ),
  ],
)
