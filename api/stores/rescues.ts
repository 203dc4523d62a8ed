import { and, asc, count, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm'
import { type AnyPgColumn, alias } from 'drizzle-orm/pg-core'
import { alarmCase } from '../../schema/tables/alarms.ts'
import { bag, bagPlace } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { rescue, rescueMove } from '../../schema/tables/rescues.ts'
import type { Actor } from '../domain/actor.ts'
import { living } from '../domain/lifecycle.ts'
import { appendAudit, appendAudits } from './audit.ts'
import { labelOf } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { standsIn } from './devices.ts'
import { lockAlone } from './locks.ts'
import { appendNews } from './news.ts'
import { isOneOf } from './rows.ts'

/**
 * Hold off every other acceptance for the rest of the transaction, before any bag is locked: a place is counted, and
 * taken, by one at a time.
 */
export async function lockRescues(tx: Transaction): Promise<void> {
  await lockAlone(tx, 'rescues')
}

export type NewMove = Omit<typeof rescueMove.$inferInsert, 'rescueId' | 'state' | 'settledAt'>

/** Write down a plan that was accepted, and tell whoever has to do with it. @returns its number */
export async function insertRescue(
  tx: Transaction,
  actor: Actor,
  input: {
    readonly caseId: number
    readonly policy: number
    readonly device: string
    readonly comment: string | undefined
    readonly moves: readonly NewMove[]
    /** Where the bags are, and where they are carried. */
    readonly facilityIds: readonly number[]
  },
  now: number,
): Promise<number> {
  const { caseId, policy, moves, device: name, comment, facilityIds } = input
  const [made] = await tx
    .insert(rescue)
    .values({ caseId, policy, at: now, actor })
    .returning({ id: rescue.id })
  const id = made?.id as number
  await tx.insert(rescueMove).values(moves.map((move) => ({ ...move, rescueId: id })))
  const told = { alarm: caseId, device: name, bags: moves.length }
  await appendAudit(tx, actor, {
    at: now,
    action: 'rescue.accepted',
    subjectKind: 'rescue',
    subject: String(id),
    after: { ...told, policy, moves },
    ...(comment === undefined ? {} : { reason: comment }),
  })
  const kind = 'rescue.accepted'
  await appendNews(tx, [{ at: now, kind, subject: String(id), facilityIds, data: told }])
  return id
}

/** A move, with what it is called by. */
export type ShownMove = typeof rescueMove.$inferSelect & {
  readonly acceptedAt: number
  readonly label: string
  readonly from: string
  readonly to: string
  readonly facility: string
  /** The device it is inside of; null where it is in none. */
  readonly inside: string | null
  /** Where it is to go fails as well by now. */
  readonly isToInAlarm: boolean
  /** Where it is to go was retired since, or moved to another facility. */
  readonly isToGone: boolean
}

/** Is a device in alarm, of any class, be it latched only? */
export function isInAlarm(deviceId: AnyPgColumn): SQL<boolean> {
  return sql<boolean>`exists (select from ${alarmCase} c where c.device_id = ${deviceId} and c.closed_at is null)`
}

/** Was the device a bag is to be carried to retired since that was accepted, or does it stand at another facility? */
export function isGone(to: Record<'id' | 'revokedAt', AnyPgColumn>, now: number): SQL<boolean> {
  return sql<boolean>`(${to.revokedAt} is not null or ${standsIn(to.id, now)} <> ${rescueMove.toFacilityId})`
}

/** The moves of one rescue, or of all there were with an alarm, in the order they were planned. */
export async function movesOf(
  db: Database | Transaction,
  of: { readonly rescueId: number } | { readonly caseId: number },
  now: number,
): Promise<ShownMove[]> {
  const [from, to, seen] = [alias(device, 'f'), alias(device, 't'), alias(device, 's')]
  const rows = await db
    .select({
      move: rescueMove,
      acceptedAt: rescue.at,
      bag,
      from: from.name,
      to: to.name,
      facility: facility.code,
      inside: seen.name,
      isToInAlarm: isInAlarm(to.id),
      isToGone: isGone(to, now),
    })
    .from(rescueMove)
    .innerJoin(rescue, eq(rescue.id, rescueMove.rescueId))
    .innerJoin(bag, eq(bag.id, rescueMove.bagId))
    .innerJoin(from, eq(from.id, rescueMove.fromId))
    .innerJoin(to, eq(to.id, rescueMove.toId))
    .innerJoin(facility, sql`${facility.id} = ${standsIn(to.id, now)}`)
    .leftJoin(
      bagPlace,
      and(
        eq(bagPlace.bagId, bag.id),
        isNull(bagPlace.knownTo),
        isNull(bagPlace.to),
        eq(bagPlace.state, 'inside'),
      ),
    )
    .leftJoin(seen, eq(seen.id, bagPlace.deviceId))
    .where('rescueId' in of ? eq(rescue.id, of.rescueId) : eq(rescue.caseId, of.caseId))
    .orderBy(asc(rescue.id), asc(rescueMove.order))
  return rows.map(({ move, bag: row, ...rest }) => ({ ...move, ...rest, label: labelOf(row) }))
}

/** Of these bags those that are to be carried somewhere already. */
export async function underWay(
  db: Database | Transaction,
  bagIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (bagIds.length === 0) return new Set()
  const rows = await db
    .select({ bagId: rescueMove.bagId })
    .from(rescueMove)
    .where(and(inArray(rescueMove.bagId, [...bagIds]), eq(rescueMove.state, 'intended')))
  return new Set(rows.map(({ bagId }) => bagId))
}

/** How many living bags are still to be carried to a device. */
export async function awaitedBy(tx: Transaction, deviceId: number): Promise<number> {
  const [row] = await tx
    .select({ bags: count() })
    .from(rescueMove)
    .innerJoin(bag, eq(bag.id, rescueMove.bagId))
    .where(and(eq(rescueMove.toId, deviceId), eq(rescueMove.state, 'intended'), isOneOf(bag.state, living)))
  return row?.bags ?? 0
}

/** The bags that are still to be carried with an alarm. */
export async function intendedBags(tx: Transaction, caseId: number): Promise<string[]> {
  const rows = await tx
    .select({ bagId: rescueMove.bagId })
    .from(rescueMove)
    .innerJoin(rescue, eq(rescue.id, rescueMove.rescueId))
    .where(and(eq(rescue.caseId, caseId), eq(rescueMove.state, 'intended')))
  return rows.map(({ bagId }) => bagId)
}

/** Of locked bags give up what was intended. @returns how many moves that were */
export async function abandonMoves(
  tx: Transaction,
  actor: Actor,
  of: { readonly caseId: number; readonly facilityId: number; readonly bagIds: readonly string[] },
  reason: string,
  now: number,
): Promise<number> {
  const { caseId, facilityId, bagIds } = of
  const ended = await tx
    .update(rescueMove)
    .set({ state: 'abandoned', settledAt: now })
    .where(
      and(
        inArray(rescueMove.bagId, [...bagIds]),
        eq(rescueMove.state, 'intended'),
        sql`${rescueMove.rescueId} in (select id from ${rescue} where case_id = ${caseId})`,
      ),
    )
    .returning()
  await appendAudits(
    tx,
    actor,
    ended.map(({ rescueId, bagId, toId }) => ({
      at: now,
      action: 'rescue.abandoned',
      subjectKind: 'rescue' as const,
      subject: String(rescueId),
      after: { bagId, toId },
      reason,
    })),
  )
  const facts = { at: now, kind: 'rescue.abandoned', facilityIds: [facilityId] }
  const rescues = [...new Set(ended.map(({ rescueId }) => rescueId))]
  await appendNews(
    tx,
    rescues.map((id) => ({
      ...facts,
      subject: String(id),
      data: {
        alarm: caseId,
        bags: ended.filter(({ rescueId }) => rescueId === id).map(({ bagId }) => bagId),
      },
    })),
  )
  return ended.length
}

/** Locked bags that have been seen inside the device they were to be carried to, since that was decided, have arrived. */
export async function settleMoves(tx: Transaction, bagIds: readonly string[], now: number): Promise<void> {
  if (bagIds.length === 0) return
  const { rows } = await tx.execute<{
    rescueId: number
    bagId: string
    at: number
    caseId: number
    to: string
    facilityIds: number[]
  }>(sql`
    with seen as (
      select m.rescue_id, m."order", r.case_id, (
        select min(p."from") from ${bagPlace} p
        where p.bag_id = m.bag_id and p.known_to is null and p.state = 'inside' and p.device_id = m.to_id
          and (p."to" is null or p."to" > r.at)
      ) as at
      from ${rescueMove} m join ${rescue} r on r.id = m.rescue_id
      where m.bag_id = any(${`{${bagIds.join()}}`}::uuid[]) and m.state = 'intended'
    )
    update ${rescueMove} m set state = 'arrived', settled_at = seen.at
    from seen join ${alarmCase} c on c.id = seen.case_id
    where m.rescue_id = seen.rescue_id and m."order" = seen."order" and seen.at is not null
    returning m.rescue_id as "rescueId", m.bag_id as "bagId", seen.at, c.id as "caseId",
      (select name from ${device} d where d.id = m.to_id) as "to",
      array[c.facility_id, ${standsIn(sql`m.to_id`, now)}] as "facilityIds"`)
  for (const { rescueId, bagId, at, caseId, to, facilityIds } of rows) {
    // Who saw it is the device it is inside of.
    const actor: Actor = { kind: 'device', id: to }
    const told = { alarm: caseId, bagId, to, seenAt: new Date(at).toISOString() }
    const about = { at: now, subject: String(rescueId) }
    await appendAudit(tx, actor, { ...about, action: 'rescue.arrived', subjectKind: 'rescue', after: told })
    await appendNews(tx, [
      { ...about, kind: 'rescue.arrived', facilityIds: [...new Set(facilityIds)], data: told },
    ])
  }
}
