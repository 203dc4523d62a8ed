import { setImmediate as othersToo } from 'node:timers/promises'
import type { BagState } from '../../schema/vocabulary.ts'
import {
  differences,
  type ExportedState,
  mustBegin,
  type RowError,
  rowError,
  type Standing,
  type Stated,
} from '../domain/import.ts'
import type { ReadUnit } from '../domain/read-unit.ts'
import { Refusal } from '../domain/refusal.ts'
import type { PlannedBag, Registrar } from '../domain/registration.ts'
import { shownNumber, shownProduct } from '../domain/unit-id.ts'
import type { NewBag } from '../stores/registrations.ts'
import { uuidv7 } from './register-bag.ts'

/** A row of a file, or why it cannot be read. */
export type ImportRow<Input> =
  | { readonly row: number; readonly input: Input }
  | { readonly row: number; readonly errors: readonly RowError[] }

/** What becomes of a row. */
export type RowVerdict = {
  readonly row: number
  readonly outcome: 'new' | 'already_there' | 'error'
  /** As they were read; null where they could not be. */
  readonly din: string | null
  readonly productCode: string | null
  /** Null where no bag stands. */
  readonly bagId: string | null
  /** Why a new one is held. */
  readonly holds: readonly string[]
  readonly errors: readonly RowError[]
}

/** How a file is taken: only looked at, whole or not at all, or but for its bad rows. */
export type Taking = 'preview' | 'all' | 'good'

type Read<Input> = {
  readonly row: number
  readonly input: Input
  readonly unit: ReadUnit
  readonly by: Registrar
}
export type ReadRow<Input> = Read<Input> | { readonly row: number; readonly errors: readonly RowError[] }

/** What stands under the identity of a row; without what it is where that is out of the caller's sight. */
export type Found = { readonly id: string | null; readonly standing: Standing | null }

const columns: ReadonlySet<string> = new Set(
  ['din', 'productCode', 'component', 'expiresAt', 'collectedAt', 'amount', 'group', 'facility'].concat([
    'donor',
    'state',
    'holds',
  ]),
)

/** So many rows are judged before others are let in: devices are heard by the same process. */
const rowsAtOnce = 50

/** Read of each row what it is about, and who tells it. */
export async function readRows<Input>(
  rows: readonly ImportRow<Input>[],
  read: (input: Input) => Pick<Read<Input>, 'unit' | 'by'>,
): Promise<ReadRow<Input>[]> {
  const done: ReadRow<Input>[] = []
  for (const one of rows) {
    if (done.length % rowsAtOnce === 0) await othersToo()
    if ('errors' in one) done.push(one)
    else done.push(orErrors(() => ({ ...one, ...read(one.input) }), one.row))
  }
  return done
}

export function readable<Input>(rows: readonly ReadRow<Input>[]): Read<Input>[] {
  return rows.filter((row): row is Read<Input> => 'unit' in row)
}

function orErrors<T>(
  work: () => T,
  row: number,
): T | { readonly row: number; readonly errors: readonly RowError[] } {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refusal) return { row, errors: [rowError(error, columns)] }
    throw error
  }
}

/** What is told of the rows of one kind. */
export type Kind<Input> = {
  /** The state in which its bags begin. */
  readonly first: BagState
  /** What no two bags, or donations, share. */
  readonly identityOf: (unit: ReadUnit) => string
  /** What stands, by identity. */
  readonly standing: ReadonlyMap<string, Found>
  /** @throws Refusal */
  readonly plan: (one: Read<Input>) => PlannedBag
}

/**
 * Judge the rows one after the other, each as if those before it had been told alone: what repeats an earlier row of the file
 * is there already.
 *
 * @returns the new ones, in the order of the file
 */
