import type { BagFacts } from './bag.ts'
import type { BloodGroup } from './compatibility.ts'
import { expiryOf, type LabelDate, labelDateOf } from './isbt128/date.ts'
import { dinCheckCharacter, dinCheckFlag } from './isbt128/din.ts'
import { formatPart, formatScan } from './isbt128/format.ts'
import { codeOfGroup } from './isbt128/group.ts'
import type { Part, Product } from './isbt128/part.ts'
import { isFinal } from './lifecycle.ts'
import { wallClockIn } from './local-day.ts'
import { Refusal } from './refusal.ts'

/** What stands on the label of a bag, and in its barcodes. */
export type PrintedLabel = {
  readonly din: string
  readonly flag: string
  /** Printed boxed behind the number, in no barcode. */
  readonly check: string
  readonly group: BloodGroup
  readonly product: Product
  /** The last minute it may be used in, by the clock of who labels. */
  readonly expires: LabelDate
  readonly timeZone: string
  readonly barcodes: {
    readonly din: string
    readonly group: string
    readonly product: string
    readonly expires: string
    /** All of them as a compound message, for Data Matrix. */
    readonly all: string
  }
}

/** A bag, and the codes it is known by. */
export type Labelled = {
  readonly facts: BagFacts
  readonly scheme: string
  readonly identifier: string
  readonly product: Product
}

const minuteMs = 60_000

/**
 * The label of a bag, as it is printed once the bag is released: only what may be handed to somebody is labelled as blood
 * that may. The flag carries the check value, so that no misread number passes.
 *
 * @param timeZone of who labels
 * @throws Refusal `not_tested` before it is released, `held`, `expired`, `special_label`, `illegal_move` where its life is
 * over, `invalid_request` of what another scheme numbers
 */
export function labelToPrint(
  { facts, scheme, identifier, product }: Labelled,
  timeZone: string,
  now: number,
): PrintedLabel {
  const { label, state, group, holds, expiresAt, isForAnybody } = facts
  if (scheme !== 'ISBT128')
    throw new Refusal(
      'invalid_request',
      `bag ${label} is numbered by ${scheme}: its station prints its label`,
    )
  if (isFinal(state) || state === 'returned')
    throw new Refusal('illegal_move', `bag ${label} is ${state}: nobody is to be handed it by its label`)
  if (state === 'collected' || state === 'quarantined')
    throw new Refusal('not_tested', `bag ${label} is not released: it is not labelled yet`)
  if (!group) throw new Refusal('not_tested', `bag ${label} is not labelled: its group is not known`)
  const [hold] = holds
  if (hold) throw new Refusal('held', `bag ${label} is held: ${hold.kind}, ${hold.reason}`)
  if (now >= expiresAt) throw new Refusal('expired', `bag ${label} expired: it is not labelled any more`)
  if (!isForAnybody)
    throw new Refusal(
      'special_label',
      `bag ${label} was given for a special use, and what its label says of that is not known here`,
    )
  const expires = lastMinute(expiresAt, timeZone, label)
  const parts: Part[] = [
    { kind: 'din', din: identifier, flag: dinCheckFlag(identifier) },
    { kind: 'blood_group', group: codeOfGroup(group), phenotype: '0' },
    ...productParts(product),
    { kind: 'expires', on: expires },
  ]
  const text = (kind: Part['kind']) =>
    parts
      .filter((part) => part.kind === kind)
      .map(formatPart)
      .join('')
  return {
    din: identifier,
    flag: dinCheckFlag(identifier),
    check: dinCheckCharacter(identifier),
    group,
    product,
    expires,
    timeZone,
    barcodes: {
      din: text('din'),
      group: text('blood_group'),
      product: text('product') + text('divisions'),
      expires: text('expires'),
      all: formatScan({ compound: '000', parts }),
    },
  }
}

/** A division of more than two characters stands in a structure of its own. */
function productParts(product: Product): Part[] {
  const { division } = product
  if (division.length === 2) return [{ kind: 'product', ...product }]
  return [
    { kind: 'product', ...product, division: '99' },
    { kind: 'divisions', division },
  ]
}

/** The last minute that is over by then. Of one the clock shows twice the label says the first, which is sooner. */
function lastMinute(expiresAt: number, timeZone: string, label: string): LabelDate {
  const expires = labelDateOf(wallClockIn(timeZone)(expiresAt - minuteMs))
  if (expires.year < 2000 || expires.year > 2099 || expiryOf(expires, timeZone) > expiresAt)
    throw new Refusal('conflict', `bag ${label} expires when no label can say: look at its expiry`)
  return expires
}
