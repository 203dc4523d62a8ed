import { z } from 'zod'
import type { Position } from './domain/rescue-route.ts'

/** So many places are asked about at a time: what a server takes unless it is set to take more. */
export const mostCoordinates = 100

/** Far more than a server says of so many places. */
const mostBytes = 1_000_000

/** Seconds on empty streets, or what is wrong with what was said. */
export type Drive = number | { readonly fault: string }

/** What is read of an answer. A duration that is none is the fault of its own pair only. */
const Answer = z.object({
  code: z.literal('Ok'),
  durations: z.array(z.array(z.unknown()).length(1)),
  sources: z.array(z.object({ distance: z.number().min(0).optional() })).optional(),
})

/**
 * How long cars take from each of these places to one, by an OSRM server.
 *
 * @param url without a slash at its end
 * @param from `mostCoordinates - 1` at most
 * @param mostStrayM a place further from every street of the server's map is not on it
 * @throws Error in the words for the log, which never hold the address
 */
export async function askOsrm(
  url: string,
  from: readonly Position[],
  to: Position,
  { signal, mostStrayM }: { readonly signal: AbortSignal; readonly mostStrayM: number },
): Promise<readonly Drive[]> {
  const places = [to, ...from]
  const path = places.map(({ lat, lon }) => `${lon.toFixed(6)},${lat.toFixed(6)}`).join(';')
  const answer = Answer.safeParse(
    await get(`${url}/table/v1/driving/${path}?destinations=0&annotations=duration`, signal),
  )
  if (!answer.success) throw new Error('it answered with something else than durations')
  const { durations, sources } = answer.data
  const isWhole = durations.length === places.length && (!sources || sources.length === places.length)
  if (!isWhole) throw new Error('it answered about another number of places')
  const isOnMap = (place: number) => (sources?.[place]?.distance ?? 0) <= mostStrayM
  if (!isOnMap(0)) return from.map(() => ({ fault: 'the destination is not on its map' }))
  return from.map((_, index): Drive => {
    const seconds = durations[index + 1]?.[0]
    if (seconds === null) return { fault: 'it knows no way' }
    if (typeof seconds !== 'number') return { fault: 'it is no time' }
    return isOnMap(index + 1) ? seconds : { fault: 'the place is not on its map' }
  })
}

/** No redirect is followed. */
async function get(url: string, signal: AbortSignal): Promise<unknown> {
  const body = await bodyOf(url, signal).catch((error) => {
    if (signal.aborted) throw new Error('it did not answer in time')
    const { message, cause } = error as Error & { cause?: { code?: unknown } }
    // What fetch itself says may hold the address.
    throw new Error(message.startsWith('it ') ? message : `it is away: ${cause?.code ?? 'no answer'}`)
  })
  try {
    return JSON.parse(body)
  } catch {
    throw new Error('it answered with something else than JSON')
  }
}

async function bodyOf(url: string, signal: AbortSignal): Promise<string> {
  const headers = { accept: 'application/json', 'user-agent': 'hemotrail' }
  const response = await fetch(url, { redirect: 'manual', signal, headers })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`it answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > mostBytes) throw new Error('it answered without end')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
