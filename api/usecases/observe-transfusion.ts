import type { TransfusionVerb } from '../../schema/vocabulary.ts'
import { transfusionVerbs } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Command, ObserveCommand } from '../domain/bag.ts'
import { Refusal } from '../domain/refusal.ts'
import { accountOf, isToldAlready, type Observation } from '../domain/transfusion.ts'
import { peopleRules } from '../policies/bedside.ts'
import { type Bag, eventsOf, patientsOf } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { saveTransfusion } from '../stores/ends.ts'
import { jurisdictionOf } from '../stores/facilities.ts'

/** A clock at the bedside may be ahead of ours by so much, as a device's may, ms. */
const aheadMs = 10 * 60_000

export type Observed = Pick<
  ObserveCommand,
  'verb' | 'occurredAt' | 'patient' | 'checkers' | 'volumeMl' | 'remark'
>

/**
 * A part of a transfusion, in whatever order it is told: written down whatever speaks against it, with what does. Told
 * again to the letter it is nothing new.
 *
 * @returns null where it was told already
 * @throws Refusal `invalid_request` where it is still to come
 */
export async function commandToObserve(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  observed: Observed,
): Promise<Command | null> {
  if (observed.occurredAt > ctx.now() + aheadMs)
    throw new Refusal('invalid_request', 'occurredAt: is still to come')
  const again: Observation = { ...observed, endedAt: null, reaction: false }
  const told = observationsOf(await eventsOf(tx, bag.id))
  if (isToldAlready(told, again)) return null
  await remember(tx, bag, [...told, again])
  const jurisdiction = await jurisdictionOf(tx, bag.destinationId ?? bag.holderId)
  const { checkers: checkersNeeded } = peopleRules[jurisdiction]
  return { ...observed, ...(await patientsOf(tx, bag.id)), checkersNeeded }
}

/** The whole of a transfusion in one word: it was given, and is over. */
export async function commandToTransfuse(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  whole: {
    readonly patient: string | null
    readonly startedAt: number
    readonly endedAt: number | null
    readonly reaction: boolean
  },
): Promise<Command> {
  const now = ctx.now()
  const { startedAt, endedAt } = whole
  if (startedAt > now) throw new Refusal('invalid_request', 'startedAt: is still to come')
  if (endedAt !== null && endedAt > now) throw new Refusal('invalid_request', 'endedAt: is still to come')
  const told = observationsOf(await eventsOf(tx, bag.id))
  const verb = 'transfuse'
  await remember(tx, bag, [...told, { ...nothingElse, ...whole, verb, occurredAt: startedAt }])
  return { verb, ...whole, ...(await patientsOf(tx, bag.id)) }
}

const nothingElse = { checkers: [], volumeMl: null } as const

async function remember(tx: Transaction, bag: Bag, told: readonly Observation[]): Promise<void> {
  const account = accountOf(told)
  if (account) await saveTransfusion(tx, bag.id, account)
}

type Told = Partial<Omit<Observation, 'verb'>> & { readonly startedAt?: number }

/** What was told of a bag's transfusion, of all that was done to it. */
export function observationsOf(
  events: readonly { readonly verb: string; readonly data: unknown }[],
): Observation[] {
  return events.flatMap(({ verb, data }) => {
    if (!isOfTransfusion(verb)) return []
    const { occurredAt, startedAt, endedAt = null, reaction = false, ...told } = data as Told
    const at = occurredAt ?? startedAt
    if (at === undefined) return []
    const { patient = null, checkers = [], volumeMl = null } = told
    return [{ verb, occurredAt: at, endedAt, reaction, patient, checkers, volumeMl }]
  })
}

function isOfTransfusion(verb: string): verb is TransfusionVerb {
  return transfusionVerbs.some((one) => one === verb)
}
