import { and, asc, desc, eq, getTableColumns, gte, lt, type SQL, sql } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import { loggerDay, loggerImport } from '../../schema/tables/loggers.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { insertRows, isOneOf } from './rows.ts'

type Row = typeof loggerImport.$inferSelect

/** What became of a file, without its bytes. */
export type LoggerImport = Omit<Row, 'file' | 'importedBy'> & {
  readonly importedBy: Actor
  readonly facility: string
}

export type LoggerDay = Omit<typeof loggerDay.$inferSelect, 'importId' | 'deviceId'>

const { file: _file, ...columns } = getTableColumns(loggerImport)

async function selectImports(
  db: Database | Transaction,
  where: SQL | undefined,
  limit: number,
): Promise<LoggerImport[]> {
  const rows = await db
    .select({ ...columns, facility: facility.code })
    .from(loggerImport)
    .innerJoin(facility, eq(facility.id, loggerImport.facilityId))
    .where(where)
    .orderBy(desc(loggerImport.id))
    .limit(limit)
  return rows.map((row) => ({ ...row, importedBy: row.importedBy as Actor }))
}

/** The import of a file for a device, by the SHA-256 of its bytes; null where there is none. */
export async function findLoggerImport(
  tx: Transaction,
  deviceId: number,
  fileHash: string,
): Promise<LoggerImport | null> {
  const isIt = and(eq(loggerImport.deviceId, deviceId), eq(loggerImport.fileHash, fileHash))
  return (await selectImports(tx, isIt, 1))[0] ?? null
}

export const noLoggerImport = (name: string, id: number) =>
  `device ${name} has no import with the number ${id}`

/** An import for a device and the exact bytes of its file. @throws Refusal `not_found` */
export async function readLoggerImport(
  db: Database,
  { id: deviceId, name }: { readonly id: number; readonly name: string },
  id: number,
): Promise<LoggerImport & { readonly file: Buffer }> {
  const isIt = and(eq(loggerImport.deviceId, deviceId), eq(loggerImport.id, id))
  const [found] = await selectImports(db, isIt, 1)
  const [bytes] = await db.select({ file: loggerImport.file }).from(loggerImport).where(isIt)
  if (!found || !bytes) throw new Refusal('not_found', noLoggerImport(name, id))
  return { ...found, ...bytes }
}

/** The imports for a device, newest first. */
export function listLoggerImports(
  db: Database,
  deviceId: number,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<LoggerImport[]> {
  const isBefore = before === undefined ? undefined : lt(loggerImport.id, before)
  return selectImports(db, and(eq(loggerImport.deviceId, deviceId), isBefore), limit)
}

/** Write down that a file was imported, and the days it told. The device must be locked, and have no import of the file. */
export async function insertLoggerImport(
  tx: Transaction,
  actor: Actor,
  name: string,
  row: Omit<typeof loggerImport.$inferInsert, 'importedBy'>,
  days: readonly LoggerDay[],
): Promise<LoggerImport> {
  const { deviceId, fileHash, importedAt } = row
  const [added] = await tx
    .insert(loggerImport)
    .values({ ...row, importedBy: actor })
    .returning({ id: loggerImport.id })
  const { id: importId } = added as { id: number }
  await insertRows(
    tx,
    loggerDay,
    days.map((day) => ({ ...day, importId, deviceId })),
  )
  const { format, probe, taken, rejected } = row
  await appendAudit(tx, actor, {
    at: importedAt,
    action: 'logger.imported',
    subjectKind: 'device',
    subject: name,
    after: { importId, fileHash, format, probe, taken, rejected },
  })
  return (await findLoggerImport(tx, deviceId, fileHash)) as LoggerImport
}

/** A day as one logger told it, and every import that told it so. */
export type ToldDay = LoggerDay &
  Pick<Row, 'model' | 'serial' | 'reportedAt'> & { readonly imports: readonly number[] }

const { importId, deviceId: _deviceId, ...dayColumns } = getTableColumns(loggerDay)

async function selectDays(db: Database | Transaction, where: SQL | undefined): Promise<ToldDay[]> {
  const rows = await db
    .select({
      ...dayColumns,
      importId,
      model: loggerImport.model,
      serial: loggerImport.serial,
      reportedAt: loggerImport.reportedAt,
    })
    .from(loggerDay)
    .innerJoin(loggerImport, eq(loggerImport.id, loggerDay.importId))
    .where(where)
    .orderBy(desc(loggerDay.date), desc(loggerImport.reportedAt), asc(loggerDay.importId))
  const told = new Map<string, ToldDay & { imports: number[] }>()
  for (const { importId: id, ...day } of rows) {
    const key = sayingOf(day)
    const same = told.get(key)
    if (same) same.imports.push(id)
    else told.set(key, { ...day, imports: [id] })
  }
  return [...told.values()].map((day) => ({ ...day, imports: day.imports.sort((a, b) => a - b) }))
}

/** What is told of a day and by whom: two that say the same have the same. */
export function sayingOf(day: LoggerDay & Pick<Row, 'serial'>): string {
  const { serial, date, from, coldest, coldestAt, warmest, warmestAt, mean, timeoutMinutes } = day
  const alarms = day.alarms.map(({ limit, allowedMinutes, minutes, at }) => [
    limit,
    allowedMinutes,
    minutes,
    at,
  ])
  const range = [coldest, coldestAt, warmest, warmestAt, mean]
  return JSON.stringify([serial, date, from, range, alarms, timeoutMinutes, day.externalTimeoutMinutes])
}

/** What was told before of these days of a device. */
export function daysTold(tx: Transaction, deviceId: number, dates: readonly string[]): Promise<ToldDay[]> {
  return selectDays(tx, and(eq(loggerDay.deviceId, deviceId), isOneOf(loggerDay.date, dates)))
}

/**
 * The last `limit` days that were told of before a date, newest first. A day that was told in different words stands once
 * for each of them, the words of the newest report first: the last day of a file was not over when it was written.
 */
export function listLoggerDays(
  db: Database,
  deviceId: number,
  { before, limit }: { readonly before?: string | undefined; readonly limit: number },
): Promise<ToldDay[]> {
  const theirs = and(
    eq(loggerDay.deviceId, deviceId),
    before === undefined ? undefined : lt(loggerDay.date, before),
  )
  const last = db
    .selectDistinct({ date: loggerDay.date })
    .from(loggerDay)
    .where(theirs)
    .orderBy(desc(loggerDay.date))
    .limit(limit)
  const first = sql`(select min(date) from ${last.as('last')})`
  return selectDays(db, and(theirs, gte(loggerDay.date, first)))
}
