import { createRequire } from 'node:module'
import type { Highs, Model } from 'highs'
import type { IntegerProgram, Terms } from './domain/transfer/program.ts'
import type { Minimum, Solver, Solving } from './domain/transfer/solver.ts'

/** Its types are those of a CommonJS module, which for `import` it is not. */
const loadHighs: () => Promise<Highs> = createRequire(import.meta.url)('highs')

/**
 * HiGHS, an exact solver of integer programs, in WebAssembly. It never yields while it works, so it belongs in a worker
 * thread (`planner.ts`).
 */
export async function loadSolver(): Promise<Solver> {
  const highs = await loadHighs()
  let usedMs = 0
  const timed = <T>(work: () => T): T => {
    const began = performance.now()
    try {
      return work()
    } finally {
      usedMs += performance.now() - began
    }
  }
  const open = (program: IntegerProgram): Solving => {
    const model = highs.createModel()
    model.options.set(quiet)
    timed(() => model.passModel(dataOf(program, highs)))
    return {
      minimise: (objective, from, limitMs) =>
        timed(() => minimise(model, objective, program, limitMs, highs, from)),
      relax: (objective, limitMs) =>
        timed(() => {
          model.clearIntegrality()
          try {
            const found = minimise(model, objective, program, limitMs, highs, new Map())
            return found?.isOptimal
              ? { values: found.values, bound: found.bound, extra: model.getSolution().colDual }
              : null
          } finally {
            model.changeColsIntegrality(all(program), integralityOf(program))
          }
        }),
      allow(columns, isAllowed) {
        if (columns.length === 0) return
        const indices = Int32Array.from(columns)
        const uppers = Float64Array.from(columns, (at) => (isAllowed ? (program.upper[at] as number) : 0))
        model.changeColsBounds({ kind: 'set', indices }, new Float64Array(columns.length), uppers)
      },
      limit({ indices, values }, atMost) {
        model.addRow(-highs.infinity, atMost, { indices, values })
      },
      close: () => model.dispose(),
    }
  }
  return { open, usedMs: () => usedMs }
}

/**
 * Objectives are whole, so that whoever is within less than one has the best; HiGHS' own relative gap would stop a little
 * short of it.
 */
const quiet = { output_flag: false, mip_rel_gap: 0, mip_abs_gap: 0.99, random_seed: 1 }

function minimise(
  model: Model,
  objective: Terms,
  program: IntegerProgram,
  leftMs: number,
  { constants }: Highs,
  from: ReadonlyMap<number, number>,
): (Minimum & { readonly isOptimal: boolean }) | null {
  if (leftMs <= 0) return null
  const costs = new Float64Array(program.upper.length)
  for (const [place, at] of objective.indices.entries()) costs[at] = objective.values[place] as number
  model.changeColsCost(all(program), costs)
  model.zeroAllClocks()
  // Whatever is changed of a model makes it forget where to begin.
  if (from.size > 0)
    model.setSolution({ indices: Int32Array.from(from.keys()), values: Float64Array.from(from.values()) })
  model.options.set('time_limit', leftMs / 1_000)
  const { modelStatus } = model.run()
  const hasSolution = model.info.get('primal_solution_status') === constants.solutionStatus.feasible
  const isOptimal = modelStatus === constants.modelStatus.optimal
  return {
    isOptimal,
    values: hasSolution ? model.getSolution().colValue : null,
    bound: isOptimal ? model.getObjectiveValue() : Number(model.info.get('mip_dual_bound')),
  }
}

function dataOf(program: IntegerProgram, { infinity }: Highs) {
  const { upper, rows } = program
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
    integrality: integralityOf(program),
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

function all({ upper }: IntegerProgram) {
  return { kind: 'range', from: 0, to: upper.length - 1 } as const
}

/** 1: whole, 0: not. */
function integralityOf({ isWhole }: IntegerProgram): Int32Array {
  return Int32Array.from(isWhole, Number)
}
