import { auditEntry } from '../../schema/tables/audit.ts'
import type { Actor } from '../domain/actor.ts'
import type { Transaction } from './database.ts'
import { insertRows } from './rows.ts'

export type AuditEntry = {
  readonly at: number
  readonly action: string
  readonly subjectKind:
    | 'facility'
    | 'device'
    | 'bag'
    | 'tag'
    | 'clock'
    | 'rejected_message'
    | 'policy'
    | 'person'
    | 'api_key'
    | 'webhook'
    | 'donation'
    | 'patient'
    | 'take_out'
    | 'command'
    | 'dead_letter'
    | 'policy_proposal'
    | 'rejudgement'
    | 'product'
    | 'product_proposal'
    | 'modification'
    | 'alarm'
    | 'look_back'
    | 'list_key'
    | 'offline_decision'
    | 'rescue'
    | 'recall'
    | 'contact'
    | 'shift'
    | 'box'
    | 'order'
    | 'hl7_message'
    | 'transfer_request'
    | 'transfer'
  readonly subject: string
  readonly before?: unknown
  readonly after?: unknown
  readonly reason?: string
}

/** Record who did what, in the transaction that does it: either both stand or neither. */
export function appendAudit(tx: Transaction, actor: Actor, entry: AuditEntry): Promise<void> {
  return appendAudits(tx, actor, [entry])
}

/** The same of many things one actor did at once, by one statement. */
export async function appendAudits(
  tx: Transaction,
  actor: Actor,
  entries: readonly AuditEntry[],
): Promise<void> {
  await insertRows(
    tx,
    auditEntry,
    entries.map((entry) => ({ ...entry, actor })),
  )
}
