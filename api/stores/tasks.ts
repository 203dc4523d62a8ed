import { and, desc, eq, isNull, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { bag, bagEvent, bagHold, bagPlace, takeOut } from '../../schema/tables/bags.ts'
import { deviceCommand } from '../../schema/tables/commands.ts'
import { device, devicePlacement } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { rescue, rescueMove } from '../../schema/tables/rescues.ts'
import type { BagState, PlaceState } from '../../schema/vocabulary.ts'
import type { Effective } from '../domain/effective.ts'
import { fates, living, onShelf } from '../domain/lifecycle.ts'
import type { Reach } from '../domain/rights.ts'
import type { FridgeIssue, SeenBag } from '../domain/task.ts'
import { type Bag, labelOf } from './bags.ts'
import { factsOfCommand } from './commands.ts'
import type { Database } from './database.ts'
import { isGone, isInAlarm } from './rescues.ts'
import { isIn, isOneOf } from './rows.ts'

/** What a task is about. */
export type About = {
  readonly bagId: string
  readonly label: string
  /** Where to look; null where nothing says. */
  readonly device: string | null
  readonly facility: string
}

/** The bags within reach that were issued at a fridge and are issued still, and what is known of their leaving. */
export async function issuedAtFridges(db: Database, reach: Reach): Promise<(FridgeIssue & About)[]> {
  const lastIssue = sql`(
    select max(e.version) from ${bagEvent} e where e.bag_id = ${bag.id} and e.verb = 'issue'
  )`
  const rows = await db
    .select({
      bag,
      issuedAt: bagEvent.at,
      place: bagPlace.state,
      unlock: deviceCommand,
      device: device.name,
      facility: facility.code,
    })
    .from(bag)
    .innerJoin(bagEvent, and(eq(bagEvent.bagId, bag.id), eq(bagEvent.version, lastIssue)))
    .innerJoin(takeOut, sql`${takeOut.id} = (${bagEvent.data}->>'takeOut')::uuid`)
    .leftJoin(deviceCommand, eq(deviceCommand.id, takeOut.unlockId))
    .leftJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .innerJoin(device, sql`${device.id} = coalesce(${bagPlace.deviceId}, ${takeOut.deviceId})`)
    .innerJoin(facility, eq(facility.id, takeOut.facilityId))
    .where(and(eq(bag.state, 'issued'), isIn(reach, bag.holderId)))
  return rows.map(({ bag: row, issuedAt, place, unlock, ...where }) => ({
    ...where,
    bagId: row.id,
    label: labelOf(row as Bag),
    issuedAt,
    place,
    unlock: unlock && { ...factsOfCommand(unlock), repliedAt: unlock.repliedAt },
  }))
}

/** So many of a kind are found at most. */
const mostOfAKind = 200

export type Transfusion = About & {
  readonly holderId: number | null
  readonly at: number
  readonly discrepancies: string[]
  readonly patient: string | null
}

/** What was given although something spoke against it, the newest first: of bags held within reach, or made there. */
export async function transfusedAgainst(db: Database, reach: Reach): Promise<Transfusion[]> {
  // Written out, for the index of just these to serve.
  const isAgainst = sql`${bagEvent.verb} in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction')
    and ${bagEvent.data}->'discrepancies' <> '[]'`
  const rows = await db
    .select({ bag, at: bagEvent.at, data: bagEvent.data, facility: facility.code })
    .from(bagEvent)
    .innerJoin(bag, eq(bag.id, bagEvent.bagId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .where(and(isAgainst, or(isIn(reach, bag.holderId), isIn(reach, bag.originId))))
    .orderBy(desc(bagEvent.at), desc(bagEvent.bagId), desc(bagEvent.version))
    .limit(mostOfAKind)
  return rows.map(({ bag: row, at, data, facility }) => {
    const { discrepancies, patient } = data as Pick<Transfusion, 'discrepancies' | 'patient'>
    const about = { bagId: row.id, label: labelOf(row), device: null, facility }
    return { ...about, holderId: row.holderId, at, discrepancies, patient }
  })
}

/** What the rules ask of a bag that is known to be somewhere, and the facility whose device it is or was in. */
export type Seen = About & SeenBag & Standing & { readonly holderId: number | null; readonly there: string }

type Standing = { readonly standing: Effective & { readonly facilityId: number } }

/** What a choice of bags goes by, in SQL. */
type Known = Record<'enteredAt' | 'placedAt' | 'standingAt' | 'standsIn', SQL>

type Choice = {
  /** Asked about, so that the index of what a facility holds serves. */
  readonly states: readonly BagState[]
  readonly places: readonly PlaceState[]
  readonly where: (known: Known) => SQL
  /** The longest first, so that it is the youngest that a full page leaves out. */
  readonly since: (known: Known) => SQL
}

/** The rules `seenAfterFateSince`, `seenElsewhereSince` and `takenWithoutIssueSince` in SQL. */
export function seenAfterFate(db: Database, reach: Reach, now: number): Promise<Seen[]> {
  return choose(db, reach, now, {
    states: fates,
    places: ['inside'],
    where: ({ placedAt, enteredAt }) => sql`${placedAt} > ${enteredAt}`,
    since: ({ placedAt }) => placedAt,
  })
}

export function seenElsewhere(db: Database, reach: Reach, now: number): Promise<Seen[]> {
  return choose(db, reach, now, {
    states: onShelf,
    places: ['inside'],
    where: ({ standsIn }) => sql`${standsIn} <> ${bag.holderId}`,
    since: ({ placedAt, enteredAt, standingAt }) =>
      sql`greatest(${placedAt}, ${enteredAt}, case when ${standingAt} <= ${now} then ${standingAt} end)`,
  })
}

export function takenWithoutIssue(
  db: Database,
  reach: Reach,
  now: number,
  handlingMs: number,
): Promise<Seen[]> {
  const since = ({ placedAt, enteredAt }: Known) => sql`greatest(${placedAt}, ${enteredAt})`
  return choose(db, reach, now, {
    states: ['available'],
    places: ['in_hand', 'unknown'],
    where: (known) => sql`${since(known)} <= ${now - handlingMs}`,
    since,
  })
}

/** A bag that left such a container, and when the last session there that had begun by then ended, ms UTC. */
export type TakenFromLocked = Seen & { readonly sessionUntil: number | null }

/**
 * The bags that may be issued, were not, and left a container whose door sessions open: one that was unlocked once.
 * Rule: `takenFromLocked`.
 */
export async function takenFromLockedDoors(
  db: Database,
  reach: Reach,
  now: number,
): Promise<TakenFromLocked[]> {
  const seen = await choose(db, reach, now, {
    states: ['available'],
    places: ['in_hand'],
    where: ({ placedAt, enteredAt }) => sql`${placedAt} >= ${enteredAt} and exists (
      select from ${deviceCommand} c where c.device_id = ${bagPlace.deviceId} and c.kind = 'unlock' and c.reply_state = 'done'
    )`,
    since: ({ placedAt }) => placedAt,
  })
  if (seen.length === 0) return []
  const { rows } = await db.execute<{ until: number | null }>(sql`
    select (
      select max(t.expires_at) from ${takeOut} t join ${device} d on d.id = t.device_id
      where d.name = asked.name and t.opened_at <= asked.at
    ) as until
    from unnest(${sql.param(seen.map(({ device }) => device))}::text[], ${sql.param(seen.map(({ place }) => place.from))}::bigint[])
      with ordinality as asked (name, at, number) order by number`)
  return seen.map((one, index) => ({ ...one, sessionUntil: rows[index]?.until ?? null }))
}

export type InsideRetired = About & Pick<SeenBag, 'state' | 'place'> & { readonly revokedAt: number }

/** The bags held within reach that are inside a revoked device: the rule `insideRetiredSince` in SQL. */
export async function insideRetired(db: Database, reach: Reach): Promise<InsideRetired[]> {
  const rows = await db
    .select({
      bag,
      place: { state: bagPlace.state, from: bagPlace.from },
      device: device.name,
      revokedAt: sql<number>`${device.revokedAt}`,
      facility: facility.code,
    })
    .from(bag)
    .innerJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .innerJoin(device, eq(device.id, bagPlace.deviceId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .where(
      and(
        isIn(reach, bag.holderId),
        isOneOf(bag.state, living),
        eq(bagPlace.state, 'inside'),
        sql`${device.revokedAt} is not null`,
      ),
    )
    .orderBy(sql`greatest(${bagPlace.from}, ${device.revokedAt})`, bag.id)
    .limit(mostOfAKind)
  return rows.map(({ bag: row, ...seen }) => ({
    ...seen,
    bagId: row.id,
    label: labelOf(row),
    state: row.state,
  }))
}

/** The bags within reach that are held because the catalogue does not know their code, those that wait longest first. */
export async function unknownProducts(
  db: Database,
  reach: Reach,
): Promise<(About & { readonly code: string; readonly since: number })[]> {
  const rows = await db
    .select({ bag, since: bagHold.placedAt, device: device.name, facility: facility.code })
    .from(bagHold)
    .innerJoin(bag, eq(bag.id, bagHold.bagId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .leftJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .leftJoin(device, eq(device.id, bagPlace.deviceId))
    .where(
      and(
        eq(bagHold.kind, 'unknown_product'),
        isNull(bagHold.liftedAt),
        isOneOf(bag.state, living),
        isIn(reach, bag.holderId),
      ),
    )
    .orderBy(bagHold.placedAt, bag.id)
    .limit(mostOfAKind)
  return rows.map(({ bag: row, ...rest }) => ({
    ...rest,
    bagId: row.id,
    label: labelOf(row),
    code: row.productCode,
  }))
}

export type ToCarry = About & {
  readonly state: BagState
  readonly acceptedAt: number
  readonly from: string
  readonly to: string
  /** The device it is inside of; null where it is in none. */
  readonly inside: string | null
  /** Where it is to go fails as well by now. */
  readonly isToInAlarm: boolean
  /** It was retired since, or moved to another facility. */
  readonly isToGone: boolean
}

/** The bags held within reach that are to be carried out of a failing device, since before `until` or since then. */
export async function bagsToCarry(
  db: Database,
  reach: Reach,
  accepted: { readonly until: number; readonly isBefore: boolean },
  now: number,
): Promise<ToCarry[]> {
  const [from, to] = [alias(device, 'f'), alias(device, 't')]
  const rows = await db
    .select({
      bag,
      acceptedAt: rescue.at,
      from: from.name,
      to: to.name,
      isToInAlarm: isInAlarm(to.id),
      isToGone: isGone(to, now),
      place: bagPlace.state,
      device: device.name,
      facility: facility.code,
    })
    .from(rescueMove)
    .innerJoin(rescue, eq(rescue.id, rescueMove.rescueId))
    .innerJoin(bag, eq(bag.id, rescueMove.bagId))
    .innerJoin(from, eq(from.id, rescueMove.fromId))
    .innerJoin(to, eq(to.id, rescueMove.toId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .leftJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .leftJoin(device, eq(device.id, bagPlace.deviceId))
    .where(
      and(
        eq(rescueMove.state, 'intended'),
        sql`(${rescue.at} <= ${accepted.until}) = ${accepted.isBefore}`,
        isIn(reach, bag.holderId),
        isOneOf(bag.state, living),
      ),
    )
    .orderBy(rescue.at, rescue.id, rescueMove.order)
    .limit(mostOfAKind)
  return rows.map(({ bag: row, place, ...seen }) => ({
    ...seen,
    bagId: row.id,
    label: labelOf(row),
    state: row.state,
    inside: place === 'inside' ? seen.device : null,
  }))
}

async function choose(db: Database, reach: Reach, now: number, choice: Choice): Promise<Seen[]> {
  const entered = db
    .select({ at: bagEvent.at })
    .from(bagEvent)
    .where(and(eq(bagEvent.bagId, bag.id), sql`(${isOneOf(bagEvent.from, choice.states)}) is not true`))
    .orderBy(desc(bagEvent.version))
    .limit(1)
    .as('entered')
  // Where the device stands now: `inForce` in SQL.
  const standing = db
    .select({ facilityId: devicePlacement.facilityId, from: devicePlacement.from })
    .from(devicePlacement)
    .where(eq(devicePlacement.deviceId, bagPlace.deviceId))
    .orderBy(sql`${devicePlacement.from} <= ${now} desc, abs(${devicePlacement.from} - ${now})`)
    .limit(1)
    .as('standing')
  const there = alias(facility, 'there')
  const known: Known = {
    enteredAt: sql`${entered.at}`,
    placedAt: sql`${bagPlace.from}`,
    standingAt: sql`${standing.from}`,
    standsIn: sql`${standing.facilityId}`,
  }
  const rows = await db
    .select({
      bag,
      enteredAt: entered.at,
      place: { state: bagPlace.state, from: bagPlace.from },
      standing: { facilityId: standing.facilityId, from: standing.from },
      device: device.name,
      facility: facility.code,
      there: there.code,
    })
    .from(bag)
    .innerJoin(bagPlace, and(eq(bagPlace.bagId, bag.id), isNull(bagPlace.knownTo), isNull(bagPlace.to)))
    .innerJoin(device, eq(device.id, bagPlace.deviceId))
    .innerJoin(facility, eq(facility.id, bag.holderId))
    .innerJoinLateral(entered, sql`true`)
    .innerJoinLateral(standing, sql`true`)
    .innerJoin(there, eq(there.id, standing.facilityId))
    .where(
      and(
        isIn(reach, bag.holderId),
        isOneOf(bag.state, choice.states),
        isOneOf(bagPlace.state, choice.places),
        choice.where(known),
      ),
    )
    .orderBy(choice.since(known), bag.id)
    .limit(mostOfAKind)
  return rows.map(({ bag: row, ...seen }) => ({
    ...seen,
    bagId: row.id,
    label: labelOf(row),
    state: row.state,
    holderId: row.holderId,
  }))
}
