import { createInterface } from 'node:readline'
import { z } from 'zod'
import { sexes } from '../../schema/vocabulary.ts'
import type { TerminalArguments } from '../command-line.ts'
import { openTerminal, type ScanAtTerminal } from './terminal.ts'
import { fetchDocuments, type Home, uploadDecisions } from './upload.ts'

const Line = z.union([
  z.literal('upload'),
  z.literal('fetch'),
  z.strictObject({
    din: z.string(),
    productCode: z.string().optional(),
    badge: z.string().optional(),
    checker: z.string().optional(),
    patient: z.string().optional(),
    emergency: z.boolean().optional(),
    sex: z.enum(sexes).optional(),
    ageYears: z.int().optional(),
    reason: z.string().optional(),
    override: z.string().optional(),
    breakGlass: z.string().optional(),
  }),
])

/** So often it looks for the service, and brings itself up to date, ms. */
const lookMs = 30_000

/**
 * A terminal for the keyboard: each line is a scan as JSON, or `fetch` or `upload`; each answer a line of JSON. Between them
 * it fetches and uploads by itself wherever the service answers, and decides by itself all the time.
 */
export async function runTerminal(given: TerminalArguments, signal: AbortSignal): Promise<void> {
  const { directory, device, uncertaintySeconds, api, secret } = given
  const clock = () => ({ at: Date.now(), uncertaintyMs: Math.round(uncertaintySeconds * 1_000) })
  const terminal = openTerminal({ directory, device, clock })
  const home: Home | null = api === undefined ? null : { api, secret }
  const say = (line: object) => console.log(JSON.stringify(line))

  let busy = Promise.resolve()
  const visit = (what: 'fetch' | 'upload' | 'both') => {
    busy = busy.then(async () => {
      if (!home) return say({ offline: 'there is no --api' })
      try {
        const told = what === 'fetch' ? 0 : await uploadDecisions(terminal, home)
        const refused = what === 'upload' ? [] : await fetchDocuments(terminal, home)
        say({ told, refused, list: terminal.list()?.seq ?? null, outstanding: terminal.outstanding().length })
      } catch (error) {
        say({ offline: (error as Error).message, outstanding: terminal.outstanding().length })
      }
    })
    return busy
  }
  if (home) await visit('both')
  const looking = home && setInterval(() => void visit('both'), lookMs)
  const lines = createInterface({ input: process.stdin, signal })
  try {
    for await (const text of lines) {
      if (text.trim() === '') continue
      const line = Line.safeParse(textOf(text))
      if (!line.success) say({ error: 'a line is a scan as JSON, fetch, or upload' })
      else if (typeof line.data === 'string') await visit(line.data)
      else say(terminal.scan(line.data as ScanAtTerminal))
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    if (looking) clearInterval(looking)
    await busy
  }
}

function textOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text.trim()
  }
}
