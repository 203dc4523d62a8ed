import type { Context } from '../context.ts'
import { findApiKey, insertApiKey, noApiKey, revokeApiKey } from '../stores/api-keys.ts'
import { placeOf, type RoleFor } from './create-person.ts'
import { demandRight } from './demand.ts'

/** @returns the key, told this once. @throws Refusal `not_found`, `forbidden`, `already_exists` */
export async function createApiKey(
  ctx: Context,
  { name, role, facility }: RoleFor & { readonly name: string },
): Promise<string> {
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await placeOf(ctx, tx, facility, 'key.manage')
    return insertApiKey(tx, ctx.actor, { name, role, facilityId }, ctx.now())
  })
}

/** @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function withdrawApiKey(ctx: Context, name: string, reason: string): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const key = await findApiKey(tx, name)
    demandRight(ctx, 'key.manage', [key.facilityId], noApiKey(name))
    await revokeApiKey(tx, ctx.actor, name, reason, ctx.now())
  })
}
