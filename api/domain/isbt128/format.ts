import { formatLabelDate } from './date.ts'
import type { OpaqueKind, OwnedKind, Part, Scan } from './part.ts'

const opaqueIdentifiers: Readonly<Record<OpaqueKind, string>> = {
  special_testing: '&(',
  container: '=)',
  container_lot: '&)',
  consignment: '=$',
  lot_number: '&,1',
  supplementary_id: '&,2',
  single_european_code: '&,4',
  patient_birth: '=#',
  patient: '&#',
}

const ownedIdentifiers: Readonly<Record<OwnedKind, string>> = { donor: '=;', staff: "='" }

const dateIdentifiers = { expires: '>', collected: '*', produced: '}' } as const

/** The text of one barcode: what `parseScan` reads as this part. */
export function formatPart(part: Part): string {
  switch (part.kind) {
    case 'din':
      return `=${part.din}${part.flag}`
    case 'blood_group':
      return `=%${part.group}${part.phenotype}0`
    case 'product':
      return `=<${part.productCode}${part.collectionType}${part.division}`
    case 'expires':
    case 'collected':
    case 'produced':
      return `${part.on.minute === null ? '=' : '&'}${dateIdentifiers[part.kind]}${formatLabelDate(part.on)}`
    case 'flexible_date':
      return `=(${part.of}${part.at}`
    case 'red_cell_antigens':
      return `=\\${part.positions}`
    case 'platelet_antigens':
      return `&{${part.positions}`
    case 'divisions':
      return `=,${part.division}`
    case 'donor':
    case 'staff':
      return `${ownedIdentifiers[part.kind]}${part.facility}${part.id}`
    case 'local':
      return `&${part.letter}${part.content}`
    default:
      return `${opaqueIdentifiers[part.kind]}${part.content}`
  }
}

/** The text of several: what `parseScan` reads as this scan. At most 99 make a compound message. */
export function formatScan({ compound, parts }: Scan): string {
  const header = compound === null ? '' : `=+${String(parts.length).padStart(2, '0')}${compound}`
  return header + parts.map(formatPart).join('')
}
