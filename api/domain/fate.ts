import type { BagState, Disposition, Standing } from '../../schema/vocabulary.ts'
import { isFinal, onShelf } from './lifecycle.ts'
import type { TransfusionAccount } from './transfusion.ts'

/** By when something should have been heard of a bag, ms. */
export type FateRules = {
  readonly bedsideMs: number
  readonly presumedMs: number
  readonly departsMs: number
  readonly journeyMs: number
  readonly unknownMs: number
}

/** What says whether a bag has a fate, or somebody is to see to it. Instants are ms UTC. */
export type Traced = {
  readonly state: BagState
  readonly expiresAt: number
  /** Does anybody answer for it? */
  readonly isHeld: boolean
  /** When it was handed out, sent or departed last, as its state has it; null where nothing says. */
  readonly since: number | null
  /** How long a journey of it may take, ms; null where nothing bounds it. */
  readonly journeyMs: number | null
}

/**
 * Where a bag stands in being traced, the gravest first. A bag has a fate; or all is in order with it so far; or a
 * worklist has it. What none of that is said of is the rest, of which there must be none.
 */
export function standingOf(bag: Traced, rules: FateRules, now: number): Standing {
  const { state, expiresAt, since } = bag
  if (isFinal(state)) return 'fate'
  if (!bag.isHeld) return 'rest'
  if (now >= expiresAt + rules.unknownMs) return 'fate_unknown'
  if (onShelf.includes(state)) {
    if (now >= expiresAt) return 'expired_on_shelf'
    return state === 'returned' ? 'return_to_inspect' : 'in_stock'
  }
  if (since === null) return 'rest'
  if (state === 'issued') {
    if (now >= since + rules.presumedMs) return 'presumed_transfused'
    return now >= since + rules.bedsideMs ? 'bedside_missing' : 'in_use'
  }
  const limitMs = state === 'distributed' ? rules.departsMs : (bag.journeyMs ?? rules.journeyMs)
  return now >= since + limitMs ? 'journey_overdue' : 'under_way'
}

/**
 * What is known of the use of a bag, as a word of HL7; null while it was not used. What was handed out long ago is presumed
 * given: nobody has said so, and it is no fate.
 */
export function dispositionOf(
  bag: { readonly state: BagState; readonly issuedAt: number | null; readonly isReserved: boolean },
  account: TransfusionAccount | null,
  { presumedMs }: Pick<FateRules, 'presumedMs'>,
  now: number,
): Disposition | null {
  if (account) return account.disposition
  const { state, issuedAt, isReserved } = bag
  if (state === 'discarded') return 'WA'
  if (state === 'returned') return isReserved ? 'RL' : 'RA'
  if (state !== 'issued' || issuedAt === null) return null
  return now >= issuedAt + presumedMs ? 'PT' : 'DS'
}

/** The last of the steps before it expires that a bag has come to, ms before; null where none yet, or it has expired. */
export function expiryStep(expiresAt: number, steps: readonly number[], now: number): number | null {
  if (now >= expiresAt) return null
  const passed = steps.filter((step) => now >= expiresAt - step)
  return passed.length > 0 ? Math.min(...passed) : null
}
