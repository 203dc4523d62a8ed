import { readFileSync } from 'node:fs'

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'that is a directory, not a file',
  EACCES: 'this file may not be read',
}

/**
 * Understand what a file says.
 *
 * @throws Error naming the file, and why it cannot be read, or what in it is not understood
 */
export function readAs<T>(file: string, understand: (text: string) => T): T {
  try {
    return understand(readFileSync(file, 'utf8'))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new Error(`${file}: ${unreadable[code] ?? message}`, { cause: error })
  }
}
