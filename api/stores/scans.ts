import { type SQL, sql } from 'drizzle-orm'
import {
  bag,
  bagEvent,
  bagHold,
  bagPlace,
  patient,
  sighting,
  tagAssignment,
  takeOut,
} from '../../schema/tables/bags.ts'
import { boot, clockFact, clockFault, deviceProfile, probe, probeState } from '../../schema/tables/devices.ts'
import { reading } from '../../schema/tables/messages.ts'
import { policy } from '../../schema/tables/policies.ts'
import type { Abo, Jurisdiction, PlaceState, Rhd } from '../../schema/vocabulary.ts'
import type { Hold, Patient } from '../domain/bag.ts'
import type { Limits, Reading } from '../domain/series.ts'
import type { Bag } from './bags.ts'
import type { Transaction } from './database.ts'
import { kept } from './pool.ts'

/*
 * What a scan at a fridge needs, in as few statements as can tell it: a nurse waits for the answer. Rows come as JSON.
 */

/** The bag with this label, locked; null where none is registered. */
export async function lockByLabel(
  tx: Transaction,
  identifier: string,
  { productCode, collectionType, division }: Pick<Bag, 'productCode' | 'collectionType' | 'division'>,
): Promise<string | null> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    ${kept}
    select id from ${bag}
    where scheme = 'ISBT128' and identifier = ${identifier} and product_code = ${productCode}
      and collection_type = ${collectionType} and division = ${division}
    for update`)
  return rows[0]?.id ?? null
}

/** A stay of a bag as it is believed now. */
export type Stay = {
  readonly state: PlaceState
  readonly deviceId: number
  readonly from: number
  readonly to: number | null
}

type Version = Limits & { readonly from: number }

export type ScanFacts = {
  readonly session: typeof takeOut.$inferSelect
  readonly bag: Bag | null
  readonly holds: readonly Hold[]
  readonly patient: Patient | null
  /** When a person last vouched for how it was kept, ms UTC. */
  readonly vouchedAt: number
  readonly stays: readonly Stay[]
  /** A clock that is or was in doubt, or was put right, had a say in where the bag was. */
  readonly hasClockMatters: boolean
  /** Of the bag's component, where it is stored. */
  readonly policies: readonly Version[]
}

/** The verbs by which a person vouches for how a bag was kept until then. */
const vouching = sql.raw(`('collect', 'register', 'release', 'receive', 'reinstate')`)

/**
 * All a scan is decided by but the readings. The bag must be locked already: what is read then is what its rivals left.
 *
 * @returns null where there is no such take-out
 */
export async function scanFacts(
  tx: Transaction,
  {
    takeOutId,
    bagId,
    jurisdiction,
  }: {
    readonly takeOutId: string
    readonly bagId: string | null
    readonly jurisdiction: Jurisdiction
  },
): Promise<ScanFacts | null> {
  const all = (rows: SQL) => sql`(select coalesce(json_agg(r), '[]') from (${rows}) r)`
  const { rows } = await tx.execute<{
    session: Record<string, unknown>
    bag: Record<string, unknown> | null
    holds: Hold[]
    patient: { abo: Abo | null; rhd: Rhd | null; anti_d: boolean; sample_until: number | null } | null
    vouched_at: number | null
    stays: Stay[]
    matters: boolean
    policies: { from: number; low: number; high: number; max_silence_ms: number }[]
  }>(sql`
    ${kept}
    select row_to_json(session) as session, row_to_json(bag) as bag,
      ${all(sql`select id, kind, reason from ${bagHold} where bag_id = bag.id and lifted_at is null order by id`)} as holds,
      (select row_to_json(p) from ${patient} p
       where p.facility_id = session.facility_id and p.pseudonym = session.pseudonym) as patient,
      (select max(at) from ${bagEvent} where bag_id = bag.id and verb in ${vouching}) as vouched_at,
      ${all(sql`select state, device_id as "deviceId", "from", "to" from ${bagPlace}
        where bag_id = bag.id and known_to is null order by "from"`)} as stays,
      exists (
        select from ${tagAssignment} t join ${sighting} s on s.tag = t.tag
        where t.bag_id = bag.id and (
          exists (select from ${clockFact} f where f.device_id = s.device_id)
          or exists (select from ${clockFault} f where f.device_id = s.device_id and f.settled_by is null)
        )
      ) as matters,
      ${all(sql`select effective_from as "from", low, high, max_silence_ms from ${policy} p
        where p.component = bag.component and p.jurisdiction = ${jurisdiction} and p.phase = 'storage'
        order by effective_from, version`)} as policies
    from ${takeOut} session left join ${bag} bag on bag.id = ${bagId}::uuid and bag.holder_id = session.facility_id
    where session.id = ${takeOutId}`)
  const [row] = rows
  if (!row) return null
  const found = row.bag ? camel<Bag>(row.bag) : null
  const known = row.patient
  const session = camel<ScanFacts['session']>(row.session)
  return {
    session,
    bag: found,
    holds: row.holds,
    patient:
      known && session.pseudonym !== null
        ? {
            pseudonym: session.pseudonym,
            group: { abo: known.abo, rhd: known.rhd },
            antiD: known.anti_d,
            sampleUntil: known.sample_until,
          }
        : null,
    vouchedAt: row.vouched_at ?? found?.registeredAt ?? 0,
    stays: row.stays,
    hasClockMatters: row.matters,
    policies: row.policies.map(({ max_silence_ms, ...limits }) => ({
      ...limits,
      maxSilenceMs: max_silence_ms,
    })),
  }
}

/** What the probe that speaks for a bag in a device told in [from, to): the load probe, or else the one in the air. */
export async function keptBy(
  tx: Transaction,
  { deviceId, from, to }: { readonly deviceId: number; readonly from: number; readonly to: number },
): Promise<{
  readonly readings: readonly Reading[]
  readonly silences: readonly Pick<Version, 'from' | 'maxSilenceMs'>[]
}> {
  const { rows } = await tx.execute<{
    readings: Reading[]
    silences: { from: number; maxSilenceMs: number }[]
  }>(sql`
    ${kept}
    with chosen as (
      select p.id from ${probe} p join ${probeState} on probe_id = p.id
      where device_id = ${deviceId} and kind in ('load', 'air') order by kind = 'load' desc limit 1
    ), span as (
      select coalesce((select max(at) from ${reading}, chosen where probe_id = chosen.id and at < ${from}::bigint), ${from}::bigint) as first,
             coalesce((select min(at) from ${reading}, chosen where probe_id = chosen.id and at >= ${to}::bigint), ${to}::bigint) as last
    )
    select (
      select coalesce(json_agg(r), '[]') from (
        select told.at, b.boot, told.centi from ${reading} told join ${boot} b on b.id = told.boot_id, chosen, span
        where told.probe_id = chosen.id and told.at between span.first and span.last
      ) r
    ) as readings, (
      select coalesce(json_agg(r), '[]') from (
        select "from", max_silence_ms as "maxSilenceMs" from ${deviceProfile} where device_id = ${deviceId} order by "from"
      ) r
    ) as silences`)
  const [row] = rows
  return { readings: row?.readings ?? [], silences: row?.silences ?? [] }
}

/** A row as JSON has it, by the names it has here. */
function camel<T>(row: Record<string, unknown>): T {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  ) as T
}
