import type { SignatureComponents, SignatureMeaning, SignedAct } from '../../schema/vocabulary.ts'

/** A signature as it is shown with what it signs: printed name, date and time, meaning (21 CFR 11.50(a)). */
export type Manifestation = {
  readonly id: string
  readonly name: string
  /** Server time, ms UTC. */
  readonly at: number
  readonly meaning: SignatureMeaning
}

/** The whole of it, as it is kept. */
export type Signature = Manifestation & {
  readonly personId: string
  readonly username: string
  readonly components: SignatureComponents
  readonly act: SignedAct
  readonly facilityId: number
}

/** What an act is signed as. */
export const meaningOf: Readonly<Record<SignedAct, SignatureMeaning>> = {
  release: 'released',
  lift_hold: 'hold_released',
  emergency_release: 'emergency_release_authorised',
  recall: 'recall_ordered',
  witness_discard: 'witnessed',
}

/** Somebody who has just shown both components, and what showed it, so that it can be asked whether it is theirs still. */
export type Proven = {
  readonly personId: string
  readonly components: SignatureComponents
  /** The hash of the badge's code; null where it was a username. */
  readonly badge: string | null
  readonly username: string
  /** The slow hash the secret was right for. */
  readonly secretHash: string
  /** What they say they sign; null where they do not. */
  readonly meaning: SignatureMeaning | null
}

/** One value, one text: keys in order, whatever order a database gives them back in. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one ?? null)).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
  return `{${fields.join()}}`
}
