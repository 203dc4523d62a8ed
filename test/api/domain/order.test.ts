import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  approvalsFor,
  decideOnOrder,
  type FillingBag,
  filledAmount,
  missingApprovals,
  mlOf,
  mustBeToFill,
  type Order,
  type OrderEvent,
  stateOfOrder,
  unapprovedSince,
  unfilledSince,
} from '../../../api/domain/order.ts'
import { sampleEndingSince } from '../../../api/domain/sample.ts'
import { orderRules } from '../../../api/policies/orders.ts'
import {
  type Grade,
  grades,
  jurisdictions,
  orderedComponents,
  orderVerbs,
  unitsOfMeasure,
  urgencies,
} from '../../../schema/vocabulary.ts'

const hour = 3_600_000
const now = 1_000 * 24 * hour

const anOrder = (changes: Partial<Order> = {}): Order & { readonly at: number } => ({
  ...{ component: 'red_cells', amount: 2, uom: 'U', urgency: 'routine', neededAt: now + hour },
  ...{ physician: 'dr-li', by: 'li', approvals: ['senior_physician', 'department_head'], at: now },
  ...changes,
})

const aBag = (changes: Partial<FillingBag> = {}): FillingBag => ({
  ...{ component: 'red_cells', amount: 1, uom: 'U' },
  ...changes,
})

const approved = (grade: Grade, by: string = grade): OrderEvent => ({ verb: 'approve', grade, by })
const both = [approved('senior_physician'), approved('department_head')]

const says = (verb: 'approve' | 'reject' | 'cancel', by: string, ...holds: Grade[]) => ({
  ...{ verb, by, username: `name-of-${by}`, holds },
})

describe('whose word an order takes', () => {
  test.each([
    [0.01, ['senior_physician']],
    [799.99, ['senior_physician']],
    [800, ['senior_physician', 'department_head']],
    [1_599.99, ['senior_physician', 'department_head']],
    [1_600, ['department_head', 'medical_affairs']],
    [10_000, ['department_head', 'medical_affairs']],
  ])('in China for %d mL in a day is by art. 20 of the measures of 2012', (dayMl, expected) => {
    expect(approvalsFor(orderRules.CN, dayMl)).toEqual(expected)
  })

  test('is never of a lower grade for more blood, and each of a tier follows the one before it', () => {
    const highest = (dayMl: number, jurisdiction: (typeof jurisdictions)[number]) =>
      Math.max(-1, ...approvalsFor(orderRules[jurisdiction], dayMl).map((grade) => grades.indexOf(grade)))
    const ml = fc.double({ min: 0.01, max: 20_000, noNaN: true })
    fc.assert(
      fc.property(fc.constantFrom(...jurisdictions), ml, ml, (jurisdiction, one, more) => {
        expect(highest(one + more, jurisdiction)).toBeGreaterThanOrEqual(highest(one, jurisdiction))
        const ranks = approvalsFor(orderRules[jurisdiction], one).map((grade) => grades.indexOf(grade))
        expect(ranks).toEqual([...new Set(ranks)].sort())
      }),
    )
  })

  test('counts what is ordered in the units its component is measured in, and in no others', () => {
    for (const jurisdiction of jurisdictions)
      for (const component of orderedComponents)
        for (const uom of unitsOfMeasure) {
          const each = orderRules[jurisdiction].counts[component][uom]
          const count = () => mlOf(orderRules[jurisdiction], { component, amount: 3, uom })
          if (each === undefined) expect(count).toThrow(/ordered in/)
          else expect(count()).toBe(3 * each)
        }
    expect(mlOf(orderRules.CN, { component: 'red_cells', amount: 4, uom: 'U' })).toBe(800)
  })
})

