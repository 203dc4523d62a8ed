import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { cnOffline } from '../policies/offline.ts'
import { facilityCodes } from '../stores/facilities.ts'
import { addKey, currentSigner, retireKeys } from '../stores/list-keys.ts'
import { devicesToList } from '../stores/offline-lists.ts'
import { failureClass } from '../stores/sql-state.ts'
import { configureDevices } from './configure-devices.ts'
import { facilityFacts, type KeptBook, offerList } from './make-offline-list.ts'

type Parts = Pick<Deps, 'database' | 'now'> & { readonly secret: string }

const actor: Actor = { kind: 'job', id: 'offline-lists' }

/** Facilities where holds have changed, and where anything else has; or everybody is to be told. */
export type Changed = {
  readonly urgent: ReadonlySet<number>
  readonly changed: ReadonlySet<number>
  readonly isEverybody?: boolean
}

/** What came of it. A facility that fails keeps no other waiting. */
export type Offered = { readonly offered: number; readonly failed: ReadonlyMap<number, unknown> }

/** So long what is known of how bags were kept is told again when only holds have changed, ms. */
const bookMs = 120_000

/** How bags were kept, by facility, as this process has asked last. */
export type KeptBooks = Map<number, KeptBook>

/** See to it that there is a key to sign by, before the first device is told what it is. */
export async function ensureListKey({ database: { db }, now, secret }: Parts): Promise<void> {
  await db.transaction((tx) => currentSigner(tx, actor, secret, now()))
}

/**
 * Make and queue a new list for every device that listens and is to have one. Where holds have changed comes first, and by
 * what was known a moment ago of how bags were kept: nobody waits for that while a recall is to be told.
 *
 * Fails where the database is away.
 */
export async function offerLists(
  parts: Parts,
  { urgent, changed, isEverybody = false }: Changed,
  books: KeptBooks,
): Promise<Offered> {
  const { database, now, secret } = parts
  const { db } = database
  const due = await devicesToList(
    db,
    { urgent: [...urgent], changed: [...changed], before: isEverybody ? now() : now() - cnOffline.refreshMs },
    now(),
  )
  if (due.length === 0) return { offered: 0, failed: new Map() }
  // A key that is new to them comes before what is signed by it.
  await configureDevices(
    parts,
    due.map(({ name }) => name),
  )
  const byFacility = new Map<number, { names: string[]; isUrgent: boolean }>()
  for (const { name, facilityId, isUrgent } of due) {
    const one = byFacility.get(facilityId) ?? { names: [], isUrgent }
    one.names.push(name)
    byFacility.set(facilityId, one)
  }
  const codes = await facilityCodes(db, [...byFacility.keys()])
  let offered = 0
  const failed = new Map<number, unknown>()
  for (const [id, { names, isUrgent }] of byFacility) {
    try {
      const book = bookFor(books, id, isUrgent, now())
      const facts = await facilityFacts(parts, { id, code: codes.get(id) as string }, secret, book)
      for (const name of names) {
        const isOffered = await db.transaction(async (tx) =>
          offerList(tx, actor, name, facts, await currentSigner(tx, actor, secret, now())),
        )
        if (isOffered) offered += 1
      }
    } catch (error) {
      if (failureClass(error) === 'away') throw error
      books.delete(id)
      failed.set(id, error)
    }
  }
  return { offered, failed }
}

function bookFor(books: KeptBooks, facilityId: number, isUrgent: boolean, now: number): KeptBook {
  const known = books.get(facilityId)
  if (isUrgent && known && known.at <= now && now - known.at < bookMs) return known
  const fresh = { at: now, kept: new Map() }
  books.set(facilityId, fresh)
  return fresh
}

/**
 * Sign by a new key from now on, and tell devices that listen of it. Those before it are retired once nothing that was
 * signed by them may be used any more, or at once where one was stolen.
 */
export async function rotateListKey(parts: Parts, by: Actor, retireOlder: boolean): Promise<void> {
  const { database, now, secret } = parts
  await database.db.transaction(async (tx) => {
    const at = now()
    await retireKeys(tx, by, retireOlder ? Number.MAX_SAFE_INTEGER : at - cnOffline.keptMs, at)
    await addKey(tx, by, secret, at)
  })
}
