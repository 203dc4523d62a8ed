import { and, asc, desc, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, bagLineage, donation, tagAssignment } from '../../schema/tables/bags.ts'
import { ledgerDue, rejudgedLedger } from '../../schema/tables/ledgers.ts'
import { policy, rejudgement, rejudgementOpinion } from '../../schema/tables/policies.ts'
import { bagStates, type Component, type Jurisdiction, type Phase } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { isFinal } from '../domain/lifecycle.ts'
import { stateOfProposal } from '../domain/policy.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import type { DeviceReads } from './device-reads.ts'
import { jurisdictionAt } from './facilities.ts'
import { lineOf } from './ledgers.ts'
import { type Opinion, type Policy, versionOf } from './policies.ts'
import { isIn, isOneOf } from './rows.ts'

/** Event time in [from, to), to be judged as if a version of a policy had been in force then. */
export type Rejudgement = {
  readonly id: number
  readonly policy: Policy
  readonly from: number
  readonly to: number
  readonly reason: string
  readonly by: string
  readonly at: number
  readonly opinions: readonly Opinion[]
}

export type NewRejudgement = Pick<Rejudgement, 'from' | 'to' | 'reason'> & {
  readonly jurisdiction: Jurisdiction
  readonly component: Component
  readonly phase: Phase
  readonly version: number
}

export const noRejudgement = (id: number) => `no re-judgement was proposed under the number ${id}`

/** @throws Refusal `not_found` where there is no such version */
export async function insertRejudgement(
  tx: Transaction,
  actor: Actor,
  { jurisdiction, component, phase, version, ...asked }: NewRejudgement,
  now: number,
): Promise<Rejudgement> {
  const [by] = await tx
    .select()
    .from(policy)
    .where(
      and(
        eq(policy.jurisdiction, jurisdiction),
        eq(policy.component, component),
        eq(policy.phase, phase),
        eq(policy.version, version),
      ),
    )
  if (!by) {
    const name = `${jurisdiction}/${component}/${phase}`
    throw new Refusal('not_found', `no version ${version} of the policy ${name} stands`)
  }
  const [row] = await tx
    .insert(rejudgement)
    .values({ policyId: by.id, ...asked, by: actor.id, at: now })
    .returning()
  const { policyId: _, ...proposed } = row as typeof rejudgement.$inferSelect
  await appendAudit(tx, actor, {
    at: now,
    action: 'rejudgement.proposed',
    subjectKind: 'rejudgement',
    subject: String(proposed.id),
    after: { jurisdiction, component, phase, version, from: asked.from, to: asked.to },
    reason: asked.reason,
  })
  return { ...proposed, policy: versionOf(by), opinions: [] }
}

/** The newest first. */
export async function listRejudgements(db: Database, limit: number): Promise<Rejudgement[]> {
  return found(db, { limit })
}

/** @throws Refusal `not_found` */
export async function findRejudgement(db: Database | Transaction, id: number): Promise<Rejudgement> {
  const [one] = await found(db, { id })
  if (!one) throw new Refusal('not_found', noRejudgement(id))
  return one
}

/** The same, locked until the transaction ends: opinions come one after the other. @throws Refusal `not_found` */
export async function lockRejudgement(tx: Transaction, id: number): Promise<Rejudgement> {
  await tx.select().from(rejudgement).where(eq(rejudgement.id, id)).for('update')
  return findRejudgement(tx, id)
}

async function found(
  db: Database | Transaction,
  { id, limit = 1_000_000 }: { readonly id?: number; readonly limit?: number },
): Promise<Rejudgement[]> {
  const rows = await db
    .select({ asked: rejudgement, by: policy })
    .from(rejudgement)
    .innerJoin(policy, eq(policy.id, rejudgement.policyId))
    .where(id === undefined ? undefined : eq(rejudgement.id, id))
    .orderBy(desc(rejudgement.id))
    .limit(limit)
  if (rows.length === 0) return []
  const ids = rows.map(({ asked }) => asked.id)
  const opinions = await db
    .select()
    .from(rejudgementOpinion)
    .where(isOneOf(rejudgementOpinion.rejudgementId, ids))
    .orderBy(asc(rejudgementOpinion.at), asc(rejudgementOpinion.by))
  return rows.map(({ asked: { policyId: _, ...asked }, by }) => ({
    ...asked,
    policy: versionOf(by),
    opinions: opinions
      .filter(({ rejudgementId }) => rejudgementId === asked.id)
      .map(({ rejudgementId: _, ...said }) => said),
  }))
}

export async function insertRejudgementOpinion(
  tx: Transaction,
  actor: Actor,
  rejudgementId: number,
  opinion: Opinion,
): Promise<void> {
  await tx.insert(rejudgementOpinion).values({ rejudgementId, ...opinion })
  await appendAudit(tx, actor, {
    at: opinion.at,
    action: opinion.decision === 'approve' ? 'rejudgement.approved' : 'rejudgement.rejected',
    subjectKind: 'rejudgement',
    subject: String(rejudgementId),
    after: opinion,
    reason: opinion.comment,
  })
}

