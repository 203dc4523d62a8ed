import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Transaction } from '../stores/database.ts'
import { findDevice, lockDevice } from '../stores/devices.ts'
import {
  findLoggerImport,
  insertLoggerImport,
  type LoggerDay,
  type LoggerImport,
} from '../stores/logger-imports.ts'
import { signalDevice } from '../stores/signals.ts'
import { reachDevice } from './demand.ts'
import type { Memory } from './ingest/memory.ts'
import { StaleMemory } from './ingest/taken.ts'
import { hashOf } from './ingest-batch.ts'
import { type FileContent, type LoggerFile, readLoggerFile } from './loggers/read-file.ts'
import { takeLoggedDays } from './loggers/take-days.ts'
import { takeLoggedReadings } from './loggers/take-readings.ts'

/** What becomes of a file, and the row that will say so but for what only an import has. */
export type LoggerReport = Omit<LoggerImport, 'id' | 'importedBy' | 'from' | 'to'> & {
  readonly from: number | null
  readonly to: number | null
}

/** More rejections than these are counted and not told one by one. */
const mostRejections = 1_000

/**
 * Import the file of a recorded logger for a device that has no network. Readings go the way every reading goes, and what
 * follows from them follows; a summary of a day is kept as evidence and nothing is made of it. The same file again gives
 * the import that stands, and a row told before changes nothing.
 *
 * @param remembered what ingest remembers; the import has a memory of its own, for it may be inside a transaction
 * @throws Refusal `not_found`, `forbidden`; `invalid_request` where the file cannot be read or no row of it can be taken;
 *   `conflict` where it was imported for another probe; `device_revoked`
 */
export async function importLogger(
  ctx: Context,
  remembered: Memory,
  input: LoggerFile,
): Promise<{ readonly logged: LoggerImport; readonly isNew: boolean }> {
  try {
    const done = await ctx.database.db.transaction(async (tx) => {
      const taken = await takeLogger(ctx, tx, input)
      if ('earlier' in taken) return { logged: taken.earlier, isNew: false }
      const { report, days } = taken
      const { facility: _facility, from, to, ...row } = report
      if (from === null || to === null) throw nothingTaken(report)
      const file = Buffer.from(input.file, 'utf8')
      const logged = await insertLoggerImport(tx, ctx.actor, input.device, { ...row, from, to, file }, days)
      // Heard after the outermost commit, by every process: until then ingest may learn again what is about to change.
      await signalDevice(tx, { device: input.device, disconnect: false })
      return { logged, isNew: true }
    })
    if (done.isNew) remembered.forget(input.device)
    return done
  } catch (error) {
    if (error instanceof StaleMemory)
      throw new Refusal('conflict', 'the device is reporting this very moment: try again')
    throw error
  }
}

/**
 * Take in all that can be taken of a file, but for the row that says so.
 *
 * @returns the import of that very file, where there is one
 */
export async function takeLogger(
  ctx: Context,
  tx: Transaction,
  input: LoggerFile,
): Promise<
  { readonly earlier: LoggerImport } | { readonly report: LoggerReport; readonly days: readonly LoggerDay[] }
> {
  const now = ctx.now()
  const { id: deviceId } = await reachDevice(ctx, tx, input.device, 'logger.import')
  const content = readLoggerFile(input)
  const fileHash = hashOf(Buffer.from(input.file, 'utf8'))
  await lockDevice(tx, deviceId)
  const device = await findDevice(tx, input.device)
  const probe = content.format === 'ruuvi_csv' ? content.probe : null
  const earlier = await findLoggerImport(tx, deviceId, fileHash)
  if (earlier) {
    if (earlier.probe === probe) return { earlier }
    throw new Refusal('conflict', `the file was imported for the probe ${earlier.probe} before`)
  }
  if (device.revokedAt !== null)
    throw new Refusal('device_revoked', `device ${device.name} is revoked and believed no longer`)

  const { days, rejections, from, to, ...rows } =
    content.format === 'ruuvi_csv'
      ? { ...(await takeLoggedReadings(ctx, tx, { device: device.name, ...content }, now)), days: [] }
      : await takeLoggedDays(tx, device, content.log, now)
  const rejected = rejections.length
  const taken = rows.rows - rejected
  const { facilityId, facility } = inForce(device.placements, now)
  const report = {
    ...rows,
    ...saidOfItself(content),
    deviceId,
    facilityId,
    facility,
    fileHash,
    format: content.format,
    probe,
    taken,
    rejected,
    rejections: rejections.slice(0, mostRejections),
    from: taken > 0 ? from : null,
    to: taken > 0 ? to : null,
    importedAt: now,
  }
  return { report, days }
}

function saidOfItself(content: FileContent) {
  if (content.format === 'ruuvi_csv') return { model: null, serial: null, reportedAt: null, unknownKeys: 0 }
  const { model, serial, reportedAt, unknownKeys } = content.log
  return { model, serial, reportedAt, unknownKeys }
}

function nothingTaken({ rows, rejections: [first] }: LoggerReport): Refusal {
  const why = first ? `: line ${first.line}: ${first.reason}` : ''
  return new Refusal('invalid_request', `file: none of its ${rows} rows can be taken${why}`)
}
