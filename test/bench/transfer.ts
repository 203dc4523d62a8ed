import { monitorEventLoopDelay } from 'node:perf_hooks'
import { leadsOf, optionsOf, withoutDominated } from '../../api/domain/transfer/candidates.ts'
import type { Cell } from '../../api/domain/transfer/cells.ts'
import { gapOf, planTransfers } from '../../api/domain/transfer/plan.ts'
import type { TransferBag, TransferProblem } from '../../api/domain/transfer/problem.ts'
import { weightOf } from '../../api/domain/transfer/problem.ts'
import { type IntegerProgram, programOf, type Terms } from '../../api/domain/transfer/program.ts'
import { factsOf, type Move, offerFor, scoreOf } from '../../api/domain/transfer/score.ts'
import type { Solver } from '../../api/domain/transfer/solver.ts'
import { loadSolver } from '../../api/highs.ts'
import { openPlanner } from '../../api/planner.ts'
import { drawTransfers } from './draw-transfers.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const seed = process.env.BENCH_SEED ?? new Date().toISOString()
const allSites = (process.env.BENCH_SITES ?? '43,300,2000').split(',').map(Number)
const allRequests = (process.env.BENCH_REQUESTS ?? '1,10,100').split(',').map(Number)
const limitMs = 10_000

/** Sizes that must be proved, and soon. */
const isSmall = (sites: number, requests: number) => sites <= 300 && requests <= 10

/**
 * How soon transfers are planned, beside HiGHS alone on the same program, and beside whoever gives each the nearest; how
 * far from the best they may be; and whether the thread that answers nurses ever stood still meanwhile.
 */
export async function transfer(): Promise<Record<string, unknown>> {
  const solver = await loadSolver()
  const planner = openPlanner()
  const sizes = []
  const faults: string[] = []
  try {
    // The worker's start is none of a plan's time: a service has it behind itself.
    await planner.plan(drawTransfers(2, 1, seed), told)
    for (const sites of allSites)
      for (const requests of allRequests) {
        const measured: Awaited<ReturnType<typeof measure>>[] = []
        for (let round = 0; round < rounds; round++) {
          const problem = drawTransfers(sites, requests, `${seed}/${round}`)
          measured.push(await measure(problem, solver, planner, faults))
        }
        const median = (of: (one: (typeof measured)[number]) => number) => medianOf(measured.map(of))
        const size = {
          ...{ sites, requests, bags: sites * 100 },
          planMs: median((one) => one.planMs),
          bareMs: median((one) => one.bareMs),
          ratioToBareSolve: median((one) => one.planMs / one.bareMs),
          greedyMs: median((one) => one.greedyMs),
          askedMs: median((one) => one.askedMs),
          blockedMs: Math.max(...measured.map((one) => one.blockedMs)),
          maxGap: Math.max(...measured.map((one) => one.gap)),
          columns: median((one) => one.columns),
          unmet: median((one) => one.unmet),
          greedyUnmet: median((one) => one.greedyUnmet),
          arrivalToGreedy: median((one) => one.arrivalToGreedy),
        }
        console.error(JSON.stringify(size))
        sizes.push(size)
      }
  } finally {
    await planner.close()
  }
  const small = sizes.filter(({ sites, requests }) => isSmall(sites, requests))
  const large = sizes.filter(({ sites, requests }) => !isSmall(sites, requests))
  const figures = {
    ratioToBareSolve: Math.max(...sizes.map((one) => one.ratioToBareSolve)),
    maxGap: Math.max(0, ...small.map((one) => one.maxGap)),
    maxGapLarge: Math.max(0, ...large.map((one) => one.maxGap)),
    slowestMs: Math.max(0, ...small.map((one) => one.planMs)),
    blockedMs: Math.max(...sizes.map((one) => one.blockedMs)),
  }
  const missed = [
    ...(figures.ratioToBareSolve <= 1.5
      ? []
      : [`${figures.ratioToBareSolve.toFixed(2)} times the bare solve`]),
    ...(figures.maxGap === 0 ? [] : [`not proved: a gap of ${figures.maxGap}`]),
    ...(figures.maxGapLarge <= 0.02 ? [] : [`large: a gap of ${figures.maxGapLarge}`]),
    ...(figures.slowestMs <= 2_000 ? [] : [`${figures.slowestMs.toFixed(0)} ms for up to 300 sites`]),
    ...(figures.blockedMs <= 50 ? [] : [`the event loop stood still for ${figures.blockedMs.toFixed(0)} ms`]),
  ]
  return { bench: 'transfer', ok: faults.length === 0, missed, faults, seed, ...figures, sizes }
}

const told = { limitMs, secondBest: false, mostNamed: 50 }

