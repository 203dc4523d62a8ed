import type { BagState, Component, HoldKind, Jurisdiction, UnitOfMeasure } from '../../schema/vocabulary.ts'
import type { BloodGroup } from './compatibility.ts'
import { expiryOf as labelledExpiry } from './isbt128/date.ts'
import type { Product } from './isbt128/part.ts'
import { expiryOf, type ProductContent } from './product.ts'
import type { ReadUnit } from './read-unit.ts'
import { Refusal } from './refusal.ts'
import { expiryToRegister, groupToRegister } from './registered-label.ts'

/*
 * What becomes of a bag somebody registers, and of a donation somebody collects: alone or among thousands of a file, by the
 * same rules.
 */

/** What a person says of a bag besides its number and code. */
export type SaidOfBag = {
  /** What the product code says; needed where the catalogue does not know it. */
  readonly component?: Component | undefined
  /** As labelled, exclusive, ms UTC; not needed where it was scanned. */
  readonly expiresAt?: number | undefined
  /** ms UTC, not to come; where nobody says, no later than now. */
  readonly collectedAt?: number | undefined
  /** In the unit the catalogue counts it in; otherwise what is usual. */
  readonly amount?: number | undefined
  /** As labelled, where it was not scanned; absent is not known. */
  readonly group?: BloodGroup | undefined
}

/** Who registers or collects. */
export type Registrar = {
  readonly id: number
  readonly code: string
  readonly jurisdiction: Jurisdiction
  readonly timeZone: string
}

/** What there is to know of one number and code. */
export type Known = {
  /** Its donation was collected here. */
  readonly isCollectedHere: boolean
  /** A bag of its number was registered by its label alone, as of a donation from elsewhere. */
  readonly isFromElsewhere: boolean
  /** What the catalogue says of its code where the registrar is; null where it knows nothing. */
  readonly product: Pick<
    ProductContent,
    'component' | 'uom' | 'amount' | 'shelfLife' | 'countsFrom' | 'isCollected' | 'uncertain'
  > | null
}

/** A bag as it will stand. */
export type PlannedBag = Product & {
  readonly scheme: string
  readonly identifier: string
  readonly facilityId: number
  readonly state: BagState
  readonly component: Component
  readonly expiresAt: number
  readonly collectedAt: number | null
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
  readonly group: BloodGroup | null
  /** What its label said, where the bag's row says or may come to say something else: kept with its first event. */
  readonly labelled: Labelled
  readonly holds: readonly { readonly kind: HoldKind; readonly reason: string }[]
}

export type Labelled = {
  readonly labelledUntil?: number
  readonly labelledAmount?: number
}

/**
 * A bag that comes with its label. What was scanned of group and expiry is what it says; who types something else is asked
 * to look again. A label that says it is for one person, or for nobody, and a product the catalogue does not know are
 * registered and held.
 *
 * @throws Refusal `invalid_request`, `conflict`
 */
export function planBag(
  said: SaidOfBag,
  read: ReadUnit,
  by: Registrar,
  known: Known,
  now: number,
): PlannedBag {
  mustHaveBeen(said.collectedAt, now)
  const { group, why } = groupToRegister(read.label.group, said.group ?? null)
  if (known.isCollectedHere)
    throw new Refusal(
      'conflict',
      'its donation was collected here: make its bags of the one it gave, with process',
    )
  const scanned = read.label.expires && labelledExpiry(read.label.expires, by.timeZone)
  const expiresAt = expiryToRegister(scanned, said.expiresAt ?? null)
  const { productCode } = read.product
  const labelled = { ...said, productCode, expiresAt }
  const { is, isKnown } = catalogued(labelled, known.product, by, now, false)
  return {
    ...{ scheme: read.scheme, identifier: read.identifier, ...read.product, facilityId: by.id },
    ...{ state: 'available' as const, ...is, group },
    labelled: labelledBeside(labelled, is, isKnown),
    holds: [
      ...(why === null ? [] : [{ kind: 'other' as const, reason: why }]),
      ...(isKnown ? [] : [unknownProduct(productCode)]),
    ],
  }
}

/**
 * A donor has given: its bag, of whole blood or of what was taken by apheresis, as its code says. Under a number that
 * somebody has registered a bag of as from elsewhere nothing is collected: that bag was never tested here, and would pass
 * for one that was.
 *
 * @throws Refusal `invalid_request`, `conflict`, `already_exists`
 */
