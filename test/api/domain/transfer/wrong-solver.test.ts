import { expect, test } from 'vitest'
import { isProved, planTransfers } from '../../../../api/domain/transfer/plan.ts'
import { factsOf, scoreOf } from '../../../../api/domain/transfer/score.ts'
import type { Minimum, Relaxed, Solver } from '../../../../api/domain/transfer/solver.ts'
import { drawTransfers } from '../../../bench/draw-transfers.ts'

/** It says the same of whatever it is asked. */
const saying = (found: Minimum, relaxed: Relaxed | null = null): Solver => ({
  open: () => ({
    ...{ minimise: () => found, relax: () => relaxed, allow: () => {}, limit: () => {}, close: () => {} },
  }),
  usedMs: () => 0,
})

test('a solver that knows of no plan where there is one proves nothing, and the plan stands', () => {
  const problem = drawTransfers(6, 3, 'wrong')
  for (const bound of [Number.POSITIVE_INFINITY, 1e15, Number.NaN]) {
    for (const relaxed of [null, { values: null, bound, extra: [] }]) {
      const solver = saying({ values: null, bound }, relaxed)
      const best = planTransfers(problem, solver, { limitMs: 1_000, secondBest: false })
      expect(best.moves.length).toBeGreaterThan(0)
      expect(scoreOf(problem, best.moves, factsOf(problem)).violations).toEqual([])
      expect(isProved(best)).toBe(false)
      for (const { value, bound: below } of best.tiers) expect(below).toBeLessThanOrEqual(value)
    }
  }
})