/** What was approved is to be done: once for each bag it is about, which whoever does it finds out. */
export async function dueForRejudgement(tx: Transaction, rejudgementId: number, now: number): Promise<void> {
  await tx.insert(ledgerDue).values({ rejudgementId, dueAt: now })
}

/**
 * Make of each approved re-judgement a reason to judge each bag it is about. Bags that become known from now on are judged
 * by whoever knows that it was approved.
 */
export async function spreadRejudgements(db: Database): Promise<void> {
  const isWhole = and(isNotNull(ledgerDue.rejudgementId), isNull(ledgerDue.bagId))
  const whole = await db.select({ id: ledgerDue.id }).from(ledgerDue).where(isWhole)
  for (const { id } of whole)
    await db.transaction(async (tx) => {
      const [due] = await tx.delete(ledgerDue).where(eq(ledgerDue.id, id)).returning()
      if (!due || due.rejudgementId === null) return
      const { rejudgementId, dueAt } = due
      const about = concernedBy(await findRejudgement(tx, rejudgementId), 'all')
      await tx.execute(sql`
        insert into ${ledgerDue} (bag_id, rejudgement_id, due_at)
        select id, ${rejudgementId}::integer, ${dueAt}::bigint from (${about}) about order by id`)
    })
}

const finalStates = sql.raw(
  bagStates
    .filter(isFinal)
    .map((state) => `'${state}'`)
    .join(),
)

/** Had a bag met its fate by then? */
const endedBy = (b: SQL, at: number): SQL => sql`(${b}.state in (${finalStates}) and exists (
  select from ${bagEvent} e where e.bag_id = ${b}.id and e."to" = ${b}.state and e."from" is distinct from e."to"
    and e.at <= ${at}::bigint))`

/** Is it of the component, and did it live in the span: also before it was registered, as far as anything tells of it? */
const livedIn = (b: SQL, { policy: { component }, from, to }: Rejudgement): SQL => sql`(
  ${b}.component = ${component} and not ${endedBy(b, from)} and least(${b}.registered_at,
    (select min(t."from") from ${tagAssignment} t where t.bag_id = ${b}.id),
    (select d.collected_at from ${donation} d where d.id = ${b}.donation_id)) < ${to}::bigint)`

/** The ids of all bags an approved re-judgement is about: those that lived then and what goes on with their account, within reach. */
function concernedBy(of: Rejudgement, reach: Reach): SQL {
  return sql`
    with recursive concerned (id) as (
      select b.id from ${bag} b where ${livedIn(sql.raw('b'), of)}
      union
      select child_id from ${bagLineage} join concerned on parent_id = concerned.id where not resets_exposure
    )
    select b.id from concerned join ${bag} b on b.id = concerned.id
    where ${jurisdictionAt(sql.raw('b.holder_id'))} = ${of.policy.jurisdiction}
      and not ${endedBy(sql.raw('b'), of.from)} and ${isSeen(sql.raw('b'), reach)}`
}

/** Whoever holds, made or awaits a bag knows how it was kept. */
export function isSeen(b: SQL, reach: Reach): SQL {
  const ids = ['holder_id', 'origin_id', 'destination_id'].map((id) => isIn(reach, sql`${b}.${sql.raw(id)}`))
  return reach === 'all' ? sql`true` : sql`(${sql.join(ids as SQL[], sql` or `)})`
}

/** The approved re-judgements that are about a bag, by ascending number. */
export async function rejudgementsOf(
  tx: Transaction,
  reads: DeviceReads,
  bagId: string,
  jurisdiction: Jurisdiction,
): Promise<readonly Rejudgement[]> {
  const approved = await reads.once('rejudgements', async () =>
    (await found(tx, {})).filter(({ opinions }) => stateOfProposal(opinions) === 'approved').reverse(),
  )
  const about: Rejudgement[] = []
  for (const one of approved.filter(({ policy }) => policy.jurisdiction === jurisdiction)) {
    const { rows } = await tx.execute(sql`
      select from ${bag} b where b.id = ${bagId} and not ${endedBy(sql.raw('b'), one.from)} and exists (
        select from ${bag} m where m.id in ${lineOf(sql.raw('b.id'))} and ${livedIn(sql.raw('m'), one)})`)
    if (rows.length > 0) about.push(one)
  }
  return about
}

/** How many bags within reach a re-judgement is about and has not judged yet. */
export async function remainingOf(db: Database, of: Rejudgement, reach: Reach): Promise<number> {
  const { rows } = await db.execute<{ count: number }>(sql`
    select count(*)::integer as count from (${concernedBy(of, reach)}) about where not exists (
      select from ${rejudgedLedger} r where r.rejudgement_id = ${of.id} and r.bag_id = about.id)`)
  return rows[0]?.count ?? 0
}
