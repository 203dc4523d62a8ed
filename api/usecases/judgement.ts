import type { Component, Jurisdiction, Phase } from '../../schema/vocabulary.ts'
import { inForce } from '../domain/effective.ts'
import { type Judged, type Judgement, judgeLedger, type LedgerEntry, worstOf } from '../domain/ledger.ts'
import { findBag } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import type { DeviceReads } from '../stores/device-reads.ts'
import { isProvenEmpty, type KeptEntry, type Ledger, releasedOf, vouchedUntil } from '../stores/ledgers.ts'
import type { Policy } from '../stores/policies.ts'
import type { Trace } from './trace-bag.ts'

/*
 * How a judgement is made, whoever asks for it: for a bag's ledger, or for what is told beside it.
 */

/**
 * What becomes of a bag by its trace, as of now, over all ways it was made of others: the worst of them.
 *
 * @param besides what people released of it that stands in no ledger
 */
export async function judgementOf(
  tx: Transaction,
  reads: DeviceReads,
  { bag, ledgers }: Trace,
  jurisdiction: Jurisdiction,
  now: number,
  besides: readonly LedgerEntry[] = [],
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
  const released = [...(await releasedOf(tx, bag.id)), ...besides]
  const vouched = { until: await vouchedUntil(tx, bag.id), released }
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

export function keptEntry({ entry: { ongoing, ...entry }, verdict, reason }: Judged): KeptEntry {
  return { ...entry, to: ongoing ? null : entry.to, verdict, reason }
}

/** What makes two judgements one: how warm a stretch that lasts has become is told when it is over. */
export function signature({ verdict, entries }: Pick<Ledger, 'verdict' | 'entries'>): string {
  const told = entries.map(({ coldest, warmest, ...entry }) => [
    ...[entry.kind, entry.bagId, entry.phase, entry.device, entry.probe, entry.from, entry.to],
    ...[entry.verdict, entry.reason],
    ...(entry.to === null ? [] : [coldest, warmest]),
  ])
  return JSON.stringify([verdict, told])
}
