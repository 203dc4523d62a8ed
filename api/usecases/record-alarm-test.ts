import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { type AlarmTest, insertAlarmTest } from '../stores/alarm-tests.ts'
import { demandSomebody, reachDevice } from './demand.ts'

/**
 * Write down that a device was made to alarm on purpose, and whether it did; just now where nothing else is said. Takes a
 * person.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `invalid_request` for what is yet to come
 */
export async function recordAlarmTest(
  ctx: Context,
  input: Omit<AlarmTest, 'at'> & { readonly device: string; readonly at?: number | undefined },
): Promise<void> {
  const { device, ...test } = input
  const now = ctx.now()
  const at = test.at ?? now
  await ctx.database.db.transaction(async (tx) => {
    const found = await reachDevice(ctx, tx, device, 'alarm.test')
    demandSomebody(ctx, 'an alarm is tested')
    if (at > now || at < found.inServiceFrom)
      throw new Refusal('invalid_request', 'at: is yet to come, or before the device came into service')
    await insertAlarmTest(tx, ctx.actor, found, { ...test, at }, now)
  })
}
