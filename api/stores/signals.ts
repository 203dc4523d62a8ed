import { sql } from 'drizzle-orm'
import type { Database, OpenDatabase, Transaction } from './database.ts'

/** Tells every process of the service that what it remembers of a device is old. It only wakes: the rows are the truth. */
export type DeviceChanged = {
  readonly device: string
  /** Its connections must end: it was revoked, or must sign in with its new secret. */
  readonly disconnect: boolean
}

const deviceChannel = 'hemotrail_device'
const commandChannel = 'hemotrail_command'
const newsChannel = 'hemotrail_news'

/** Sent when the transaction commits, and only then. */
export async function signalDevice(tx: Transaction, change: DeviceChanged): Promise<void> {
  await tx.execute(sql`select pg_notify(${deviceChannel}, ${JSON.stringify(change)})`)
}

/** Hear of changed devices; null where some may have been missed, so that everything remembered must be read again. */
export async function onDeviceChanged(
  database: OpenDatabase,
  handler: (change: DeviceChanged | null) => void,
): Promise<() => Promise<void>> {
  return database.listen(deviceChannel, (payload) => handler(payload === null ? null : JSON.parse(payload)))
}

/**
 * Say that a device has a command to be sent to it, when the transaction commits, and only then: it is worth seconds, and
 * whoever issues it does not know when the outermost transaction ends.
 */
export async function signalCommand(tx: Transaction, device: string): Promise<void> {
  await tx.execute(sql`select pg_notify(${commandChannel}, ${device})`)
}

/** Hear of devices with commands to be sent; null where some may have been missed. */
export async function onCommand(
  database: OpenDatabase,
  handler: (device: string | null) => void,
): Promise<() => Promise<void>> {
  return database.listen(commandChannel, handler)
}

/**
 * Say that there is news, to be sent after it is committed. It says nothing more: the news is read from its rows. Not
 * within the transaction that makes the news: Postgres lets only one transaction that notifies commit at a time.
 */
export async function signalNews(db: Database): Promise<void> {
  await db.execute(sql`select pg_notify(${newsChannel}, '')`)
}

/** Hear that there is news, or may have been. */
export async function onNews(database: OpenDatabase, handler: () => void): Promise<() => Promise<void>> {
  return database.listen(newsChannel, handler)
}
