import { asc, eq, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import {
  boot,
  clockFact,
  device,
  devicePlacement,
  deviceProfile,
  probe,
  probeState,
} from '../../schema/tables/devices.ts'
import { facility } from '../../schema/tables/facilities.ts'
import { policy } from '../../schema/tables/policies.ts'
import type { DeviceKind } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { ClockFact } from '../domain/clock.ts'
import type { Effective } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Limits } from '../domain/series.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { insertRows, isOneOf, rowSet } from './rows.ts'

export type Profile = Effective & Limits & { readonly physicalLow: number; readonly physicalHigh: number }

export type Placement = Effective & { readonly facility: string; readonly facilityId: number }

export type Secrets = {
  readonly hash: Buffer
  readonly previousHash: Buffer | null
  readonly previousUntil: number | null
}

/** All that judging a device's messages needs to know of it. */
export type Device = {
  readonly id: number
  readonly name: string
  /** What people call it; null where by its name. */
  readonly label: string | null
  readonly kind: DeviceKind
  readonly secrets: Secrets
  readonly revokedAt: number | null
  readonly inServiceFrom: number
  readonly capacity: number | null
  /** By ascending `from`; at least one. */
  readonly profiles: readonly Profile[]
  readonly placements: readonly Placement[]
  readonly clockFacts: readonly ClockFact[]
  /** Moves with every decision its readings are judged by. */
  readonly version: number
}

/** The facility a device stands in at a moment; of one that is placed later only, the first. `inForce` in SQL. */
export function standsIn(deviceId: AnyPgColumn | SQL, now: number): SQL {
  return sql`(
    select facility_id from ${devicePlacement} where device_id = ${deviceId}
    order by "from" <= ${now} desc, abs("from" - ${now}) limit 1
  )`
}

export const noDevice = (name: string) => `no device is named ${name}`

/** @throws Refusal `not_found` */
export async function findDevice(db: Database | Transaction, name: string): Promise<Device> {
  const found = (await lookUpDevices(db, [name])).get(name)
  if (!found) throw new Refusal('not_found', noDevice(name))
  return found
}

/** The devices of these names that exist, by name: however many, in as many queries as one takes. */
export async function lookUpDevices(
  db: Database | Transaction,
  names: readonly string[],
): Promise<Map<string, Device>> {
  const rows = await db.select().from(device).where(isOneOf(device.name, names))
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return new Map()
  const profiles = await db
    .select()
    .from(deviceProfile)
    .where(isOneOf(deviceProfile.deviceId, ids))
    .orderBy(asc(deviceProfile.from))
  const placements = await db
    .select({
      deviceId: devicePlacement.deviceId,
      from: devicePlacement.from,
      facility: facility.code,
      facilityId: facility.id,
    })
    .from(devicePlacement)
    .innerJoin(facility, eq(facility.id, devicePlacement.facilityId))
    .where(isOneOf(devicePlacement.deviceId, ids))
    .orderBy(asc(devicePlacement.from))
  const clockFacts = await db
    .select({
      deviceId: clockFact.deviceId,
      id: clockFact.id,
      boot: boot.boot,
      fromSeq: clockFact.fromSeq,
      toSeq: clockFact.toSeq,
      offsetMs: clockFact.offsetMs,
    })
    .from(clockFact)
    .innerJoin(boot, eq(boot.id, clockFact.bootId))
    .where(isOneOf(clockFact.deviceId, ids))
  const profilesOf = byDevice(profiles)
  const placementsOf = byDevice(placements)
  const factsOf = byDevice(clockFacts)
  const found = rows.map((row): [string, Device] => [
    row.name,
    {
      id: row.id,
      name: row.name,
      label: row.label,
      kind: row.kind,
      secrets: {
        hash: row.secretHash,
        previousHash: row.previousSecretHash,
        previousUntil: row.previousSecretUntil,
      },
      revokedAt: row.revokedAt,
      inServiceFrom: row.inServiceFrom,
      capacity: row.capacity,
      profiles: profilesOf.get(row.id) ?? [],
      placements: placementsOf.get(row.id) ?? [],
      clockFacts: factsOf.get(row.id) ?? [],
      version: row.version,
    },
  ])
  return new Map(found)
}

