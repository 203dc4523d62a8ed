import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BagFacts } from '../../../api/domain/bag.ts'
import {
  bandOf,
  changesAt,
  coverOf,
  overviewOf,
  perDayOf,
  phaseOf,
  type StockCount,
  standingOf,
  togetherOf,
} from '../../../api/domain/stock-overview.ts'
import { obstacleOf } from '../../../api/domain/transfer/promise.ts'
import { cnBand, cnStock } from '../../../api/policies/stock.ts'
import { bagStates, components, holdKinds, stockStandings } from '../../../schema/vocabulary.ts'

const at = Date.UTC(2026, 10, 24, 8)
const hour = 3_600_000
const day = 24 * hour

const aBag = fc
  .record({
    state: fc.oneof(
      { weight: 3, arbitrary: fc.constant('available' as const) },
      fc.constantFrom(...bagStates),
    ),
    expiresAt: fc.constantFrom(at - 1, at, at + 1, at + day),
    group: fc.option(fc.constant({ abo: 'O', rhd: 'positive' } as const), { freq: 5 }),
    isForAnybody: fc.constantFrom(true, true, true, false),
    reservation: fc.option(
      fc.record({
        patient: fc.constant(null),
        facilityId: fc.constant(2),
        until: fc.constantFrom(at, at + 1),
      }),
      { freq: 1 },
    ),
    holds: fc.array(
      fc.record({ id: fc.nat(), kind: fc.constantFrom(...holdKinds), reason: fc.constant('r') }),
      {
        maxLength: 1,
      },
    ),
  })
  .map((facts): BagFacts => {
    const rest = { id: 'b', label: 'b', component: 'red_cells', lowTitre: false, holderId: 1 } as const
    return { ...rest, ...facts, destinationId: null }
  })

describe('what a bag is to whoever counts the stock', () => {
  test('is ready where a transfer could have it, and then only', () => {
    fc.assert(
      fc.property(aBag, fc.constantFrom('OK', 'OK', 'other', 'due'), (bag, keeping) => {
        const mayGo = obstacleOf(bag, keeping, at) === null && bag.group !== null && at < bag.expiresAt
        expect(standingOf(bag, keeping, at) === 'ready').toBe(mayGo)
      }),
      { numRuns: 2_000 },
    )
  })
})

const ends = cnStock.bandsMs.red_cells
const aCount = fc
  .record({
    facilityId: fc.constantFrom(1, 2),
    component: fc.constantFrom('red_cells', 'platelets'),
    group: fc.constantFrom({ abo: 'O', rhd: 'positive' } as const, null),
    standing: fc.constantFrom(...stockStandings, 'ready' as const, 'ready' as const),
    drawn: fc.integer({ min: 0, max: 3 }),
    bags: fc.integer({ min: 1, max: 9 }),
    amount: fc.integer({ min: 1, max: 900 }).map((hundredths) => hundredths / 100),
  })
  .map(({ drawn, ...count }): StockCount => {
    const band = count.standing === 'ready' ? drawn : null
    return { ...count, uom: 'U', band, firstExpiry: at + hour, firstFree: null }
  })

