import { and, eq, isNull, sql } from 'drizzle-orm'
import { bag, bagEvent, bagPlace, takeOut } from '../../schema/tables/bags.ts'
import { deviceCommand } from '../../schema/tables/commands.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { Reach } from '../domain/rights.ts'
import type { FridgeIssue } from '../domain/task.ts'
import { type Bag, labelOf } from './bags.ts'
import { factsOfCommand } from './commands.ts'
import type { Database } from './database.ts'
import { isIn } from './rows.ts'

/** What a task is about. */
export type About = {
  readonly bagId: string
  readonly label: string
  readonly device: string
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
