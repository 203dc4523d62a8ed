import { Worker } from 'node:worker_threads'
import { Refusal } from './domain/refusal.ts'
import type { Explained } from './domain/transfer/explain.ts'
import type { TransferBag, TransferProblem } from './domain/transfer/problem.ts'

export type PlanTold = {
  /** How long the solver may take, for the best plan and for the second best each. */
  readonly limitMs: number
  readonly secondBest: boolean
  /** So many rejected bags are named for each reason. */
  readonly mostNamed: number
}

export type ToPlanner =
  | { readonly kind: 'problem'; readonly problem: Omit<TransferProblem, 'stock'> }
  | { readonly kind: 'stock'; readonly stock: readonly TransferBag[] }
  | { readonly kind: 'plan'; readonly told: PlanTold }

export type FromPlanner =
  | { readonly kind: 'ready' }
  | { readonly kind: 'planned'; readonly explained: Explained; readonly times: PlanTimes }
  | { readonly kind: 'failed'; readonly reason: string }

/** What the worker took, ms: for all of it, and of that the solver itself. */
export type PlanTimes = { readonly planMs: number; readonly solveMs: number }

/** Plans transfers in a worker thread: the solver never yields, so here it blocks nobody. One plan at a time. */
export type Planner = {
  /** @throws Refusal `conflict` where it takes far longer than it may; Error where the worker failed */
  plan(problem: TransferProblem, told: PlanTold): Promise<Explained & { readonly times: PlanTimes }>
  close(): Promise<void>
}

/** So many bags are handed over at a time, for that they are copied here. */
const chunk = 2_000

/** The solver looks at its clock between its steps only, and reading and explaining take their time. */
const graceMs = 20_000

export function openPlanner(): Planner {
  let worker: Promise<Worker> | undefined
  let queue: Promise<unknown> = Promise.resolve()

  async function planNow(problem: TransferProblem, told: PlanTold) {
    worker ??= start()
    const planner = await worker.catch((error) => {
      worker = undefined
      throw error
    })
    const { stock, ...rest } = problem
    planner.postMessage({ kind: 'problem', problem: rest } satisfies ToPlanner)
    for (let from = 0; from < stock.length; from += chunk) {
      planner.postMessage({ kind: 'stock', stock: stock.slice(from, from + chunk) } satisfies ToPlanner)
      await new Promise(setImmediate)
    }
    planner.postMessage({ kind: 'plan', told } satisfies ToPlanner)
    const waitMs = 2 * told.limitMs + graceMs
    try {
      return await answerOf(planner, waitMs)
    } catch (error) {
      // What it still has of this problem must not be told to the next who asks.
      worker = undefined
      await planner.terminate()
      throw error
    }
  }

  return {
    plan(problem, told) {
      const planned = queue.then(() => planNow(problem, told))
      queue = planned.catch(() => {})
      return planned
    },
    async close() {
      await queue
      const planner = await worker?.catch(() => undefined)
      worker = undefined
      await planner?.terminate()
    },
  }
}

function start(): Promise<Worker> {
  const worker = new Worker(new URL('./stores/ts-worker.mjs', import.meta.url), {
    workerData: { entry: new URL('./planner-worker.ts', import.meta.url).href },
    execArgv: [],
  })
  // It keeps nobody alive who has nothing else to do.
  worker.unref()
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve(worker))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the planner ended before it began')))
  })
}

function answerOf(worker: Worker, waitMs: number): Promise<Explained & { readonly times: PlanTimes }> {
  worker.ref()
  return new Promise<Explained & { readonly times: PlanTimes }>((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Refusal('conflict', `no plan was found in ${waitMs / 1_000} s: ask for less at a time`))
    }, waitMs)
    const settle = (then: () => void) => {
      clearTimeout(late)
      // Not all at once: Node's own among them is what starts the port for the next who listens.
      for (const name of ['message', 'error', 'exit']) worker.removeAllListeners(name)
      worker.unref()
      then()
    }
    worker.once('message', (message: FromPlanner) =>
      settle(() => {
        if (message.kind === 'planned') resolve({ ...message.explained, times: message.times })
        else reject(new Error(message.kind === 'failed' ? message.reason : 'the planner began anew'))
      }),
    )
    worker.once('error', (error) => settle(() => reject(error)))
    worker.once('exit', () => settle(() => reject(new Error('the planner has ended'))))
  })
}
