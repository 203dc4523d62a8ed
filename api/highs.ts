import { createRequire } from 'node:module'
import type { Highs, Model } from 'highs'
import type { IntegerProgram, Terms } from './domain/transfer/program.ts'
import type { Minimum, Solver } from './domain/transfer/solver.ts'

/** Its types are those of a CommonJS module, which for `import` it is not. */
const loadHighs: () => Promise<Highs> = createRequire(import.meta.url)('highs')

/**
 * HiGHS, an exact solver of integer programs, in WebAssembly. It never yields while it works, so it belongs in a worker
 * thread (`planner.ts`).
 */
export async function loadSolver(): Promise<LoadedSolver> {
  const highs = await loadHighs()
  let usedMs = 0
  const open: Solver = (program, limitMs) => {
    const untilMs = performance.now() + limitMs
    const model = highs.createModel()
    model.options.set(quiet)
    model.passModel(dataOf(program, highs))
    return {
      minimise(objective) {
        const began = performance.now()
        try {
          return minimise(model, objective, program, untilMs - began, highs)
        } finally {
          usedMs += performance.now() - began
        }
      },
      limit({ indices, values }, atMost) {
        model.addRow(-highs.infinity, atMost, { indices, values })
      },
      close: () => model.dispose(),
    }
  }
  return { open, usedMs: () => usedMs }
}

export type LoadedSolver = {
  readonly open: Solver
  /** How long it has worked until now, ms. */
  usedMs(): number
}

/**
 * Objectives are whole, so that whoever is within less than one has the best; HiGHS' own relative gap would stop a little
 * short of it.
 */
const quiet = { output_flag: false, mip_rel_gap: 0, mip_abs_gap: 0.99, random_seed: 1 }

function minimise(
  model: Model,
  objective: Terms,
  { upper }: IntegerProgram,
  leftMs: number,
  { constants }: Highs,
): Minimum | null {
  if (leftMs <= 0) return null
  const costs = new Float64Array(upper.length)
  for (const [place, at] of objective.indices.entries()) costs[at] = objective.values[place] as number
  model.changeColsCost({ kind: 'range', from: 0, to: upper.length - 1 }, costs)
  model.options.set('time_limit', model.getRunTime() + leftMs / 1_000)
  const { modelStatus } = model.run()
  const hasSolution = model.info.get('primal_solution_status') === constants.solutionStatus.feasible
  if (!hasSolution) return null
  const isOptimal = modelStatus === constants.modelStatus.optimal
  return {
    values: model.getSolution().colValue,
    bound: isOptimal ? model.getObjectiveValue() : Number(model.info.get('mip_dual_bound')),
  }
}

function dataOf({ upper, isWhole, rows }: IntegerProgram, { infinity }: Highs) {
  const numCols = upper.length
  const numRows = rows.length
  const starts = new Int32Array(numRows + 1)
  for (const [at, { indices }] of rows.entries()) starts[at + 1] = (starts[at] as number) + indices.length
  return {
    numCols,
    numRows,
    colCost: new Float64Array(numCols),
    colLower: new Float64Array(numCols),
    colUpper: Float64Array.from(upper),
    rowLower: new Float64Array(numRows).fill(-infinity),
    rowUpper: Float64Array.from(rows, ({ atMost }) => atMost),
    integrality: Int32Array.from(isWhole, Number),
    matrix: {
      format: 'csr' as const,
      numRows,
      numCols,
      starts,
      indices: Int32Array.from(rows.flatMap(({ indices }) => indices)),
      values: Float64Array.from(rows.flatMap(({ values }) => values)),
    },
  }
}
