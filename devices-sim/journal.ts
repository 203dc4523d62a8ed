import { open, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { Boot, Seq } from '../schema/messages.ts'
import { upChannels } from '../schema/vocabulary.ts'
import { identity, type Message } from './outbox.ts'

const Entry = z.union([
  z.object({
    device: z.string(),
    made: z.object({ channel: z.enum(upChannels), boot: Boot, seq: Seq, payload: z.string() }),
  }),
  z.object({ device: z.string(), acknowledged: z.object({ boot: Boot, seq: Seq }) }),
])
type Entry = z.infer<typeof Entry>

/** What a journal proves: messages in the order they were made, by device. */
export type Account = {
  readonly acknowledged: ReadonlyMap<string, readonly Message[]>
  readonly outstanding: ReadonlyMap<string, readonly Message[]>
}

/** An outbox on disk: a promise resolves once its line would survive a power cut. One fsync carries all that piled up. */
export type Journal = {
  /** What earlier runs left unacknowledged. */
  readonly outstanding: Account['outstanding']
  made(device: string, message: Message): Promise<void>
  acknowledged(device: string, message: Message): Promise<void>
  close(): Promise<void>
}

export async function openJournal(file: string): Promise<Journal> {
  const handle = await open(file, 'a+')
  const text = await readFile(file, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) await handle.truncate(Buffer.byteLength(whole))
  let lines = ''
  let queued: Promise<void> | undefined
  let last = Promise.resolve()

  function append(entry: Entry): Promise<void> {
    lines += `${JSON.stringify(entry)}\n`
    queued ??= last = last.then(async () => {
      const batch = lines
      lines = ''
      queued = undefined
      await handle.appendFile(batch)
      await handle.datasync()
    })
    return queued
  }

  return {
    outstanding: readAccount(whole).outstanding,
    made: (device, message) => append({ device, made: message }),
    acknowledged: (device, { boot, seq }) => append({ device, acknowledged: { boot, seq } }),
    async close() {
      await last
      await handle.close()
    },
  }
}

/** Read a journal that nobody writes any more; a last line cut short by a kill is not counted. */
export async function readJournal(file: string): Promise<Account> {
  const text = await readFile(file, 'utf8')
  return readAccount(text.slice(0, text.lastIndexOf('\n') + 1))
}

function readAccount(text: string): Account {
  const outstanding = new Map<string, Message[]>()
  const acknowledged = new Map<string, Message[]>()
  const open = new Map<string, { device: string; message: Message }>()
  const closed = new Set<string>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const entry = Entry.parse(JSON.parse(line))
    const name = `${entry.device}/${identity('made' in entry ? entry.made : entry.acknowledged)}`
    if ('made' in entry) {
      // A doubled message may be written again after its acknowledgement.
      if (!closed.has(name)) open.set(name, { device: entry.device, message: entry.made })
      continue
    }
    const made = open.get(name)
    if (!made) continue
    open.delete(name)
    closed.add(name)
    add(acknowledged, made)
  }
  for (const made of open.values()) add(outstanding, made)
  return { acknowledged, outstanding }
}

function add(
  account: Map<string, Message[]>,
  { device, message }: { device: string; message: Message },
): void {
  const messages = account.get(device)
  if (messages) messages.push(message)
  else account.set(device, [message])
}
