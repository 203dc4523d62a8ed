import type { Context } from '../context.ts'
import { type Facility, insertFacility, type NewFacility, usualJurisdiction } from '../stores/facilities.ts'
import { demandEverywhere } from './demand.ts'

/** @throws Refusal `forbidden`, `already_exists` */
export async function createFacility(ctx: Context, input: NewFacility): Promise<Facility> {
  demandEverywhere(ctx, 'facility.create')
  const facility = { jurisdiction: usualJurisdiction, ...input }
  await ctx.database.db.transaction((tx) => insertFacility(tx, ctx.actor, facility, ctx.now()))
  return facility
}
