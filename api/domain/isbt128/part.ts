import type { LabelDate } from './date.ts'

/** A product description code with what it is followed by. Case is kept: `s` and `S` mean different things. */
export type Product = {
  /** Product description code, five characters. */
  readonly productCode: string
  /** Collection type, one character. */
  readonly collectionType: string
  /** Two characters: `00` undivided, `A0` a part, `Aa` a part of that; `99` where data structure 032 says it. */
  readonly division: string
}

/** Data structures whose content this service keeps as it stands. */
export const opaqueKinds = [
  'special_testing',
  'container',
  'container_lot',
  'consignment',
  'lot_number',
  'supplementary_id',
  'single_european_code',
  'patient_birth',
  'patient',
] as const
export type OpaqueKind = (typeof opaqueKinds)[number]

/** Data structures that name something of a facility: who gave, who works there. */
export type OwnedKind = 'donor' | 'staff'

/**
 * One data structure of ISBT 128 as it stood in a barcode (ST-001 v6.2.2), told apart by data identifier, length and
 * characters. It holds all that was there: `format` gives back the very same characters.
 */
export type Part =
  /** 001; `flag` is no part of the number. */
  | { readonly kind: 'din'; readonly din: string; readonly flag: string }
  /** 002: the code of a group or of a message, and the phenotype. See `group.ts` and `phenotype.ts`. */
  | { readonly kind: 'blood_group'; readonly group: string; readonly phenotype: string }
  /** 003. */
  | ({ readonly kind: 'product' } & Product)
  /** 004 and 005, 006 and 007, 008 and 009: without and with a time of day. */
  | { readonly kind: 'expires' | 'collected' | 'produced'; readonly on: LabelDate }
  /** 031: which date of what (`ZUTT`), and when by some clock. What the four mean is not read here. */
  | { readonly kind: 'flexible_date'; readonly of: string; readonly at: string }
  /** 012 and 014: a character for each antigen. What each means stands in tables of ICCBBA and is not read here. */
  | { readonly kind: 'red_cell_antigens' | 'platelet_antigens'; readonly positions: string }
  /** 032: the division of a product whose own says `99`. */
  | { readonly kind: 'divisions'; readonly division: string }
  | { readonly kind: OwnedKind; readonly facility: string; readonly id: string }
  | { readonly kind: OpaqueKind; readonly content: string }
  /** `&a` to `&z`: a nation's or a facility's own, of a length nobody else knows. */
  | { readonly kind: 'local'; readonly letter: string; readonly content: string }

export type PartOf<K extends Part['kind']> = Part & { readonly kind: K }

/** What one barcode, or several read at once, says. */
export type Scan = {
  /** The number of the table a compound message (023) follows, `000` for none; null where it is no such message. */
  readonly compound: string | null
  readonly parts: readonly Part[]
}
