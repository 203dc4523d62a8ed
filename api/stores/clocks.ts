import { and, asc, eq, isNull, lt, lte, type SQL, sql } from 'drizzle-orm'
import { boot, clockFact, clockFault, device } from '../../schema/tables/devices.ts'
import { message } from '../../schema/tables/messages.ts'
import type { ClockFaultKind } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { ClockState } from '../domain/clock.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { dueForDevices, ever } from './ledger-due.ts'
import { kept } from './pool.ts'
import { rederiveFaultsOf } from './probe-faults.ts'
import { insertRows, isOneOf, rowSet } from './rows.ts'

/** One power-up of a device: its clock as last measured, and the fault that is still unsettled. */
export type Boot = {
  readonly id: number
  readonly boot: string
  readonly clock: ClockState | null
  readonly fault: { readonly id: number; readonly kind: ClockFaultKind; readonly fromSeq: number } | null
  /** The highest number among its stored messages; -1 while there is none. */
  readonly newestSeq: number
}

type BootOf = Pick<typeof boot.$inferSelect, 'deviceId' | 'boot'>

/** Boots of devices by the names they gave themselves, remembered from now on where they are new. */
export async function ensureBoots(
  db: Database,
  wanted: readonly BootOf[],
): Promise<(Boot & { readonly deviceId: number })[]> {
  if (wanted.length === 0) return []
  await insertRows(db, boot, wanted)
  const { names, select } = rowSet(boot, wanted)
  const rows = await db
    .select({
      id: boot.id,
      deviceId: boot.deviceId,
      boot: boot.boot,
      clockSeq: boot.clockSeq,
      clockEpoch: boot.clockEpoch,
      clockUptimeMs: boot.clockUptimeMs,
      clockAgreedSeq: boot.clockAgreedSeq,
      clockProven: boot.clockProven,
      clockLateSince: boot.clockLateSince,
      newestSeq: sql<number>`coalesce((select max(${message.seq}) from ${message} where ${message.bootId} = ${boot.id}), -1)`,
    })
    .from(boot)
    .where(sql`(${names}) in (${select})`)
  const faults = await db
    .select({
      bootId: clockFault.bootId,
      id: clockFault.id,
      kind: clockFault.kind,
      fromSeq: clockFault.fromSeq,
    })
    .from(clockFault)
    .where(
      and(
        isOneOf(
          clockFault.bootId,
          rows.map(({ id }) => id),
        ),
        isNull(clockFault.settledBy),
        isNull(clockFault.toSeq),
      ),
    )
    .orderBy(asc(clockFault.id))
  const faultOf = new Map(faults.map(({ bootId, ...fault }) => [bootId, fault]))
  return rows.map(
    ({ clockSeq, clockEpoch, clockUptimeMs, clockAgreedSeq, clockProven, clockLateSince, ...row }) => {
      const clock =
        clockSeq === null || clockEpoch === null
          ? null
          : {
              seq: clockSeq,
              epoch: clockEpoch,
              // A reference of unknown age allows for no drift, and is written again at once.
              uptimeMs: clockUptimeMs ?? Number.POSITIVE_INFINITY,
              proven: clockProven,
              agreedSeq: clockAgreedSeq,
              lateSince: clockLateSince,
            }
      return { ...row, clock, fault: faultOf.get(row.id) ?? null }
    },
  )
}

export async function findBoot(
  tx: Transaction,
  deviceId: number,
  name: string,
): Promise<{ id: number } | null> {
  const [row] = await tx
    .select({ id: boot.id })
    .from(boot)
    .where(and(eq(boot.deviceId, deviceId), eq(boot.boot, name)))
  return row ?? null
}

