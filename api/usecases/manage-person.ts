import type { Context } from '../context.ts'
import { checkPassword, checkPin } from '../domain/credentials.ts'
import { Refusal } from '../domain/refusal.ts'
import {
  changePassword,
  endPerson,
  endRole,
  findPerson,
  insertRole,
  type Person,
  setBadge,
} from '../stores/people.ts'
import { hashSecret, hashSlowly } from '../stores/secrets.ts'
import { placeOf, type RoleFor } from './create-person.ts'
import { demandPerson } from './demand.ts'

/** @throws Refusal `not_found`, `forbidden`, `conflict` where they have left */
export async function manageable(ctx: Context, username: string): Promise<Person> {
  const person = await findPerson(ctx.database.db, username)
  demandPerson(ctx, person)
  if (person.endedAt !== null) throw new Refusal('conflict', `${username} has left`)
  return person
}

/** @throws Refusal `not_found`, `forbidden`, `conflict`, `already_exists` */
export async function grantRole(ctx: Context, username: string, { role, facility }: RoleFor): Promise<void> {
  const person = await manageable(ctx, username)
  await ctx.database.db.transaction(async (tx) => {
    const facilityId = await placeOf(ctx, tx, facility)
    await insertRole(tx, ctx.actor, person.id, { role, facilityId }, ctx.now())
  })
}

/** @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function withdrawRole(
  ctx: Context,
  username: string,
  { role, facility }: RoleFor,
): Promise<void> {
  const person = await manageable(ctx, username)
  await ctx.database.db.transaction(async (tx) => {
    const facilityId = await placeOf(ctx, tx, facility)
    await endRole(tx, ctx.actor, person.id, { role, facilityId }, ctx.now())
  })
}

/** @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function dismissPerson(ctx: Context, username: string, reason: string): Promise<void> {
  const person = await manageable(ctx, username)
  await ctx.database.db.transaction((tx) => endPerson(tx, ctx.actor, person.id, reason, ctx.now()))
}

/** Whoever was signed in with the old one is signed out. @throws Refusal `invalid_request`, `not_found`, `forbidden` */
export async function setPassword(ctx: Context, username: string, password: string): Promise<void> {
  const person = await manageable(ctx, username)
  checkPassword(password, person.username)
  const hash = await hashSlowly(password)
  await ctx.database.db.transaction((tx) => changePassword(tx, ctx.actor, person, hash, ctx.now()))
}

/** @throws Refusal `invalid_request` for a PIN that is guessed first, `already_exists`, `not_found`, `forbidden` */
export async function issueBadge(
  ctx: Context,
  username: string,
  { code, pin }: { readonly code: string; readonly pin: string },
): Promise<void> {
  const person = await manageable(ctx, username)
  checkPin(pin)
  const hash = await hashSlowly(pin)
  const badge = { code: hashSecret(code).toString('hex'), pin: hash }
  await ctx.database.db.transaction((tx) => setBadge(tx, ctx.actor, person.id, badge, ctx.now()))
}
