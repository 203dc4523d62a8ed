import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

/** Read a secret from the terminal without showing it; from a pipe, its first line. */
export async function readSecret(prompt: string): Promise<string> {
  const isTerminal = process.stdin.isTTY === true
  const hidden = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({
    input: process.stdin,
    output: isTerminal ? hidden : undefined,
    terminal: isTerminal,
  })
  if (isTerminal) process.stderr.write(prompt)
  try {
    for await (const line of lines) return line
    throw new Error('no password was given')
  } finally {
    lines.close()
    if (isTerminal) process.stderr.write('\n')
  }
}
