import type { Hl7Party } from '../../api/usecases/take-hl7.ts'

/** The system of hospital H1, which hashes nothing: its numbers are pseudonyms. */
export const aParty = (changes: Partial<Hl7Party> = {}): Hl7Party => ({
  ...{ application: 'HIS', facility: 'HOSP', at: 'H1', authority: 'MRN', addresses: ['127.0.0.1'] },
  ...{ pseudonymKey: null, products: { RBC: { component: 'red_cells', uom: 'U' } } },
  ...changes,
})

export type Said = {
  readonly type?: string
  readonly id?: string
  readonly patient?: string
  readonly header?: string
}

/** A message of that system with these segments after MSH and PID. */
export function aMessageOf(segments: readonly string[], said: Said = {}): string {
  const { type = 'ADT^A01', id = 'M1', patient = 'P1^^^MRN', header = 'P|2.5' } = said
  const msh = `MSH|^~\\&|HIS|HOSP|BB|H1|20200506120000+0000||${type}|${id}|${header}`
  return [msh, `PID|1||${patient}||王^小明||19800101|M`, ...segments].join('\r')
}

export const anOrderMessage = (
  said: Said & { readonly placer?: string; readonly control?: string; readonly priority?: string } = {},
) =>
  aMessageOf(
    [
      `ORC|${said.control ?? 'NW'}|${said.placer ?? 'O-1'}||||||||||dr-zhao^Zhao`,
      `TQ1||2^U|||||20200507080000+0800||${said.priority ?? 'R'}`,
      `OBR|1|${said.placer ?? 'O-1'}||RBC^Red cells|||||||||||||||||||||||||||surgery^hip replacement`,
    ],
    { type: 'ORM^O01', ...said },
  )

export const aResultMessage = (results: readonly string[], said: Said = {}) =>
  aMessageOf(['OBR|1|O-9|tube-1|GROUP', 'SPM|1|tube-1', ...results], { type: 'ORU^R01', ...said })

/** One OBX, as a gel card showed it. */
export const anObx = (code: string, value: string, { status = 'F', method = 'gel', observer = '' } = {}) =>
  `OBX|1|ST|${code}^x^LN||${value}||||||${status}|||||${observer}|${method}`