describe('the overview', () => {
  test('has every bag that is there once, in a band or apart, and the city has those of all', () => {
    fc.assert(
      fc.property(fc.array(aCount, { maxLength: 30 }), (counts) => {
        const known = { counts, levels: [], used: [], at }
        const bagsOf = (cells: ReturnType<typeof overviewOf>) =>
          cells.flatMap(({ bands, apart }) => [...bands, ...apart]).reduce((sum, { bags }) => sum + bags, 0)
        const all = counts.reduce((sum, { bags }) => sum + bags, 0)
        const cells = overviewOf(known, cnStock)
        expect(bagsOf(cells)).toBe(all)
        expect(bagsOf(togetherOf(known, cnStock))).toBe(all)
        for (const { ready, bands, phase, perDay, coverDays } of cells) {
          expect(bands.reduce((sum, { bags }) => sum + bags, 0)).toBe(ready.bags)
          // Nothing was used, and nothing is kept: no figure, and not green.
          expect([phase, perDay, coverDays]).toEqual(['unknown', null, null])
        }
      }),
    )
  })

  test('tells of what has run out where it is kept or was used, the worst in front', () => {
    const kind = { component: 'red_cells', group: { abo: 'O', rhd: 'negative' }, uom: 'U' } as const
    const level = { ...kind, facilityId: 1, target: 8, minimum: 4, critical: 2 }
    const used = { ...kind, facilityId: 2, amount: 40, bags: 20, firstAt: at - 20 * day }
    const fine: StockCount = {
      ...{ ...kind, facilityId: 3, standing: 'ready', band: 3, bags: 5, amount: 10 },
      ...{ firstExpiry: at + 20 * day, firstFree: null },
    }
    const cells = overviewOf({ counts: [fine], levels: [level], used: [used], at }, cnStock)
    expect(
      cells.map(({ facilityId, phase, reasons, coverDays }) => [facilityId, phase, reasons, coverDays]),
    ).toEqual([
      [1, 'red', ['at_critical'], null],
      [2, 'red', ['few_days_red'], 0],
      [3, 'unknown', ['nothing_to_go_by'], null],
    ])
    const [city] = togetherOf({ counts: [fine], used: [used], at }, cnStock)
    expect(city).toMatchObject({ perDay: 2, coverDays: 5, phase: 'green', level: null })
  })
})

describe('bands of expiry', () => {
  test('end inclusive, in the order of time, with a last one for all that is later', () => {
    expect(bandOf(ends, at + 1, at)).toBe(0)
    expect(bandOf(ends, at + day, at)).toBe(0)
    expect(bandOf(ends, at + day + 1, at)).toBe(1)
    expect(bandOf(ends, at + 7 * day, at)).toBe(2)
    expect(bandOf(ends, at + 7 * day + 1, at)).toBe(3)
    for (const component of components) {
      const own = cnStock.bandsMs[component]
      expect([...own].sort((a, b) => a - b)).toEqual([...own])
      for (const end of [...own, null]) expect(cnBand(component, end).zh).toMatch(/\d+ (小时|天)(内|后)到期/)
    }
  })

  test('change when the first bag comes into another, expires or is free again', () => {
    const count = {
      component: 'red_cells',
      group: null,
      uom: null,
      facilityId: 1,
      bags: 1,
      amount: 0,
    } as const
    const ready = (band: number, firstExpiry: number): StockCount => ({
      ...count,
      ...{ standing: 'ready', band, firstExpiry, firstFree: null },
    })
    const gone: StockCount = {
      ...count,
      standing: 'expired',
      band: null,
      firstExpiry: at - 1,
      firstFree: null,
    }
    expect(changesAt([gone], cnStock)).toBeNull()
    expect(changesAt([gone, ready(3, at + 9 * day)], cnStock)).toBe(at + 2 * day)
    expect(changesAt([ready(3, at + 9 * day), ready(0, at + hour)], cnStock)).toBe(at + hour)
    const kept: StockCount = { ...ready(0, at + day), standing: 'reserved', band: null, firstFree: at + 5 }
    expect(changesAt([kept], cnStock)).toBe(at + 5)
  })
})

