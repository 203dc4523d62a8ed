import { type SQL, sql } from 'drizzle-orm'
import { alarmCase } from '../../schema/tables/alarms.ts'
import { bag, bagEvent, bagPlace, patient } from '../../schema/tables/bags.ts'
import { device } from '../../schema/tables/devices.ts'
import { transfusion } from '../../schema/tables/ends.ts'
import { facility } from '../../schema/tables/facilities.ts'
import {
  antibodyScreen,
  crossmatch,
  patientAntibody,
  patientGrouping,
  patientRequirement,
  patientSample,
  sampleRejection,
  unitTrait,
} from '../../schema/tables/patients.ts'
import type { Abo, Component, Finding, Rhd } from '../../schema/vocabulary.ts'
import { nothingKnown } from '../domain/crossmatch.ts'
import type { Reach } from '../domain/rights.ts'
import type { HandedOutFor, Knew } from '../domain/turned-out.ts'
import { type Bag, labelOf } from './bags.ts'
import { fitOf } from './crossmatches.ts'
import type { Database } from './database.ts'
import { isOfHolder, knownOf, knownPatient, type PatientRow } from './patients.ts'
import { isIn } from './rows.ts'

/** A bag that is out for a patient, or was given to one, of whom something was found since then. */
export type OutFor = HandedOutFor & {
  readonly bagId: string
  readonly label: string
  readonly facilityId: number
  readonly facility: string
  /** Where it was seen last; null where it never was. */
  readonly device: string | null
  /** When the newest was found that may speak against it, ms UTC; never before it was handed out. */
  readonly foundAt: number
}

type Row = Pick<Bag, 'identifier' | 'productCode' | 'collectionType' | 'division' | 'lowTitre'> & {
  readonly bagId: string
  readonly component: Component
  readonly abo: Abo | null
  readonly rhd: Rhd | null
  readonly facilityId: number
  readonly facility: string
  readonly device: string | null
  readonly isGiven: boolean
  readonly emergency: boolean
  readonly override: string | null
  readonly knew: Knew | null
  readonly waived: Finding[]
  readonly known: PatientRow
  readonly fit: HandedOutFor['fit'] | null
  readonly foundAt: number
}

// Written out, for the indexes of just these to serve.
const isIssue = sql.raw(`e.verb = 'issue'`)
/** Of one bag: its own events are few, and the index of all issues must not serve. */
const isIssueOfOne = sql.raw(`e.verb || '' = 'issue'`)
const isGiving = sql.raw(
  `e.verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction')`,
)

const ofPatient = (row: string) =>
  sql.raw(`${row}.facility_id = subject.facility_id and ${row}.pseudonym = subject.pseudonym`)
const ofSample = sql`from ${patientSample} s join`

/**
 * Whether anything is on record by which `turnedOut` may find something: not all that it takes, but nothing it can do
 * without. Of most bags nothing is, and of those the record is not even read.
 */
const mayBeSo = sql`(
    subject.anti_d
    or subject.abo <> subject.bag_abo or subject.rhd <> subject.bag_rhd
    or subject.abo is null or subject.rhd is null
    or exists (select ${ofSample} ${patientGrouping} g on g.sample_id = s.id
      where ${ofPatient('s')} and (g.abo <> subject.bag_abo or g.rhd <> subject.bag_rhd))
    or exists (select from ${crossmatch} c where ${ofPatient('c')} and c.bag_id = subject."bagId" and c.result <> 'compatible')
    or exists (select from ${patientAntibody} a where ${ofPatient('a')} and a.significant)
    or exists (select ${ofSample} ${sampleRejection} r on r.sample_id = s.id where ${ofPatient('s')})
    or exists (select ${ofSample} ${antibodyScreen} n on n.sample_id = s.id where ${ofPatient('s')} and n.positive)
    or exists (select from ${patientRequirement} q where ${ofPatient('q')} and q.requirement = 'serological_crossmatch')
  )`

/** When the newest of all that was found. What was said in a word says so in the patient's own row. */
const newest = sql`greatest(subject."issuedAt", (
    select coalesce(max(found.at), subject.updated_at) from (
      select c.at from ${crossmatch} c where ${ofPatient('c')} and c.bag_id = subject."bagId"
      union all select a.at from ${patientAntibody} a where ${ofPatient('a')}
      union all select g.at ${ofSample} ${patientGrouping} g on g.sample_id = s.id where ${ofPatient('s')}
      union all select r.at ${ofSample} ${sampleRejection} r on r.sample_id = s.id where ${ofPatient('s')}
      union all select n.at ${ofSample} ${antibodyScreen} n on n.sample_id = s.id where ${ofPatient('s')}
      union all select u.at from ${unitTrait} u where u.scheme = subject.scheme and u.identifier = subject.identifier
    ) found
  ))`

export type AskedOut = {
  readonly reach: Reach
  /** What was written down before then was looked at already, ms UTC. */
  readonly since: number
  /** What was handed out before then does not matter any more, ms UTC. */
  readonly outSince: number
  /** Those that were given to the end as well. */
  readonly isGivenToo: boolean
}

const within = (reach: Reach, facilityId: SQL) => isIn(reach, facilityId) ?? sql`true`

/**
 * The bags that were ever handed out for a patient of whom something was written down since, or of whose donation something
 * was found; those that are given to whom nobody had named before, or somebody else: what was on record of them all along was
 * not asked; and those of which a case is open. It begins with the patients: mostly there are none, and nothing more is read.
 */
