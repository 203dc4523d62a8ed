import { and, eq, gte, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import { alarmCase } from '../../schema/tables/alarms.ts'
import { probeFault } from '../../schema/tables/derived.ts'
import { device, probe, probeState } from '../../schema/tables/devices.ts'
import type { Span } from '../domain/exposure.ts'
import { differing } from '../domain/spans.ts'
import type { FaultStretch } from '../domain/thermal/fault-stretches.ts'
import type { Whose } from './alarms.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { jurisdictionAt } from './facilities.ts'
import { dueForDevices, ever } from './ledger-due.ts'
import { insertRows, isOneOf } from './rows.ts'

const view = { kind: probeFault.kind, from: probeFault.from, to: probeFault.to }

/** When a probe was not to be believed, as is now known: the stretches that touch [from, to), oldest first. */
export async function probeFaultsBetween(
  db: Database | Transaction,
  probeId: number,
  from: number,
  to: number,
): Promise<FaultStretch[]> {
  return db
    .select(view)
    .from(probeFault)
    .where(
      and(
        eq(probeFault.probeId, probeId),
        isNull(probeFault.knownTo),
        lt(probeFault.from, to),
        sql`(${probeFault.to} is null or ${probeFault.to} > ${from})`,
      ),
    )
    .orderBy(probeFault.from, probeFault.kind)
}

/** A probe whose faults are not derived up to its newest reading, and where its series stood when that was asked. */
export type Underived = Whose & {
  readonly probeId: number
  readonly probe: 'air' | 'load'
  readonly version: number
  readonly firstAt: number
  readonly lastAt: number
  readonly faultsTo: number | null
}

/**
 * The probes with readings whose faults are not derived, those that lag most first: by so much, or at all where they are
 * heard no more. None of `except`.
 */
export async function underived(
  db: Database,
  now: number,
  {
    lagMs,
    limit,
    except,
  }: { readonly lagMs: number; readonly limit: number; readonly except: Iterable<number> },
): Promise<Underived[]> {
  return probesWhere(
    db,
    now,
    sql`p.kind in ('air', 'load') and p.id <> all(${`{${[...except].join()}}`}::integer[]) and (s.faults_to is null
      or s.faults_to < s.last_at - case when s.last_received_at < ${now - lagMs}::bigint then 0 else ${lagMs}::bigint end)`,
    limit,
  )
}

/** The loads of devices with an alarm that they and the air contradict each other, which has not ended. */
export async function quarrelling(db: Database, now: number, limit: number): Promise<Underived[]> {
  return probesWhere(
    db,
    now,
    sql`p.kind = 'load' and exists (select from ${alarmCase} c where c.device_id = d.id
      and c.kind = 'probes_disagree' and c.closed_at is null and c.ended_at is null)`,
    limit,
  )
}

async function probesWhere(db: Database, now: number, which: SQL, limit: number): Promise<Underived[]> {
  const { rows } = await db.execute<Underived>(sql`
    select d.id as "deviceId", d.name as device, ${standsIn(sql`d.id`, now)} as "facilityId",
      ${jurisdictionAt(standsIn(sql`d.id`, now))} as jurisdiction, p.id as "probeId", p.kind as probe, s.version,
      s.first_at as "firstAt", s.last_at as "lastAt", s.faults_to as "faultsTo"
    from ${probeState} s join ${probe} p on p.id = s.probe_id join ${device} d on d.id = p.device_id
    where d.revoked_at is null and ${which}
    order by coalesce(s.faults_to, s.first_at) - s.last_at, p.id limit ${limit}`)
  return rows
}

/**
 * Keep what was derived of a probe's faults from `from` to its newest reading: what is not found any more is superseded.
 * Bags that were in its device when it is believed otherwise than before are judged again, and once more when a fault
 * begins or ends of which that is known before. `now` is server time.
 *
 * @returns false where its series has moved since `version`: nothing is kept then
 */
export async function saveFaults(
  tx: Transaction,
  {
    deviceId,
    probeId,
    probe: kind,
    version,
    lastAt,
  }: Pick<Underived, 'deviceId' | 'probeId' | 'probe' | 'version' | 'lastAt'>,
  from: number,
  found: readonly FaultStretch[],
  now: number,
): Promise<boolean> {
  const [state] = await tx
    .select({ version: probeState.version })
    .from(probeState)
    .where(eq(probeState.probeId, probeId))
    .for('update')
  if (state?.version !== version) return false
  const old = await tx
    .select({ id: probeFault.id, ...view })
    .from(probeFault)
    .where(
      and(
        eq(probeFault.probeId, probeId),
        isNull(probeFault.knownTo),
        or(isNull(probeFault.to), gte(probeFault.to, from)),
      ),
    )
  const key = (one: FaultStretch) => `${one.kind}/${one.from}/${one.to}`
  const stands = new Set(found.map(key))
  const known = new Set(old.map(key))
  const gone = old.filter((row) => !stands.has(key(row))).map(({ id }) => id)
  if (gone.length > 0) await tx.update(probeFault).set({ knownTo: now }).where(isOneOf(probeFault.id, gone))
  const added = found.filter((one) => !known.has(key(one)))
  await insertRows(
    tx,
    probeFault,
    added.map(({ kind, from, to }) => ({ probeId, kind, from, to, knownFrom: now })),
  )
  await tx.update(probeState).set({ faultsTo: lastAt }).where(eq(probeState.probeId, probeId))
  const changed = differing(spansOf(old), spansOf(found))
  const concerned = kind === 'load' ? changed : await beforeLoad(tx, deviceId, changed)
  await dueForDevices(
    tx,
    concerned.map((span) => ({ ...span, deviceId })),
    now,
  )
  for (const at of added.flatMap(({ from, to }) => [from, to ?? from]).filter((edge) => edge > now))
    await dueForDevices(tx, [{ deviceId, from: at, to: at }], at + 1)
  return true
}

function spansOf(stretches: readonly FaultStretch[]): Span[] {
  return stretches.map(({ from, to }) => ({ from, to: to ?? ever.to }))
}

/** The air speaks for bags only until the load of its device was first heard. */
async function beforeLoad(tx: Transaction, deviceId: number, spans: readonly Span[]): Promise<Span[]> {
  if (spans.length === 0) return []
  const [load] = await tx
    .select({ firstAt: probeState.firstAt })
    .from(probe)
    .innerJoin(probeState, eq(probeState.probeId, probe.id))
    .where(and(eq(probe.deviceId, deviceId), eq(probe.kind, 'load')))
  const until = load?.firstAt ?? ever.to
  return spans.filter(({ from }) => from < until).map(({ from, to }) => ({ from, to: Math.min(to, until) }))
}

/** What was derived of a probe's faults at or after an instant is to be derived again. */
export async function rederiveFaultsFrom(tx: Transaction, probeId: number, at: number): Promise<void> {
  await tx
    .update(probeState)
    .set({ faultsTo: at })
    .where(and(eq(probeState.probeId, probeId), sql`${probeState.faultsTo} > ${at}`))
}
