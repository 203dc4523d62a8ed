import { once } from 'node:events'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Refusal } from './domain/refusal.ts'
import type { Explained, ExplainedDemand } from './domain/transfer/explain.ts'
import type { TransferBag, TransferLevel, TransferProblem } from './domain/transfer/problem.ts'
import type { Rotation } from './domain/transfer/rotation.ts'
import type { RotationProblem } from './domain/transfer/rotation-problem.ts'

export type PlanTold = {
  /** How long the solver may take, for the best plan and for the second best each. */
  readonly limitMs: number
  readonly secondBest: boolean
  /** So many rejected bags are named for each reason. */
  readonly mostNamed: number
}

export type ToPlanner =
  | { readonly kind: 'problem'; readonly problem: Rest<TransferProblem> | Rest<RotationProblem> }
  | { readonly kind: 'stock'; readonly stock: readonly TransferBag[] }
  | { readonly kind: 'levels'; readonly levels: readonly TransferLevel[] }
  | { readonly kind: 'plan'; readonly told: PlanTold }
  | { readonly kind: 'rotate' }

/** What is small enough to be handed over at once. */
type Rest<T> = Omit<T, 'stock' | 'levels'>

export type FromPlanner =
  | { readonly kind: 'ready' }
  | { readonly kind: 'demands'; readonly demands: readonly ExplainedDemand[] }
  | { readonly kind: 'planned'; readonly explained: Omit<Explained, 'demands'>; readonly times: PlanTimes }
  | { readonly kind: 'rotated'; readonly rotation: Rotation }
  | { readonly kind: 'failed'; readonly reason: string }

/** What the worker took, ms: for all of it, and of that the solver itself. */
export type PlanTimes = { readonly planMs: number; readonly solveMs: number }

/** Plans transfers in a worker thread: the solver never yields, so here it blocks nobody. One plan at a time. */
export type Planner = {
  /**
   * @throws Refusal `unavailable` where too many wait already, `conflict` where it takes far longer than it may; Error where
   * the worker failed
   */
  plan(problem: TransferProblem, told: PlanTold): Promise<Explained & { readonly times: PlanTimes }>
  /** The daily rotation. It may take minutes, and plans would wait: by a planner of its own. */
  rotate(problem: RotationProblem): Promise<Rotation>
  /** Break off what is being reckoned: who waits for it is told so. */
  breakOff(): Promise<void>
  close(): Promise<void>
}

/** So many plans are made or waited for: who asks for one may hold a transaction, and a connection, all the while. */
export const mostWaiting = 4

/** So many bags or levels are handed over at a time, for they are copied here. */
const chunk = 2_000

/** The solver looks at its clock between its steps only, and reading and explaining take their time. */
const graceMs = 20_000

/** A rotation that takes longer is none for this day. */
const rotationMs = 30 * 60_000

export function openPlanner(): Planner {
  let worker: Promise<Worker> | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let waiting = 0

  /** @param hear what is answered */
  async function ask<T>(
    { stock, levels, ...rest }: TransferProblem | RotationProblem,
    last: ToPlanner,
    hear: (worker: Worker) => Promise<T>,
  ): Promise<T> {
    worker ??= start(() => {
      worker = undefined
    })
    const planner = await worker.catch((error) => {
      worker = undefined
      throw error
    })
    try {
      planner.postMessage({ kind: 'problem', problem: rest } satisfies ToPlanner)
      for (let from = 0; from < stock.length; from += chunk)
        await handOver(planner, { kind: 'stock', stock: stock.slice(from, from + chunk) })
      for (let from = 0; from < levels.length; from += chunk)
        await handOver(planner, { kind: 'levels', levels: levels.slice(from, from + chunk) })
      planner.postMessage(last)
      // Nobody listened in between.
      if (planner.threadId === -1) throw new Error('the planner has ended')
      return await heard(planner, hear)
    } catch (error) {
      // What it still has of this problem must not be told to the next who asks.
      worker = undefined
      await planner.terminate()
      throw error
    }
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    waiting++
    const done = queue.then(work).finally(() => waiting--)
    queue = done.catch(() => {})
    return done
  }

  return {
    async plan(problem, told) {
      if (waiting >= mostWaiting)
        throw new Refusal('unavailable', `${mostWaiting} plans are being made already: ask again in a moment`)
      const waitMs = 2 * told.limitMs + graceMs
      return inTurn(() => ask(problem, { kind: 'plan', told }, (worker) => answerOf(worker, waitMs)))
    },
    rotate: (problem) => inTurn(() => ask(problem, { kind: 'rotate' }, rotationOf)),
    async breakOff() {
      const planner = await worker?.catch(() => undefined)
      await planner?.terminate()
    },
    async close() {
      await queue
      const planner = await worker?.catch(() => undefined)
      worker = undefined
      await planner?.terminate()
    },
  }
}

/** Whoever else waits for this thread is served first. */
async function handOver(worker: Worker, message: ToPlanner): Promise<void> {
  worker.postMessage(message)
  await setImmediate()
}

async function start(onEnd: () => void): Promise<Worker> {
  const worker = new Worker(new URL('./stores/ts-worker.mjs', import.meta.url), {
    workerData: { entry: new URL('./planner-worker.ts', import.meta.url).href },
    execArgv: [],
  })
  // Unheard an error would end this process. Who waits for an answer hears of it as well.
  worker.on('error', () => {})
  worker.once('exit', onEnd)
  await nextFrom(worker, null)
  // Idle it keeps nobody alive who has nothing else to do.
  worker.unref()
  return worker
}

async function answerOf(worker: Worker, waitMs: number): Promise<Explained & { readonly times: PlanTimes }> {
  const demands: ExplainedDemand[] = []
  for (;;) {
    const message = await nextFrom(worker, waitMs)
    if (message.kind === 'demands') demands.push(...message.demands)
    else if (message.kind === 'planned') return { ...message.explained, demands, times: message.times }
    else throw unexpected(message)
  }
}

async function rotationOf(worker: Worker): Promise<Rotation> {
  const message = await nextFrom(worker, rotationMs)
  if (message.kind === 'rotated') return message.rotation
  throw unexpected(message)
}

function unexpected(message: FromPlanner): Error {
  return new Error(message.kind === 'failed' ? message.reason : 'the planner began anew')
}

/** Who waits for it keeps it alive. */
async function heard<T>(worker: Worker, hear: (worker: Worker) => Promise<T>): Promise<T> {
  worker.ref()
  try {
    return await hear(worker)
  } finally {
    worker.unref()
  }
}

/** What it says next. @throws Refusal where that takes too long; Error where it fails or ends instead */
function nextFrom(worker: Worker, waitMs: number | null): Promise<FromPlanner> {
  const listening = new AbortController()
  const { signal } = listening
  const said = Promise.race([
    once(worker, 'message', { signal }).then(([message]) => message as FromPlanner),
    once(worker, 'exit', { signal }).then(() => Promise.reject(new Error('the planner has ended'))),
    ...(waitMs === null
      ? []
      : [
          setTimeout(waitMs, null, { signal }).then(() =>
            Promise.reject(
              new Refusal('conflict', `no plan was found in ${waitMs / 1_000} s: ask for less at a time`),
            ),
          ),
        ]),
  ])
  return said.finally(() => listening.abort())
}
