import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Account, readJournal } from '../../devices-sim/journal.ts'
import type { Lap, Order, Plan, Report, Stats } from './load.ts'

/** A handle on the load, which is a process of its own. */
export type Fleet = {
  /** How things stand at this moment. */
  report(): Promise<Stats>
  /** End the lap under way and begin another. */
  lap(): Promise<Lap>
  /** Resolves as soon as it is so. Rejects with how things stand when it has not become so in time. */
  until(isSo: (stats: Stats) => boolean, withinMs?: number): Promise<Stats>
  /** How things stand once no acknowledgement is on its way any more: a while has passed without another. */
  quiet(): Promise<Stats>
  /** Make nothing new and resolve, when all that was made is acknowledged, with what the journal proves. */
  drain(): Promise<Ending>
  /** Hang up in the middle of everything. */
  stop(): Promise<Ending>
  /** Be gone, whatever was on the way. */
  kill(): void
}

export type Ending = { readonly stats: Stats; readonly account: Account }

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export async function startFleet(plan: Plan): Promise<Fleet> {
  const child = fork(fileURLToPath(new URL('./load.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const reports = new EventEmitter<{ report: [Report] }>().setMaxListeners(0)
  let latest: Stats | undefined
  child.on('message', (report: Report) => {
    latest = report.stats
    reports.emit('report', report)
  })
  child.send(plan)

  function heard(isSo: (report: Report) => boolean, withinMs: number): Promise<Report> {
    return new Promise((resolve, reject) => {
      const settle = (work: () => void) => {
        clearTimeout(timer)
        reports.off('report', look)
        child.off('exit', gone)
        work()
      }
      const look = (report: Report) => isSo(report) && settle(() => resolve(report))
      const gone = () => settle(() => reject(new Error('the load has ended')))
      const timer = setTimeout(
        () => settle(() => reject(new Error(`not within ${withinMs} ms: ${JSON.stringify(latest)}`))),
        withinMs,
      )
      reports.on('report', look)
      child.once('exit', gone)
    })
  }

  function order(what: Order, withinMs: number): Promise<Report> {
    const answer = heard(({ answers }) => answers === what, withinMs)
    child.send(what)
    return answer
  }

  const report = async () => (await order('report', 10_000)).stats

  async function end(what: Order): Promise<Ending> {
    const exit = once(child, 'exit')
    const { stats } = await order(what, 60_000)
    await exit
    return { stats, account: await readJournal(plan.journal) }
  }

  await heard(() => true, 30_000)
  return {
    report,
    async lap() {
      const { lap } = await order('lap', 10_000)
      if (!lap) throw new Error('the load does not say how its lap was')
      return lap
    },
    until: async (isSo, withinMs = 60_000) =>
      latest && isSo(latest) ? latest : (await heard(({ stats }) => isSo(stats), withinMs)).stats,
    async quiet() {
      for (let before = await report(); ; ) {
        await delay(300)
        const now = await report()
        if (now.acknowledged === before.acknowledged) return now
        before = now
      }
    },
    drain: () => end('drain'),
    stop: () => end('stop'),
    kill: () => void child.kill('SIGKILL'),
  }
}
