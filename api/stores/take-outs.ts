import { and, asc, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { auditEntry } from '../../schema/tables/audit.ts'
import { bag, bagPlace, scanAnswer, takeOut } from '../../schema/tables/bags.ts'
import { deviceCommand } from '../../schema/tables/commands.ts'
import { device } from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { BagEvent } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Answer } from '../domain/take-out.ts'
import { appendAudit } from './audit.ts'
import { afterEvent, type Bag, type EventValues, valuesOfEvent, writtenOfEvent } from './bags.ts'
import type { Database, Transaction } from './database.ts'
import { keptStatement } from './pool.ts'

export const noTakeOut = (id: string) => `no take-out has the id ${id}`

export async function insertTakeOut(
  tx: Transaction,
  actor: Actor,
  row: Omit<typeof takeOut.$inferInsert, 'actor'>,
): Promise<void> {
  await tx.insert(takeOut).values({ ...row, actor })
  await appendAudit(tx, actor, {
    at: row.openedAt,
    action: 'take_out.opened',
    subjectKind: 'take_out',
    subject: row.id,
    after: { deviceId: row.deviceId, patient: row.pseudonym, emergency: row.emergency },
    ...(row.reason ? { reason: row.reason } : {}),
  })
}

/** What was said to a scan, and by what. */
export type Told = {
  readonly takeOutId: string
  readonly scanned: string
  readonly bagId: string | null
  readonly answer: Answer
  readonly findings: readonly Finding[]
  readonly override: string | null
  readonly policies: Readonly<Record<string, unknown>>
  readonly knownAt: number
}

/** Write down an answer that hands nothing out. */
export async function insertAnswer(db: Database | Transaction, actor: Actor, told: Told): Promise<void> {
  await db.execute(answerStatement(valuesOfAnswer(actor, told)))
}

/**
 * Issue the bag and write down the answer that says so, in one statement and so in one transaction. It waits for nobody:
 * what was read is as old as the time it would take.
 *
 * @returns the bag as it is now; null, and nothing is written, where it is not any more as it was read or another holds it
 */
export async function issueAtScan(
  db: Database | Transaction,
  actor: Actor,
  before: Bag,
  event: BagEvent,
  told: Told,
): Promise<Bag | null> {
  const after = afterEvent(before, event)
  const values = {
    ...valuesOfEvent(actor, before, after, event, told.knownAt),
    ...valuesOfAnswer(actor, told),
  }
  const { rowCount } = await db.execute(issueStatement(values))
  return rowCount === 1 ? after : null
}

type AnswerValues = ReturnType<typeof valuesOfAnswer>

function valuesOfAnswer(actor: Actor, told: Told) {
  const { takeOutId, scanned, bagId, answer, findings, override, policies, knownAt } = told
  return {
    ...{ takeOutId, scanned, scannedBagId: bagId, answer, override, knownAt },
    findings: JSON.stringify(findings),
    policies: JSON.stringify(policies),
    actor: JSON.stringify(actor),
    answered: JSON.stringify({ scanned, bagId, answer, findings }),
  }
}

type Given<Values> = { readonly [Name in keyof Values]: SQL }

function answerOf(given: Given<AnswerValues>, from: SQL = sql``): SQL {
  const { takeOutId, scanned, scannedBagId, answer, findings, override, policies, knownAt, actor } = given
  return sql`
    insert into ${scanAnswer} (take_out_id, scanned, bag_id, answer, findings, override, policies, known_at, actor)
    select ${takeOutId}::uuid, ${scanned}, ${scannedBagId}::uuid, ${answer}, ${findings}::jsonb, ${override},
           ${policies}::jsonb, ${knownAt}::bigint, ${actor}::jsonb ${from}`
}

const answerStatement = keptStatement<AnswerValues>(
  (given) => sql`
    with answered as (${answerOf(given)} returning id)
    insert into ${auditEntry} (at, actor, action, subject_kind, subject, after)
    select ${given.knownAt}::bigint, ${given.actor}::jsonb, 'take_out.answered', 'take_out', ${given.takeOutId},
           ${given.answered}::jsonb
    from answered`,
)

const issueStatement = keptStatement<EventValues & AnswerValues>(
  (given) => sql`
    with free as (
      select id as free_id from ${bag} where id = ${given.bagId} for update skip locked
    ), ${writtenOfEvent(given, sql`and id = (select free_id from free)`)},
    answered as (${answerOf(given, sql`from moved`)})
    select from moved`,
)

/** The bags of a facility that are in stock and inside a device now, those that expire first in front. */
export async function bagsInside(
  db: Database | Transaction,
  { deviceId, facilityId }: { readonly deviceId: number; readonly facilityId: number },
): Promise<Bag[]> {
  const rows = await db
    .select({ bag })
    .from(bag)
    .innerJoin(bagPlace, eq(bagPlace.bagId, bag.id))
    .where(
      and(
        eq(bagPlace.deviceId, deviceId),
        eq(bag.holderId, facilityId),
        eq(bagPlace.state, 'inside'),
        isNull(bagPlace.to),
        isNull(bagPlace.knownTo),
        eq(bag.state, 'available'),
      ),
    )
    .orderBy(asc(bag.expiresAt), asc(bag.id))
  return rows.map((row) => row.bag)
}

/** @throws Refusal `not_found` */
export async function findTakeOut(db: Database, id: string) {
  const [found] = await db
    .select({ session: takeOut, device: device.name, facility: facility.code, unlock: deviceCommand })
    .from(takeOut)
    .innerJoin(device, eq(device.id, takeOut.deviceId))
    .innerJoin(facility, eq(facility.id, takeOut.facilityId))
    .leftJoin(deviceCommand, eq(deviceCommand.id, takeOut.unlockId))
    .where(eq(takeOut.id, id))
  if (!found) throw new Refusal('not_found', noTakeOut(id))
  return found
}

/** What was answered to the scans of a take-out, oldest first. */
export async function answersOf(db: Database, takeOutId: string) {
  return db.select().from(scanAnswer).where(eq(scanAnswer.takeOutId, takeOutId)).orderBy(asc(scanAnswer.id))
}
