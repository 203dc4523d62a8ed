import type { Context } from '../context.ts'
import { mustAskForAction } from '../domain/alarm.ts'
import { Refusal } from '../domain/refusal.ts'
import { findCase, noAlarm, type ShownCase } from '../stores/alarms.ts'
import { lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { bagsToRescue, type HostRow } from '../stores/rescue-facts.ts'
import { abandonMoves, insertRescue, intendedBags, lockRescues } from '../stores/rescues.ts'
import { demandRight, demandSomebody } from './demand.ts'
import { planFor, type RescueCase, rescueBags } from './plan-rescue.ts'

/**
 * Accept the plan of an action alarm. It is planned again of bags that are locked and places nobody else takes meanwhile,
 * and what is found then is what shall be carried: an intention, for where a bag is only sightings say. What cannot be
 * carried stays to be planned, and what is to be carried already is left alone; so of two at once one has nothing to do.
 *
 * @returns the number of the rescue
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict` where nothing is left to be carried
 */
export async function acceptRescue(ctx: Context, id: number, comment: string | undefined): Promise<number> {
  const { database } = ctx
  return database.db.transaction(async (tx) => {
    await lockRescues(tx)
    const found = await mayRescue(ctx, tx, id)
    const inTransaction = { ...ctx, database: { ...database, db: tx } }
    const seen = await bagsToRescue(tx, found.deviceId)
    // It takes a while to find out how each was kept: nobody at a door is held up meanwhile.
    const known = await rescueBags(inTransaction, seen)
    const locked = new Set(
      await lockBags(
        tx,
        seen.map((bag) => bag.id),
      ),
    )
    // What came in or went out until they were locked is seen now.
    const inside = (await bagsToRescue(tx, found.deviceId)).filter((bag) => locked.has(bag.id))
    const { plan, hosts } = await planFor(inTransaction, found, inside, known)
    const { moves, stays } = plan
    if (moves.length === 0)
      throw new Refusal(
        'conflict',
        `nothing is left to be carried for alarm ${id}: of what is inside, ${inside.length - stays.length} are to be ` +
          `carried already and ${stays.length} stay`,
      )
    const facilities = moves.map(({ device }) => (hosts.get(device) as HostRow).facilityId)
    const rescue = {
      caseId: id,
      device: found.device,
      policy: plan.policy,
      comment,
      moves: moves.map(({ order, bag, device, way, leaveBy }) => {
        const { facilityId: toFacilityId } = hosts.get(device) as HostRow
        return { order, bagId: bag, fromId: found.deviceId, toId: device, toFacilityId, by: way.by, leaveBy }
      }),
      facilityIds: [...new Set([found.facilityId, ...facilities])],
    }
    return insertRescue(tx, ctx.actor, rescue, plan.askedAt)
  })
}

/**
 * Give up all that is still to be carried with an alarm, so that it can be planned again: the device it was to go to
 * fails as well, or somebody has found a better way.
 *
 * @returns how many moves that were
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict` where there are none
 */
export async function abandonRescue(ctx: Context, id: number, reason: string): Promise<number> {
  return ctx.database.db.transaction(async (tx) => {
    await lockRescues(tx)
    const { facilityId } = await mayHandle(ctx, tx, id)
    const bagIds = await lockBags(tx, await intendedBags(tx, id))
    const abandoned = await abandonMoves(tx, ctx.actor, { caseId: id, facilityId, bagIds }, reason, ctx.now())
    if (abandoned === 0) throw new Refusal('conflict', `nothing is to be carried for alarm ${id}`)
    return abandoned
  })
}

async function mayRescue(ctx: Context, tx: Transaction, id: number): Promise<RescueCase> {
  const found = await mayHandle(ctx, tx, id)
  mustAskForAction(found, id)
  return found
}

async function mayHandle(ctx: Context, tx: Transaction, id: number): Promise<ShownCase> {
  const found = await findCase(tx, id)
  demandRight(ctx, 'alarm.handle', [found.facilityId], noAlarm(id))
  demandSomebody(ctx, 'bags are rescued')
  return found
}
