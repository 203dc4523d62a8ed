import type { UnconfirmedReason } from '../../schema/vocabulary.ts'
import { type CommandFacts, outcomeOf } from './command.ts'

/** A bag has so long to leave its container once it is issued at it, ms. */
export const removalMs = 60_000

/** A bag that was issued at a fridge and is issued still. */
export type FridgeIssue = {
  readonly issuedAt: number
  /** Where it is as far as anybody has seen; null where nobody ever saw it. */
  readonly place: 'inside' | 'in_hand' | 'unknown' | null
  /** What told the door to open; null where nothing did. */
  readonly unlock: (CommandFacts & { readonly repliedAt: number | null }) | null
}

/**
 * Since when somebody must see whether an issued bag was taken, and why; null where nobody need. A minute after its issue
 * it should be seen inside no container. Where its door was not opened there is nothing to wait for, unless it was seen
 * to leave: through another's key, or before.
 */
export function unconfirmedSince(
  { issuedAt, place, unlock }: FridgeIssue,
  now: number,
): { readonly since: number; readonly reason: UnconfirmedReason } | null {
  if (place === 'in_hand') return null
  const closedSince = unlock && doorClosedSince(unlock, now)
  if (closedSince !== null) return { since: Math.max(issuedAt, closedSince), reason: 'door_not_opened' }
  const overdueAt = issuedAt + removalMs
  return place === 'inside' && now >= overdueAt ? { since: overdueAt, reason: 'still_inside' } : null
}

/** Since when it is known that an unlock has not opened the door; null where it has, or may yet. */
function doorClosedSince(unlock: NonNullable<FridgeIssue['unlock']>, now: number): number | null {
  switch (outcomeOf(unlock, now)) {
    case 'failed':
    case 'refused':
      return unlock.repliedAt
    case 'expired':
      return unlock.expiresAt
    default:
      return null
  }
}
