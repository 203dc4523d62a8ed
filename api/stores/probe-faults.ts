import { and, asc, eq, gte, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import { probeFault } from '../../schema/tables/derived.ts'
import { clockFact, device, probe, probeState } from '../../schema/tables/devices.ts'
import { type ProbeFaultKind, probeFaultKinds } from '../../schema/vocabulary.ts'
import type { Span } from '../domain/exposure.ts'
import { differing, merged } from '../domain/spans.ts'
import type { FaultStretch } from '../domain/thermal/fault-stretches.ts'
import type { Database, Transaction } from './database.ts'
import { dueForDevices, ever } from './ledger-due.ts'
import { rawTimesOf } from './readings.ts'
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

/** Where a series stood when it was asked for, and what it told of first and last. */
export type Series = {
  readonly probeId: number
  readonly version: number
  readonly firstAt: number
  readonly lastAt: number
}

/** A probe whose faults are not derived up to its newest reading, and the other one of air and load in its device. */
export type Underived = Series & {
  readonly deviceId: number
  readonly device: string
  readonly probe: 'air' | 'load'
  readonly faultsTo: number | null
  readonly other: Series | null
}

/**
 * The probes with readings whose faults are not derived, those that lag most first: by so much, or at all where they are
 * heard no more. A probe that was found broken is often revoked for it: bags were there, so it is looked at as any other.
 * None of `except`.
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
  const { rows } = await db.execute<Underived>(sql`
    select d.id as "deviceId", d.name as device, p.id as "probeId", p.kind as probe, s.version,
      s.first_at as "firstAt", s.last_at as "lastAt", s.faults_to as "faultsTo", (
        select json_build_object('probeId', q.id, 'version', o.version, 'firstAt', o.first_at, 'lastAt', o.last_at)
        from ${probe} q join ${probeState} o on o.probe_id = q.id
        where q.device_id = d.id and q.kind in ('air', 'load') and q.id <> p.id
      ) as other
    from ${probeState} s join ${probe} p on p.id = s.probe_id join ${device} d on d.id = p.device_id
    where p.kind in ('air', 'load')
      and p.id <> all(${`{${[...except].join()}}`}::integer[]) and (s.faults_to is null
        or s.faults_to < s.last_at - case when d.revoked_at is not null or s.last_received_at < ${now - lagMs}::bigint
          then 0 else ${lagMs}::bigint end)
    order by coalesce(s.faults_to, s.first_at) - s.last_at, p.id limit ${limit}`)
  return rows
}

/** What was derived of a series from an instant on: all stretches that last there or end then or later. */
export type Derived = { readonly from: number; readonly found: readonly FaultStretch[] }

/** What a probe shows by itself, and what it takes two to show. */
const alone: readonly ProbeFaultKind[] = probeFaultKinds.filter((kind) => kind !== 'contradicted')
const together: readonly ProbeFaultKind[] = ['contradicted']

/**
 * Keep what was derived of a probe's faults up to its newest reading, and of what it and the other one of its device show
 * together, which stands with the load: what is not found any more is superseded. Bags that were in the device when what
 * speaks for them is believed otherwise than before are judged again, and once more when a fault begins or ends of which
 * that is known before. `now` is server time.
 *
 * @returns false where either series has moved since its `version`: nothing is kept then
 */
export async function saveFaults(
  tx: Transaction,
  { deviceId, probe: kind, lastAt, other, ...own }: Omit<Underived, 'device' | 'faultsTo' | 'firstAt'>,
  shown: { readonly alone: Derived; readonly together: Derived | null },
  now: number,
): Promise<boolean> {
  const { probeId } = own
  const versions = new Map([own, ...(other ? [other] : [])].map((one) => [one.probeId, one.version]))
  const states = await tx
    .select({ id: probeState.probeId, version: probeState.version })
    .from(probeState)
    .where(inArray(probeState.probeId, [...versions.keys()]))
    .orderBy(asc(probeState.probeId))
    .for('update')
  if (states.some(({ id, version }) => versions.get(id) !== version)) return false
  const itsOwn = await supersede(tx, probeId, alone, shown.alone, now)
  const load = kind === 'load' ? probeId : other?.probeId
  const ofBoth =
    load === undefined || !shown.together
      ? { changed: [], added: [] }
      : await supersede(tx, load, together, shown.together, now)
  await tx.update(probeState).set({ faultsTo: lastAt }).where(eq(probeState.probeId, probeId))
  const concerned = kind === 'load' ? itsOwn.changed : await beforeLoad(tx, deviceId, itsOwn.changed)
  await dueForDevices(
    tx,
    merged([...concerned, ...ofBoth.changed]).map((span) => ({ ...span, deviceId })),
    now,
  )
  const edges = itsOwn.added.flatMap(({ from, to }) => [from, to ?? from])
  for (const at of edges.filter((edge) => edge > now))
    await dueForDevices(tx, [{ deviceId, from: at, to: at }], at + 1)
  return true
}

/**
 * Let what was derived of faults of these kinds take the place of what was believed.
 *
 * @returns when the probe is believed otherwise than before, and by what
 */
async function supersede(
  tx: Transaction,
  probeId: number,
  kinds: readonly ProbeFaultKind[],
  { from, found }: Derived,
  now: number,
): Promise<{ readonly changed: readonly Span[]; readonly added: readonly FaultStretch[] }> {
  const old = await tx
    .select({ id: probeFault.id, ...view })
    .from(probeFault)
    .where(
      and(
        eq(probeFault.probeId, probeId),
        inArray(probeFault.kind, kinds),
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
  return { changed: differing(spansOf(old), spansOf(found)), added }
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

/**
 * Faults of probes are derived of what is dated by a clock that is believed, and of nothing else: what hangs on messages
 * that are in doubt from now on, or no longer are, is to be derived again. The device must be locked.
 */
export async function rederiveFaultsOf(
  tx: Transaction,
  { deviceId, ...messages }: { readonly deviceId: number; readonly bootId: number; readonly fromSeq: number },
): Promise<void> {
  const probes = await tx.select({ id: probe.id }).from(probe).where(eq(probe.deviceId, deviceId))
  const { rows } = await tx.execute<{ least: number }>(sql`
    select least(0, min(offset_ms)) as least from ${clockFact} where device_id = ${deviceId}`)
  for (const { id } of probes.sort((a, b) => a.id - b.id)) {
    const told = await rawTimesOf(tx, id, { ...messages, toSeq: null })
    if (!told) continue
    await rederiveFaultsFrom(tx, id, told.from + (rows[0]?.least ?? 0))
  }
}