/** Write down where clocks stand, by boot. */
export async function saveClocks(tx: Transaction, clocks: ReadonlyMap<number, ClockState>): Promise<void> {
  if (clocks.size === 0) return
  const ids = [...clocks.keys()]
  const states = [...clocks.values()]
  await tx.execute(sql`
    ${kept}
    update ${boot} set clock_seq = given.seq, clock_epoch = given.epoch, clock_uptime_ms = given.uptime_ms,
      clock_agreed_seq = given.agreed_seq, clock_proven = given.proven, clock_late_since = given.late_since
    from unnest(
      ${`{${ids.join()}}`}::integer[], ${`{${states.map(({ seq }) => seq).join()}}`}::integer[],
      ${`{${states.map(({ epoch }) => epoch).join()}}`}::bigint[],
      ${`{${states.map(({ uptimeMs }) => uptimeMs).join()}}`}::bigint[],
      ${`{${states.map(({ agreedSeq }) => agreedSeq ?? 'NULL').join()}}`}::integer[],
      ${`{${states.map(({ proven }) => proven).join()}}`}::boolean[],
      ${`{${states.map(({ lateSince }) => lateSince ?? 'NULL').join()}}`}::bigint[]
    ) as given(id, seq, epoch, uptime_ms, agreed_seq, proven, late_since)
    where ${boot.id} = given.id`)
}

/** From this message on the device's time is UNVERIFIED. A fault still open before it ends where this one begins. */
export async function raiseClockFault(
  tx: Transaction,
  input: {
    readonly deviceId: number
    readonly bootId: number
    readonly kind: ClockFaultKind
    readonly fromSeq: number
    readonly measuredOffsetMs: number
    readonly raisedAt: number
  },
): Promise<number> {
  const open = and(eq(clockFault.bootId, input.bootId), isNull(clockFault.toSeq))
  await tx
    .update(clockFault)
    .set({ toSeq: input.fromSeq - 1 })
    .where(and(open, lt(clockFault.fromSeq, input.fromSeq)))
  // What a fact left in doubt of later messages is in doubt by the new one.
  await tx.delete(clockFault).where(and(open, isNull(clockFault.settledBy)))
  await dueForDevices(tx, [{ deviceId: input.deviceId, ...ever }], input.raisedAt)
  const [row] = await tx.insert(clockFault).values(input).returning({ id: clockFault.id })
  await rederiveFaultsOf(tx, input)
  return (row as { id: number }).id
}

/** The fault still open lasts up to this message: from the next one on the clock is believed again. */
export async function endClockFault(tx: Transaction, bootId: number, toSeq: number): Promise<void> {
  await tx
    .update(clockFault)
    .set({ toSeq })
    .where(and(eq(clockFault.bootId, bootId), isNull(clockFault.toSeq), isNull(clockFault.settledBy)))
}

export type ClockFactInput = {
  readonly deviceId: number
  readonly device: string
  readonly bootId: number
  readonly fromSeq: number
  readonly toSeq: number | null
  readonly offsetMs: number
  readonly reason: string
}

/**
 * Decide what a stretch of a device's time is worth. It settles what faults have in common with it; what they cover
 * beside it stays in doubt, for nobody has spoken of that.
 */
export async function insertClockFact(
  tx: Transaction,
  actor: Actor,
  input: ClockFactInput,
  now: number,
): Promise<number> {
  const { device: name, ...row } = input
  const [added] = await tx
    .insert(clockFact)
    .values({ ...row, decidedBy: actor, decidedAt: now })
    .returning({ id: clockFact.id })
  const { id } = added as { id: number }
  await settleFaults(tx, id, input)
  await rederiveFaultsOf(tx, input)
  await dueForDevices(tx, [{ deviceId: input.deviceId, ...ever }], now)
  await appendAudit(tx, actor, {
    at: now,
    action: 'clock.fact_recorded',
    subjectKind: 'clock',
    subject: name,
    after: row,
    reason: input.reason,
  })
  return id
}

