import type { BagState } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { expiryStep } from '../domain/fate.ts'
import type { Reach } from '../domain/rights.ts'
import { bagTimer } from '../policies/alarms.ts'
import { expirySteps, fateRules } from '../policies/fates.ts'
import { cnExpiresSoon, cnFateTask, cnJourneyOverdue } from '../policies/tasks.ts'
import {
  expiredOnShelf,
  expiring,
  issuedSince,
  journeysOverdue,
  reservationsEnding,
  returnedBags,
  transfusionsUnderWay,
  type Waiting,
  withoutFate,
} from '../stores/worklists.ts'
import type { Task } from './list-tasks.ts'

type Find = (ctx: Context, reach: Reach) => Promise<Task[]>

const longestStepMs = Math.max(...Object.values(expirySteps).flat())

/** The worklists that see that every bag has a fate: what should have been heard of a bag, and was not. */
export const fateFinders = {
  transfusion_not_ended: (ctx, reach) =>
    found(ctx, 'transfusion_not_ended', bagTimer.transfusionMs, (now) =>
      transfusionsUnderWay(ctx.database.db, reach, now - bagTimer.transfusionMs),
    ),
  bedside_missing: (ctx, reach) =>
    found(ctx, 'bedside_missing', fateRules.bedsideMs, (now) =>
      issuedSince(ctx.database.db, reach, now - fateRules.presumedMs + 1, now - fateRules.bedsideMs),
    ),
  presumed_transfused: (ctx, reach) =>
    found(ctx, 'presumed_transfused', fateRules.presumedMs, (now) =>
      issuedSince(ctx.database.db, reach, 0, now - fateRules.presumedMs),
    ),
  journey_overdue: async (ctx, reach) => {
    const overdue = await journeysOverdue(ctx.database.db, reach, fateRules, ctx.now())
    return overdue.map((bag) => ({
      ...aboutOf(bag),
      kind: 'journey_overdue',
      since: bag.at + bag.limitMs,
      ...cnJourneyOverdue(bag.state),
    }))
  },
  return_to_inspect: (ctx, reach) =>
    found(ctx, 'return_to_inspect', 0, (now) => returnedBags(ctx.database.db, reach, now)),
  reservation_ending: (ctx, reach) =>
    found(ctx, 'reservation_ending', -fateRules.reservationMs, (now) =>
      reservationsEnding(ctx.database.db, reach, now, now + fateRules.reservationMs),
    ),
  expires_soon: async (ctx, reach) => {
    const now = ctx.now()
    const bags = await expiring(ctx.database.db, reach, now, now + longestStepMs)
    return bags.flatMap((bag) => {
      const step = expiryStep(bag.expiresAt, expirySteps[bag.component], now)
      if (step === null) return []
      const task = { kind: 'expires_soon', since: bag.expiresAt - step, ...cnExpiresSoon(step) } as const
      return [{ ...aboutOf(bag), ...task }]
    })
  },
  expired_on_shelf: (ctx, reach) =>
    found(ctx, 'expired_on_shelf', 0, (now) =>
      expiredOnShelf(ctx.database.db, reach, now, now - fateRules.unknownMs),
    ),
  fate_unknown: (ctx, reach) =>
    found(ctx, 'fate_unknown', fateRules.unknownMs, (now) =>
      withoutFate(ctx.database.db, reach, now - fateRules.unknownMs),
    ),
} as const satisfies Partial<Record<Task['kind'], Find>>

/** @param afterMs so long after what it goes by it becomes a task */
async function found(
  ctx: Context,
  kind: keyof typeof cnFateTask,
  afterMs: number,
  find: (now: number) => Promise<Waiting[]>,
): Promise<Task[]> {
  const bags = await find(ctx.now())
  return bags.map((bag) => ({ ...aboutOf(bag), kind, since: bag.at + afterMs, ...cnFateTask[kind] }))
}

function aboutOf({ bagId, label, device, facility }: Waiting & { readonly state: BagState }) {
  return { bagId, label, device, facility }
}