export function planDonation(
  said: SaidOfBag & { readonly expiresAt: number; readonly collectedAt: number },
  read: { readonly identifier: string; readonly product: Product },
  by: Registrar,
  known: Known,
  now: number,
): PlannedBag {
  mustHaveBeen(said.collectedAt, now)
  if (said.expiresAt <= said.collectedAt)
    throw new Refusal('invalid_request', 'expiresAt: is before it was collected: look at the label again')
  if (known.isFromElsewhere)
    throw new Refusal(
      'conflict',
      'a bag of this number was registered already as from elsewhere: read the number again; if it is right, have ' +
        'that bag looked at, and label what was given now with a number of its own',
    )
  if (known.isCollectedHere) throw collectedAlready(read.identifier)
  const { productCode } = read.product
  const labelled = { ...said, productCode }
  const { is, isKnown } = catalogued(labelled, known.product, by, now, true)
  return {
    ...{ scheme: 'ISBT128', identifier: read.identifier, ...read.product, facilityId: by.id },
    ...{ state: 'collected' as const, ...is, group: null },
    labelled: labelledBeside(labelled, is, isKnown),
    holds: isKnown ? [] : [unknownProduct(productCode)],
  }
}

export function collectedAlready(identifier: string): Refusal {
  return new Refusal('already_exists', `donation ${identifier} was collected already`)
}

function mustHaveBeen(collectedAt: number | undefined, now: number): void {
  if (collectedAt !== undefined && collectedAt > now)
    throw new Refusal('invalid_request', 'collectedAt: is still to come')
}

type LabelledBag = Omit<SaidOfBag, 'expiresAt'> & {
  readonly productCode: string
  readonly expiresAt: number
}

/** What follows of a label, for the bag's row. */
type Catalogued = Pick<PlannedBag, 'component' | 'expiresAt' | 'collectedAt' | 'amount' | 'uom'>

/**
 * What a labelled bag is, by the catalogue of the facility that holds it. It expires by its label or by the catalogue, whichever
 * is sooner. Of a code the catalogue does not know nothing is guessed: whoever has the bag before them must say what component
 * it is, and it is kept, judged as that and held. Of one whose component nobody has confirmed the label must say it too.
 *
 * @throws Refusal `invalid_request` where what is said contradicts the catalogue, or nothing says what it is
 */
function catalogued(
  { productCode: code, component, expiresAt, ...label }: LabelledBag,
  product: Known['product'],
  { timeZone }: Registrar,
  now: number,
  mustBeCollected: boolean,
): { readonly is: Catalogued; readonly isKnown: boolean } {
  const collectedAt = label.collectedAt ?? null
  if (!product) {
    if (component === undefined)
      throw new Refusal(
        'invalid_request',
        `component: the catalogue does not know ${code}: say what it is, and it is held until the catalogue knows`,
      )
    return { is: { component, expiresAt, collectedAt, amount: null, uom: null }, isKnown: false }
  }
  if (
    component === undefined &&
    !mustBeCollected &&
    ['code', 'component'].some((what) => product.uncertain.includes(what))
  )
    throw new Refusal(
      'invalid_request',
      `component: nobody has confirmed what ${code} is in the catalogue: say what the label says`,
    )
  if (component !== undefined && component !== product.component)
    throw new Refusal('invalid_request', `component: ${code} is ${product.component} and not ${component}`)
  if (mustBeCollected && !product.isCollected)
    throw new Refusal(
      'invalid_request',
      `productCode: ${code} is made, and does not come from a donor as it is`,
    )
  const amount = label.amount ?? product.amount
  const is = {
    component: product.component,
    expiresAt: expiryOf(product, { labelled: expiresAt, collectedAt, now }, timeZone),
    collectedAt,
    amount,
    uom: amount === null ? null : product.uom,
  }
  return { is, isKnown: true }
}

/** Once the catalogue knows the code it may shorten a date; in what an amount was counted nobody knows then. */
function labelledBeside({ expiresAt, amount }: LabelledBag, is: Catalogued, isKnown: boolean): Labelled {
  return {
    ...(isKnown && is.expiresAt === expiresAt ? {} : { labelledUntil: expiresAt }),
    ...(isKnown || amount === undefined ? {} : { labelledAmount: amount }),
  }
}

/** Nobody uses it before the catalogue knows what it is. */
function unknownProduct(code: string): PlannedBag['holds'][number] {
  const reason = `产品码 ${code} 未登记 · the catalogue does not know ${code}`
  return { kind: 'unknown_product', reason }
}