async function settleFaults(
  tx: Transaction,
  settledBy: number,
  { bootId, fromSeq, toSeq }: ClockFactInput,
): Promise<void> {
  const faults = await tx
    .select()
    .from(clockFault)
    .where(
      and(
        eq(clockFault.bootId, bootId),
        isNull(clockFault.settledBy),
        sql`(${clockFault.toSeq} is null or ${clockFault.toSeq} >= ${fromSeq})`,
        toSeq === null ? undefined : lte(clockFault.fromSeq, toSeq),
      ),
    )
    .orderBy(asc(clockFault.id))
    .for('update')
  for (const { id, ...fault } of faults) {
    const settled = {
      fromSeq: Math.max(fault.fromSeq, fromSeq),
      toSeq: toSeq === null || (fault.toSeq !== null && fault.toSeq < toSeq) ? fault.toSeq : toSeq,
    }
    await tx
      .update(clockFault)
      .set({ ...settled, settledBy })
      .where(eq(clockFault.id, id))
    if (fault.fromSeq < settled.fromSeq)
      await tx.insert(clockFault).values({ ...fault, toSeq: settled.fromSeq - 1 })
    if (settled.toSeq !== null && settled.toSeq !== fault.toSeq)
      await tx.insert(clockFault).values({ ...fault, fromSeq: settled.toSeq + 1 })
  }
}

/** What was decided about a device's clock, and by whom, oldest first. */
export async function listClockFacts(db: Database, deviceId: number) {
  const rows = await db
    .select({ fact: clockFact, boot: boot.boot })
    .from(clockFact)
    .innerJoin(boot, eq(boot.id, clockFact.bootId))
    .where(eq(clockFact.deviceId, deviceId))
    .orderBy(asc(clockFact.id))
  return rows.map(({ fact, boot: name }) => ({ ...fact, boot: name, decidedBy: fact.decidedBy as Actor }))
}

export type ClockFault = {
  readonly boot: string
  readonly kind: ClockFaultKind
  readonly fromSeq: number
  readonly toSeq: number | null
  readonly measuredOffsetMs: number
  readonly raisedAt: number
  readonly settled: boolean
}

export async function clockFaultsOf(db: Database | Transaction, deviceId: number): Promise<ClockFault[]> {
  return db
    .select({
      boot: boot.boot,
      kind: clockFault.kind,
      fromSeq: clockFault.fromSeq,
      toSeq: clockFault.toSeq,
      measuredOffsetMs: clockFault.measuredOffsetMs,
      raisedAt: clockFault.raisedAt,
      settled: sql<boolean>`${clockFault.settledBy} is not null`,
    })
    .from(clockFault)
    .innerJoin(boot, eq(boot.id, clockFault.bootId))
    .where(eq(clockFault.deviceId, deviceId))
    .orderBy(asc(clockFault.id))
}

/** The clock faults of a device nobody has settled yet. */
export async function unsettledFaultsOf(db: Database | Transaction, deviceId: number): Promise<ClockFault[]> {
  return (await clockFaultsOf(db, deviceId)).filter(({ settled }) => !settled)
}

/** May the time of this message be believed? Not while an unsettled clock fault covers it. */
export function isTimeVerified(faults: readonly ClockFault[], bootName: string, seq: number): boolean {
  return !faults.some(
    (fault) =>
      !fault.settled &&
      fault.boot === bootName &&
      seq >= fault.fromSeq &&
      (fault.toSeq === null || seq <= fault.toSeq),
  )
}

/** What is known to be added to the raw time of a message of `told`, a table with `boot_id` and `seq`, ms; `offsetOf` in SQL. */
export function offsetInSql(told: SQL): SQL {
  return sql`coalesce((
    select offset_ms from ${clockFact}
    where boot_id = ${told}.boot_id and from_seq <= ${told}.seq and (to_seq is null or ${told}.seq <= to_seq)
    order by id desc limit 1
  ), 0)`
}

/** How many devices have time that cannot be believed, for the metrics. */
export async function countClockFaults(db: Database): Promise<number> {
  const [row] = await db
    .select({ n: sql<number>`count(distinct ${device.id})` })
    .from(clockFault)
    .innerJoin(device, eq(device.id, clockFault.deviceId))
    .where(isNull(clockFault.settledBy))
  return row?.n ?? 0
}