function byDevice<T extends { readonly deviceId: number }>(rows: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const row of rows) {
    const group = groups.get(row.deviceId)
    if (group) group.push(row)
    else groups.set(row.deviceId, [row])
  }
  return groups
}

/** What people call those of these devices that are not called by their names alone. */
export async function labelsOf(
  db: Database | Transaction,
  names: readonly (string | null)[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(names)].filter((name) => name !== null)
  if (wanted.length === 0) return new Map()
  const rows = await db
    .select({ name: device.name, label: device.label })
    .from(device)
    .where(isOneOf(device.name, wanted))
  return new Map(rows.flatMap(({ name, label }) => (label === null ? [] : [[name, label] as const])))
}

/** Every device there is, by name. */
export function everyDevice(db: Database): Promise<{ id: number; name: string }[]> {
  return db.select({ id: device.id, name: device.name }).from(device).orderBy(asc(device.name))
}

/** The devices whose profile changed in (after, until], or the policies of the facility they stand at, by name. */
export async function devicesToldOtherwise(
  db: Database,
  { after, until }: { readonly after: number; readonly until: number },
): Promise<string[]> {
  const rows = await db
    .select({ name: device.name })
    .from(device)
    .where(sql`${device.revokedAt} is null and (
      exists (
        select from ${deviceProfile} p
        where p.device_id = ${device}.id and p."from" > ${after}::bigint and p."from" <= ${until}::bigint
      ) or exists (
        select from ${policy} v join ${facility} f on f.jurisdiction = v.jurisdiction
        where v.effective_from > ${after}::bigint and v.effective_from <= ${until}::bigint
          and f.id = ${standsIn(sql`${device}.id`, until)}
      )
    )`)
    .orderBy(asc(device.id))
  return rows.map(({ name }) => name)
}

/** @throws Refusal `already_exists` */
export async function insertDevice(
  tx: Transaction,
  actor: Actor,
  input: {
    readonly name: string
    readonly label: string | null
    readonly kind: DeviceKind
    readonly secretHash: Buffer
    readonly inServiceFrom: number
    readonly facilityId: number
    readonly profile: Omit<Profile, 'from'>
  },
  now: number,
): Promise<void> {
  const { name, label, kind, secretHash, inServiceFrom, facilityId, profile } = input
  const [added] = await tx
    .insert(device)
    .values({ name, label, kind, secretHash, inServiceFrom, createdAt: now })
    .onConflictDoNothing()
    .returning({ id: device.id })
  if (!added) throw new Refusal('already_exists', `a device named ${name} exists already`)
  await tx.insert(devicePlacement).values({ deviceId: added.id, from: inServiceFrom, facilityId })
  await tx.insert(deviceProfile).values({ deviceId: added.id, from: inServiceFrom, ...profile })
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.provisioned',
    subjectKind: 'device',
    subject: name,
    after: { label, kind, inServiceFrom, facilityId, profile },
  })
}

/** Put a new secret in force; the old one is believed until `previousUntil`. */
export async function replaceSecret(
  tx: Transaction,
  actor: Actor,
  input: { readonly name: string; readonly secretHash: Buffer; readonly previousUntil: number },
  now: number,
): Promise<void> {
  const moved = await tx
    .update(device)
    .set({
      previousSecretHash: sql`${device.secretHash}`,
      previousSecretUntil: input.previousUntil,
      secretHash: input.secretHash,
    })
    .where(sql`${device.name} = ${input.name} and ${device.revokedAt} is null`)
    .returning({ id: device.id })
  if (moved.length === 0)
    throw new Refusal('device_revoked', `device ${input.name} is revoked and gets no new secret`)
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.secret_rotated',
    subjectKind: 'device',
    subject: input.name,
    after: { previousUntil: input.previousUntil },
  })
}

/** From now on no secret of this device is believed. @returns false where that is so already: nothing has changed */
export async function markRevoked(
  tx: Transaction,
  actor: Actor,
  name: string,
  reason: string,
  now: number,
): Promise<boolean> {
  const moved = await tx
    .update(device)
    .set({ revokedAt: now })
    .where(sql`${device.name} = ${name} and ${device.revokedAt} is null`)
    .returning({ id: device.id })
  if (moved.length === 0) return false
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.revoked',
    subjectKind: 'device',
    subject: name,
    reason,
  })
  return true
}

