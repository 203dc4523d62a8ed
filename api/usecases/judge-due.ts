import type { Deps } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { createDeviceReads } from '../stores/device-reads.ts'
import { deleteDue, dueBags, dueForDevices, judgeLater } from '../stores/ledger-due.ts'
import { silentWithBags } from '../stores/ledgers.ts'
import { spreadRejudgements } from '../stores/rejudgements.ts'
import { failureClass } from '../stores/sql-state.ts'
import { judgeBag } from './judge-bag.ts'

type Parts = Pick<Deps, 'database' | 'now' | 'log'>

/** What cannot be judged is tried again so much later, ms. */
const againMs = 60_000

/** Bags judged within so long of each other are judged as of the same moment, by what is read once for all, ms. */
const sharedMs = 2_000

/** And so much more is read of a device than the first of them asks for, ms. */
const marginMs = 86_400_000

/**
 * Judge all bags there is reason to, one transaction each. What cannot be judged holds up nothing else: it is logged, and
 * tried again later. A reason is forgotten only once all its bags were judged.
 *
 * @param rest what to wait for after a bag that took so long, ms
 * @returns how many were judged, and how much of it was told
 */
export async function judgeDue(
  parts: Parts,
  signal?: AbortSignal,
  rest: (tookMs: number) => Promise<void> = async () => {},
): Promise<{ readonly judged: number; readonly told: number }> {
  const { database, now, log } = parts
  await spreadRejudgements(database.db)
  const due = await dueBags(database.db, now())
  const share = () => ({
    reads: createDeviceReads(marginMs),
    asOf: now(),
    until: performance.now() + sharedMs,
  })
  let shared = share()
  let judged = 0
  let told = 0
  for (const bagId of due.bagIds) {
    if (signal?.aborted) return { judged, told }
    if (performance.now() > shared.until) shared = share()
    const began = performance.now()
    try {
      if (await judgeBag(parts, bagId, shared)) told++
      judged++
    } catch (error) {
      if (failureClass(error) === 'away') throw error
      if (error instanceof Refusal) log.warn({ bagId, reason: error.message }, 'a bag cannot be judged')
      else log.error({ err: error, bagId }, 'a bag could not be judged')
      await database.db.transaction((tx) => judgeLater(tx, bagId, now() + againMs))
    }
    await rest(performance.now() - began)
  }
  await deleteDue(database.db, due.ids)
  return { judged, told }
}

/**
 * What is not heard changes what is known of bags as well: give reason to judge those in devices that fell silent, and
 * again each time the silence has become too long for more of them.
 *
 * @param known what was told the last time
 * @returns the same as of now
 */
export async function noticeSilence(
  { database, now: clock }: Parts,
  known: ReadonlyMap<number, string>,
): Promise<ReadonlyMap<number, string>> {
  const now = clock()
  const silent = await silentWithBags(database.db, now)
  const fresh = silent.filter(({ deviceId, mark }) => known.get(deviceId) !== mark)
  const spans = fresh.map(({ deviceId, lastAt }) => ({ deviceId, from: lastAt, to: now }))
  if (spans.length > 0) await database.db.transaction((tx) => dueForDevices(tx, spans, now))
  return new Map(silent.map(({ deviceId, mark }) => [deviceId, mark]))
}
