import type { Context } from '../context.ts'
import { mustAllow } from '../domain/alarm.ts'
import { type AlarmCase, appendAlarmEvent, lockCase, noAlarm, updateCase } from '../stores/alarms.ts'
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
    const changes: Record<AlarmAct, Partial<AlarmCase>> = {
      acknowledged: { acknowledgedAt: now },
      commented: {},
      closed: { closedAt: now },
    }
    if (act !== 'commented') await updateCase(tx, id, changes[act])
    await appendAlarmEvent(tx, ctx.actor, found, { verb: act, comment }, now)
  })
}
