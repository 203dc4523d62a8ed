import type { BagState, Component, HoldKind } from '../../schema/vocabulary.ts'
import type { BloodGroup } from './compatibility.ts'
import { expiryOf } from './isbt128/date.ts'
import { meaningOfGroup } from './isbt128/group.ts'
import type { Product } from './isbt128/part.ts'
import type { ReadUnit } from './read-unit.ts'
import { Refusal, type RefusalCode } from './refusal.ts'
import { groupToRegister } from './registered-label.ts'
import type { Labelled, SaidOfBag } from './registration.ts'
import { shownProduct } from './unit-id.ts'

/*
 * What becomes of the rows of a file: each as if it were told alone, one after the other, but that what stands already is
 * nothing new as long as the file says nothing else of it.
 */

/** What is wrong with a row. */
export type RowError = {
  /** By its name in the file; null where it is the row as a whole. */
  readonly column: string | null
  readonly code: RefusalCode
  readonly detail: string
}

/** What stands of a bag, as far as a file may say it. */
export type Standing = Product & {
  readonly identifier: string
  readonly component: Component
  readonly expiresAt: number
  readonly collectedAt: number | null
  readonly amount: number | null
  readonly group: BloodGroup | null
  readonly labelled: Labelled
  /** The codes of who registered and who holds it. */
  readonly facilities: readonly string[]
  /** The centre's pseudonym of the donor; null of what is only a bag. */
  readonly donor: string | null
}

/** What a row says besides its number. Only what it says is compared. */
export type Stated = SaidOfBag & {
  readonly facility?: string | undefined
  readonly donor?: string | undefined
}

/**
 * What a row says otherwise than what stands.
 *
 * @param timeZone of who registers, for a date that was scanned
 * @throws Refusal where the row contradicts itself
 */
export function differences(
  stated: Stated,
  { product, label }: Pick<ReadUnit, 'product' | 'label'>,
  standing: Standing,
  timeZone: string,
): RowError[] {
  const found: RowError[] = []
  const compare = <T>(
    column: string,
    told: T | null | undefined,
    stands: readonly T[],
    spell: (value: T) => string,
  ) => {
    if (told === undefined || told === null || stands.some((value) => spell(value) === spell(told))) return
    found.push(conflict(column, spell(told), stands.map(spell).join(' or ') || 'nothing'))
  }
  const { identifier, labelled } = standing
  const known = <T>(value: T | null | undefined): T[] =>
    value === null || value === undefined ? [] : [value]
  const { group, why } = groupToRegister(label.group, stated.group ?? null)
  compare('productCode', product, [standing], (one) => shownProduct(identifier, one))
  compare('component', stated.component, [standing.component], String)
  const expiries = [...new Set([labelled.labelledUntil ?? standing.expiresAt, standing.expiresAt])]
  compare('expiresAt', label.expires && expiryOf(label.expires, timeZone), expiries, iso)
  compare('expiresAt', stated.expiresAt, expiries, iso)
  compare('collectedAt', stated.collectedAt, known(standing.collectedAt), iso)
  compare('amount', stated.amount, known(standing.amount ?? labelled.labelledAmount), String)
  compare('group', group, known(standing.group), ({ abo, rhd }) => `${abo} ${rhd}`)
  // A label that says of a bag in stock that it is for nobody says something else.
  if (why !== null && standing.group !== null && meaningOfGroup(label.group ?? '').kind !== 'group')
    found.push(conflict('group', why, `${standing.group.abo} ${standing.group.rhd}`))
  compare('facility', stated.facility, standing.facilities, String)
  compare('donor', stated.donor, known(standing.donor), String)
  return found
}

function conflict(column: string, told: string, stands: string): RowError {
  return {
    column,
    code: 'conflict',
    detail: `${column}: the file says ${told}, but what stands is ${stands}`,
  }
}

/** What a file may say of how far a bag was when it was exported. */
export type ExportedState = {
  readonly state?: BagState | undefined
  readonly holds?: readonly HoldKind[] | undefined
}

/**
 * What is registered anew begins its life: a file must not make stock of what was held, given or thrown away where it comes
 * from. A code nobody knew there is asked of the catalogue again.
 *
 * @throws Refusal `illegal_move`, `held`
 */
export function mustBegin({ state, holds = [] }: ExportedState, first: BagState): void {
  if (state !== undefined && state !== first)
    throw new Refusal(
      'illegal_move',
      `state: the file says it is ${state}: only what is ${first} can be taken into a service that does not know it`,
    )
  const [held] = holds.filter((kind) => kind !== 'unknown_product')
  if (held !== undefined)
    throw new Refusal(
      'held',
      `holds: the file says it is held (${held}): have it looked at, and register it by hand once nothing speaks against it`,
    )
}

/** A refusal as the error of a row: its words begin with the column they are about, or its code says which. */
export function rowError({ code, message }: Refusal, columns: ReadonlySet<string>): RowError {
  const [, named] = /^(\w+): /.exec(message) ?? []
  const column = named !== undefined && columns.has(named) ? named : (columnOf[code] ?? null)
  return { column, code, detail: message }
}

const columnOf: Partial<Record<RefusalCode, string>> = {
  invalid_din: 'din',
  invalid_barcode: 'din',
  already_exists: 'din',
  not_found: 'facility',
  forbidden: 'facility',
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