describe('an order', () => {
  test('waits for each word in turn, by another person each time, and never by who ordered', () => {
    const order = anOrder()
    const decide = (events: OrderEvent[], command: ReturnType<typeof says>) => () =>
      decideOnOrder(order, events, [], command)
    expect(decide([], says('approve', 'head', 'department_head'))).toThrow(
      'waits for the word of: senior_physician',
    )
    expect(decide([], says('approve', 'li', 'senior_physician'))).toThrow('you ordered it')
    const asPhysician = { ...says('approve', 'x', 'senior_physician'), username: 'Dr-Li' }
    expect(decide([], asPhysician)).toThrow('you ordered it')
    const first = decide([], says('approve', 'wu', 'senior_physician', 'department_head'))()
    expect(first).toEqual({ verb: 'approve', grade: 'senior_physician', by: 'wu' })
    expect(decide([first], says('approve', 'wu', 'department_head'))).toThrow('another person')
    expect(decide([first], says('approve', 'head', 'department_head'))()).toMatchObject({
      grade: 'department_head',
    })
    expect(decide(both, says('approve', 'x', ...grades))).toThrow('no further approval')
  })

  test('is requested, approved, partly filled and filled, rejected or cancelled', () => {
    const order = anOrder()
    expect(stateOfOrder(order, [], [])).toBe('requested')
    expect(stateOfOrder(order, both.slice(0, 1), [])).toBe('requested')
    expect(stateOfOrder(order, both, [])).toBe('approved')
    expect(stateOfOrder(order, both, [aBag()])).toBe('partly_filled')
    expect(stateOfOrder(order, both, [aBag(), aBag()])).toBe('filled')
    expect(stateOfOrder(order, [{ verb: 'reject', grade: 'senior_physician', by: 'x' }], [])).toBe('rejected')
    expect(stateOfOrder(order, [...both, { verb: 'cancel', grade: null, by: 'x' }], [])).toBe('cancelled')
    expect(() => decideOnOrder(order, both, [aBag({ amount: 2 })], says('cancel', 'li'))).toThrow(
      'filled already',
    )
    expect(decideOnOrder(order, both, [aBag()], says('cancel', 'li'))).toMatchObject({ verb: 'cancel' })
  })

  test('is filled by what it is thawed into, and by nothing of another kind, unit or unknown amount', () => {
    const plasma = anOrder({ component: 'plasma', amount: 400, uom: 'mL' })
    const thawed = aBag({ component: 'thawed_plasma', amount: 200, uom: 'mL' })
    expect(filledAmount(plasma, [thawed, { ...thawed, component: 'plasma' }])).toBe(400)
    expect(filledAmount(plasma, [aBag(), aBag({ component: 'plasma', amount: null, uom: null })])).toBe(0)
    expect(
      filledAmount(
        anOrder(),
        [0.1, 0.2, 0.4, 0.1].map((amount) => aBag({ amount })),
      ),
    ).toBe(0.8)
  })

  test('is filled once it is approved, and in an emergency at once; its approval is waited for all the same', () => {
    const fill =
      (order: Order, events: OrderEvent[], isEmergency = false) =>
      () =>
        mustBeToFill(order, events, [], isEmergency)
    expect(fill(anOrder(), [])).toThrow('is not approved yet')
    expect(fill(anOrder(), both)).not.toThrow()
    expect(fill(anOrder(), [], true)).not.toThrow()
    const emergency = anOrder({ urgency: 'emergency' })
    expect(fill(emergency, [])).not.toThrow()
    expect(unapprovedSince({ ...emergency, at: now }, [])).toBe(now)
    expect(unapprovedSince({ ...emergency, at: now }, both)).toBeNull()
    expect(() => mustBeToFill(emergency, [], [aBag({ amount: 2 })], true)).toThrow('is filled already')
    expect(fill(emergency, [{ verb: 'cancel', grade: null, by: 'x' }], true)).toThrow('is cancelled already')
  })

  test('is looked to before it is needed, once it may be filled and until it is', () => {
    const since = (order: ReturnType<typeof anOrder>, events: OrderEvent[], bags: FillingBag[], at: number) =>
      unfilledSince(order, events, bags, at, 2 * hour)
    const order = anOrder({ neededAt: now + 5 * hour })
    expect(since(order, both, [], now + 3 * hour - 1)).toBeNull()
    expect(since(order, both, [], now + 3 * hour)).toBe(now + 3 * hour)
    expect(since(order, both, [aBag()], now + 9 * hour)).toBe(now + 3 * hour)
    expect(since(order, both, [aBag({ amount: 2 })], now + 9 * hour)).toBeNull()
    expect(since(order, [], [], now + 9 * hour)).toBeNull()
    expect(since(anOrder({ neededAt: now, urgency: 'emergency' }), [], [], now)).toBe(now)
  })

  test('by whatever words, is never approved by fewer people than it takes, nor by who ordered it', () => {
    const people = ['li', 'a', 'b', 'c']
    const command = fc.record({
      verb: fc.constantFrom(...orderVerbs),
      by: fc.constantFrom(...people),
      holds: fc.subarray([...grades]),
    })
    fc.assert(
      fc.property(
        fc.subarray([...grades]),
        fc.constantFrom(...urgencies),
        fc.array(command, { maxLength: 12 }),
        (approvals, urgency, commands) => {
          const order = anOrder({ approvals, urgency })
          const events: OrderEvent[] = []
          for (const one of commands) {
            try {
              events.push(decideOnOrder(order, events, [], { ...one, username: `name-of-${one.by}` }))
            } catch {}
          }
          const given = events.filter(({ verb }) => verb === 'approve')
          expect(new Set(given.map(({ by }) => by)).size).toBe(given.length)
          expect(given.map(({ grade }) => grade)).toEqual(approvals.slice(0, given.length))
          expect(given.every(({ by }) => by !== 'li')).toBe(true)
          const ends = events.findIndex(({ verb }) => verb !== 'approve')
          expect(ends === -1 || ends === events.length - 1).toBe(true)
          if (stateOfOrder(order, events, []) === 'approved')
            expect(missingApprovals(order, events)).toEqual([])
        },
      ),
    )
  })
})

test('a sample runs out half a day before it has, for whoever bags are kept', () => {
  expect(sampleEndingSince(null, now, hour)).toBeNull()
  expect(sampleEndingSince(now + hour + 1, now, hour)).toBeNull()
  expect(sampleEndingSince(now + hour, now, hour)).toBe(now)
  expect(sampleEndingSince(now - hour, now, hour)).toBe(now - 2 * hour)
})
