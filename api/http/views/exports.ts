import { bagColumns, donationColumns } from '../../../schema/http/imports.ts'
import { isDin } from '../../domain/isbt128/din.ts'
import { shownNumber, shownProduct } from '../../domain/unit-id.ts'
import type { ExportedBag, ExportedDonation } from '../../stores/exports.ts'
import { csvLine } from '../files/csv.ts'
import type { FileType } from '../files/read-file.ts'
import { iso } from '../units.ts'

/** One row in JSON, as an import reads it; what is not known is left out. */
type Told = Readonly<Record<string, unknown>>

/** How the rows of one kind are written. */
export type Written<Row> = { readonly head: string; readonly line: (row: Row) => string }

export function writtenBags(type: FileType): Written<ExportedBag> {
  return written(type, bagColumns, (row) => {
    const { identifier, collectedAt } = row.bag
    // A station's own number is read by the whole key: what is printed on the bag may be another station's, too.
    const din = isDin(identifier) ? shownNumber(identifier) : identifier
    return {
      din,
      ...labelOf(row),
      ...known('collectedAt', collectedAt),
      ...groupOf(row),
      ...stateOf(row),
    }
  })
}

export function writtenDonations(type: FileType): Written<ExportedDonation> {
  return written(type, donationColumns, (row) => {
    const { identifier, donor, collectedAt } = row.donation
    return {
      din: shownNumber(identifier),
      donor,
      ...labelOf(row),
      collectedAt: iso(collectedAt),
      ...stateOf(row),
    }
  })
}

function labelOf({ bag, facility }: ExportedBag): Told {
  return {
    ...(facility === null ? {} : { facility }),
    productCode: shownProduct(bag.identifier, bag),
    component: bag.component,
    expiresAt: iso(bag.expiresAt),
    // What was made may hold a sum of what was said.
    ...(bag.amount === null ? {} : { amount: Math.round(bag.amount * 100) / 100 }),
  }
}

function groupOf({ bag: { abo, rhd } }: ExportedBag): Told {
  return abo === null || rhd === null ? {} : { group: { abo, rhd } }
}

function stateOf({ bag, holds }: ExportedBag): Told {
  const { id: bagId, state } = bag
  const held = holds.length === 0 ? {} : { holds }
  return { bagId, state, ...held, registeredAt: iso(bag.registeredAt) }
}

function known(name: string, at: number | null): Told {
  return at === null ? {} : { [name]: iso(at) }
}

function written<Row>(type: FileType, columns: readonly string[], tell: (row: Row) => Told): Written<Row> {
  if (type === 'ndjson') return { head: '', line: (row) => `${JSON.stringify(tell(row))}\n` }
  const line = (row: Row) => {
    const { group, ...told } = tell(row)
    const cells: Told = { ...told, ...(group as object | undefined) }
    return csvLine(columns.map((name) => cellOf(cells[name])))
  }
  return { head: csvLine(columns), line }
}

function cellOf(value: unknown): string {
  if (value === undefined) return ''
  return Array.isArray(value) ? value.join(' ') : String(value)
}
