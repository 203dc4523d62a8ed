import { asc, eq, or, type SQL, sql } from 'drizzle-orm'
import { facility } from '../../schema/tables/facilities.ts'
import type { FacilityKind, Jurisdiction } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Reach } from '../domain/rights.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { keptStatement } from './pool.ts'
import { isIn, isOneOf } from './rows.ts'

export type Facility = {
  readonly code: string
  readonly name: string
  readonly kind: FacilityKind
  readonly timeZone: string
  readonly jurisdiction: Jurisdiction
}

const view = {
  code: facility.code,
  name: facility.name,
  kind: facility.kind,
  timeZone: facility.timeZone,
  jurisdiction: facility.jurisdiction,
}

/** A facility somebody makes known; where nothing else is said it is in China. */
export type NewFacility = Omit<Facility, 'jurisdiction'> & { readonly jurisdiction?: Jurisdiction }

/** Whose policies are in force where nobody says so, or nobody holds the bag. */
export const usualJurisdiction: Jurisdiction = 'CN'

/** Whose policies are in force at a facility. */
export async function jurisdictionOf(
  db: Database | Transaction,
  facilityId: number | null,
): Promise<Jurisdiction> {
  if (facilityId === null) return usualJurisdiction
  const [found] = await db
    .select({ jurisdiction: facility.jurisdiction })
    .from(facility)
    .where(eq(facility.id, facilityId))
  return found?.jurisdiction ?? usualJurisdiction
}

/** Whose policies are in force at a facility, and what its days are. */
export async function rulesAt(
  db: Database | Transaction,
  facilityId: number | null,
): Promise<{ readonly jurisdiction: Jurisdiction; readonly timeZone: string }> {
  const { jurisdiction, timeZone } = view
  const of = eq(facility.id, facilityId ?? 0)
  const [found] = await db.select({ jurisdiction, timeZone }).from(facility).where(of)
  return found ?? { jurisdiction: usualJurisdiction, timeZone: 'Asia/Shanghai' }
}

/** The same of many, by id. */
export async function jurisdictionsOf(
  db: Database | Transaction,
  facilityIds: readonly number[],
): Promise<Map<number, Jurisdiction>> {
  const rows = await db
    .select({ id: facility.id, jurisdiction: facility.jurisdiction })
    .from(facility)
    .where(isOneOf(facility.id, facilityIds))
  return new Map(rows.map(({ id, jurisdiction }) => [id, jurisdiction]))
}

/** The same in SQL. */
export function jurisdictionAt(facilityId: SQL): SQL {
  return sql`coalesce((select f.jurisdiction from ${facility} f where f.id = ${facilityId}), ${sql.raw(`'${usualJurisdiction}'`)})`
}

/** The facilities within reach, by code. */
export async function listFacilities(db: Database, reach: Reach): Promise<Facility[]> {
  return db.select(view).from(facility).where(isIn(reach, facility.id)).orderBy(asc(facility.code))
}

export const noFacility = (code: string) => `no facility has the code ${code}`

export async function findFacility(
  db: Database | Transaction,
  code: string,
): Promise<Facility & { id: number }> {
  const { rows } = await db.execute<Facility & { id: number }>(facilityStatement({ code }))
  const [found] = rows
  if (!found) throw new Refusal('not_found', noFacility(code))
  return found
}

const facilityStatement = keptStatement<{ readonly code: string }>(
  ({ code }) => sql`
    select id, code, name, kind, time_zone as "timeZone", jurisdiction from ${facility} where code = ${code}`,
)

/** Those with one of these codes or ids. */
export async function facilitiesBy(
  db: Database | Transaction,
  { codes, ids }: { readonly codes: readonly string[]; readonly ids: readonly number[] },
): Promise<(Facility & { id: number })[]> {
  return db
    .select({ id: facility.id, ...view })
    .from(facility)
    .where(or(isOneOf(facility.code, codes), isOneOf(facility.id, ids)))
}

/** Which one an id is; whoever has it has it from a row that refers to it. @throws Refusal `not_found` where it is null */
export async function facilityById(db: Database | Transaction, id: number | null): Promise<Facility> {
  const [found] = id === null ? [] : await db.select(view).from(facility).where(eq(facility.id, id))
  if (!found) throw new Refusal('not_found', 'nobody is known to have registered or to hold it')
  return found
}

/** The codes of facilities, by id. */
export async function facilityCodes(
  db: Database | Transaction,
  ids: Iterable<number | null>,
): Promise<ReadonlyMap<number, string>> {
  const wanted = [...new Set(ids)].filter((id) => id !== null)
  if (wanted.length === 0) return new Map()
  const rows = await db
    .select({ id: facility.id, code: facility.code })
    .from(facility)
    .where(isOneOf(facility.id, wanted))
  return new Map(rows.map(({ id, code }) => [id, code]))
}

/** @throws Refusal `already_exists` */
export async function insertFacility(
  tx: Transaction,
  actor: Actor,
  row: Facility,
  now: number,
): Promise<void> {
  const added = await tx
    .insert(facility)
    .values({ ...row, createdAt: now })
    .onConflictDoNothing()
    .returning({ id: facility.id })
  if (added.length === 0)
    throw new Refusal('already_exists', `a facility with the code ${row.code} exists already`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'facility.created',
    subjectKind: 'facility',
    subject: row.code,
    after: row,
  })
}