/** Say how many bags a device takes in all; null where nobody can say any more. */
export async function storeCapacity(
  tx: Transaction,
  actor: Actor,
  { id, name }: { readonly id: number; readonly name: string },
  capacity: number | null,
  now: number,
): Promise<void> {
  await tx.update(device).set({ capacity }).where(eq(device.id, id))
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.capacity_set',
    subjectKind: 'device',
    subject: name,
    after: { capacity },
  })
}

/** Say what people call a device; null where by its name. Nothing of the record hangs on it. */
export async function storeLabel(
  tx: Transaction,
  actor: Actor,
  { id, name, label: before }: Pick<Device, 'id' | 'name' | 'label'>,
  label: string | null,
  now: number,
): Promise<void> {
  await tx.update(device).set({ label }).where(eq(device.id, id))
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.labelled',
    subjectKind: 'device',
    subject: name,
    before: { label: before },
    after: { label },
  })
}

/** Set limits from an instant on. @throws Refusal `conflict` where another change begins at that very instant */
export async function appendProfile(
  tx: Transaction,
  actor: Actor,
  owner: { readonly id: number; readonly name: string },
  profile: Profile,
  now: number,
): Promise<void> {
  const added = await tx
    .insert(deviceProfile)
    .values({ deviceId: owner.id, ...profile })
    .onConflictDoNothing()
    .returning({ from: deviceProfile.from })
  if (added.length === 0) {
    throw new Refusal(
      'conflict',
      `device ${owner.name} already changes its profile at ${new Date(profile.from).toISOString()}`,
    )
  }
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.profile_set',
    subjectKind: 'device',
    subject: owner.name,
    after: profile,
  })
}

export type Probe = { readonly id: number; readonly kind: (typeof probe.$inferSelect)['kind'] }

/**
 * The probes of a device, locked for derivation by ascending id, after a decision its readings are judged by. Whoever
 * judged by what held before finds the version of the device, or of a probe, gone and starts again.
 */
export async function lockProbes(tx: Transaction, deviceId: number): Promise<Probe[]> {
  await tx
    .update(device)
    .set({ version: sql`${device.version} + 1` })
    .where(eq(device.id, deviceId))
  const probes = await tx
    .select({ id: probe.id, kind: probe.kind })
    .from(probe)
    .where(eq(probe.deviceId, deviceId))
    .orderBy(asc(probe.id))
  for (const { id } of probes) {
    await tx
      .update(probeState)
      .set({ version: sql`${probeState.version} + 1` })
      .where(eq(probeState.probeId, id))
  }
  return probes
}

/** Hold off decisions about these devices to the end of the transaction. False: one has been decided on meanwhile. */
export async function lockDevices(tx: Transaction, devices: Iterable<Device>): Promise<boolean> {
  const versions = new Map([...devices].map(({ id, version }) => [id, version]))
  if (versions.size === 0) return true
  const rows = await tx
    .select({ id: device.id, version: device.version })
    .from(device)
    .where(isOneOf(device.id, [...versions.keys()]))
    .orderBy(asc(device.id))
    .for('share')
  return rows.every(({ id, version }) => versions.get(id) === version)
}

/** Hold up everybody who takes in messages of a device, or decides on it. */
export async function lockDevice(tx: Transaction, deviceId: number): Promise<void> {
  await tx.select({ id: device.id }).from(device).where(eq(device.id, deviceId)).for('update')
}

/** The probes of a device that have reported. */
export async function probesOf(
  db: Database | Transaction,
  deviceId: number,
): Promise<(Probe & { readonly firstAt: number })[]> {
  return db
    .select({ id: probe.id, kind: probe.kind, firstAt: probeState.firstAt })
    .from(probe)
    .innerJoin(probeState, eq(probeState.probeId, probe.id))
    .where(eq(probe.deviceId, deviceId))
    .orderBy(asc(probe.id))
}

type ProbeOf = Pick<typeof probe.$inferSelect, 'deviceId' | 'kind'>

/** The numbers of devices' probes, given now to those that report for the first time. */
export async function ensureProbes(
  db: Database,
  wanted: readonly ProbeOf[],
): Promise<(typeof probe.$inferSelect)[]> {
  if (wanted.length === 0) return []
  await insertRows(db, probe, wanted)
  const { names, select } = rowSet(probe, wanted)
  return db.select().from(probe).where(sql`(${names}) in (${select})`)
}
