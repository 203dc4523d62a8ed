import { asc, eq } from 'drizzle-orm'
import { bagInspection, transfusion } from '../../schema/tables/ends.ts'
import type { InspectionCheck, InspectionOccasion } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { TransfusionAccount } from '../domain/transfusion.ts'
import { appendAudit } from './audit.ts'
import { type Bag, concerned } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { appendNews } from './news.ts'

/** What of a transfusion worklists go by. A projection: who told what stands in the event that is written with it. */
export async function saveTransfusion(
  tx: Transaction,
  bagId: string,
  { startedAt, isOver }: TransfusionAccount,
): Promise<void> {
  await tx
    .insert(transfusion)
    .values({ bagId, startedAt, isOver })
    .onConflictDoUpdate({ target: transfusion.bagId, set: { startedAt, isOver } })
}

/** For each thing that was looked at, whether it was good. */
export type Checks = Readonly<Partial<Record<InspectionCheck, boolean>>>

export type Inspection = {
  readonly occasion: InspectionOccasion
  readonly checks: Checks
  readonly remark: string | null
}

export async function insertInspection(
  tx: Transaction,
  actor: Actor,
  of: Bag,
  inspection: Inspection,
  now: number,
): Promise<void> {
  await tx.insert(bagInspection).values({ ...inspection, bagId: of.id, actor, at: now })
  const { occasion, checks } = inspection
  await appendNews(tx, [
    { at: now, kind: 'bag.inspected', subject: of.id, facilityIds: concerned(of), data: { occasion } },
  ])
  await appendAudit(tx, actor, {
    at: now,
    action: 'bag.inspected',
    subjectKind: 'bag',
    subject: of.id,
    after: { occasion, checks },
  })
}

/** How a bag was inspected, oldest first. */
export function inspectionsOf(db: Database | Transaction, bagId: string) {
  return db.select().from(bagInspection).where(eq(bagInspection.bagId, bagId)).orderBy(asc(bagInspection.id))
}
