import type { IntegerProgram, Terms } from './program.ts'

/**
 * An integer program that is minimised for one objective after another. Figures are floating point: what is whole is
 * rounded by who asks, and the plan checked in whole numbers.
 */
export type Solving = {
  /** @returns null where nothing feasible was found in the time there is */
  minimise(objective: Terms): Minimum | null
  /** From now on so much of it at most. */
  limit(objective: Terms, atMost: number): void
  close(): void
}

export type Minimum = {
  /** Of the columns. */
  readonly values: ArrayLike<number>
  /** Below which no solution is; the value itself where it is proved the least. */
  readonly bound: number
}

/** @param untilMs by when it should have ended, on the solver's own clock from now on */
export type Solver = (program: IntegerProgram, untilMs: number) => Solving