export async function judgeRows<Input extends Stated & ExportedState>(
  rows: readonly ReadRow<Input>[],
  { first, identityOf, standing, plan }: Kind<Input>,
  now: number,
): Promise<{ readonly verdicts: RowVerdict[]; readonly made: { input: Input; plan: NewBag }[] }> {
  const there = new Map(standing)
  const verdicts: RowVerdict[] = []
  const made: { input: Input; plan: NewBag }[] = []
  for (const one of rows) {
    if (verdicts.length % rowsAtOnce === 0) await othersToo()
    if ('errors' in one) {
      verdicts.push(inError(one.row, null, one.errors))
      continue
    }
    const { row, input, unit, by } = one
    const identity = identityOf(unit)
    const found = there.get(identity)
    const judged = orErrors((): RowVerdict => {
      const named = { row, ...namesOf(unit), holds: [], errors: [] }
      if (found) {
        const errors = differing(one, found)
        if (errors.length > 0) return inError(row, unit, errors)
        return { ...named, outcome: 'already_there', bagId: found.id }
      }
      mustBegin(input, first)
      const planned = { id: uuidv7(now), ...plan(one) }
      made.push({ input, plan: planned })
      there.set(identity, { id: planned.id, standing: standingOf(planned, by, input) })
      return { ...named, outcome: 'new', bagId: planned.id, holds: planned.holds.map(({ reason }) => reason) }
    }, row)
    verdicts.push('outcome' in judged ? judged : inError(row, unit, judged.errors))
  }
  return { verdicts, made }
}

function differing<Input extends Stated>({ input, unit, by }: Read<Input>, { standing }: Found): RowError[] {
  // Nothing is said of what is out of sight, but that it is there.
  if (!standing) {
    const { din, productCode } = namesOf(unit)
    throw new Refusal('already_exists', `${din} ${productCode} is registered already, by somebody else`)
  }
  return differences(input, unit, standing, by.timeZone)
}

function standingOf(plan: PlannedBag, by: Registrar, { donor }: Stated): Standing {
  return { ...plan, facilities: [by.code], donor: donor ?? null }
}

function inError(row: number, unit: ReadUnit | null, errors: readonly RowError[]): RowVerdict {
  const names = unit ? namesOf(unit) : { din: null, productCode: null }
  return { row, outcome: 'error', ...names, bagId: null, holds: [], errors }
}

function namesOf({ identifier, product }: ReadUnit) {
  return { din: shownNumber(identifier), productCode: shownProduct(identifier, product) }
}

/** Of what was only looked at no bag has an id yet. */
export function asPreviewed(
  verdicts: readonly RowVerdict[],
  made: readonly { readonly plan: NewBag }[],
): RowVerdict[] {
  const drawn = new Set<string | null>(made.map(({ plan }) => plan.id))
  return verdicts.map((one) => (drawn.has(one.bagId) ? { ...one, bagId: null } : one))
}

/** More errors than these are counted and not told one by one. */
const mostIssues = 1_000

/**
 * Go on only where the file may be written as it is.
 *
 * @throws Refusal `invalid_request` naming the rows in error
 */
export function mustBeGood(verdicts: readonly RowVerdict[], taking: Taking): void {
  const bad = verdicts.filter(({ outcome }) => outcome === 'error')
  if (taking === 'preview' || bad.length === 0 || (taking === 'good' && bad.length < verdicts.length)) return
  const [first] = bad as [RowVerdict, ...RowVerdict[]]
  const [error] = first.errors as [RowError, ...RowError[]]
  const why = `row ${first.row}: ${error.detail}`
  const message =
    taking === 'good'
      ? `none of the ${verdicts.length} rows can be taken: ${why}`
      : `${bad.length} of the ${verdicts.length} rows cannot be taken, so nothing was written (skipErrors takes the ` +
        `others): ${why}`
  const issues = bad.flatMap(({ row, errors }) =>
    errors.map(({ column, detail }) => ({
      path: `rows.${row}${column === null ? '' : `.${column}`}`,
      message: detail,
    })),
  )
  throw new Refusal('invalid_request', message, issues.slice(0, mostIssues))
}
