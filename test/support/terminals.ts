import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findDevice } from '../../api/stores/devices.ts'
import { findFacility } from '../../api/stores/facilities.ts'
import { currentSigner } from '../../api/stores/list-keys.ts'
import { facilityFacts, offerList } from '../../api/usecases/make-offline-list.ts'
import { openTerminal, type Terminal } from '../../devices-sim/terminal/terminal.ts'
import { fetchDocuments, type Home } from '../../devices-sim/terminal/upload.ts'
import { adminKey, type Door } from '../api/http/door.ts'

/** A terminal at a fridge of a test, and how it reaches the service while nobody cuts it off. */
export type Placed = {
  readonly terminal: Terminal
  readonly home: Home
  /** What a kill leaves of it: the same on the same disk, opened anew. */
  reopened(): Placed
}

export async function aTerminal(
  door: Door,
  { name, secret }: { readonly name: string; readonly secret: string },
  clock = () => ({ at: door.world.clock.now, uncertaintyMs: 0 }),
): Promise<Placed & { remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'hemotrail-terminal-'))
  const home: Home = {
    api: 'http://service.test',
    secret,
    fetch: async (url, init) => door.fetch(new Request(url, init)),
  }
  const placed = (): Placed => ({
    terminal: openTerminal({ directory, device: name, clock }),
    home,
    reopened: placed,
  })
  return { ...placed(), remove: () => rm(directory, { recursive: true, force: true }) }
}

/** Make new lists for devices of one facility, as the job does that follows the news. */
export async function tellLists({ world }: Door, facility: string, names: readonly string[]): Promise<void> {
  const { database, now } = world.deps
  const { id, code } = await findFacility(database.db, facility)
  const book = { at: now(), kept: new Map() }
  const facts = await facilityFacts(world.deps, { id, code }, adminKey, book)
  const actor = { kind: 'job', id: 'test' } as const
  for (const name of names)
    await database.db.transaction(async (tx) =>
      offerList(tx, actor, name, facts, await currentSigner(tx, actor, adminKey, now())),
    )
}

/** A new list, and the patients, in the hands of the terminal. */
export async function bringUpToDate(door: Door, facility: string, { terminal, home }: Placed): Promise<void> {
  await tellLists(door, facility, [terminal.device])
  const refused = await fetchDocuments(terminal, home)
  if (refused.length > 0) throw new Error(`not believed: ${refused.join(', ')}`)
}

export const deviceIdOf = async ({ world }: Door, name: string) =>
  (await findDevice(world.deps.database.db, name)).id
