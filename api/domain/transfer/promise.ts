import type {
  BagVerb,
  HoldKind,
  TransferBagState,
  TransferObstacle,
  TransferRequestState,
  TransferState,
} from '../../../schema/vocabulary.ts'
import { type BagFacts, findingOfHold } from '../bag.ts'
import { findingsOfStock } from '../take-out.ts'

/** A bag that was promised to a transfer, and what was done to it since. */
export type PromisedBag = {
  readonly toId: number
  /** Promised until then, exclusive. */
  readonly until: number
  /** After the one that promised it, oldest first. */
  readonly events: readonly PromiseEvent[]
}

export type PromiseEvent = {
  readonly verb: BagVerb | 'collect' | 'register' | 'expire'
  readonly at: number
  readonly data: { readonly to?: unknown; readonly transfer?: unknown }
}

/** What has become of it: where it is only its own events say. */
export function stateOfPromise({ toId, until, events }: PromisedBag, now: number): TransferBagState {
  let state: TransferBagState = 'promised'
  for (const event of events) {
    const next = after(state, event, toId, until)
    if (next === null) continue
    if (next !== 'dispatched' && next !== 'in_transit') return next
    state = next
  }
  return state === 'promised' && now >= until ? 'lapsed' : state
}

/** Null where it says nothing of the transfer. */
function after(
  state: TransferBagState,
  { verb, at, data }: PromiseEvent,
  toId: number,
  until: number,
): TransferBagState | null {
  switch (verb) {
    case 'distribute':
      // Though the promise was over by then: it goes where it is wanted, and counts.
      if (data.to === toId) return 'dispatched'
      return at >= until ? 'lapsed' : 'withdrawn'
    case 'depart':
      return 'in_transit'
    case 'arrive':
    case 'expire':
    case 'test':
    case 'release':
      return null
    case 'receive':
    case 'refuse':
      if (state === 'promised') return null
      return verb === 'receive' ? 'received' : 'refused'
    case 'reserve':
    case 'unreserve':
      if (data.transfer !== undefined && verb === 'unreserve') return 'cancelled'
      return at >= until ? 'lapsed' : 'withdrawn'
    case 'recall_shipment':
      return data.transfer === undefined ? 'withdrawn' : 'cancelled'
    default:
      return state === 'promised' && at >= until ? 'lapsed' : 'withdrawn'
  }
}

/** Does it count towards what was asked for? */
export function isCounted(state: TransferBagState): boolean {
  return state === 'received' || isOpen(state)
}

/** Is it yet to come? */
export function isOpen(state: TransferBagState): boolean {
  return state === 'promised' || isUnderWay(state)
}

export function isUnderWay(state: TransferBagState): boolean {
  return state === 'dispatched' || state === 'in_transit'
}

/** What has become of a transfer: what is on its way first, then what is to leave, then how it ended. */
export function stateOfTransfer(bags: readonly TransferBagState[], isApproved: boolean): TransferState {
  const has = (state: TransferBagState) => bags.includes(state)
  if (has('in_transit')) return 'in_transit'
  if (has('dispatched')) return 'dispatched'
  if (bags.every((state) => state === 'received')) return 'received'
  if (has('received')) return 'partly_received'
  if (has('promised')) return isApproved ? 'approved' : 'accepted'
  if (has('refused')) return 'refused'
  if (has('cancelled')) return 'cancelled'
  return has('withdrawn') ? 'broken' : 'lapsed'
}

/** A line of a request, and how much of it is in each state. */
export type LineProgress = {
  readonly amount: number
  readonly bags: readonly {
    readonly amount: number
    readonly state: TransferBagState
    /** It is held, or has expired, as things are: nobody could be given it. */
    readonly isUnusable?: boolean
  }[]
}

/**
 * What is asked for and nothing comes for, to two decimals. What is to come and could be given to nobody does not count: while
 * it is on its way nobody can call it off, and others must be planned in its place. Should it turn out well, there is more.
 */
export function missingOf({ amount, bags }: LineProgress): number {
  const comes = bags.filter(({ state, isUnusable }) => !(isUnusable && isOpen(state)))
  return Math.max(0, rounded(amount - sumOf(comes, isCounted)))
}

export function stateOfRequest(lines: readonly LineProgress[], isCancelled: boolean): TransferRequestState {
  if (isCancelled) return 'cancelled'
  if (lines.every(({ amount, bags }) => sumOf(bags, (state) => state === 'received') >= amount))
    return 'received'
  const states = lines.flatMap(({ bags }) => bags.map(({ state }) => state))
  if (states.some((state) => isUnderWay(state) || state === 'received')) return 'under_way'
  return states.includes('promised') ? 'planned' : 'open'
}

export function sumOf(bags: LineProgress['bags'], counts: (state: TransferBagState) => boolean): number {
  return rounded(bags.reduce((sum, { amount, state }) => sum + (counts(state) ? amount : 0), 0))
}

function rounded(amount: number): number {
  return Math.round(amount * 100) / 100
}

/** How a bag was kept, as its ledger says: `due` where there is none, and should be. */
export type Keeping = 'OK' | 'other' | 'due'

const ofCold: ReadonlySet<HoldKind> = new Set(['breach', 'allowance', 'unverified_gap'])

/** What keeps a bag in stock from going to anybody; that it expires or is not grouped is asked elsewhere. */
export function obstacleOf(bag: BagFacts, keeping: Keeping, now: number): TransferObstacle | null {
  const others = bag.holds.filter(({ kind }) => !ofCold.has(kind))
  const ofHolds = new Set(bag.holds.map(({ kind }) => findingOfHold(kind)))
  const found = findingsOfStock(bag, now).filter((finding) => !said.has(finding) && !ofHolds.has(finding))
  if (others.length > 0 || found.length > 0) return 'not_issuable'
  if (findingsOfStock(bag, now).includes('reserved_for_another')) return 'reserved'
  return keeping !== 'OK' || bag.holds.length > 0 ? 'cold_chain' : null
}

/** Said by words of their own. */
const said: ReadonlySet<string> = new Set(['expired', 'not_grouped', 'reserved_for_another'])

/** What speaks against a bag that is promised or on its way; null where nothing does. */
export function unfitness(bag: BagFacts, keeping: Keeping, now: number): TransferObstacle | 'expired' | null {
  if (now >= bag.expiresAt) return 'expired'
  if (bag.holds.some(({ kind }) => !ofCold.has(kind))) return 'not_issuable'
  return keeping !== 'OK' || bag.holds.length > 0 ? 'cold_chain' : null
}
