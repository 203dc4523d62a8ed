import { parentPort } from 'node:worker_threads'
import { explain } from './domain/transfer/explain.ts'
import { planTransfers } from './domain/transfer/plan.ts'
import type { TransferBag, TransferLevel, TransferProblem } from './domain/transfer/problem.ts'
import { proposeRotation } from './domain/transfer/rotation.ts'
import type { RotationLevel, RotationProblem } from './domain/transfer/rotation-problem.ts'
import { loadSolver } from './highs.ts'
import type { FromPlanner, PlanTold, ToPlanner } from './planner.ts'

if (!parentPort) throw new Error('this file is a worker')
const port = parentPort

const solver = await loadSolver()
let problem: Extract<ToPlanner, { kind: 'problem' }>['problem'] | undefined
let stock: TransferBag[] = []
let levels: (TransferLevel | RotationLevel)[] = []
post({ kind: 'ready' })

port.on('message', (message: ToPlanner) => {
  if (message.kind === 'problem') {
    problem = message.problem
    stock = []
    levels = []
  } else if (message.kind === 'stock') {
    stock.push(...message.stock)
  } else if (message.kind === 'levels') {
    levels.push(...message.levels)
  } else if (problem) {
    const asked = { ...problem, stock, levels }
    problem = undefined
    try {
      // Whoever asks for a rotation has told a problem of one.
      if (message.kind === 'plan') tell(asked as TransferProblem, message.told)
      else post({ kind: 'rotated', rotation: proposeRotation(asked as RotationProblem) })
    } catch (error) {
      post({ kind: 'failed', reason: (error as Error).message })
    }
  }
})

/** So many demands are told at a time, for all that is rejected for them is copied where they are heard. */
const chunk = 5

function tell(asked: TransferProblem, told: PlanTold): void {
  const began = performance.now()
  const before = solver.usedMs()
  const best = planTransfers(asked, solver, told)
  const { demands, ...explained } = explain(asked, best, told.mostNamed)
  const times = { planMs: performance.now() - began, solveMs: solver.usedMs() - before }
  for (let from = 0; from < demands.length; from += chunk)
    post({ kind: 'demands', demands: demands.slice(from, from + chunk) })
  post({ kind: 'planned', explained, times })
}

function post(message: FromPlanner): void {
  port.postMessage(message)
}
