import { and, asc, eq } from 'drizzle-orm'
import { policy } from '../../schema/tables/policies.ts'
import type { Component, Jurisdiction, Phase } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

export type Policy = Omit<typeof policy.$inferSelect, 'id' | 'effectiveFrom'> & { readonly from: number }

/** The versions of one policy, by ascending `from`. */
export async function policyVersions(
  db: Database,
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
  return rows.map(({ id: _id, effectiveFrom, ...rest }) => ({ ...rest, from: effectiveFrom }))
}

export async function listPolicies(db: Database): Promise<Policy[]> {
  const rows = await db
    .select()
    .from(policy)
    .orderBy(policy.jurisdiction, policy.component, policy.phase, policy.version)
  return rows.map(({ id: _id, effectiveFrom, ...rest }) => ({ ...rest, from: effectiveFrom }))
}

/** Add the policies that are not there yet; a version that stands is never changed. */
export async function insertPolicies(
  tx: Transaction,
  actor: Actor,
  rows: readonly (typeof policy.$inferInsert)[],
  now: number,
): Promise<void> {
  for (const row of rows) {
    const added = await tx.insert(policy).values(row).onConflictDoNothing().returning({ id: policy.id })
    if (added.length === 0) continue
    const subject = `${row.jurisdiction}/${row.component}/${row.phase}/v${row.version}`
    await appendAudit(tx, actor, {
      at: now,
      action: 'policy.seeded',
      subjectKind: 'policy',
      subject,
      after: row,
    })
  }
}
