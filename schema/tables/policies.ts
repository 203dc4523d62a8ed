import { sql } from 'drizzle-orm'
import { check, integer, jsonb, pgTable, primaryKey, smallint, text, unique } from 'drizzle-orm/pg-core'
import {
  components,
  jurisdictions,
  phases,
  policyDecisions,
  proposalKinds,
  returnPolicies,
} from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'

/**
 * What a component must be kept at in one phase of its life, from when, and who says so. Data, never code. A row stands
 * for ever: it was seeded, or proposed and approved by two.
 */
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
    /** The longest this phase may last at a time: a journey, or being in hands. Null where nothing bounds it. */
    longestMs: integer(),
    /** How often in its life a bag may enter this phase; null where nothing bounds it. */
    occasions: integer(),
    /** What nothing was heard of for so long holds the bag, until a person decides. */
    gapGraceMs: integer().notNull().default(86_400_000),
    allowances: jsonb().notNull().default([]),
    alarm: jsonb(),
    returns: text({ enum: returnPolicies }).notNull().default('none'),
    source: text().notNull(),
    /** Which of these values a transfusion professional has still to confirm. */
    uncertain: jsonb().notNull().default(['maxSilenceMs', 'gapGraceMs']),
    /** Null of one the service came with. */
    proposalId: integer()
      .unique()
      .references(() => policyProposal.id),
  },
  (t) => [
    unique('policy_version').on(t.jurisdiction, t.component, t.phase, t.version),
    oneOf('policy_jurisdiction', t.jurisdiction, jurisdictions),
    oneOf('policy_component', t.component, components),
    oneOf('policy_phase', t.phase, phases),
    oneOf('policy_returns', t.returns, returnPolicies),
    check('policy_limits', sql`${t.low} < ${t.high} and ${t.maxSilenceMs} > 0 and ${t.gapGraceMs} > 0`),
  ],
)

/** What somebody wants to become the next version of a policy, or of an entry of the catalogue. */
export const policyProposal = pgTable(
  'policy_proposal',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    kind: text({ enum: proposalKinds }).notNull().default('policy'),
    content: jsonb().notNull(),
    reason: text().notNull(),
    /** The person's id. */
    by: text().notNull(),
    at: instant().notNull(),
  },
  (t) => [oneOf('policy_proposal_kind', t.kind, proposalKinds)],
)

/** What one person said of a proposal; nobody says anything twice. */
export const policyOpinion = pgTable(
  'policy_opinion',
  {
    proposalId: integer()
      .notNull()
      .references(() => policyProposal.id),
    /** The person's id. */
    by: text().notNull(),
    decision: text({ enum: policyDecisions }).notNull(),
    comment: text().notNull(),
    at: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.proposalId, t.by] }),
    oneOf('policy_opinion_decision', t.decision, policyDecisions),
  ],
)

/**
 * What somebody wants to have judged anew: event time in [from, to) by a version that was not in force then. Two others
 * approve it; what comes of it is told beside the ledgers of bags, and never in them.
 */
export const rejudgement = pgTable(
  'rejudgement',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    policyId: integer()
      .notNull()
      .references(() => policy.id),
    from: instant().notNull(),
    to: instant().notNull(),
    reason: text().notNull(),
    /** The person's id. */
    by: text().notNull(),
    at: instant().notNull(),
  },
  (t) => [check('rejudgement_span', sql`${t.from} < ${t.to} and ${t.to} <= ${t.at}`)],
)

/** What one person said of a proposed re-judgement; nobody says anything twice. */
export const rejudgementOpinion = pgTable(
  'rejudgement_opinion',
  {
    rejudgementId: integer()
      .notNull()
      .references(() => rejudgement.id),
    /** The person's id. */
    by: text().notNull(),
    decision: text({ enum: policyDecisions }).notNull(),
    comment: text().notNull(),
    at: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.rejudgementId, t.by] }),
    oneOf('rejudgement_opinion_decision', t.decision, policyDecisions),
  ],
)
