import type { RejectionCode } from '../../../schema/vocabulary.ts'

/** What became of the rows of a file. */
export type TakenRows = {
  /** Readings or days in the file. */
  readonly rows: number
  /** Those that were not taken in, by the line of the file, from 1. */
  readonly rejections: readonly {
    readonly line: number
    readonly code: RejectionCode
    readonly reason: string
  }[]
  /** Of those taken: told before just so, told otherwise before. */
  readonly known: number
  readonly differing: number
  /** What the rows taken span, ms UTC. Infinite where none was. */
  readonly from: number
  readonly to: number
  /** The messages readings came as, inclusive; null for days. */
  readonly boot: string | null
  readonly fromSeq: number | null
  readonly toSeq: number | null
}
