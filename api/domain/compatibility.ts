import type { Abo, Component, Rhd } from '../../schema/vocabulary.ts'

/** A group as determined; of a patient either half may not be known yet. */
export type BloodGroup = { readonly abo: Abo; readonly rhd: Rhd }
export type RecipientGroup = { readonly abo: Abo | null; readonly rhd: Rhd | null }

type Antigen = 'A' | 'B'
const antigens: readonly Antigen[] = ['A', 'B']

/** What the cells of a group carry; its plasma has antibodies against what they do not (Landsteiner). */
const carried: Record<Abo, readonly Antigen[]> = { O: [], A: ['A'], B: ['B'], AB: ['A', 'B'] }

/** What of a component a recipient gets, and what must fit. */
type Rule = {
  /** The donor's cells meet the recipient's antibodies: must they fit, or is that only better? */
  readonly cells: 'must_fit' | 'better' | 'none'
  /** The donor's plasma meets the recipient's cells. A low titre of antibodies excuses donors of these groups. */
  readonly plasma: 'must_fit' | 'none'
  readonly lowTitreExcuses: readonly Abo[]
  /** RhD-positive cells for a recipient without RhD, or of whom that is not known, take a physician's word. */
  readonly rhd: boolean
}

/**
 * Per component: red cells come without plasma, plasma and cryoprecipitate without cells; platelets come in plasma, with
 * few red cells and little A and B of their own; whole blood is all of it, and group O of low titre its only exception.
 * Frozen or thawed they are the same blood. Granulocytes come in plasma with many red cells: both fit, without exception.
 */
const rules: Record<Component, Rule> = {
  red_cells: { cells: 'must_fit', plasma: 'none', lowTitreExcuses: [], rhd: true },
  whole_blood: { cells: 'must_fit', plasma: 'must_fit', lowTitreExcuses: ['O'], rhd: true },
  platelets: { cells: 'better', plasma: 'must_fit', lowTitreExcuses: ['O', 'A', 'B'], rhd: true },
  plasma: { cells: 'none', plasma: 'must_fit', lowTitreExcuses: ['A', 'B'], rhd: false },
  cryoprecipitate: { cells: 'none', plasma: 'must_fit', lowTitreExcuses: ['A', 'B'], rhd: false },
  thawed_plasma: { cells: 'none', plasma: 'must_fit', lowTitreExcuses: ['A', 'B'], rhd: false },
  thawed_cryoprecipitate: { cells: 'none', plasma: 'must_fit', lowTitreExcuses: ['A', 'B'], rhd: false },
  frozen_red_cells: { cells: 'must_fit', plasma: 'none', lowTitreExcuses: [], rhd: true },
  granulocytes: { cells: 'must_fit', plasma: 'must_fit', lowTitreExcuses: [], rhd: true },
}

/** Do so many red cells come with it that an antibody against one of their antigens matters? */
export function hasRedCells(component: Component): boolean {
  return rules[component].cells === 'must_fit'
}

export type Compatibility = {
  /** `low_titre`: only a bag labelled so; `rhd_override`: only on a physician's word. Both may be needed. */
  readonly verdict: 'compatible' | 'incompatible'
  readonly needs: readonly ('low_titre' | 'rhd_override')[]
  /** Lower is to be preferred: an own group before one whose scarce antigens or antibodies are wasted. */
  readonly rank: number
}

const incompatible: Compatibility = { verdict: 'incompatible', needs: [], rank: Number.POSITIVE_INFINITY }

/**
 * May this recipient get a component of this donor? Derived from antigens and antibodies: of a recipient whose group is
 * not known, the cells are taken to carry A and B and the plasma to have antibodies against both, so that red cells must
 * be O and plasma AB. Of plasma, RhD does not matter. Antibodies other than ABO and D are a crossmatch's business.
 */
export function compatibilityOf(
  component: Component,
  donor: BloodGroup,
  recipient: RecipientGroup,
): Compatibility {
  const rule = rules[component]
  const donorHas = carried[donor.abo]
  const donorFights = without(donorHas)
  const recipientHas = recipient.abo === null ? antigens : carried[recipient.abo]
  const recipientFights = recipient.abo === null ? antigens : without(recipientHas)

  const cellsFit = rule.cells === 'none' || !meet(donorHas, recipientFights)
  if (rule.cells === 'must_fit' && !cellsFit) return incompatible
  const plasmaFits = rule.plasma === 'none' || !meet(donorFights, recipientHas)
  if (!plasmaFits && !isExcused(rule, donor, recipient)) return incompatible

  const needsOverride = rule.rhd && donor.rhd === 'positive' && recipient.rhd !== 'positive'
  const isDNegativeWasted = rule.rhd && donor.rhd === 'negative' && recipient.rhd === 'positive'
  const unused =
    (rule.cells === 'none' ? 0 : recipientHas.filter((antigen) => !donorHas.includes(antigen)).length) +
    (rule.plasma === 'none' ? 0 : recipientFights.filter((antigen) => !donorFights.includes(antigen)).length)
  return {
    verdict: 'compatible',
    needs: [
      ...(plasmaFits ? [] : ['low_titre' as const]),
      ...(needsOverride ? ['rhd_override' as const] : []),
    ],
    rank:
      unused +
      (isDNegativeWasted ? weight.wastedDNegative : 0) +
      (cellsFit ? 0 : weight.cellsDoNotFit) +
      (plasmaFits ? 0 : weight.lowTitre) +
      (needsOverride ? weight.override : 0),
  }
}

/** To who is not grouped yet plasma of B is not given, however low its titre: A and O are the more usual. */
function isExcused({ lowTitreExcuses }: Rule, donor: BloodGroup, recipient: RecipientGroup): boolean {
  return lowTitreExcuses.includes(donor.abo) && (recipient.abo !== null || donor.abo !== 'B')
}

/** Each outweighs all before it together. */
const weight = { wastedDNegative: 5, cellsDoNotFit: 10, lowTitre: 20, override: 40 }

function without(present: readonly Antigen[]): readonly Antigen[] {
  return antigens.filter((antigen) => !present.includes(antigen))
}

function meet(one: readonly Antigen[], other: readonly Antigen[]): boolean {
  return one.some((antigen) => other.includes(antigen))
}