async function measure(
  problem: TransferProblem,
  solver: Solver,
  planner: ReturnType<typeof openPlanner>,
  faults: string[],
) {
  const facts = factsOf(problem)
  const leads = withoutDominated(leadsOf(problem, facts), problem)
  const program = programOf(problem, optionsOf(leads, problem, facts))
  const bareBegan = performance.now()
  const bare = bareSolve(program, solver)
  const bareMs = performance.now() - bareBegan

  const planBegan = performance.now()
  const best = planTransfers(problem, solver, told)
  const planMs = performance.now() - planBegan

  const greedyBegan = performance.now()
  const greedy = nearestFirst(problem)
  const greedyMs = performance.now() - greedyBegan

  const delay = monitorEventLoopDelay({ resolution: 5 })
  await new Promise((resolve) => setTimeout(resolve, 50))
  delay.enable()
  const askedBegan = performance.now()
  const asked = await planner.plan(problem, told)
  const askedMs = performance.now() - askedBegan
  delay.disable()

  const { violations, tiers } = scoreOf(problem, best.moves)
  faults.push(...violations)
  const values = tiers.map(({ value }) => value)
  const isSame = (others: readonly number[]) => values.every((value, place) => value === others[place])
  if (best.tiers.every(({ value, bound }) => value === bound)) {
    const ours = asked.tiers.map(({ value }) => value)
    if (asked.isProved && !isSame(ours)) faults.push(`the worker's plan is another: ${ours} for ${values}`)
    const unit = program.unit
    const first = Math.round((bare[0] ?? 0) * unit)
    if (first !== values[0]) faults.push(`HiGHS alone comes to ${first} where the plan has ${values[0]}`)
  }
  const greedyScore = scoreOf(problem, greedy)
  faults.push(...greedyScore.violations.map((violation) => `nearest first: ${violation}`))
  const unmetOf = (of: readonly { readonly value: number }[]) =>
    of.slice(0, 3).reduce((sum, { value }) => sum + value, 0)
  const arrival = (of: readonly { readonly value: number }[]) => of[4]?.value ?? 0
  return {
    ...{ bareMs, planMs, greedyMs, askedMs },
    blockedMs: delay.max / 1e6,
    gap: gapOf(best),
    columns: program.upper.length,
    unmet: unmetOf(tiers),
    greedyUnmet: unmetOf(greedyScore.tiers),
    arrivalToGreedy: arrival(tiers) / Math.max(1, arrival(greedyScore.tiers)),
  }
}

/** The same tiers of the same program by HiGHS and nothing else: no filters, no checks, no words. */
function bareSolve(program: IntegerProgram, solver: Solver): readonly number[] {
  const untilMs = solver.usedMs() + limitMs
  const solving = solver.open(program)
  try {
    return [...program.tiers.values()].map((objective: Terms) => {
      if (objective.indices.length === 0) return 0
      const found = solving.minimise(objective, new Map(), (untilMs - solver.usedMs()) / 2)
      if (!found?.values) return Number.NaN
      const { values } = found
      const value = objective.indices.reduce(
        (sum, at, place) => sum + (values[at] as number) * (objective.values[place] as number),
        0,
      )
      solving.limit(objective, Math.round(value))
      return value
    })
  } finally {
    solving.close()
  }
}

const byUrgency = ['emergency', 'urgent', 'routine']

/** One demand after another, the most urgent first, gets the nearest bags that fit and that their site can spare. */
function nearestFirst(problem: TransferProblem): readonly Move[] {
  const { policy, demands } = problem
  const facts = factsOf(problem)
  const given = new Map<Cell, { all: number; ordinary: number }>()
  const taken = new Set<TransferBag>()
  const moves: Move[] = []
  const inTurn = demands.toSorted(
    (a, b) => byUrgency.indexOf(a.urgency) - byUrgency.indexOf(b.urgency) || a.deadline - b.deadline,
  )
  for (const demand of inTurn) {
    let missing = weightOf(demand, policy) ?? 0
    const offers = problem.stock
      .flatMap((bag) => {
        const offer = taken.has(bag) ? 'taken' : offerFor(problem, facts, bag, demand)
        return typeof offer === 'string' ? [] : [{ bag, offer }]
      })
      .sort((a, b) => a.offer.minutes - b.offer.minutes || a.offer.rank - b.offer.rank)
    for (const { bag } of offers) {
      if (missing <= 0) break
      const cell = facts.cells.of(bag)
      if (!cell) continue
      const { free, reserve } = cell
      const weight = weightOf(bag, policy) ?? 0
      const so = given.get(cell) ?? { all: 0, ordinary: 0 }
      const mayDraw = policy.reserveFor.includes(demand.urgency)
      if (so.all + weight > free + reserve || (!mayDraw && so.all + weight > free)) continue
      given.set(cell, { all: so.all + weight, ordinary: so.ordinary + (mayDraw ? 0 : weight) })
      taken.add(bag)
      moves.push({ bag, demand })
      missing -= weight
    }
  }
  return moves
}

function medianOf(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] as number
}
