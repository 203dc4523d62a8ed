import type { IntegerProgram, Terms } from './program.ts'

/**
 * An integer program that is minimised for one objective after another. Figures are floating point: what is whole is
 * rounded by who asks, and the plan checked in whole numbers.
 */
export type Solving = {
  /**
   * @param from columns of a solution to begin from, the others following from them
   * @returns null where there is no time
   */
  minimise(objective: Terms, from: ReadonlyMap<number, number>, limitMs: number): Minimum | null
  /** The same where nothing need be whole; null where the time ended first. */
  relax(objective: Terms, limitMs: number): Relaxed | null
  /** Whether these columns may be anything but 0 from now on. */
  allow(columns: readonly number[], isAllowed: boolean): void
  /** From now on so much of it at most. */
  limit(objective: Terms, atMost: number): void
  close(): void
}

export type Minimum = {
  /** Of the columns; null where nothing feasible was found in the time there was. */
  readonly values: ArrayLike<number> | null
  /** Below which no solution is; the value itself where it is proved the least. */
  readonly bound: number
}

export type Relaxed = {
  /** Of the columns; null where they are not known. */
  readonly values: ArrayLike<number> | null
  readonly bound: number
  /** Per column: whoever uses so much as one of it has at least the bound and this. 0 where nothing is known. */
  readonly extra: ArrayLike<number>
}

export type Solver = {
  open(program: IntegerProgram): Solving
  /** How long it has worked until now, ms. */
  usedMs(): number
}
