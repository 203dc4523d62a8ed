import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Put a file in the place of another, whole or not at all: it would survive a power cut once this returns. */
export function replaceFile(file: string, content: string): void {
  const draft = `${file}.draft`
  writeWhole(draft, 'w', content)
  renameSync(draft, file)
  syncFolder(dirname(file))
}

/** Add to a file; it would survive a power cut once this returns. */
export function appendToFile(file: string, content: string): void {
  writeWhole(file, 'a', content)
}

/** @returns null where there is none */
export function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function writeWhole(file: string, flags: 'w' | 'a', content: string): void {
  const handle = openSync(file, flags, 0o600)
  try {
    const bytes = Buffer.from(content)
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** A name is in its folder for good only when that is synced, too. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
