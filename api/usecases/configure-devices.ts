import { isDeepStrictEqual } from 'node:util'
import type { ConfigureBody } from '../../schema/messages.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { inForce } from '../domain/effective.ts'
import { toCelsius } from '../domain/temperature.ts'
import { type DeviceCommand, newestSettings, supersedeSettings } from '../stores/commands.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { type Device, lockDevice, lookUpDevices } from '../stores/devices.ts'
import { jurisdictionsOf } from '../stores/facilities.ts'
import { keysInUse } from '../stores/list-keys.ts'
import { listPolicies } from '../stores/policies.ts'
import { rulesOf } from './alarm-rules.ts'
import { issueCommand } from './command-device.ts'

const actor: Actor = { kind: 'job', id: 'configure' }

/** Who could not take its settings, or would not, is asked again no sooner, ms. */
const asksAgainMs = 3_600_000

/**
 * Tell devices their own limits and delays, and by which keys they believe lists, where the newest they were told are others, have expired, or were not taken:
 * so that each can alarm by itself when nobody else does. What waits for a reply is left to wait.
 *
 * @returns how many were told
 */
export async function configureDevices(
  { database, now: clock }: { readonly database: Pick<Deps['database'], 'db'>; readonly now: Deps['now'] },
  names: readonly string[],
): Promise<number> {
  const now = clock()
  const lacking = await lackingOf(database.db, names, now)
  let told = 0
  for (const { device } of lacking)
    if (await database.db.transaction((tx) => configureDevice(tx, actor, device.name, now))) told += 1
  return told
}

/** The same of one device, in the transaction of what changed its limits. False: it knows them. */
export async function configureDevice(
  tx: Transaction,
  by: Actor,
  name: string,
  now: number,
): Promise<boolean> {
  const found = (await lookUpDevices(tx, [name])).get(name)
  if (!found) return false
  // One at a time, or two settings would stand; and by what is so once the others are done.
  await lockDevice(tx, found.id)
  const [lacking] = await lackingOf(tx, [name], now)
  if (!lacking) return false
  await supersedeSettings(tx, by, found.id, now)
  await issueCommand(tx, by, lacking.device, { kind: 'configure', body: lacking.body }, now)
  return true
}

type Lacking = { readonly device: Device; readonly body: ConfigureBody }

/** The devices that do not know what they must, by ascending id, and what that is. */
async function lackingOf(
  db: Database | Transaction,
  names: readonly string[],
  now: number,
): Promise<Lacking[]> {
  const found = [...(await lookUpDevices(db, names)).values()].filter(({ revokedAt }) => revokedAt === null)
  if (found.length === 0) return []
  const standing = new Map(found.map(({ id, placements }) => [id, inForce(placements, now).facilityId]))
  const jurisdictions = await jurisdictionsOf(db, [...new Set(standing.values())])
  const policies = await listPolicies(db)
  const listKeys = await keysInUse(db)
  const newest = await newestSettings(
    db,
    found.map(({ id }) => id),
    now,
  )
  return found
    .sort((a, b) => a.id - b.id)
    .flatMap((device) => {
      const jurisdiction = jurisdictions.get(standing.get(device.id) as number)
      const theirs = policies.filter((policy) => policy.jurisdiction === jurisdiction)
      const limits = settingsOf(device, theirs, now)
      const body = listKeys.length > 0 ? { ...limits, listKeys } : limits
      return knows(newest.get(device.id), body, now) ? [] : [{ device, body }]
    })
}

function settingsOf(
  { profiles }: Device,
  policies: Parameters<typeof rulesOf>[1],
  now: number,
): ConfigureBody {
  const profile = inForce(profiles, now)
  const { loadMs, airLow, airHigh, airMs, airActionMs, doorMs } = rulesOf(profile, policies, now)
  return {
    low: toCelsius(profile.low),
    high: toCelsius(profile.high),
    loadMs,
    airLow: toCelsius(airLow),
    airHigh: toCelsius(airHigh),
    airMs,
    airActionMs,
    doorMs,
    maxSilenceMs: profile.maxSilenceMs,
  }
}

function knows(newest: DeviceCommand | undefined, body: ConfigureBody, now: number): boolean {
  if (!newest || !isDeepStrictEqual(newest.body, body)) return false
  if (newest.replyState === 'done') return true
  return newest.repliedAt === null ? now < newest.expiresAt : now < newest.repliedAt + asksAgainMs
}
