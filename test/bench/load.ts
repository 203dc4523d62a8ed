import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type Load = {
  readonly host: string
  readonly port: number
  readonly devices: readonly { readonly name: string; readonly secret: string }[]
  readonly probes: readonly string[]
  readonly warmUpMs: number
  readonly measureMs: number
  /** Messages per second over all devices; as fast as acknowledgements allow where absent. */
  readonly ratePerSecond?: number
}

export type LoadResult = {
  /** Every PUBACK, warm-up included: what must be found in the database. */
  readonly acknowledged: number
  readonly failed: number
  readonly msgPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Start a module of this folder as a process of its own, with tsx, and wait for its first message. */
export async function startProcess<T>(
  module: string,
  env: Record<string, string> = {},
  nodeArguments: readonly string[] = [],
): Promise<{ readonly child: ChildProcess; readonly ready: T }> {
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), {
    execArgv: ['--import', 'tsx', ...nodeArguments],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  // Where the bench itself fails, it leaves nothing behind that goes on.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  const [ready] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`${module} ended with ${code} before it was ready`)),
    ),
  ])) as [T]
  return { child, ready }
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

export async function runLoad(load: Load): Promise<LoadResult> {
  const child = fork(fileURLToPath(new URL('./generator.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  })
  child.send(load)
  const [result] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the generator ended with ${code}`))),
  ])) as [LoadResult]
  return result
}

/** Resident memory of a process, MB; undefined where /proc is not to be read. */
export function residentMb(pid: number | undefined): number | undefined {
  try {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Math.round(Number(match[1]) / 1024) : undefined
  } catch {
    return undefined
  }
}

/** CPU seconds a process has used so far. */
export function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
