import { auditEntry } from '../../schema/tables/audit.ts'
import type { Actor } from '../domain/actor.ts'
import type { Transaction } from './database.ts'

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
  readonly subject: string
  readonly before?: unknown
  readonly after?: unknown
  readonly reason?: string
}

/** Record who did what, in the transaction that does it: either both stand or neither. */
export async function appendAudit(tx: Transaction, actor: Actor, entry: AuditEntry): Promise<void> {
  await tx.insert(auditEntry).values({ ...entry, actor })
}
