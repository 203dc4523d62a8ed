import { setTimeout as delay } from 'node:timers/promises'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import type { NodePgQueryResultHKT } from 'drizzle-orm/node-postgres'
import type { PgDatabase, PgTransaction } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import * as alarms from '../../schema/tables/alarms.ts'
import * as audit from '../../schema/tables/audit.ts'
import * as bags from '../../schema/tables/bags.ts'
import * as boxes from '../../schema/tables/boxes.ts'
import * as commands from '../../schema/tables/commands.ts'
import * as derived from '../../schema/tables/derived.ts'
import * as devices from '../../schema/tables/devices.ts'
import * as duties from '../../schema/tables/duties.ts'
import * as ends from '../../schema/tables/ends.ts'
import * as equipment from '../../schema/tables/equipment.ts'
import * as facilities from '../../schema/tables/facilities.ts'
import * as hl7 from '../../schema/tables/hl7.ts'
import * as ledgers from '../../schema/tables/ledgers.ts'
import * as loggers from '../../schema/tables/loggers.ts'
import * as messages from '../../schema/tables/messages.ts'
import * as news from '../../schema/tables/news.ts'
import * as notices from '../../schema/tables/notices.ts'
import * as offline from '../../schema/tables/offline.ts'
import * as orders from '../../schema/tables/orders.ts'
import * as patients from '../../schema/tables/patients.ts'
import * as people from '../../schema/tables/people.ts'
import * as policies from '../../schema/tables/policies.ts'
import * as products from '../../schema/tables/products.ts'
import * as recalls from '../../schema/tables/recalls.ts'
import * as rescues from '../../schema/tables/rescues.ts'
import * as rotations from '../../schema/tables/rotations.ts'
import * as signatures from '../../schema/tables/signatures.ts'
import * as takeOuts from '../../schema/tables/take-outs.ts'
import * as telemetry from '../../schema/tables/telemetry.ts'
import * as transfers from '../../schema/tables/transfers.ts'
import type { Log } from '../context.ts'
import { lockDirectory } from './directory-lock.ts'
import { createSwitchboard, type Listener, listenTo, startServerListener, unlistenTo } from './listener.ts'
import { type Pglite, startPglite } from './pglite.ts'
import { startUpkeep } from './pglite-upkeep.ts'
import { createDrizzle, createPool } from './pool.ts'

export const tables = {
  ...alarms,
  ...audit,
  ...bags,
  ...boxes,
  ...commands,
  ...derived,
  ...devices,
  ...duties,
  ...ends,
  ...equipment,
  ...facilities,
  ...hl7,
  ...ledgers,
  ...loggers,
  ...messages,
  ...news,
  ...notices,
  ...offline,
  ...orders,
  ...patients,
  ...people,
  ...policies,
  ...products,
  ...recalls,
  ...rescues,
  ...rotations,
  ...signatures,
  ...takeOuts,
  ...telemetry,
  ...transfers,
}

type Tables = typeof tables
type Relations = ExtractTablesWithRelations<Tables>

/** A Postgres server and PGlite are one type to everybody, for they are one driver: node-postgres. */
export type Database = PgDatabase<NodePgQueryResultHKT, Tables, Relations>

/** A database inside a transaction: whatever takes a `Database` takes this too. */
export type Transaction = PgTransaction<NodePgQueryResultHKT, Tables, Relations>

export type OpenDatabase = Pick<Listener, 'listen'> & {
  readonly db: Database
  readonly pool: pg.Pool
  readonly kind: 'postgres' | 'pglite'
  /** The version of the engine, as it calls itself. */
  readonly version: string
  close(): Promise<void>
}

export type DatabaseOptions = {
  /** A Postgres server, 15 or later. Without one it is PGlite. */
  readonly url?: string | undefined
  /** Where PGlite keeps its files; without one it keeps them in memory. */
  readonly directory?: string | undefined
  /** A file PGlite begins from in memory, as its `dumpDataDir` wrote it: an empty one takes seconds to make. */
  readonly snapshot?: string | undefined
  /** Connections to a server, and one more once somebody listens; PGlite has one session. */
  readonly poolSize?: number | undefined
  readonly log?: Log | undefined
}

/**
 * Open the database Hemotrail remembers everything in.
 *
 * PGlite runs with fsync off: what it has stored survives kill -9 of the process, not a power cut or a crash of the
 * operating system. A directory serves one process at a time; `listen` works within that process.
 */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  return options.url === undefined ? openPglite(options) : openServer(options.url, options)
}

/** Of each connection. To compile a statement of many parts takes a second, to run it a millisecond. */
const settings = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=6 -c jit=off'

