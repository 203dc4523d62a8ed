import fc from 'fast-check'
import { expect, test } from 'vitest'
import { optionsOf } from '../../../../api/domain/transfer/candidates.ts'
import { piecesOf } from '../../../../api/domain/transfer/pieces.ts'
import { planTransfers } from '../../../../api/domain/transfer/plan.ts'
import type { TransferProblem } from '../../../../api/domain/transfer/problem.ts'
import { programOf } from '../../../../api/domain/transfer/program.ts'
import { factsOf, type Move, offerFor, scoreOf } from '../../../../api/domain/transfer/score.ts'
import type { Solver } from '../../../../api/domain/transfer/solver.ts'
import { loadSolver } from '../../../../api/highs.ts'
import { drawTransfers } from '../../../bench/draw-transfers.ts'
import { problems } from '../../../support/transfers.ts'

const solver = await loadSolver()

/** Every plan there is, one after another: each bag stays or goes to one of the demands it may go to. */
function leastOf(problem: TransferProblem): { readonly tiers: readonly number[]; readonly plans: number } {
  const facts = factsOf(problem)
  const choices = problem.stock
    .map((bag) => ({
      bag,
      demands: problem.demands.filter((demand) => typeof offerFor(problem, facts, bag, demand) === 'object'),
    }))
    .filter(({ demands }) => demands.length > 0)
  let least: readonly number[] | null = null
  let plans = 0
  const tryAll = (index: number, moves: readonly Move[]) => {
    const choice = choices[index]
    if (!choice) {
      plans++
      const { tiers, violations } = scoreOf(problem, moves, facts)
      const values = tiers.map(({ value }) => value)
      if (violations.length === 0 && (least === null || comesBefore(values, least))) least = values
      return
    }
    tryAll(index + 1, moves)
    for (const demand of choice.demands) tryAll(index + 1, [...moves, { bag: choice.bag, demand }])
  }
  tryAll(0, [])
  return { tiers: least ?? [], plans }
}

function comesBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index])
  return at >= 0 && (a[at] as number) < (b[at] as number)
}

test('of all plans there are none is better, tier by tier', { timeout: 600_000 }, () => {
  let compared = 0
  fc.assert(
    fc.property(problems({ sites: 4, bags: 10, demands: 3 }), (problem) => {
      const { moves, tiers } = planTransfers(problem, solver, { limitMs: 60_000, secondBest: false })
      const { tiers: least, plans } = leastOf(problem)
      expect(scoreOf(problem, moves).violations).toEqual([])
      expect(tiers.map(({ value }) => value)).toEqual(least)
      expect(tiers.map(({ bound }) => bound)).toEqual(least)
      if (plans > 8) compared++
    }),
    { numRuns: 1_200 },
  )
  expect(compared).toBeGreaterThan(200)
})

test('what is cut for being too far changes nothing', { timeout: 600_000 }, () => {
  const told = { limitMs: 60_000, secondBest: false }
  let cutSomething = 0
  fc.assert(
    fc.property(problems({ sites: 8, bags: 80, demands: 3 }), (problem) => {
      const cut = planTransfers(problem, solver, told)
      const uncut = planTransfers(problem, solver, { ...told, cut: (leads) => leads })
      expect(cut.tiers).toEqual(uncut.tiers)
      if (cut.leads.length < uncut.leads.length) cutSomething++
    }),
    { numRuns: 200 },
  )
  expect(cutSomething).toBeGreaterThan(10)
})

test.for([1, 2, 3, 4])(
  'thinning out many columns changes nothing: province %i',
  { timeout: 300_000 },
  (seed) => {
    const problem = drawTransfers(43, 14, `thin/${seed}`)
    const told = { limitMs: 120_000, secondBest: false }
    let barred = 0
    const counting: Solver = {
      ...solver,
      open(program) {
        const solving = solver.open(program)
        return {
          ...solving,
          allow(columns, isAllowed) {
            if (!isAllowed) barred += columns.length
            solving.allow(columns, isAllowed)
          },
        }
      },
    }
    const knowsNothing: Solver = {
      ...solver,
      open: (program) => ({
        ...solver.open(program),
        relax: () => ({ values: null, bound: Number.NEGATIVE_INFINITY, extra: [] }),
      }),
    }
    const thinned = planTransfers(problem, counting, told)
    expect(barred).toBeGreaterThan(0)
    expect(thinned.tiers).toEqual(planTransfers(problem, knowsNothing, told).tiers)
    expect(thinned.tiers.map(({ bound }) => bound)).toEqual(thinned.tiers.map(({ value }) => value))
  },
)

test.for([
  [43, 4],
  [86, 8],
  [300, 8],
])(
  'what is planned in pieces is no other than all at once: %i sites, %i requests',
  { timeout: 300_000 },
  ([sites, requests]) => {
    const problem = drawTransfers(sites as number, requests as number, 'pieces')
    const { tiers, leads, facts } = planTransfers(problem, solver, { limitMs: 120_000, secondBest: false })
    const program = programOf(problem, optionsOf(leads, problem, facts))
    const pieces = piecesOf(program.options, problem.policy.tiers, [])
    expect(pieces.length).toBeGreaterThan(1)
    const solving = solver.open(program)
    for (const { tier, value, bound } of tiers) {
      expect(bound).toBe(value)
      const objective = program.tiers.get(tier)
      if (!objective || objective.indices.length === 0) continue
      const unit = tier === 'carrying' ? 1 : program.unit
      const least = solving.minimise(objective, new Map(), 60_000)
      expect(Math.round((least?.bound ?? Number.NaN) * unit)).toBe(value)
      solving.limit(objective, value / unit)
    }
    solving.close()
  },
)

test('a second best plan makes other journeys, and is no better', { timeout: 600_000 }, () => {
  const journeysOf = (moves: readonly Move[]) =>
    [...new Set(moves.map(({ bag, demand }) => `${bag.site}>${demand.site}`))].sort()
  fc.assert(
    fc.property(problems({ sites: 6, bags: 30, demands: 3 }), (problem) => {
      const best = planTransfers(problem, solver, { limitMs: 60_000, secondBest: true })
      if (!best.secondBest) return
      expect(scoreOf(problem, best.secondBest.moves).violations).toEqual([])
      expect(journeysOf(best.secondBest.moves)).not.toEqual(journeysOf(best.moves))
      const [values, others] = [best, best.secondBest].map(({ tiers }) => tiers.map(({ value }) => value))
      expect(comesBefore(others as number[], values as number[])).toBe(false)
    }),
    { numRuns: 200 },
  )
})
