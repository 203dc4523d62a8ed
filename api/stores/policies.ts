import { and, asc, desc, eq, lte, sql } from 'drizzle-orm'
import { policy, policyOpinion, policyProposal } from '../../schema/tables/policies.ts'
import type { Component, Jurisdiction, Phase, PolicyDecision, ProposalKind } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { PolicyContent } from '../domain/policy.ts'
import type { ProductContent } from '../domain/product.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit, appendAudits } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { dueUnderPolicy } from './ledger-due.ts'
import { lockAlone } from './locks.ts'
import { isOneOf } from './rows.ts'

export type Policy = Omit<PolicyContent, 'effectiveFrom'> & {
  readonly version: number
  readonly proposalId: number | null
  readonly from: number
}

/** The versions of one policy, by ascending `from`. */
export async function policyVersions(
  db: Database | Transaction,
  jurisdiction: Jurisdiction,
  component: Component,
  phase: Phase,
): Promise<Policy[]> {
  const rows = await db
    .select()
    .from(policy)
    .where(
      and(eq(policy.jurisdiction, jurisdiction), eq(policy.component, component), eq(policy.phase, phase)),
    )
    .orderBy(asc(policy.effectiveFrom), asc(policy.version))
  return rows.map(versionOf)
}

export async function listPolicies(db: Database | Transaction): Promise<Policy[]> {
  const rows = await db
    .select()
    .from(policy)
    .orderBy(policy.jurisdiction, policy.component, policy.phase, policy.version)
  return rows.map(versionOf)
}

/** A version as it is kept. */
export function versionOf({ id: _id, effectiveFrom, ...rest }: typeof policy.$inferSelect): Policy {
  // What was written down is what was parsed.
  const told = rest as typeof rest & Pick<PolicyContent, 'allowances' | 'alarm' | 'uncertain'>
  return { ...told, from: effectiveFrom }
}

/** The versions of each policy, by ascending `from`; none where nothing is said. */
export type PolicyBook = (jurisdiction: Jurisdiction, component: Component, phase: Phase) => readonly Policy[]

const books = new WeakMap<object, { readonly newest: number; readonly book: PolicyBook }>()

/**
 * All policies, remembered by this process until there is another: versions are never changed, and are numbered in the
 * order they come into force in.
 *
 * @param newest the number of the newest version there is, as it was read together with what is judged
 */
export async function policyBook(
  { pool, db }: { readonly pool: object; readonly db: Database | Transaction },
  newest: number,
): Promise<PolicyBook> {
  const known = books.get(pool)
  if (known?.newest === newest) return known.book
  const rows = await db.select().from(policy).where(lte(policy.id, newest))
  const versions = new Map<string, Policy[]>()
  for (const row of rows.map(versionOf)) {
    const key = `${row.jurisdiction}/${row.component}/${row.phase}`
    versions.set(key, [...(versions.get(key) ?? []), row])
  }
  for (const sorted of versions.values()) sorted.sort((a, b) => a.from - b.from || a.version - b.version)
  const book: PolicyBook = (...names) => versions.get(names.join('/')) ?? []
  if (!known || known.newest < newest) books.set(pool, { newest, book })
  return book
}

/** The number `policyBook` asks for, in SQL. */
export const newestPolicy = sql`(select max(id) from ${policy})`

/** Versions become visible in the order of their numbers: whoever adds one waits for whoever is about to. */
async function lockPolicies(tx: Transaction): Promise<void> {
  await lockAlone(tx, 'policies')
}

/** Add the policies that are not there yet; a version that stands is never changed. */
export async function insertPolicies(
  tx: Transaction,
  actor: Actor,
  rows: readonly (typeof policy.$inferInsert)[],
  now: number,
): Promise<void> {
  await lockPolicies(tx)
  const added = await tx
    .insert(policy)
    .values([...rows])
    .onConflictDoNothing()
    .returning()
  const entries = added.map((row) => ({
    at: now,
    action: 'policy.seeded',
    subjectKind: 'policy' as const,
    subject: nameOf(row),
    after: row,
  }))
  await appendAudits(tx, actor, entries)
}

function nameOf(row: Pick<Policy, 'jurisdiction' | 'component' | 'phase' | 'version'>): string {
  return `${row.jurisdiction}/${row.component}/${row.phase}/v${row.version}`
}

export type Opinion = {
  readonly by: string
  readonly decision: PolicyDecision
  readonly comment: string
  readonly at: number
}