async function askedOf(db: Database, { reach, since, outSince, isGivenToo }: AskedOut): Promise<string[]> {
  const given = sql`union
    select e.bag_id from ${bagEvent} e
    where ${isIssue} and e.data ? 'review' and e.at >= ${outSince}::bigint and e.data->>'patient' is null
    union
    select e.bag_id from ${bagEvent} e where ${isGiving} and e.data->'discrepancies' <> '[]' and e.at >= ${outSince}::bigint`
  const { rows } = await db.execute<{ id: string }>(sql`
    with changed as materialized (
      select p.pseudonym from ${patient} p
      where p.updated_at >= ${since}::bigint and ${within(reach, sql`p.facility_id`)}
    )
    select e.bag_id as id from changed p join ${bagEvent} e on ${isIssue} and e.data->>'patient' = p.pseudonym
    where e.at >= ${outSince}::bigint
    union
    select e.bag_id from changed p join ${bagEvent} e on ${isGiving} and e.data->>'patient' = p.pseudonym
    where e.at >= ${outSince}::bigint
    union
    select b.id from ${unitTrait} u join ${bag} b on b.scheme = u.scheme and b.identifier = u.identifier
    where u.present and u.at >= ${since}::bigint
    union
    select t.bag_id from ${transfusion} t where not t.is_over and exists (
      select from ${bagEvent} e where e.bag_id = t.bag_id and ${isGiving} and e.data->>'patient' is distinct from (
        select i.data->>'patient' from ${bagEvent} i where i.bag_id = t.bag_id and i.verb = 'issue' order by i.version desc limit 1))
    ${isGivenToo ? given : sql``}
    union
    select part::uuid from ${alarmCase} where closed_at is null and kind = 'incompatible_out'`)
  return rows.map(({ id }) => id)
}

/**
 * The bags held within reach that are out for a patient of whom anything was found since, or who was named at the bedside
 * only: `turnedOut` says what that comes to. Whole records are read only where something may speak against the bag. Whom a
 * bag is for its newest issue says, or who named them at the bedside since.
 */
export async function bagsOutFor(db: Database, asked: AskedOut, now: number): Promise<OutFor[]> {
  const { reach, outSince, isGivenToo } = asked
  const ids = await askedOf(db, asked)
  if (ids.length === 0) return []
  const { rows } = await db.execute<Row>(sql`
    with subject as materialized (
      select b.id as "bagId", b.scheme, b.identifier, b.product_code as "productCode", b.collection_type as "collectionType",
        b.division, b.component, b.abo as bag_abo, b.rhd as bag_rhd, b.low_titre as "lowTitre",
        p.facility_id, p.pseudonym, p.abo, p.rhd, p.anti_d, p.updated_at,
        b.state = 'transfused' and coalesce(t.is_over, true) as "isGiven",
        coalesce(i.at, whom.at) as "issuedAt", coalesce((i.data->>'emergency')::boolean, false) as emergency,
        i.data->>'override' as override,
        case when i.data->>'patient' = p.pseudonym then i.data->'knew' end as knew,
        coalesce(i.data->'waived', '[]') || coalesce(i.data->'offline'->'conflicts', '[]') as waived
      from ${bag} b
      left join ${transfusion} t on t.bag_id = b.id
      left join lateral (
        select e.version, e.at, e.data from ${bagEvent} e where e.bag_id = b.id and ${isIssueOfOne} order by e.version desc limit 1
      ) i on true
      join lateral (
        select e.at, e.data->>'patient' as pseudonym from ${bagEvent} e
        where e.bag_id = b.id and e.version >= coalesce(i.version, 0) and (${isIssueOfOne} or ${isGiving})
          and e.data->>'patient' is not null and ${isOfHolder}
        order by e.version desc limit 1
      ) whom on true
      join ${patient} p on p.facility_id = b.holder_id and p.pseudonym = whom.pseudonym
      where b.id = any(${`{${ids.join()}}`}::uuid[]) and b.state in ('issued', 'transfused') and ${within(reach, sql`b.holder_id`)}
        and coalesce(i.at, whom.at) >= ${outSince}::bigint
        and (b.state = 'issued' or not coalesce(t.is_over, true) or ${isGivenToo})
    ), suspect as materialized (
      select * from subject where ${mayBeSo}
    )
    select subject."bagId", subject.identifier, subject."productCode", subject."collectionType", subject.division,
      subject.component, subject.bag_abo as abo, subject.bag_rhd as rhd, subject."lowTitre", subject."isGiven",
      subject.facility_id as "facilityId", f.code as facility, d.name as device, subject.emergency, subject.override,
      subject.knew, subject.waived, ${newest} as "foundAt",
      (select row_to_json(known) from (${knownPatient(sql`subject.facility_id`, sql`subject.pseudonym`)}) known) as known,
      ${fitOf(sql`b`, { facilityId: sql`subject.facility_id`, pseudonym: sql`subject.pseudonym`, now: sql`${now}::bigint` })} as fit
    from suspect subject join ${bag} b on b.id = subject."bagId" join ${facility} f on f.id = subject.facility_id
    left join ${bagPlace} place on place.bag_id = b.id and place.known_to is null and place."to" is null
    left join ${device} d on d.id = place.device_id
    order by subject."bagId"`)
  return rows.map(({ identifier, productCode, collectionType, division, known, fit, ...row }) => {
    const { bagId, facilityId, facility: code, device: name, foundAt, component, abo, rhd, lowTitre } = row
    const { emergency, override, knew, waived, isGiven } = row
    return {
      ...{ bagId, facilityId, facility: code, device: name, foundAt: Number(foundAt) },
      label: labelOf({ identifier, productCode, collectionType, division }),
      bag: { component, group: abo !== null && rhd !== null ? { abo, rhd } : null, lowTitre },
      patient: knownOf(known),
      fit: fit ?? nothingKnown,
      ...{ emergency, hasOverride: override !== null, knew, waived, isGiven },
    }
  })
}
