import { components } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type {
  TransferBag,
  TransferDemand,
  TransferLevel,
  TransferProblem,
} from '../domain/transfer/problem.ts'
import { cellOf, wholeOf } from '../domain/transfer/problem.ts'
import { missingOf, obstacleOf } from '../domain/transfer/promise.ts'
import { hourAt } from '../domain/transfer/travel.ts'
import { cnTransfer, transferUseDays } from '../policies/transfer.ts'
import type { Database, Transaction } from '../stores/database.ts'
import {
  allSites,
  bagsToTransfer,
  inTurns,
  type Level,
  levelsOf,
  type Site,
  type StockBag,
  type Used,
  usedSince,
} from '../stores/transfer-facts.ts'
import type { KnownRequest } from '../stores/transfer-requests.ts'

/** How long it is to each place that asks, from each facility by its code, minutes. */
export type Ways = ReadonlyMap<string, ReadonlyMap<string, number | null>>

/** Asked before anything is locked: whoever is asked may take seconds. */
export async function waysTo(
  { now: clock, travel, database: { db } }: Context,
  requests: readonly KnownRequest[],
): Promise<Ways> {
  const now = clock()
  const sites = await allSites(db, now)
  const places = sites.map(({ code, position }) => ({ id: code, position }))
  const asking = sites.filter(({ code }) => requests.some(({ facility }) => facility === code))
  const told = await Promise.all(
    asking.map(async ({ code, position, timeZone }) => {
      const times = await travel.minutesTo(places, { id: code, position }, hourAt(timeZone, now))
      return [code, new Map(places.map(({ id }, place) => [id, times[place]?.minutes ?? null]))] as const
    }),
  )
  return new Map(told)
}

export type TransferFacts = {
  readonly problem: TransferProblem
  readonly sites: readonly Site[]
  readonly stock: readonly StockBag[]
}

/**
 * The city as it is now, for what these requests lack: what is accepted for them already is not planned again. Reserved and
 * promised bags are no stock, so nothing is booked besides.
 *
 * @param of only what these holders have, and lines that are met as well: to look at a plan again
 */
export async function readTransferFacts(
  { now: clock }: Context,
  db: Database | Transaction,
  requests: readonly KnownRequest[],
  ways: Ways,
  of?: { readonly holders: readonly number[] },
): Promise<TransferFacts> {
  const now = clock()
  const wanted = new Set(requests.flatMap(({ lines }) => lines.map(({ component }) => component as string)))
  const kinds = components.filter((component) => wanted.has(wholeOf(component)))
  const sites = await allSites(db, now)
  const stock = await bagsToTransfer(db, { components: kinds, ...of }, now)
  const levels = await levelsOf(db, { components: kinds })
  const used = await usedSince(db, kinds, now - transferUseDays * 86_400_000, now)
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const demands = requests.flatMap((request) => demandsOf(request, of !== undefined))
  const problem = {
    at: now,
    sites: sites.map(({ code }) => ({ id: code, boxes: null })),
    minutesTo: new Map(
      [...new Set(demands.map(({ site }) => site))].map((site) => [
        site,
        sites.map(({ code }) => ways.get(site)?.get(code) ?? null),
      ]),
    ),
    stock: await inTurns(stock, (one) => bagOf(one, codes, now)),
    levels: levelsWith(levels, used, codes),
    demands,
    policy: cnTransfer,
  }
  return { problem, sites, stock }
}

function demandsOf(request: KnownRequest, withMet: boolean): TransferDemand[] {
  const { id, facility: site, urgency, deadline, abo, rhd, antiD, rhdPositiveAllowed, requires } = request
  return request.lines.flatMap((line) => {
    const amount = hundredths(withMet ? line.amount : missingOf(line))
    if (amount === 0) return []
    return [
      {
        id: demandOf(id, line.line),
        request: id,
        ...{ site, urgency, deadline, requires, amount },
        ...{ component: line.component, uom: line.uom },
        // Who has anti-D counts as RhD-negative, though typed positive (a partial D).
        group: { abo, rhd: antiD ? ('negative' as const) : rhd },
        rhdPositiveAllowed,
      },
    ]
  })
}

/** What a line of a request is called in a plan. */
export function demandOf(requestId: string, line: number): string {
  return `${requestId}/${line}`
}

/** A bag as planning looks at it. */
export function bagOf(
  { bag, facts, keeping, treated }: StockBag,
  codes: ReadonlyMap<number, string>,
  now: number,
): TransferBag {
  const { id, component, amount, uom, expiresAt, lowTitre, holderId } = bag
  return {
    ...{ id, component, uom, expiresAt, lowTitre, treated },
    site: codes.get(holderId ?? -1) ?? '',
    group: facts.group,
    amount: amount === null ? null : hundredths(amount),
    obstacle: obstacleOf(facts, keeping, now),
  }
}

/** What is used counts where nothing is kept, too. */
export function levelsWith(
  levels: readonly Level[],
  used: readonly Used[],
  codes: ReadonlyMap<number, string>,
): TransferLevel[] {
  const nothing = { target: 0, minimum: 0, critical: 0 }
  const cells = new Map<string, TransferLevel>()
  const cellFor = (of: Used | Level) => cellOf({ ...of, site: codes.get(of.facilityId) ?? '' })
  for (const { facilityId, component, abo, rhd, uom, ...kept } of [
    ...used.map((one) => ({ ...one, ...nothing })),
    ...levels,
  ]) {
    const of = { facilityId, component, abo, rhd, uom }
    const key = cellFor(of as Level)
    cells.set(key, {
      ...{ site: codes.get(facilityId) ?? '', component, abo, rhd, uom },
      target: hundredths(kept.target),
      minimum: hundredths(kept.minimum),
      critical: hundredths(kept.critical),
      booked: 0,
      perDay: cells.get(key)?.perDay ?? ('amount' in kept ? perDay(kept.amount) : 0),
    })
  }
  return [...cells.values()]
}

function perDay(amount: number): number {
  return Math.round((amount * 100) / transferUseDays)
}

function hundredths(amount: number): number {
  return Math.round(amount * 100)
}