/** What each kind of proposal says. */
export type Proposed = { readonly policy: PolicyContent; readonly product: ProductContent }

export type Proposal<Kind extends ProposalKind = 'policy'> = {
  readonly id: number
  readonly content: Proposed[Kind]
  readonly reason: string
  readonly by: string
  readonly at: number
  readonly opinions: readonly Opinion[]
}

export const noProposal = (kind: ProposalKind, id: number) => `no ${kind} was proposed under the number ${id}`

export async function insertProposal<Kind extends ProposalKind>(
  tx: Transaction,
  actor: Actor,
  kind: Kind,
  content: Proposed[Kind],
  reason: string,
  now: number,
): Promise<Proposal<Kind>> {
  const values = { kind, content, reason, by: actor.id, at: now }
  const [row] = await tx.insert(policyProposal).values(values).returning()
  const proposal = { ...(row as typeof policyProposal.$inferSelect), content, opinions: [] }
  await appendAudit(tx, actor, {
    at: now,
    action: `${kind}.proposed`,
    subjectKind: `${kind}_proposal`,
    subject: String(proposal.id),
    after: content,
    reason,
  })
  return proposal
}

/** The newest proposals, the newest first. */
export async function listProposals<Kind extends ProposalKind>(
  db: Database,
  kind: Kind,
  limit: number,
): Promise<Proposal<Kind>[]> {
  const rows = await db
    .select()
    .from(policyProposal)
    .where(eq(policyProposal.kind, kind))
    .orderBy(desc(policyProposal.id))
    .limit(limit)
  return withOpinions<Kind>(db, rows)
}

/** A proposal, locked until the transaction ends: opinions come one after the other. @throws Refusal `not_found` */
export async function lockProposal<Kind extends ProposalKind>(
  tx: Transaction,
  kind: Kind,
  id: number,
): Promise<Proposal<Kind>> {
  const rows = await tx
    .select()
    .from(policyProposal)
    .where(and(eq(policyProposal.id, id), eq(policyProposal.kind, kind)))
    .for('update')
  const [proposal] = await withOpinions<Kind>(tx, rows)
  if (!proposal) throw new Refusal('not_found', noProposal(kind, id))
  return proposal
}

async function withOpinions<Kind extends ProposalKind>(
  db: Database | Transaction,
  rows: readonly (typeof policyProposal.$inferSelect)[],
): Promise<Proposal<Kind>[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const opinions = await db
    .select()
    .from(policyOpinion)
    .where(isOneOf(policyOpinion.proposalId, ids))
    .orderBy(asc(policyOpinion.at), asc(policyOpinion.by))
  return rows.map((row) => ({
    ...row,
    content: row.content as Proposed[Kind],
    opinions: opinions
      .filter(({ proposalId }) => proposalId === row.id)
      .map(({ proposalId: _, ...said }) => said),
  }))
}

export async function insertOpinion(
  tx: Transaction,
  actor: Actor,
  kind: ProposalKind,
  proposalId: number,
  opinion: Opinion,
): Promise<void> {
  await tx.insert(policyOpinion).values({ proposalId, ...opinion })
  await appendAudit(tx, actor, {
    at: opinion.at,
    action: `${kind}.${opinion.decision === 'approve' ? 'approved' : 'rejected'}`,
    subjectKind: `${kind}_proposal`,
    subject: String(proposalId),
    after: opinion,
    reason: opinion.comment,
  })
}

/** Whatever takes readings may go by the versions before for so long, ms: what they speak of is judged after that. */
const noticedAfterMs = 60_000

/** Make what was approved the next version of its policy. */
export async function insertVersion(
  tx: Transaction,
  actor: Actor,
  { id, content }: Pick<Proposal, 'id' | 'content'>,
  now: number,
): Promise<void> {
  const { jurisdiction, component, phase } = content
  await lockPolicies(tx)
  const [newest] = await tx
    .select({ version: policy.version })
    .from(policy)
    .where(
      and(eq(policy.jurisdiction, jurisdiction), eq(policy.component, component), eq(policy.phase, phase)),
    )
    .orderBy(desc(policy.version))
    .limit(1)
  const version = (newest?.version ?? 0) + 1
  const row = { ...content, version, proposalId: id }
  await tx.insert(policy).values(row)
  await dueUnderPolicy(tx, jurisdiction, component, content.effectiveFrom + noticedAfterMs)
  await appendAudit(tx, actor, {
    at: now,
    action: 'policy.in_force',
    subjectKind: 'policy',
    subject: nameOf(row),
    after: row,
  })
}
