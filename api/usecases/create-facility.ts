import type { Context } from '../context.ts'
import { type Facility, insertFacility } from '../stores/facilities.ts'

export async function createFacility(ctx: Context, input: Facility): Promise<Facility> {
  await ctx.database.db.transaction((tx) => insertFacility(tx, ctx.actor, input, ctx.now()))
  return input
}
