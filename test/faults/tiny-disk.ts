import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, small enough to be filled. */
export type TinyDisk = {
  readonly path: string
  /** Take all but so many bytes. */
  fill(leave: number): void
  /** Give back what `fill` took. */
  free(): void
  available(): number
  remove(): void
}

/** May this process mount one? Root may, where the machine lets it. */
export function canMount(): boolean {
  try {
    mountTinyDisk(1).remove()
    return true
  } catch {
    return false
  }
}

export function mountTinyDisk(megabytes: number): TinyDisk {
  const path = mkdtempSync(join(tmpdir(), 'hemotrail-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    rmdirSync(path)
    throw error
  }
  const ballast = join(path, 'ballast')
  const available = () => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  return {
    path,
    available,
    fill(leave) {
      const file = openSync(ballast, 'a')
      const block = Buffer.alloc(65_536)
      while (available() > leave) writeSync(file, block, 0, Math.min(block.length, available() - leave))
      closeSync(file)
    },
    free: () => rmSync(ballast, { force: true }),
    remove() {
      execFileSync('umount', ['--lazy', path], { stdio: 'pipe' })
      rmdirSync(path)
    },
  }
}
