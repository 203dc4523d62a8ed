import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DirectoryLock, lockDirectory } from '../../../api/stores/directory-lock.ts'

const lockModule = new URL('../../../api/stores/directory-lock.ts', import.meta.url).href

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hemotrail-lock-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function locks(): string[] {
  return readdirSync(directory).sort()
}

/** A process that tries to lock the directory, says how that went, and waits to be killed. */
async function contender(): Promise<{ pid: number; outcome: string; kill9(): Promise<void> }> {
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(lockModule)})
    try { lockDirectory(${JSON.stringify(directory)}); console.log('won') }
    catch (error) { console.log(error.message) }
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [outcome] = await once(child.stdout, 'data')
  return {
    pid: child.pid ?? 0,
    outcome: String(outcome).trim(),
    async kill9() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

describe('a directory that is locked', () => {
  test('is refused to the same process, and free again when released', () => {
    const first = lockDirectory(directory)
    expect(() => lockDirectory(directory)).toThrow(`${directory} is in use by process ${process.pid}`)
    first.release()
    lockDirectory(directory).release()
    expect(locks()).toEqual(['lock-2'])
  })

  test('is refused to another process until its holder is killed, and then taken over', async () => {
    const holder = await contender()
    expect(holder.outcome).toBe('won')
    expect(() => lockDirectory(directory)).toThrow(`in use by process ${holder.pid}`)

    await holder.kill9()

    lockDirectory(directory).release()
  })

  test('goes to exactly one of many that find a dead holder at once', async () => {
    await (await contender()).kill9()

    const contenders = await Promise.all(Array.from({ length: 6 }, contender))

    const winners = contenders.filter(({ outcome }) => outcome === 'won')
    expect(winners).toHaveLength(1)
    for (const { outcome } of contenders.filter((one) => !winners.includes(one))) {
      expect(outcome).toContain(`in use by process ${winners[0]?.pid}`)
    }
    await Promise.all(contenders.map(({ kill9 }) => kill9()))
  })

  test('is not held by a process that merely has the pid of the dead holder', () => {
    rewrite(lockDirectory(directory), { began: '1' })

    lockDirectory(directory).release()
  })

  test('is held by a process elsewhere for as long as that shows signs of life', () => {
    rewrite(lockDirectory(directory), { scope: 'another machine', host: 'fridge-room' })
    expect(() => lockDirectory(directory)).toThrow(/in use by process \d+ on fridge-room/)

    const minuteAgo = new Date(Date.now() - 60_000)
    utimesSync(join(directory, 'lock-1'), minuteAgo, minuteAgo)

    lockDirectory(directory).release()
  })

  test('is not taken over from a file that is no lock of ours', () => {
    writeFileSync(join(directory, 'lock-1'), 'keep out')
    expect(() => lockDirectory(directory)).toThrow('not a lock of ours')
  })
})

/** What the lock file would say had someone else written it. */
function rewrite(_held: DirectoryLock, change: object): void {
  const file = join(directory, 'lock-1')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))
}
