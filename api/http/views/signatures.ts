import type { Actor } from '../../domain/actor.ts'
import { meaningWords } from '../../policies/signatures.ts'
import { iso } from '../units.ts'

/** What was signed of a write, by the actor it keeps: printed name, date and time, meaning (21 CFR 11.50). */
export function signaturesView(actor: Actor) {
  const signatures = actor.kind === 'person' ? (actor.signatures ?? []) : []
  return signatures.map(({ id, name, at, meaning }) => ({
    signatureId: id,
    name,
    at: iso(at),
    meaning,
    ...meaningWords[meaning],
  }))
}
