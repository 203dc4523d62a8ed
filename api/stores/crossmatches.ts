import { type SQL, sql } from 'drizzle-orm'
import { bag, patient } from '../../schema/tables/bags.ts'
import { crossmatch, unitTrait } from '../../schema/tables/patients.ts'
import { product } from '../../schema/tables/products.ts'
import type { Actor } from '../domain/actor.ts'
import { type BagFit, nothingKnown } from '../domain/crossmatch.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { jurisdictionAt, usualJurisdiction } from './facilities.ts'
import type { PatientKey } from './patient-records.ts'
import { notAfter } from './patients.ts'

/** What was found in the donation of a bag; found once is there. @param subject the alias of a row of `bag` */
export const traitsOf = (subject: SQL) => sql`(
        select coalesce(json_object_agg(told.trait, told.present), '{}') from (
          select u.trait, bool_or(u.present) as present from ${unitTrait} u
          where u.scheme = ${subject}.scheme and u.identifier = ${subject}.identifier group by u.trait
        ) told)`

/** What was done to a bag, as far as the catalogue in force at a facility says. */
export function treatmentsOf(subject: SQL, facilityId: SQL, now: SQL): SQL {
  const usual = sql.raw(`'${usualJurisdiction}'`)
  return sql`coalesce((
        select e.treatments::json from ${product} e cross join lateral (
          select ${jurisdictionAt(facilityId)} as jurisdiction
        ) there
        where e.scheme = ${subject}.scheme and e.code = ${subject}.product_code and e.effective_from <= ${now}
          and e.jurisdiction in (there.jurisdiction, ${usual})
        order by e.jurisdiction = there.jurisdiction desc, e.effective_from desc, e.version desc limit 1), '[]')`
}

/**
 * What of a bag matters for one patient only, as a value of a larger statement; null where nothing is on record of the
 * patient, and then nothing is looked for.
 *
 * @param subject the alias of a row of `bag`
 * @param knownAt crossmatches that were done later do not count, ms UTC
 */
export function fitOf(
  subject: SQL,
  of: { readonly facilityId: SQL; readonly pseudonym: SQL; readonly now: SQL },
  knownAt?: number,
): SQL {
  const { facilityId, pseudonym, now } = of
  return sql`(
    select json_build_object(
      'crossmatches', (
        select coalesce(json_agg(json_build_object('sampleId', c.sample_id, 'method', c.method, 'result', c.result,
          'at', c.at, 'until', c.until) order by c.id), '[]')
        from ${crossmatch} c
        where c.facility_id = p.facility_id and c.pseudonym = p.pseudonym and c.bag_id = ${subject}.id${notAfter(sql.raw('c.at'), knownAt)}),
      'traits', ${traitsOf(subject)},
      'treatments', ${treatmentsOf(subject, facilityId, now)}
    ) from ${patient} p
    where p.facility_id = ${facilityId} and p.pseudonym = ${pseudonym} and p.has_record
  )`
}

/** The same of some bags, by id. */
export async function fitsOf(
  db: Database | Transaction,
  { facilityId, pseudonym }: PatientKey,
  bagIds: readonly string[],
  now: number,
  knownAt?: number,
): Promise<(bagId: string) => BagFit> {
  const of = {
    facilityId: sql`${facilityId}::integer`,
    pseudonym: sql`${pseudonym}`,
    now: sql`${now}::bigint`,
  }
  const { rows } = await db.execute<{ id: string; fit: BagFit | null }>(sql`
    select b.id, ${fitOf(sql`b`, of, knownAt)} as fit from ${bag} b where b.id = any(${`{${bagIds.join()}}`}::uuid[])`)
  const fits = new Map(rows.map(({ id, fit }) => [id, fit]))
  return (bagId) => fits.get(bagId) ?? nothingKnown
}

/** What of bags matters for some patients, whoever they are, by id; empty where it is nothing. */
export async function traitsAndTreatmentsOf(
  db: Database | Transaction,
  facilityId: number,
  bagIds: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, Pick<BagFit, 'traits' | 'treatments'>>> {
  if (bagIds.length === 0) return new Map()
  const { rows } = await db.execute<{ id: string } & Pick<BagFit, 'traits' | 'treatments'>>(sql`
    select b.id, ${traitsOf(sql`b`)} as traits, ${treatmentsOf(sql`b`, sql`${facilityId}::integer`, sql`${now}::bigint`)} as treatments
    from ${bag} b where b.id = any(${`{${bagIds.join()}}`}::uuid[])`)
  return new Map(rows.map(({ id, ...about }) => [id, about]))
}

export type NewCrossmatch = Omit<typeof crossmatch.$inferInsert, 'actor' | 'id'>

/** The bag must be locked, so that a scan that was decided without it comes to nothing. */
export async function insertCrossmatch(
  tx: Transaction,
  actor: Actor,
  row: NewCrossmatch,
): Promise<typeof crossmatch.$inferSelect> {
  const [made] = await tx
    .insert(crossmatch)
    .values({ ...row, actor })
    .returning()
  await appendAudit(tx, actor, {
    at: row.at,
    action: 'bag.crossmatched',
    subjectKind: 'bag',
    subject: row.bagId,
    after: row,
  })
  return made as typeof crossmatch.$inferSelect
}