/** How a connection to a server is made, by everything that makes one. What the URL sets besides comes last, and rules. */
export function serverConnection(url: string) {
  return {
    connectionString: url.replace(/[?&]options=/, (before) => before + encodeURIComponent(`${settings} `)),
    fallback_application_name: 'hemotrail',
    connectionTimeoutMillis: 10_000,
    // Whoever vanished without a word is noticed by the other side; a server must not hold our locks for hours.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: settings,
  } satisfies pg.ClientConfig
}

async function openServer(url: string, { poolSize = 10, log }: DatabaseOptions): Promise<OpenDatabase> {
  const connection = serverConnection(url)
  const pool = createPool({ ...connection, max: poolSize, onConnect: commitDurably }, log)
  let version: string
  try {
    version = await examineServer(pool, log)
  } catch (error) {
    await pool.end()
    throw error
  }
  const listener = startServerListener(connection, log)
  return {
    db: createDrizzle(pool, tables),
    pool,
    kind: 'postgres',
    version,
    listen: listener.listen,
    close: once(async () => {
      await listener.close()
      await endPool(pool)
    }),
  }
}

/** Acknowledged means it survives: whatever the server or the role is set to, our own commits wait for the disk. */
async function commitDurably(client: pg.ClientBase): Promise<void> {
  await client.query(
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
  )
}

type Settings = {
  readonly number: number
  readonly version: string
  readonly encoding: string
  readonly careless: readonly string[]
}

async function examineServer(pool: pg.Pool, log: Log | undefined): Promise<string> {
  const { rows } = await pool.query<Settings>(`
    select current_setting('server_version_num')::integer as number,
      current_setting('server_version') as version,
      current_setting('server_encoding') as encoding,
      array(
        select name from pg_settings
        where name in ('fsync', 'full_page_writes') and setting = 'off'
      ) as careless`)
  const [server] = rows
  if (!server) throw new Error('the database server says nothing of itself')
  const { number, version, encoding, careless } = server
  if (number < 150_000)
    throw new Error(`the database server is Postgres ${version}; Hemotrail needs 15 or later`)
  if (encoding !== 'UTF8') throw new Error(`the database is encoded in ${encoding}; Hemotrail needs UTF8`)
  if (careless.length > 0) {
    log?.warn(
      { off: careless },
      'this server may lose what it has stored: settings that keep it safe are off',
    )
  }
  return version
}

/** Whoever waits this long for PGlite's only session is most likely waiting for himself. */
const sessionWaitMs = 60_000

async function openPglite({ directory, snapshot, log }: DatabaseOptions): Promise<OpenDatabase> {
  const lock = directory === undefined ? undefined : lockDirectory(directory)
  let pglite: Pglite | undefined
  try {
    pglite = await startPglite({ directory, snapshot, log })
    const { close, ...open } = await overPglite(pglite, log)
    log?.info(
      { directory: directory ?? 'memory', version: open.version },
      'PGlite runs with fsync off: what it stores survives kill -9 of this process, not a power cut',
    )
    return {
      ...open,
      close: once(async () => {
        await close()
        lock?.release()
      }),
    }
  } catch (error) {
    await pglite?.close()
    lock?.release()
    throw error
  }
}

async function overPglite(pglite: Pglite, log: Log | undefined): Promise<OpenDatabase> {
  const switchboard = createSwitchboard(log)
  let starts = pglite.starts()

  /** A new connection is a new session: it listens to nothing yet. */
  async function beginSession(client: pg.ClientBase): Promise<void> {
    client.on('notification', switchboard.heard)
    const channels = switchboard.statement()
    if (channels) await client.query(channels)
    if (starts !== pglite.starts()) {
      starts = pglite.starts()
      switchboard.missed()
    }
  }

  const pool = createPool(
    {
      stream: pglite.connect,
      // Spelt out, so that PGHOST and its like in the environment mean nothing here.
      host: 'pglite',
      port: 5432,
      user: 'postgres',
      database: 'postgres',
      password: '',
      ssl: false,
      max: 1,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: sessionWaitMs,
      onConnect: beginSession,
    },
    log,
  )
  const { rows } = await pool.query<{ server_version: string }>('show server_version')
  const version = rows[0]?.server_version ?? 'unknown'
  const stopUpkeep = startUpkeep(pool, log)
  return {
    db: createDrizzle(pool, tables),
    pool,
    kind: 'pglite',
    version,
    async listen(channel, handler) {
      if (switchboard.add(channel, handler)) {
        try {
          await pool.query(listenTo(channel))
        } catch (error) {
          switchboard.remove(channel, handler)
          throw error
        }
      }
      return async () => {
        if (switchboard.remove(channel, handler)) await pool.query(unlistenTo(channel)).catch(() => {})
      }
    },
    async close() {
      stopUpkeep()
      await endPool(pool)
      await pglite.close()
    },
  }
}

/** A transaction that never ends must not keep the service from ending. */
async function endPool(pool: pg.Pool): Promise<void> {
  await Promise.race([pool.end(), delay(5_000, undefined, { ref: false })])
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}
