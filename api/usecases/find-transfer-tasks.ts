import type { Context } from '../context.ts'
import type { Reach } from '../domain/rights.ts'
import { isWithin } from '../domain/rights.ts'
import { isOpen, missingOf } from '../domain/transfer/promise.ts'
import {
  cnTransferBroken,
  cnTransferToApprove,
  cnTransferToSend,
  cnTransferWanted,
  transferForgottenMs,
  transferPromiseMostMs,
} from '../policies/transfer.ts'
import { listRequests, requestsBy } from '../stores/transfer-requests.ts'
import { centreIds, isApproved, listTransfers, throughCentres } from '../stores/transfers.ts'
import { type ToldTransfer, tellTransfers } from './handle-transfer.ts'
import type { Task } from './list-tasks.ts'

type Find = (ctx: Context, reach: Reach) => Promise<Task[]>

const about = { bagId: null, label: null, device: null }

/** So many of a kind are found at most. */
const mostOfAKind = 200

/** What is to be done for blood to come from one hospital to another. A centre sees to all of it. */
export const transferFinders = {
  transfer_wanted: async (ctx, reach) => {
    const { db } = ctx.database
    const now = ctx.now()
    const everywhere = throughCentres(reach, await centreIds(db))
    const asked = { reach: everywhere, after: now - transferForgottenMs, limit: mostOfAKind }
    const requests = await listRequests(db, asked, now)
    return requests
      .filter(({ state }) => state !== 'received')
      .map(({ id: request, facility, at: since, lines }) => {
        const missing = lines.flatMap((line) =>
          missingOf(line) > 0 ? [`${line.component} ${missingOf(line)} ${line.uom}`] : [],
        )
        const words = cnTransferWanted(facility, missing.join(', '))
        return { ...about, kind: 'transfer_wanted', facility, since, request, ...words }
      })
  },
  transfer_to_approve: async (ctx, reach) =>
    (await recent(ctx, reach))
      .filter((transfer) => isWithin(reach, [transfer.fromId]) && !isApproved(transfer))
      .flatMap((transfer) => taskOf(transfer, 'transfer_to_approve', cnTransferToApprove)),
  transfer_to_send: async (ctx, reach) =>
    (await recent(ctx, reach))
      .filter((transfer) => isWithin(reach, [transfer.fromId]) && isApproved(transfer))
      .flatMap((transfer) => taskOf(transfer, 'transfer_to_send', cnTransferToSend)),
  transfer_broken: async (ctx, reach) => {
    const { db } = ctx.database
    const now = ctx.now()
    const transfers = await recent(ctx, throughCentres(reach, await centreIds(db)))
    const ids = transfers.flatMap(({ bags }) => bags.flatMap(({ requestId }) => requestId ?? []))
    const requests = ids.length > 0 ? await requestsBy(db, [...new Set(ids)], now) : []
    // What is met by others, or nobody wants any more, is no matter.
    const wanted = new Map(
      requests
        .filter(({ cancelled, deadline }) => cancelled === null && deadline > now - transferForgottenMs)
        .map((request) => [request.id, request]),
    )
    return transfers.flatMap(({ id: transfer, from, to, at: since, bags }) => {
      const lost = bags.filter(({ state, unfit, requestId, line }) => {
        // Of what a rotation sends nobody is short.
        if (requestId === null) return false
        if (isOpen(state)) return unfit !== null && wanted.has(requestId)
        const asked = wanted.get(requestId)?.lines.find((one) => one.line === line)
        return state !== 'received' && state !== 'cancelled' && asked !== undefined && missingOf(asked) > 0
      })
      if (lost.length === 0) return []
      const words = cnTransferBroken(from, to, lost.length)
      return [{ ...about, kind: 'transfer_broken' as const, facility: to, since, transfer, ...words }]
    })
  },
} as const satisfies Partial<Record<Task['kind'], Find>>

/** Whatever was accepted so lately that some of it may be to come. */
async function recent(ctx: Context, reach: Reach): Promise<ToldTransfer[]> {
  const now = ctx.now()
  const since = now - transferPromiseMostMs - transferForgottenMs
  return tellTransfers(ctx, await listTransfers(ctx.database.db, { reach, since, limit: mostOfAKind }, now))
}

/** Of a transfer some of which is to leave. */
function taskOf(
  { id: transfer, at, approved, from: facility, to, bags }: ToldTransfer,
  kind: 'transfer_to_approve' | 'transfer_to_send',
  wordsOf: typeof cnTransferToSend,
): Task[] {
  const left = bags.filter(({ state }) => state === 'promised').length
  if (left === 0) return []
  return [{ ...about, kind, facility, since: approved?.at ?? at, transfer, ...wordsOf(to, left) }]
}
