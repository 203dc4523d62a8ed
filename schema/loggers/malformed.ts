/** A recorded file that cannot be read as what it is taken for. The message names the line, counted from 1. */
export class MalformedFile extends Error {
  override readonly name = 'MalformedFile'
}

export function malformed(line: number, problem: string): MalformedFile {
  return new MalformedFile(`line ${line}: ${problem}`)
}

/** A value as a message may show it: on one line, and never all of a long one. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

/** The lines of a text file, without its byte order mark and without the blank ones at its end. */
export function linesOf(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  while (lines.at(-1)?.trim() === '') lines.pop()
  return lines
}
