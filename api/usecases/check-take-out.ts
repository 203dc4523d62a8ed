import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { noTakeOut, saveCheck, takeOutOf } from '../stores/take-outs.ts'
import { demandRight, demandSomebody } from './demand.ts'

/**
 * A second person says that bag, patient and label were compared: whoever opened the door is the first.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `second_person`, `session_over`
 */
export async function checkTakeOut(ctx: Context, id: string): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    const session = await takeOutOf(tx, id)
    demandRight(ctx, 'bag.take_out', [session.facilityId], noTakeOut(id))
    demandSomebody(ctx, 'a take-out is checked')
    if ((session.actor as Actor).id === ctx.actor.id)
      throw new Refusal('second_person', 'you opened the door: another person checks')
    // Checked once is checked.
    if (session.checkedAt !== null) return
    if (!(await saveCheck(tx, ctx.actor, id, ctx.now())))
      throw new Refusal('session_over', 'the door session is over: open another')
  })
}
