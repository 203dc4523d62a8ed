import type { BagState, PlaceState, TransfusionFault, UnconfirmedReason } from '../../schema/vocabulary.ts'
import { transfusionFaults } from '../../schema/vocabulary.ts'
import { type CommandFacts, outcomeOf } from './command.ts'
import { type Effective, inForce } from './effective.ts'
import { fates, isFinal, onShelf } from './lifecycle.ts'

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

/**
 * What spoke against a transfusion, each once; empty where nothing did, and nobody need look into it. An event that was
 * written before these words were closed may say more behind a colon, or what has no word now.
 */
export function faultsOf(discrepancies: readonly string[]): readonly TransfusionFault[] {
  const faultOf = (told: string) => transfusionFaults.find((fault) => fault === told.split(':')[0]) ?? 'other'
  return [...new Set(discrepancies.map(faultOf))]
}

/** A bag, and where it is as far as anybody has seen. */
export type SeenBag = {
  readonly state: BagState
  /** Since when its state has been among those that are asked about, by the server's clock. */
  readonly enteredAt: number
  readonly place: { readonly state: PlaceState; readonly from: number }
}

/**
 * Since when a bag whose fate is recorded has been inside a device again; null where it is not. One that has not left
 * since is not seen again: what was discarded may wait there until it is carried away.
 */
export function seenAfterFateSince({ state, enteredAt, place }: SeenBag): number | null {
  const isSeen = fates.includes(state) && place.state === 'inside' && place.from > enteredAt
  return isSeen ? place.from : null
}

/**
 * Since when a bag on one facility's shelves has been inside a device of another; null where it is not, or nobody holds
 * it. A device that is placed later only stands where it will.
 *
 * @param placements where that device stands, at least one, by ascending `from`
 */
export function seenElsewhereSince(
  { state, enteredAt, place, holderId }: SeenBag & { readonly holderId: number | null },
  placements: readonly (Effective & { readonly facilityId: number })[],
  now: number,
): number | null {
  const { facilityId, from } = inForce(placements, now)
  if (!onShelf.includes(state) || place.state !== 'inside' || holderId === null || facilityId === holderId)
    return null
  return Math.max(place.from, enteredAt, from <= now ? from : 0)
}

/**
 * Since when a bag has been inside a device that nobody hears any more, for it was revoked; null where it has not, or its
 * fate is recorded.
 */
export function insideRetiredSince(
  { state, place }: Pick<SeenBag, 'state' | 'place'>,
  revokedAt: number | null,
): number | null {
  if (revokedAt === null || place.state !== 'inside' || isFinal(state)) return null
  return Math.max(place.from, revokedAt)
}

/**
 * Since when a bag that may be issued has been out of every container for longer than it may be carried between two;
 * null where it has not. Who makes it available vouches for what was before, so that it counts from then on.
 */
export function takenWithoutIssueSince(
  { state, enteredAt, place }: SeenBag,
  now: number,
  handlingMs: number,
): number | null {
  if (state !== 'available' || place.state === 'inside') return null
  const overdueAt = Math.max(place.from, enteredAt) + handlingMs
  return now >= overdueAt ? overdueAt : null
}

/** A door is opened for so long after its session at most: what leaves then leaves by it, ms. */
export const sessionGraceMs = 60_000

/**
 * A bag that may be issued, was not, and left a container whose door sessions open: `taken_unscanned` where a session was
 * under way, so that whoever has it was to scan it, or was told to put it back; `taken_by_key` where none was.
 *
 * @param sessionUntil when the last session there that had begun by then ended, ms UTC; null where none had
 */
export function takenFromLocked(
  { state, enteredAt, place }: SeenBag,
  sessionUntil: number | null,
): { readonly kind: 'taken_unscanned' | 'taken_by_key'; readonly since: number } | null {
  if (state !== 'available' || place.state !== 'in_hand' || place.from < enteredAt) return null
  const isInSession = sessionUntil !== null && place.from < sessionUntil + sessionGraceMs
  return { kind: isInSession ? 'taken_unscanned' : 'taken_by_key', since: place.from }
}

/**
 * Since when a bag that was to be carried out of a failing device is waited for; null where nobody need carry it any
 * more: its fate is recorded, or it was issued and is in no container.
 */
export function toCarrySince(
  { state, acceptedAt, isInside }: { state: BagState; acceptedAt: number; isInside: boolean },
  now: number,
  overdueMs: number,
): { readonly kind: 'rescue_to_carry' | 'rescue_overdue'; readonly since: number } | null {
  if (isFinal(state) || (state === 'issued' && !isInside)) return null
  const overdueAt = acceptedAt + overdueMs
  return now >= overdueAt
    ? { kind: 'rescue_overdue', since: overdueAt }
    : { kind: 'rescue_to_carry', since: acceptedAt }
}

/** One alarm of a device, and when it was tested last with either result. */
export type TestedAlarm = {
  readonly inServiceFrom: number
  readonly passedAt: number | null
  readonly failedAt: number | null
}

/**
 * Since when an alarm is to be tested; null where it need not be: at once where the last test failed, else when so long
 * has passed since it was last good, or since the device came into service.
 */
export function alarmTestDueSince(
  { inServiceFrom, passedAt, failedAt }: TestedAlarm,
  now: number,
  everyMs: number,
): number | null {
  if (failedAt !== null && failedAt >= (passedAt ?? failedAt)) return failedAt
  const dueAt = (passedAt ?? inServiceFrom) + everyMs
  return now >= dueAt ? dueAt : null
}
