import { and, eq, gt, isNotNull, type SQL, sql } from 'drizzle-orm'
import { bag, bagHold } from '../../schema/tables/bags.ts'
import { bagLedger, rejudgedLedger } from '../../schema/tables/ledgers.ts'
import { policy, rejudgement } from '../../schema/tables/policies.ts'
import type { Phase, Verdict } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { LedgerEntry } from '../domain/ledger.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import { type Bag, labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { type KeptEntry, type Ledger, lineOf, releasedBy } from './ledgers.ts'
import { type Policy, versionOf } from './policies.ts'
import { isSeen } from './rejudgements.ts'

/** What a re-judgement says of a bag, and what stood in its ledger then. */
export type Rejudged = {
  readonly id: number
  readonly rejudgementId: number
  readonly revision: number
  readonly verdict: Verdict
  readonly entries: readonly KeptEntry[]
  readonly policies: Readonly<Record<Phase, readonly number[]>>
  readonly knownAt: number
  readonly ledger: Pick<Ledger, 'id' | 'revision' | 'verdict'>
}

const view = {
  id: rejudgedLedger.id,
  rejudgementId: rejudgedLedger.rejudgementId,
  revision: rejudgedLedger.revision,
  verdict: rejudgedLedger.verdict,
  entries: rejudgedLedger.entries,
  policies: rejudgedLedger.policies,
  knownAt: rejudgedLedger.knownAt,
  ledger: { id: bagLedger.id, revision: bagLedger.revision, verdict: bagLedger.verdict },
}

/** Is it what its re-judgement says of its bag now? */
const isNewest: SQL = sql`not exists (select from ${rejudgedLedger} later
  where later.rejudgement_id = ${rejudgedLedger.rejudgementId} and later.bag_id = ${rejudgedLedger.bagId}
    and later.revision > ${rejudgedLedger.revision})`

/** What a re-judgement says of a bag now, and what stood in its ledger then. */
export async function newestRejudged(
  db: Database | Transaction,
  rejudgementId: number,
  bagId: string,
): Promise<(Rejudged & { readonly besides: readonly KeptEntry[] }) | undefined> {
  const [newest] = await db
    .select({ ...view, besides: bagLedger.entries })
    .from(rejudgedLedger)
    .innerJoin(bagLedger, eq(bagLedger.id, rejudgedLedger.ledgerId))
    .where(and(eq(rejudgedLedger.rejudgementId, rejudgementId), eq(rejudgedLedger.bagId, bagId), isNewest))
  return newest as (Rejudged & { readonly besides: readonly KeptEntry[] }) | undefined
}

/** What all re-judgements say of a bag now, by their numbers. */
export async function rejudgedOf(
  db: Database,
  bagId: string,
): Promise<(Rejudged & { readonly policy: Policy; readonly from: number; readonly to: number })[]> {
  const rows = await db
    .select({ ...view, policy, from: rejudgement.from, to: rejudgement.to })
    .from(rejudgedLedger)
    .innerJoin(bagLedger, eq(bagLedger.id, rejudgedLedger.ledgerId))
    .innerJoin(rejudgement, eq(rejudgement.id, rejudgedLedger.rejudgementId))
    .innerJoin(policy, eq(policy.id, rejudgement.policyId))
    .where(and(eq(rejudgedLedger.bagId, bagId), isNewest))
    .orderBy(rejudgedLedger.rejudgementId)
  return rows.map((row) => ({ ...(row as unknown as Rejudged & typeof row), policy: versionOf(row.policy) }))
}

/** Append what a re-judgement says of a bag now; the bag must be locked. @returns its number */
export async function insertRejudged(
  tx: Transaction,
  actor: Actor,
  bagId: string,
  before: Rejudged | undefined,
  told: Pick<Rejudged, 'rejudgementId' | 'verdict' | 'entries' | 'policies' | 'ledger'>,
  now: number,
): Promise<number> {
  const { ledger, ...rest } = told
  const revision = (before?.revision ?? 0) + 1
  const [row] = await tx
    .insert(rejudgedLedger)
    .values({ bagId, revision, ledgerId: ledger.id, ...rest, knownAt: now })
    .returning({ id: rejudgedLedger.id })
  await appendAudit(tx, actor, {
    at: now,
    action: 'bag.rejudged',
    subjectKind: 'bag',
    subject: bagId,
    before: before && { verdict: before.verdict, revision: before.revision },
    after: {
      ...{ rejudgementId: told.rejudgementId, verdict: told.verdict, revision },
      ledger: { revision: ledger.revision, verdict: ledger.verdict },
    },
  })
  return (row as { id: number }).id
}

/** What people released of a bag, and of what it was made of, that a re-judgement alone had said of it. */
export async function releasedBeside(
  tx: Transaction,
  rejudgementId: number,
  bagId: string,
): Promise<LedgerEntry[]> {
  const rows = await tx
    .select({ kind: bagHold.kind, entries: rejudgedLedger.entries })
    .from(bagHold)
    .innerJoin(
      rejudgedLedger,
      and(
        eq(rejudgedLedger.rejudgementId, bagHold.rejudgementId),
        eq(rejudgedLedger.bagId, bagHold.bagId),
        eq(rejudgedLedger.revision, bagHold.releasedRevision),
      ),
    )
    .where(
      and(
        eq(bagHold.rejudgementId, rejudgementId),
        sql`${bagHold.bagId} in ${lineOf(bagId)}`,
        isNotNull(bagHold.liftedAt),
      ),
    )
  return rows.flatMap(({ kind, entries }) => releasedBy(kind, entries as readonly KeptEntry[]))
}

/** How many bags within reach have which verdict by a re-judgement. */
export async function verdictsOf(
  db: Database,
  rejudgementId: number,
  reach: Reach,
): Promise<Partial<Record<Verdict, number>>> {
  const rows = await db
    .select({ verdict: rejudgedLedger.verdict, count: sql<number>`count(*)` })
    .from(rejudgedLedger)
    .innerJoin(bag, eq(bag.id, rejudgedLedger.bagId))
    .where(and(eq(rejudgedLedger.rejudgementId, rejudgementId), isNewest, isSeen(sql`${bag}`, reach)))
    .groupBy(rejudgedLedger.verdict)
  return Object.fromEntries(rows.map(({ verdict, count }) => [verdict, count]))
}

export type RejudgedBag = Rejudged & { readonly bag: Bag; readonly label: string }

/** What a re-judgement says of bags within reach, by their ids. */
export async function rejudgedBy(
  db: Database,
  asked: {
    readonly rejudgementId: number
    readonly verdict?: Verdict | undefined
    readonly after?: string | undefined
    readonly reach: Reach
    readonly limit: number
  },
): Promise<RejudgedBag[]> {
  const { rejudgementId, verdict, after, reach, limit } = asked
  const rows = await db
    .select({ ...view, bag })
    .from(rejudgedLedger)
    .innerJoin(bagLedger, eq(bagLedger.id, rejudgedLedger.ledgerId))
    .innerJoin(bag, eq(bag.id, rejudgedLedger.bagId))
    .where(
      and(
        eq(rejudgedLedger.rejudgementId, rejudgementId),
        isNewest,
        verdict && eq(rejudgedLedger.verdict, verdict),
        after === undefined ? undefined : gt(rejudgedLedger.bagId, after),
        isSeen(sql`${bag}`, reach),
      ),
    )
    .orderBy(rejudgedLedger.bagId)
    .limit(limit)
  return rows.map((row) => ({ ...(row as unknown as Rejudged & typeof row), label: labelOf(row.bag) }))
}
