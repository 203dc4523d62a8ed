import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = new URL('../../../shared/data/', import.meta.url)

/** The recorded loggers lie beside the repository. Where they are absent tests skip, but in CI they fail. */
export const skipRecorded = !existsSync(folder) && !process.env.CI

/** Added to a test's name, so that a skip says why. */
export const recordedNote = skipRecorded ? ' (skipped: ../shared/data is not here)' : ''

export function recorded(file: string): string {
  return fileURLToPath(new URL(file, folder))
}
