import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isOpen,
  missingOf,
  type PromiseEvent,
  stateOfPromise,
  stateOfRequest,
  stateOfTransfer,
} from '../../../../api/domain/transfer/promise.ts'
import { bagVerbs, type TransferBagState, transferBagStates } from '../../../../schema/vocabulary.ts'

const toId = 2
const until = 100
const at = (when: number, verb: PromiseEvent['verb'], data: PromiseEvent['data'] = {}): PromiseEvent => ({
  ...{ verb, at: when, data },
})
const stateAt = (now: number, ...events: PromiseEvent[]) => stateOfPromise({ toId, until, events }, now)

const told = fc.array(
  fc.record({
    verb: fc.constantFrom(...bagVerbs, 'expire' as const),
    at: fc.integer({ min: 0, max: 200 }),
    data: fc.constantFrom({}, { to: toId }, { to: 3 }, { transfer: 't' }),
  }),
  { maxLength: 8 },
)

describe('a promised bag', () => {
  test('lapses when its time is over, and not before', () => {
    expect(stateAt(until - 1)).toBe('promised')
    expect(stateAt(until)).toBe('lapsed')
  })

  test('that was sent where it is promised comes, however long that takes', () => {
    const sent = [at(90, 'distribute', { to: toId }), at(95, 'depart')]
    expect(stateAt(500, sent[0] as PromiseEvent)).toBe('dispatched')
    expect(stateAt(500, ...sent)).toBe('in_transit')
    expect(stateAt(500, ...sent, at(99, 'arrive'))).toBe('in_transit')
    expect(stateAt(500, ...sent, at(99, 'receive'))).toBe('received')
    expect(stateAt(500, ...sent, at(99, 'refuse'))).toBe('refused')
    expect(stateAt(500, ...sent, at(99, 'discard'))).toBe('withdrawn')
    expect(stateAt(50, at(40, 'distribute', { to: toId }), at(45, 'recall_shipment'))).toBe('withdrawn')
  })

  test('is withdrawn by what is done with it before, cancelled with its transfer, and lapsed by what is done after', () => {
    expect(stateAt(50, at(40, 'issue'))).toBe('withdrawn')
    expect(stateAt(50, at(40, 'distribute', { to: 3 }))).toBe('withdrawn')
    expect(stateAt(50, at(40, 'unreserve'))).toBe('withdrawn')
    expect(stateAt(50, at(40, 'unreserve', { transfer: 't' }))).toBe('cancelled')
    expect(stateAt(150, at(140, 'issue'))).toBe('lapsed')
    expect(stateAt(150, at(140, 'reserve', { transfer: 'another' }))).toBe('lapsed')
  })

  test('whose promise has ended is never to come again, whatever is done with it', () => {
    fc.assert(
      fc.property(told, told, (before, after) => {
        const state = stateOfPromise({ toId, until, events: before }, 0)
        if (isOpen(state)) return
        expect(stateOfPromise({ toId, until, events: [...before, ...after] }, 1_000)).toBe(state)
      }),
    )
  })
})

describe('a transfer, and a request', () => {
  const states = fc.array(fc.constantFrom(...transferBagStates), { minLength: 1, maxLength: 6 })

  test('is over exactly when none of its bags is to come', () => {
    fc.assert(
      fc.property(states, fc.boolean(), (bags, isApproved) => {
        const open = ['accepted', 'approved', 'dispatched', 'in_transit']
        const state = stateOfTransfer(bags, isApproved)
        const isPartly = state === 'partly_received'
        expect(open.includes(state) || (isPartly && bags.includes('promised'))).toBe(bags.some(isOpen))
      }),
    )
  })

  test('lacks what neither came nor comes, and is met when all of it is there', () => {
    fc.assert(
      fc.property(states, fc.integer({ min: 1, max: 8 }), (bags, amount) => {
        const line = { amount, bags: bags.map((state: TransferBagState) => ({ amount: 1, state })) }
        const comes = bags.filter((state) => isOpen(state) || state === 'received').length
        expect(missingOf(line)).toBe(Math.max(0, amount - comes))
        const unusable = { amount, bags: line.bags.map((bag) => ({ ...bag, isUnusable: true })) }
        const received = bags.filter((state) => state === 'received').length
        expect(missingOf(unusable)).toBe(Math.max(0, amount - received))
        const isMet = bags.filter((state) => state === 'received').length >= amount
        expect(stateOfRequest([line], false) === 'received').toBe(isMet)
        expect(stateOfRequest([line], true)).toBe('cancelled')
      }),
    )
  })
})
