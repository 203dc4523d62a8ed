import type { Context } from '../context.ts'
import { mustAllow } from '../domain/alarm.ts'
import { acknowledgeCase, appendAlarmEvents, closeCase, lockCase, noAlarm } from '../stores/alarms.ts'
import { demandRight, demandSomebody } from './demand.ts'

export type AlarmAct = 'acknowledged' | 'commented' | 'closed'

/**
 * Acknowledge an alarm, which stops its escalation and lifts nothing; comment on it; or close it, once it is acknowledged
 * and what it is about is over. Each takes a person, and words.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `conflict`
 */
export async function handleAlarm(
  ctx: Context,
  input: { readonly id: number; readonly act: AlarmAct; readonly comment: string },
): Promise<void> {
  const { id, act, comment } = input
  await ctx.database.db.transaction(async (tx) => {
    const found = await lockCase(tx, id)
    demandRight(ctx, 'alarm.handle', [found.facilityId], noAlarm(id))
    demandSomebody(ctx, 'an alarm is handled')
    mustAllow(found, act, id)
    const now = ctx.now()
    if (act === 'acknowledged') await acknowledgeCase(tx, id, now)
    if (act === 'closed') await closeCase(tx, id, now)
    await appendAlarmEvents(tx, ctx.actor, [{ of: found, verb: act, comment }], now)
  })
}
