import type { Context } from '../context.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { insertRules, rulesInForce, type TakeOutRules } from '../stores/take-outs.ts'
import { demandRight } from './demand.ts'

/** Say how bags are taken out at a facility, for door sessions opened from now on. @throws Refusal `not_found`, `forbidden` */
export async function setTakeOutRules(
  ctx: Context,
  code: string,
  rules: TakeOutRules,
): Promise<TakeOutRules> {
  return ctx.database.db.transaction(async (tx) => {
    const facility = await findFacility(tx, code)
    demandRight(ctx, 'take_out.rule', [facility.id], noFacility(code))
    await insertRules(tx, ctx.actor, facility, rules, ctx.now())
    return rules
  })
}

/** @throws Refusal `not_found` */
export async function readTakeOutRules(ctx: Context, code: string): Promise<TakeOutRules> {
  const { id } = await findFacility(ctx.database.db, code)
  demandRight(ctx, 'facility.read', [id], noFacility(code))
  return rulesInForce(ctx.database.db, id)
}
