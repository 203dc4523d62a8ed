import { randomUUID } from 'node:crypto'
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Who holds a directory, as written in its lock file. */
type Holder = {
  readonly pid: number
  /** When that process began, in the kernel's own count; a pid is used again, the pair is not. */
  readonly began: string | null
  /** The boot and the pid namespace in which `pid` means something. */
  readonly scope: string
  readonly host: string
  readonly released?: true
}

export type DirectoryLock = { release(): void }

/** A holder whose pid we cannot look up (another machine or container) shows by this that it lives. */
const beatMs = 5_000
const silentMs = 30_000

/**
 * Hold a directory for this process alone, until released or dead, however it dies.
 *
 * Locks are numbered files, `lock-1`, `lock-2` …; the highest counts. A dead one is never taken away but outbid by the
 * next number, which only one process can create, so two that find the same dead lock cannot both win.
 *
 * @throws Error naming the directory and the pid of the living holder
 */
export function lockDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (;;) {
    const top = highest(directory)
    if (top > 0) refuseIfAlive(directory, top)
    const won = bid(directory, top + 1)
    if (won) return won
  }
}

function bid(directory: string, number: number): DirectoryLock | undefined {
  const holder = { pid: process.pid, began: beginOf(process.pid), scope: scope(), host: hostname() }
  const file = lockFile(directory, number)
  // The link appears with its content: nobody ever reads half a lock.
  const draft = write(directory, holder)
  try {
    linkSync(draft, file)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
  const top = highest(directory)
  if (top > number) {
    rmSync(file, { force: true })
    return undefined
  }
  for (const lower of numbers(directory)) {
    if (lower < number) rmSync(lockFile(directory, lower), { force: true })
  }
  const beat = setInterval(() => touch(file), beatMs)
  beat.unref()
  return {
    release() {
      clearInterval(beat)
      try {
        // Not removed: numbers must not begin again while someone still looks at an old one.
        renameSync(write(directory, { ...holder, released: true }), file)
      } catch {
        // A full disk must not keep the directory locked until we end.
        rmSync(file, { force: true })
      }
    },
  }
}

function refuseIfAlive(directory: string, number: number): void {
  const file = lockFile(directory, number)
  let holder: Holder
  let silence: number
  try {
    holder = JSON.parse(readFileSync(file, 'utf8')) as Holder
    silence = Date.now() - statSync(file).mtimeMs
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw new Error(`${file} is not a lock of ours: ${error instanceof Error ? error.message : error}`)
  }
  if (holder.released) return
  if (holder.scope === scope()) {
    if (!isAlive(holder)) return
  } else if (silence > silentMs) {
    return
  }
  const elsewhere = holder.scope === scope() ? '' : ` on ${holder.host}`
  throw new Error(
    `${directory} is in use by process ${holder.pid}${elsewhere}: an embedded database serves one process at a time`,
  )
}

function isAlive({ pid, began }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Someone else's process is a process too.
    if (codeOf(error) !== 'EPERM') return false
  }
  return beginOf(pid) === began
}

/** When a process began, in clock ticks since boot; null where it is dead, unburied, or the system does not tell. */
function beginOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in brackets, may hold anything; the state is the first field after it, the begin the twentieth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

function scope(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

function touch(file: string): void {
  const now = new Date()
  try {
    utimesSync(file, now, now)
  } catch {
    // A directory that was removed under us fails louder elsewhere.
  }
}

function write(directory: string, holder: Holder): string {
  const draft = join(directory, `draft-${randomUUID()}`)
  writeFileSync(draft, `${JSON.stringify(holder)}\n`)
  return draft
}

function lockFile(directory: string, number: number): string {
  return join(directory, `lock-${number}`)
}

function numbers(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    const digits = /^lock-(\d+)$/.exec(name)?.[1]
    return digits ? [Number(digits)] : []
  })
}

function highest(directory: string): number {
  return Math.max(0, ...numbers(directory))
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
