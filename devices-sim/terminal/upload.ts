import { createHash } from 'node:crypto'
import { maxDecisions, OfflineDocuments, OfflineReceipt } from '../../schema/http/offline.ts'
import type { Terminal } from './terminal.ts'

/** How a terminal reaches the service: by the secret of its device. */
export type Home = {
  readonly api: string
  readonly secret: string
  readonly fetch?: (url: URL, init: RequestInit) => Promise<Response>
}

/**
 * Tell all that was decided and not told yet, the oldest first. What was told may be told again: whoever did not hear that it
 * was taken tells it to the letter, and it is one decision.
 *
 * @returns how many were told
 * @throws Error where no answer comes, or another than that it was taken: the rest is outstanding still
 */
export async function uploadDecisions(terminal: Terminal, home: Home): Promise<number> {
  let told = 0
  for (;;) {
    const batch = terminal.outstanding().slice(0, maxDecisions)
    if (batch.length === 0) return told
    const body = JSON.stringify({ decisions: batch })
    const { receivedAt, taken, refused } = OfflineReceipt.parse(
      await ask(terminal, home, 'offline-decisions', {
        method: 'POST',
        headers: { 'idempotency-key': createHash('sha256').update(body).digest('hex') },
        body,
      }),
    )
    const heardAt = Date.parse(receivedAt)
    const fates = [
      ...taken.map(({ decisionId }) => ({ id: decisionId, refused: null })),
      ...refused.map(({ index, code, detail }) => ({
        id: batch[index]?.decisionId ?? '',
        refused: `${code}: ${detail}`,
      })),
    ].filter(({ id }) => batch.some(({ decisionId }) => decisionId === id))
    if (fates.length === 0) throw new Error('the service says nothing of what it was told')
    for (const fate of fates) terminal.settled({ ...fate, receivedAt: heardAt })
    told += fates.length
  }
}

/** Fetch what it decides by while it is cut off. @returns why a document was not believed; empty where all were */
export async function fetchDocuments(terminal: Terminal, home: Home): Promise<readonly string[]> {
  const { keys, list, patients } = OfflineDocuments.parse(
    await ask(terminal, home, 'offline-list', { method: 'GET' }),
  )
  terminal.trust(keys)
  return [list && terminal.takeList(list), terminal.takePatients(patients)].filter((why) => why !== null)
}

async function ask(
  { device }: Terminal,
  { api, secret, fetch: send = fetch }: Home,
  door: string,
  { headers, ...rest }: RequestInit,
): Promise<unknown> {
  const response = await send(new URL(`/devices/${encodeURIComponent(device)}/${door}`, api), {
    ...rest,
    headers: {
      ...(headers as Record<string, string>),
      authorization: `Basic ${Buffer.from(`${device}:${secret}`).toString('base64')}`,
      'content-type': 'application/json',
    },
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${door} answered ${response.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text)
}
