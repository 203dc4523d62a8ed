import { asc, gt, type SQL, sql } from 'drizzle-orm'
import { boot, device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { message, sequenceCheck, sequenceHole } from '../../schema/tables/messages.ts'
import type { Reach } from '../domain/rights.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { insertRows, isIn } from './rows.ts'

/** So many messages of a boot that were not looked at before are looked at together. */
export const messagesAtOnce = 5_000

type Hole = { bootId: number; boot: string; fromSeq: number; toSeq: number; seenAt: number }

/** What holes are known of devices' boots, and what came in since: one statement must see both. */
function lookAt(deviceIds: readonly number[]): SQL {
  return sql`
    theirs as (
      select b.id, b.boot, coalesce(c.up_to, -1) as up_to
      from ${boot} b left join ${sequenceCheck} c on c.boot_id = b.id
      where b.device_id = any(${sql.param([...deviceIds])}::integer[])
    ), fresh as (
      select t.id as boot_id, m.seq, m.received_at as seen_at,
        lag(m.seq, 1, t.up_to) over (partition by t.id order by m.seq) as before
      from theirs t cross join lateral (
        select seq, received_at from ${message} where boot_id = t.id and seq > t.up_to
        order by seq limit ${messagesAtOnce}
      ) m
    ), known as (
      select h.boot_id, n.seq, h.seen_at,
        lag(n.seq, 1, h.from_seq - 1) over (partition by h.boot_id, h.from_seq order by n.seq) as before
      from theirs t join ${sequenceHole} h on h.boot_id = t.id cross join lateral (
        select seq from ${message} where boot_id = h.boot_id and seq between h.from_seq and h.to_seq
        union all select h.to_seq + 1
      ) n
    )`
}

/** The numbers nothing was received with of devices' boots, those seen last first. */
export async function holesOf(
  db: Database | Transaction,
  deviceIds: readonly number[],
  limit: number | null,
): Promise<Hole[]> {
  const { rows } = await db.execute<Hole>(sql`
    with ${lookAt(deviceIds)}
    select t.id as "bootId", t.boot, s.before + 1 as "fromSeq", s.seq - 1 as "toSeq", s.seen_at as "seenAt"
    from (select * from known union all select * from fresh) s join theirs t on t.id = s.boot_id
    where s.seq > s.before + 1
    order by s.seen_at desc, t.id desc, s.seq desc limit ${limit}`)
  return rows
}

/** How far looking at what came in would get with each boot, and how many messages that is. */
export async function freshOf(
  db: Database | Transaction,
  deviceIds: readonly number[],
): Promise<{ bootId: number; upTo: number; messages: number }[]> {
  const { rows } = await db.execute<{ bootId: number; upTo: number; messages: number }>(sql`
    with ${lookAt(deviceIds)}
    select boot_id as "bootId", max(seq) as "upTo", count(*)::integer as messages from fresh group by boot_id`)
  return rows
}

/**
 * Remember the holes of devices as they are now, so that nobody looks at the same messages twice. Only one process may,
 * and in a transaction that sees one moment.
 *
 * @returns whether there was more of a boot than is looked at together
 */
export async function rememberHoles(tx: Transaction, deviceIds: readonly number[]): Promise<boolean> {
  const fresh = await freshOf(tx, deviceIds)
  const holes = await holesOf(tx, deviceIds, null)
  await tx.execute(sql`
    delete from ${sequenceHole} where boot_id in (
      select id from ${boot} where device_id = any(${sql.param([...deviceIds])}::integer[])
    )`)
  await insertRows(tx, sequenceHole, holes)
  if (fresh.length > 0) {
    const boots = sql.param(fresh.map(({ bootId }) => bootId))
    const upTo = sql.param(fresh.map((one) => one.upTo))
    await tx.execute(sql`
      insert into ${sequenceCheck} (boot_id, up_to)
      select * from unnest(${boots}::integer[], ${upTo}::integer[])
      on conflict (boot_id) do update set up_to = excluded.up_to`)
  }
  return fresh.some(({ messages }) => messages === messagesAtOnce)
}

/** The next devices by id, for who goes through all of them. */
export async function devicesAfter(db: Database, id: number, limit: number): Promise<number[]> {
  const rows = await db
    .select({ id: device.id })
    .from(device)
    .where(gt(device.id, id))
    .orderBy(asc(device.id))
    .limit(limit)
  return rows.map((row) => row.id)
}

/**
 * Devices within reach with a hole that was seen in [from, to) and has not been filled, and since when the oldest of
 * those has been seen; at most 200, the longest first.
 */
export async function devicesWithHoles(
  db: Database,
  reach: Reach,
  { from, to }: { readonly from: number; readonly to: number },
  now: number,
): Promise<{ device: string; facility: string; seenAt: number }[]> {
  const isOpen = sql`(
    select count(*) from ${message} m
    where m.boot_id = ${sequenceHole.bootId} and m.seq between ${sequenceHole.fromSeq} and ${sequenceHole.toSeq}
  ) < ${sequenceHole.toSeq} - ${sequenceHole.fromSeq} + 1`
  return db
    .select({
      device: device.name,
      facility: facility.code,
      seenAt: sql<number>`min(${sequenceHole.seenAt})`.as('seen'),
    })
    .from(sequenceHole)
    .innerJoin(boot, sql`${boot.id} = ${sequenceHole.bootId}`)
    .innerJoin(device, sql`${device.id} = ${boot.deviceId}`)
    .innerJoin(facility, sql`${facility.id} = ${standsIn(device.id, now)}`)
    .where(
      sql.join(
        [
          sql`${sequenceHole.seenAt} >= ${from}::bigint and ${sequenceHole.seenAt} < ${to}::bigint`,
          isIn(reach, facility.id) ?? sql`true`,
          isOpen,
        ],
        sql` and `,
      ),
    )
    .groupBy(device.name, facility.code)
    .orderBy(sql`seen`, device.name)
    .limit(200)
}
