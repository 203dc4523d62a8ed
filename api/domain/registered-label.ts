import type { BloodGroup } from './compatibility.ts'
import { type GroupMeaning, meaningOfGroup } from './isbt128/group.ts'
import { Refusal } from './refusal.ts'

/**
 * The group a bag is registered with, and why it is held where its label says more than a group.
 *
 * @param code what was scanned in the place of the group; null where nothing was
 * @param told what somebody says; null where nobody does
 * @throws Refusal `invalid_request` where the two contradict each other
 */
export function groupToRegister(
  code: string | null,
  told: BloodGroup | null,
): { readonly group: BloodGroup | null; readonly why: string | null } {
  if (code === null) return { group: told, why: null }
  const meaning = meaningOfGroup(code)
  if (meaning.kind !== 'group') {
    if (told)
      throw new Refusal(
        'invalid_request',
        `group: the label has ${code}, which is no group: look at it again`,
      )
    return { group: null, why: `the label has ${code} in the place of a group: ${wordsFor(meaning)}` }
  }
  const { abo, rhd, use } = meaning
  if (told && (told.abo !== abo || (rhd !== null && told.rhd !== rhd)))
    throw new Refusal(
      'invalid_request',
      `group: the label has ${code}, ${abo}${rhd === null ? '' : ` RhD ${rhd}`}: look at it again`,
    )
  const group = rhd === null ? told : { abo, rhd }
  return { group, why: use === 'anybody' ? null : `the label has ${code}: ${use.replaceAll('_', ' ')}` }
}

function wordsFor(meaning: GroupMeaning): string {
  switch (meaning.kind) {
    case 'message':
      return meaning.message.replaceAll('_', ' ')
    case 'pooled':
      return 'pooled'
    case 'bombay':
      return 'of the Bombay family, allocated by a person only'
    default:
      return 'not known here'
  }
}

/** @throws Refusal `invalid_request` where nothing says when, or label and word differ */
export function expiryToRegister(scanned: number | null, told: number | null): number {
  if (scanned !== null && told !== null && scanned !== told)
    throw new Refusal(
      'invalid_request',
      `expiresAt: by its label it expires at ${new Date(scanned).toISOString()}: look at it again`,
    )
  const expiresAt = scanned ?? told
  if (expiresAt === null) throw new Refusal('invalid_request', 'expiresAt: say when it expires, or scan it')
  return expiresAt
}
