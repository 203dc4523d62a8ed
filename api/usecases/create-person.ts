import type { Role } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { checkPassword } from '../domain/credentials.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Right } from '../domain/rights.ts'
import type { Transaction } from '../stores/database.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import {
  hasAdministrator,
  insertPerson,
  insertRole,
  lockAdministrators,
  type NewPerson,
} from '../stores/people.ts'
import { hashSlowly } from '../stores/secrets.ts'
import { demandEverywhere, demandRight } from './demand.ts'

/** A role for one facility, by its code, or for all of them. */
export type RoleFor = { readonly role: Role; readonly facility: string | null }

export type CreatePersonInput = Omit<NewPerson, 'passwordHash'> & {
  /** Null for whoever signs in with an OpenID provider only. */
  readonly password: string | null
  readonly roles: readonly RoleFor[]
}

/**
 * Let somebody in. Who administers one facility lets people into that one only.
 *
 * @throws Refusal `invalid_request` for a weak password, `not_found`, `forbidden`, `already_exists`
 */
export async function createPerson(ctx: Context, input: CreatePersonInput): Promise<void> {
  const { password, roles, ...person } = input
  if (password !== null) checkPassword(password, person.username)
  if (roles.length === 0) demandEverywhere(ctx, 'person.manage')
  const passwordHash = password === null ? null : await hashSlowly(password)
  const now = ctx.now()
  await ctx.database.db.transaction(async (tx) => {
    const places = []
    for (const { role, facility } of roles)
      places.push({ role, facilityId: await placeOf(ctx, tx, facility) })
    const id = await insertPerson(tx, ctx.actor, { ...person, passwordHash }, now)
    for (const place of places) await insertRole(tx, ctx.actor, id, place, now)
  })
}

/** Where a role is to hold, if whoever asks may say so. */
export async function placeOf(
  ctx: Context,
  tx: Transaction,
  facility: string | null,
  right: Right = 'person.manage',
): Promise<number | null> {
  if (facility === null) {
    demandEverywhere(ctx, right)
    return null
  }
  const { id } = await findFacility(tx, facility)
  demandRight(ctx, right, [id], noFacility(facility))
  return id
}

/**
 * Let the first administrator of everything in. Whoever can open the database may do so, once.
 *
 * @throws Refusal `conflict` where there is one, `invalid_request` for a weak password
 */
export async function createFirstAdministrator(
  { database, now }: Pick<Context, 'database' | 'now'>,
  {
    username,
    name,
    password,
  }: { readonly username: string; readonly name: string; readonly password: string },
): Promise<void> {
  const actor = { kind: 'job', id: 'first-administrator' } as const
  checkPassword(password, username)
  const passwordHash = await hashSlowly(password)
  const at = now()
  await database.db.transaction(async (tx) => {
    await lockAdministrators(tx)
    if (await hasAdministrator(tx))
      throw new Refusal('conflict', 'there is an administrator already, who lets others in: POST /people')
    const id = await insertPerson(tx, actor, { username, name, passwordHash }, at)
    await insertRole(tx, actor, id, { role: 'administrator', facilityId: null }, at)
  })
}
