/** What a donor's red cells have of antigens that matter next to ABO and D; null is not told. */
export type Phenotype = {
  readonly C: boolean | null
  readonly c: boolean | null
  readonly E: boolean | null
  readonly e: boolean | null
  readonly K: boolean | null
  /** Mi(a)/Mur. */
  readonly miMur: boolean | null
  /** All of it stands in another barcode: special testing (010). */
  readonly isElsewhere: boolean
}

const nothing: Phenotype = { C: null, c: null, E: null, e: null, K: null, miMur: null, isElsewhere: false }

/** C, c, E and e of the phenotypes 1 to 9: 0 tells nothing of them. */
const rhesus = ['-+-+', '++-+', '++++', '+++-', '-+++', '-++-', '+--+', '+-++', '+-+-']

/**
 * The letters and digits that say one of ten phenotypes and, by the row they stand in, of K: not told, negative, positive
 * (ST-001 v6.2.2, table of Rh, Kell and Mia/Mur phenotypes). The first of each row tells nothing of C, c, E and e.
 */
const rows: readonly { readonly K: boolean | null; readonly codes: string }[] = [
  { K: null, codes: '0123456789' },
  { K: false, codes: 'SABCDEFGHI' },
  { K: true, codes: 'TJKLMNOPQR' },
]

/** What has neither C nor E: of c and e nothing is said. */
const withoutCAndE: Readonly<Record<string, boolean | null>> = { X: null, Y: false, Z: true }

/** What `r` of data structure 002 says. */
export function phenotypeOf(r: string): Phenotype {
  if (r === 'U' || r === 'V') return { ...nothing, miMur: r === 'V' }
  if (r === 'W') return { ...nothing, isElsewhere: true }
  const K = withoutCAndE[r]
  if (K !== undefined) return { ...nothing, C: false, E: false, K }
  const row = rows.find(({ codes }) => codes.includes(r))
  const [C, c, E, e] = rhesus[(row?.codes.indexOf(r) ?? 0) - 1] ?? []
  if (!row) return nothing
  return C === undefined
    ? { ...nothing, K: row.K }
    : { ...nothing, C: C === '+', c: c === '+', E: E === '+', e: e === '+', K: row.K }
}
