import type { HoldKind } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { graverThan, type Judged, type Judgement } from '../domain/ledger.ts'
import { isFinal } from '../domain/lifecycle.ts'
import { cnHeldFor, systemHolds } from '../policies/ledger.ts'
import { appendAudit } from '../stores/audit.ts'
import { type Bag, concerned, findBag, holdsOf, insertHold, liftHold, lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { createDeviceReads, type DeviceReads } from '../stores/device-reads.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import {
  insertLedger,
  type Ledger,
  ledgersOf,
  openLookBack,
  putOff,
  vouchedUntil,
} from '../stores/ledgers.ts'
import { appendNews } from '../stores/news.ts'
import { judgementOf, keptEntry, signature } from './judgement.ts'
import { learnProduct } from './learn-product.ts'
import { besideLedger, seeToBeside } from './rejudge-bag.ts'
import { traceBag } from './trace-bag.ts'

const judge: Actor = { kind: 'job', id: 'cold-chain-judge' }

/**
 * Judge how a bag was kept, and see to what follows from it: a hold where it must not be used, the lifting of one for a
 * gap that has been filled, a look-back case where it was given already. What was judged the same is left as it is. What
 * approved re-judgements say of it is told beside its ledger in the same transaction, by the same rules.
 *
 * @param shared what is read together with other bags, and the moment since when: it is judged as of then
 * @returns whether anything was told
 * @throws Refusal `not_found` where no policy speaks of it
 */
export async function judgeBag(
  { database, now: clock }: Pick<Deps, 'database' | 'now'>,
  bagId: string,
  shared?: { readonly reads: DeviceReads; readonly asOf: number },
): Promise<boolean> {
  return database.db.transaction(async (tx) => {
    await lockBags(tx, [bagId])
    const now = clock()
    const bag = await findBag(tx, bagId)
    const jurisdiction = await jurisdictionOf(tx, bag.holderId)
    const { reads, asOf } = shared ?? { reads: createDeviceReads(), asOf: now }
    const traced = await traceBag({ database: { db: tx }, reads, now: () => asOf }, { bagId, jurisdiction })
    const judgement = await judgementOf(tx, reads, traced, jurisdiction, asOf)
    const beside = await besideLedger(tx, reads, bag, jurisdiction, asOf)
    const dueAt = earliestOf([judgement, ...beside.map((one) => one.judgement)])
    const [before] = await ledgersOf(tx, bagId)
    const entries = judgement.entries.map(keptEntry)
    const ledger = { verdict: judgement.verdict, jurisdiction, entries }
    if (before && before.jurisdiction === jurisdiction && signature(before) === signature(ledger)) {
      if (before.dueAt !== dueAt) await putOff(tx, before, dueAt)
      const held = await seeToHolds(tx, bag, before, judgement, now)
      return (await seeToBeside(tx, judge, bag, before, beside, now)) || held
    }
    const { storage, transport } = traced.policy
    const policies = { storage, transport, in_hand: [] }
    const ledgerId = await insertLedger(tx, bagId, before, { ...ledger, policies, dueAt }, now)
    await appendAudit(tx, judge, {
      at: now,
      action: 'bag.judged',
      subjectKind: 'bag',
      subject: bagId,
      before: before && { verdict: before.verdict, revision: before.revision },
      after: { verdict: ledger.verdict, revision: (before?.revision ?? 0) + 1 },
    })
    const isNews = ledger.verdict !== (before?.verdict ?? 'OK')
    if (isNews)
      await appendNews(tx, [
        {
          at: now,
          kind: 'bag.verdict_changed',
          subject: bagId,
          facilityIds: concerned(bag),
          data: { from: before?.verdict ?? null, to: ledger.verdict },
        },
      ])
    const [current] = await ledgersOf(tx, bagId)
    if (!current) throw new Error(`the ledger of bag ${bagId} is not there`)
    const held = await seeToHolds(tx, bag, current, judgement, now)
    if (bag.state === 'transfused' && graverThan(before?.entries ?? [], entries).length > 0)
      await openLookBack(tx, judge, bag, { ledgerId, verdict: ledger.verdict }, now)
    const isTold = await seeToBeside(tx, judge, bag, current, beside, now)
    return isNews || held || isTold
  })
}

/** When to look again, ms UTC; null where nothing changes by itself. */
function earliestOf(judgements: readonly Pick<Judgement, 'dueAt'>[]): number | null {
  const dues = judgements.map(({ dueAt }) => dueAt).filter((at) => at !== null)
  return dues.length > 0 ? Math.min(...dues) : null
}

/** Place the holds a judgement asks for, and lift that for what is not verified where nothing is left of it. */
async function seeToHolds(
  tx: Transaction,
  bag: Bag,
  ledger: Ledger,
  { entries }: Judgement,
  now: number,
): Promise<boolean> {
  if (isFinal(bag.state)) return false
  const standing = (await holdsOf(tx, bag.id)).filter(({ liftedAt }) => liftedAt === null)
  const asked = new Map<HoldKind, Judged[]>()
  for (const judged of entries) {
    const kind = systemHolds[judged.reason]
    if (kind) asked.set(kind, [...(asked.get(kind) ?? []), judged])
  }
  const isUnknown = standing.some((hold) => hold.kind === 'unknown_product')
  let isTold = isUnknown && (await learnProduct(tx, judge, bag, now))
  for (const [kind, reasons] of asked) {
    // What a re-judgement holds it for is lifted apart from what its ledger says.
    if (standing.some((hold) => hold.kind === kind && hold.rejudgementId === null)) continue
    await insertHold(tx, judge, bag, { kind, reason: cnHeldFor(reasons) }, now)
    isTold = true
  }
  for (const hold of standing) {
    const isOurs = (hold.placedBy as Actor).kind === 'job' && (hold.placedBy as Actor).id === judge.id
    // What was measured is never lifted by the service, whatever is heard later.
    if (hold.kind !== 'unverified_gap' || !isOurs || asked.has('unverified_gap')) continue
    // Who receives a bag vouches for what was before, and not for what it was held for already: that is for who lifts it.
    const isOnlyVouched = entries.some(
      ({ reason, entry: { kind, from } }) =>
        reason === 'vouched_for' && (kind === 'unverified' || kind === 'probe_fault') && from < hold.placedAt,
    )
    if (isOnlyVouched && (await vouchedUntil(tx, bag.id)) >= hold.placedAt) continue
    const reason = `what was not verified was filled in or accounted for: revision ${ledger.revision} of its ledger`
    await liftHold(tx, judge, bag, { holdId: hold.id, reason }, now)
    isTold = true
  }
  return isTold
}
