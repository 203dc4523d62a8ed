import { and, eq, type SQL, sql } from 'drizzle-orm'
import { bag, bagEvent, patient } from '../../schema/tables/bags.ts'
import {
  antibodyScreen,
  patientAntibody,
  patientGrouping,
  patientRequirement,
  patientSample,
  sampleRejection,
} from '../../schema/tables/patients.ts'
import type { Abo, Rhd } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { Patient } from '../domain/bag.ts'
import { type KnownPatient, type PatientRecord, patientOf } from '../domain/patient-record.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

export const noPatient = (pseudonym: string) => `no patient is known there as ${pseudonym}`

/** A patient as `knownPatient` finds them. */
export type PatientRow = {
  readonly pseudonym: string
  readonly abo: Abo | null
  readonly rhd: Rhd | null
  readonly anti_d: boolean
  readonly sample_until: number | null
  readonly revision: number
  readonly record: PatientRecord | null
}

const listed = (value: SQL, rows: SQL) => sql`(select coalesce(json_agg(${value}), '[]') ${rows})`

/** What of a record counts; all of it where nothing is said. */
export type Bounds = {
  /** What was written down later does not, ms UTC. */
  readonly knownAt?: number | undefined
  /** Bags that were given or handed out later do not, whenever that was told, ms UTC. */
  readonly givenBy?: number | undefined
}

/** By such an end, of an expression in ms; nothing where there is none. */
export const notAfter = (at: SQL, end: number | undefined) =>
  end === undefined ? sql`` : sql` and ${at} <= ${end}::bigint`

/** An event `e` of a bag is of who holds it still: of whom it names another facility may know somebody else by that name. */
export const isOfHolder = sql`not exists (
  select from ${bagEvent} later where later.bag_id = e.bag_id and later.version > e.version
    and later.verb in ('receive', 'refuse'))`

/**
 * A patient of a facility with all that is on record of them, as one row of one statement. Of who has no record nothing more
 * is looked for.
 */
export function knownPatient(facilityId: SQL, pseudonym: SQL, { knownAt, givenBy }: Bounds = {}): SQL {
  const ofPatient = sql`s.facility_id = p.facility_id and s.pseudonym = p.pseudonym`
  const known = (at: string) => notAfter(sql.raw(at), knownAt)
  const givenAt = sql.raw(`coalesce((e.data->>'startedAt')::bigint, (e.data->>'occurredAt')::bigint, e.at)`)
  const counts = sql`${known('e.at')}${notAfter(givenAt, givenBy)}`
  const given = sql.raw(
    `e.verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction')`,
  )
  // It came back, and was handed out anew: whoever had it first was given nothing of it.
  const handedOutAnew = sql`
    select from ${bagEvent} back join ${bagEvent} anew on anew.bag_id = back.bag_id and anew.version > back.version
    where back.bag_id = e.bag_id and back.version > e.version and back.verb in ('return', 'cancel_issue')
      and anew.verb = 'issue'${known('anew.at')}`
  const record = sql`json_build_object(
    'samples', ${listed(
      sql`json_build_object('id', s.id, 'collectedAt', s.collected_at, 'exposed', s.exposed,
        'exposureSince', s.exposure_since, 'shortUntil', s.short_until, 'longUntil', s.long_until,
        'isRejected', exists (select from ${sampleRejection} r where r.sample_id = s.id${known('r.at')}))`,
      sql`from ${patientSample} s where ${ofPatient}${known('s.at')}`,
    )},
    'groupings', ${listed(
      sql`json_build_object('sampleId', g.sample_id, 'abo', g.abo, 'rhd', g.rhd, 'method', g.method, 'by', g.actor->>'id')
        order by g.id`,
      sql`from ${patientSample} s join ${patientGrouping} g on g.sample_id = s.id where ${ofPatient}${known('g.at')}`,
    )},
    'screens', ${listed(
      sql`json_build_object('sampleId', g.sample_id, 'positive', g.positive) order by g.id`,
      sql`from ${patientSample} s join ${antibodyScreen} g on g.sample_id = s.id where ${ofPatient}${known('g.at')}`,
    )},
    'antibodies', (select coalesce(json_agg(distinct s.specificity), '[]')
      from ${patientAntibody} s where ${ofPatient} and s.significant${known('s.at')}),
    'requirements', (select coalesce(json_agg(newest.requirement), '[]') from (
      select distinct on (s.requirement) s.requirement, s.needed
      from ${patientRequirement} s where ${ofPatient}${known('s.at')} order by s.requirement, s.id desc
    ) newest where newest.needed),
    'exposedAt', greatest(
      (select max(${givenAt})
       from ${bagEvent} e join ${bag} b on b.id = e.bag_id
       where ${given} and e.data->>'patient' = p.pseudonym and b.holder_id = p.facility_id and ${isOfHolder}${counts}),
      (select max(e.at) from ${bagEvent} e join ${bag} b on b.id = e.bag_id
       where e.verb = 'issue' and e.data->>'patient' = p.pseudonym and b.holder_id = p.facility_id
         and b.state in ('issued', 'transfused') and ${isOfHolder}${counts} and not exists (${handedOutAnew}))
    )
  )`
  // The word is as it is now: what it was before is not kept. Of anti-D the antibody says since when.
  const antiD =
    knownAt === undefined
      ? sql`p.anti_d`
      : sql`p.anti_d and not coalesce((select min(s.at) > ${knownAt}::bigint from ${patientAntibody} s
          where ${ofPatient} and s.specificity = 'D'), false) as anti_d`
  return sql`
    select p.pseudonym, p.abo, p.rhd, ${antiD}, p.sample_until, p.revision, case when p.has_record then ${record} end as record
    from ${patient} p where p.facility_id = ${facilityId} and p.pseudonym = ${pseudonym}`
}

