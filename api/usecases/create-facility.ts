import type { Context } from '../context.ts'
import { type Facility, insertFacility } from '../stores/facilities.ts'
import { demandEverywhere } from './demand.ts'

/** @throws Refusal `forbidden`, `already_exists` */
export async function createFacility(ctx: Context, input: Facility): Promise<Facility> {
  demandEverywhere(ctx, 'facility.create')
  await ctx.database.db.transaction((tx) => insertFacility(tx, ctx.actor, input, ctx.now()))
  return input
}