describe('days of cover', () => {
  const amounts = fc.array(
    fc.integer({ min: 0, max: 500 }).map((amount) => ({ bags: amount, amount })),
    { minLength: 4, maxLength: 4 },
  )
  const rate = fc.integer({ min: 1, max: 300 }).map((one) => one / 10)

  test('are never more than all that is ready lasts, and just that where nothing expires soon', () => {
    fc.assert(
      fc.property(amounts, rate, (bands, perDay) => {
        const most = bands.reduce((sum, { amount }) => sum + amount, 0) / perDay
        expect(coverOf(bands, ends, perDay)).toBeLessThanOrEqual(most + 1e-9)
        const late = bands.map((band, index) => (index === 3 ? band : { bags: 0, amount: 0 }))
        expect(coverOf(late, ends, perDay)).toBeCloseTo((bands[3]?.amount ?? 0) / perDay, 9)
      }),
    )
  })

  test('are no fewer where there is more, and no more where more is used', () => {
    fc.assert(
      fc.property(amounts, rate, fc.nat({ max: 3 }), (bands, perDay, place) => {
        const more = bands.map((one, index) => ({ ...one, amount: one.amount + (index === place ? 7 : 0) }))
        expect(coverOf(more, ends, perDay)).toBeGreaterThanOrEqual(coverOf(bands, ends, perDay) - 1e-9)
        expect(coverOf(bands, ends, perDay * 2)).toBeLessThanOrEqual(coverOf(bands, ends, perDay) + 1e-9)
      }),
    )
  })

  test('count what expires within a day for no more than that day', () => {
    const [none, much] = [
      { bags: 0, amount: 0 },
      { bags: 50, amount: 100 },
    ]
    expect(coverOf([much, none, none, none], ends, 10)).toBe(1)
    expect(coverOf([much, none, none, { bags: 5, amount: 10 }], ends, 10)).toBe(2)
    expect(coverOf([none, none, none, none], ends, 10)).toBe(0)
  })

  test('are not told where little is known of the use: too few bags, too short a time, or none', () => {
    const use = { amount: 28, bags: 14, firstAt: at - 28 * day }
    expect(perDayOf([use], at, cnStock)).toBe(1)
    expect(perDayOf([{ ...use, firstAt: at - 7 * day }], at, cnStock)).toBe(4)
    expect(perDayOf([{ ...use, firstAt: at - 7 * day + 1 }], at, cnStock)).toBeNull()
    expect(perDayOf([{ ...use, bags: 3 }], at, cnStock)).toBeNull()
    expect(perDayOf([], at, cnStock)).toBeNull()
  })
})

describe('a phase', () => {
  const red = { component: 'red_cells', ready: 10, level: null, coverDays: null } as const
  const level = { minimum: 4, critical: 2 }

  test('is by what the site keeps: at critical red, below the minimum amber', () => {
    const of = (ready: number) => phaseOf({ ...red, ready, level }, cnStock).phase
    expect([2, 2.5, 3.99, 4, 9].map(of)).toEqual(['red', 'amber', 'amber', 'green', 'green'])
    expect(phaseOf({ ...red, ready: 0, level: { minimum: 0, critical: 0 } }, cnStock).phase).toBe('unknown')
    expect(phaseOf({ ...red, ready: 0, level: { minimum: 4, critical: 0 } }, cnStock).phase).toBe('red')
  })

  test('is by how long it lasts, too, and the worse of the two counts', () => {
    const of = (coverDays: number) => phaseOf({ ...red, coverDays }, cnStock).phase
    expect([0, 0.99, 1, 1.99, 2, 30].map(of)).toEqual(['red', 'red', 'amber', 'amber', 'green', 'green'])
    expect(phaseOf({ ...red, level, coverDays: 1.5 }, cnStock)).toEqual({
      phase: 'amber',
      reasons: ['few_days_amber'],
    })
    expect(phaseOf({ ...red, level, coverDays: 5 }, cnStock).reasons).toEqual(['minimum_kept', 'days_enough'])
  })

  test('is not known where there is nothing to go by, however much there is', () => {
    expect(phaseOf(red, cnStock)).toEqual({ phase: 'unknown', reasons: ['nothing_to_go_by'] })
    expect(phaseOf({ ...red, component: 'thawed_plasma', coverDays: 0.1 }, cnStock).phase).toBe('unknown')
  })
})