export function knownOf({
  pseudonym,
  abo,
  rhd,
  anti_d: antiD,
  sample_until,
  record,
}: PatientRow): KnownPatient {
  return { pseudonym, word: { abo, rhd }, antiD, sampleUntil: sample_until, record }
}

/** @throws Refusal `not_found` */
export async function findPatient(
  db: Database | Transaction,
  facilityId: number,
  pseudonym: string,
): Promise<Patient> {
  const found = await knownPatientAt(db, facilityId, pseudonym)
  if (!found) throw new Refusal('not_found', noPatient(pseudonym))
  return patientOf(found)
}

/** The same, and no later than that; null where there is none. */
export async function knownPatientAt(
  db: Database | Transaction,
  facilityId: number,
  pseudonym: string,
  bounds: Bounds = {},
): Promise<KnownPatient | null> {
  const patientThere = knownPatient(sql`${facilityId}::integer`, sql`${pseudonym}`, bounds)
  const { rows } = await db.execute<{ known: PatientRow }>(
    sql`select row_to_json(known) as known from (${patientThere}) known`,
  )
  return rows[0] ? knownOf(rows[0].known) : null
}

/**
 * A patient whose record stays as it is until the transaction ends: whoever would write into it waits. Lock the bag before.
 *
 * @throws Refusal `not_found`
 */
export async function holdPatient(tx: Transaction, facilityId: number, pseudonym: string): Promise<Patient> {
  await tx
    .select({ revision: patient.revision })
    .from(patient)
    .where(and(eq(patient.facilityId, facilityId), eq(patient.pseudonym, pseudonym)))
    .for('share')
  return findPatient(tx, facilityId, pseudonym)
}

/**
 * Write down what a facility says of a patient in a word. Where groupings or samples of theirs are on record here the word
 * is not taken for them.
 *
 * @throws Refusal `conflict`
 */
export async function savePatient(
  tx: Transaction,
  actor: Actor,
  facilityId: number,
  { pseudonym, group, antiD, sampleUntil }: Patient,
  now: number,
): Promise<void> {
  const [before] = await tx
    .select()
    .from(patient)
    .where(and(eq(patient.facilityId, facilityId), eq(patient.pseudonym, pseudonym)))
    .for('update')
  if (before?.hasRecord) await mustNotOverrule(tx, facilityId, { pseudonym, group, sampleUntil })
  const facts = { abo: group.abo, rhd: group.rhd, sampleUntil, updatedAt: now }
  const [saved] = await tx
    .insert(patient)
    .values({ facilityId, pseudonym, antiD, ...facts })
    .onConflictDoUpdate({
      target: [patient.facilityId, patient.pseudonym],
      // Once found is found: nobody unsays it by leaving it out, nor by coming at the same time.
      set: {
        ...facts,
        antiD: sql`${patient.antiD} or excluded.anti_d`,
        revision: sql`${patient.revision} + 1`,
      },
    })
    .returning({ antiD: patient.antiD })
  await appendAudit(tx, actor, {
    at: now,
    action: 'patient.saved',
    subjectKind: 'patient',
    subject: `${facilityId}/${pseudonym}`,
    before: before ?? null,
    after: { ...facts, ...saved },
  })
}

/** Make a patient known of whom nothing is said; one who is known stays as they are. */
export async function ensurePatient(
  tx: Transaction,
  actor: Actor,
  facilityId: number,
  pseudonym: string,
  now: number,
): Promise<void> {
  const added = await tx
    .insert(patient)
    .values({ facilityId, pseudonym, updatedAt: now })
    .onConflictDoNothing()
    .returning({ pseudonym: patient.pseudonym })
  if (added.length === 0) return
  await appendAudit(tx, actor, {
    at: now,
    action: 'patient.saved',
    subjectKind: 'patient',
    subject: `${facilityId}/${pseudonym}`,
    before: null,
    after: { abo: null, rhd: null },
  })
}

async function mustNotOverrule(
  tx: Transaction,
  facilityId: number,
  { pseudonym, group, sampleUntil }: Pick<Patient, 'pseudonym' | 'group' | 'sampleUntil'>,
): Promise<void> {
  const { record } = await findPatient(tx, facilityId, pseudonym)
  if (record && record.groupings.length > 0 && (group.abo !== null || group.rhd !== null))
    throw new Refusal('conflict', `groupings of ${pseudonym} are on record: group another sample instead`)
  if (record && record.samples.length > 0 && sampleUntil !== null)
    throw new Refusal('conflict', `samples of ${pseudonym} are on record: register another instead`)
}
