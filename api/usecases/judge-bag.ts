import type { Component, HoldKind, Jurisdiction, Phase } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { inForce } from '../domain/effective.ts'
import {
  isOutside,
  type Judged,
  type Judgement,
  judgeLedger,
  type LedgerEntry,
  worstOf,
} from '../domain/ledger.ts'
import { isFinal } from '../domain/lifecycle.ts'
import { cnHeldFor, systemHolds } from '../policies/ledger.ts'
import { appendAudit } from '../stores/audit.ts'
import { type Bag, concerned, findBag, holdsOf, insertHold, liftHold, lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { createDeviceReads, type DeviceReads } from '../stores/device-reads.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import {
  insertLedger,
  isProvenEmpty,
  type KeptEntry,
  type Ledger,
  ledgersOf,
  openLookBack,
  putOff,
  releasedOf,
  vouchedUntil,
} from '../stores/ledgers.ts'
import { appendNews } from '../stores/news.ts'
import type { Policy } from '../stores/policies.ts'
import { learnProduct } from './catalogued.ts'
import { type Trace, traceBag } from './trace-bag.ts'

const judge: Actor = { kind: 'job', id: 'cold-chain-judge' }

/**
 * Judge how a bag was kept, and see to what follows from it: a hold where it must not be used, the lifting of one for a
 * gap that has been filled, a look-back case where it was given already. What was judged the same is left as it is.
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
    const [before] = await ledgersOf(tx, bagId)
    const entries = judgement.entries.map(keptEntry)
    const ledger = { verdict: judgement.verdict, jurisdiction, entries }
    if (before && signature(before) === signature(ledger)) {
      if (before.dueAt !== judgement.dueAt) await putOff(tx, before, judgement.dueAt)
      return await seeToHolds(tx, bag, before, judgement, now)
    }
    const { storage, transport } = traced.policy
    const policies = { storage, transport, in_hand: [] }
    const ledgerId = await insertLedger(
      tx,
      bagId,
      before,
      { ...ledger, policies, dueAt: judgement.dueAt },
      now,
    )
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
    const held = current ? await seeToHolds(tx, bag, current, judgement, now) : false
    const isGraver = measured(ledger.entries) !== measured(before?.entries ?? [])
    if (bag.state === 'transfused' && isGraver && measured(ledger.entries) !== '')
      await openLookBack(tx, judge, bag, { ledgerId, verdict: ledger.verdict }, now)
    return isNews || held
  })
}

/** As of now, over all ways it was made of others: the worst of them. */
async function judgementOf(
  tx: Transaction,
  reads: DeviceReads,
  { bag, ledgers }: Trace,
  jurisdiction: Jurisdiction,
  now: number,
): Promise<Judgement> {
  const policies = new Map<string, Readonly<Record<Phase, readonly Policy[]>>>()
  const all = ledgers.flat()
  for (const bagId of new Set([bag.id, ...all.map((entry) => entry.bagId)])) {
    const { component } = bagId === bag.id ? bag : await findBag(tx, bagId)
    policies.set(bagId, await versionsOf(tx, reads, jurisdiction, component))
  }
  const proven = new Set<string>()
  for (const entry of all)
    if (entry.kind === 'unverified' && !entry.ongoing && (await isProvenEmpty(tx, entry, reads)))
      proven.add(keyOf(entry))
  const vouched = { until: await vouchedUntil(tx, bag.id), released: await releasedOf(tx, bag.id) }
  const ways = ledgers.map((entries) =>
    judgeLedger(
      entries,
      vouched,
      ({ bagId }, phase, at) => {
        const versions = policies.get(bagId)?.[phase] ?? []
        return versions.length > 0 ? inForce(versions, at) : null
      },
      (entry) => proven.has(keyOf(entry)),
      now,
    ),
  )
  const worst = new Map<string, Judged>()
  for (const judged of ways.flatMap(({ entries }) => entries)) {
    const other = worst.get(keyOf(judged.entry))
    if (!other || worstOf([other.verdict, judged.verdict]) !== other.verdict)
      worst.set(keyOf(judged.entry), judged)
  }
  const dues = ways.map(({ dueAt }) => dueAt).filter((at) => at !== null)
  return {
    verdict: worstOf(ways.map(({ verdict }) => verdict)),
    entries: [...worst.values()],
    dueAt: dues.length > 0 ? Math.min(...dues) : null,
  }
}

async function versionsOf(
  tx: Transaction,
  reads: DeviceReads,
  jurisdiction: Jurisdiction,
  component: Component,
) {
  const storage = await reads.policies(tx, jurisdiction, component, 'storage')
  const transport = await reads.policies(tx, jurisdiction, component, 'transport')
  const in_hand = await reads.policies(tx, jurisdiction, component, 'in_hand')
  return { storage, transport: transport.length > 0 ? transport : storage, in_hand }
}

function keyOf({ kind, bagId, device, from, to }: LedgerEntry): string {
  return [kind, bagId, device, from, to].join('/')
}

function keptEntry({ entry: { ongoing, ...entry }, verdict, reason }: Judged): KeptEntry {
  return { ...entry, to: ongoing ? null : entry.to, verdict, reason }
}

/** What makes two judgements one: how warm a stretch that lasts has become is told when it is over. */
function signature({
  verdict,
  jurisdiction,
  entries,
}: Pick<Ledger, 'verdict' | 'jurisdiction' | 'entries'>): string {
  const told = entries.map(({ coldest, warmest, ...entry }) => [
    ...[entry.kind, entry.bagId, entry.phase, entry.device, entry.probe, entry.from, entry.to],
    ...[entry.verdict, entry.reason],
    ...(entry.to === null ? [] : [coldest, warmest]),
  ])
  return JSON.stringify([verdict, jurisdiction, told])
}

/** All that was measured outside limits and nobody has released. */
function measured(entries: readonly KeptEntry[]): string {
  const counted = entries.filter((entry) => isOutside(entry) && entry.verdict !== 'OK')
  return counted.map(({ bagId, device, kind, from }) => [bagId, device, kind, from].join('/')).join()
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
    if (standing.some((hold) => hold.kind === kind)) continue
    await insertHold(tx, judge, bag, { kind, reason: cnHeldFor(reasons) }, now)
    isTold = true
  }
  for (const hold of standing) {
    const isOurs = (hold.placedBy as Actor).kind === 'job' && (hold.placedBy as Actor).id === judge.id
    // What was measured is never lifted by the service, whatever is heard later.
    if (hold.kind !== 'unverified_gap' || !isOurs || asked.has('unverified_gap')) continue
    const reason = `what was not verified was filled in or accounted for: revision ${ledger.revision} of its ledger`
    await liftHold(tx, judge, bag, { holdId: hold.id, reason }, now)
    isTold = true
  }
  return isTold
}
