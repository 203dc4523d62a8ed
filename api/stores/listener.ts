import pg from 'pg'
import type { Log } from '../context.ts'

/** What a NOTIFY said; null where some may have been missed, so that everything must be read again. */
export type NotificationHandler = (payload: string | null) => void

export type Listener = {
  listen(channel: string, handler: NotificationHandler): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** Who hears what; the same for every engine. */
export function createSwitchboard(log: Log | undefined) {
  const handlers = new Map<string, Set<NotificationHandler>>()

  function tell(handler: NotificationHandler, channel: string, payload: string | null): void {
    try {
      handler(payload)
    } catch (error) {
      log?.error({ err: error, channel }, 'a listener failed')
    }
  }

  return {
    /** True for the first handler of a channel: now LISTEN. */
    add(channel: string, handler: NotificationHandler): boolean {
      const present = handlers.get(channel)
      if (present) present.add(handler)
      else handlers.set(channel, new Set([handler]))
      return !present
    },
    /** True for the last handler of a channel: now UNLISTEN. */
    remove(channel: string, handler: NotificationHandler): boolean {
      const present = handlers.get(channel)
      if (!present?.delete(handler) || present.size > 0) return false
      return handlers.delete(channel)
    },
    heard({ channel, payload }: { channel: string; payload?: string | undefined }): void {
      for (const handler of handlers.get(channel) ?? []) tell(handler, channel, payload ?? '')
    },
    missed(): void {
      for (const [channel, present] of handlers) {
        for (const handler of present) tell(handler, channel, null)
      }
    },
    /** One statement that listens to every channel; empty where there is none. */
    statement(): string {
      return [...handlers.keys()].map(listenTo).join('; ')
    },
  }
}

export function listenTo(channel: string): string {
  return `listen ${pg.escapeIdentifier(channel)}`
}

export function unlistenTo(channel: string): string {
  return `unlisten ${pg.escapeIdentifier(channel)}`
}

const firstPauseMs = 100
const longestPauseMs = 5_000

/**
 * Listen on a server through one connection of its own, made for the first channel and made again, with back-off,
 * whenever it is lost; every handler then hears `null` once.
 */
export function startServerListener(connection: pg.ClientConfig, log: Log | undefined): Listener {
  const switchboard = createSwitchboard(log)
  let client: pg.Client | undefined
  let connecting: Promise<pg.Client> | undefined
  let retry: NodeJS.Timeout | undefined
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()

  /** One statement after the other: node-postgres wants no second one while the first runs. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work)
    turn = mine.catch(() => {})
    return mine
  }

  async function connect(): Promise<pg.Client> {
    const fresh = new pg.Client(connection)
    let lost = false
    fresh.on('error', (error) => log?.warn({ err: error }, 'the connection that listens was lost'))
    fresh.on('notification', switchboard.heard)
    fresh.on('end', () => {
      lost = true
      if (client !== fresh) return
      client = undefined
      reconnect(firstPauseMs)
    })
    try {
      await fresh.connect()
      const channels = switchboard.statement()
      if (channels) await fresh.query(channels)
      if (lost || closed) throw new Error('Connection terminated while it began to listen')
    } catch (error) {
      fresh.end().catch(() => {})
      throw error
    }
    client = fresh
    return fresh
  }

  function connected(): Promise<pg.Client> {
    connecting ??= (client ? Promise.resolve(client) : connect()).finally(() => {
      connecting = undefined
    })
    return connecting
  }

  function reconnect(pauseMs: number): void {
    if (closed) return
    clearTimeout(retry)
    retry = setTimeout(() => {
      connected().then(switchboard.missed, () => reconnect(Math.min(pauseMs * 2, longestPauseMs)))
    }, pauseMs)
    retry.unref()
  }

  return {
    async listen(channel, handler) {
      if (closed) throw new Error('Cannot listen on a database that is closed')
      switchboard.add(channel, handler)
      try {
        await inTurn(async () => (await connected()).query(listenTo(channel)))
      } catch (error) {
        switchboard.remove(channel, handler)
        throw error
      }
      return async () => {
        if (!switchboard.remove(channel, handler)) return
        await inTurn(async () => client?.query(unlistenTo(channel))).catch(() => {})
      }
    },
    async close() {
      closed = true
      clearTimeout(retry)
      const last = client ?? (await connecting?.catch(() => undefined))
      client = undefined
      await last?.end()
    },
  }
}
