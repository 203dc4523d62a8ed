import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exposureOf, stretchesOf, type TimedReading } from '../../../api/domain/exposure.ts'
import {
  allowanceLeftMs,
  graverThan,
  judgeLedger,
  type LedgerEntry,
  type LedgerRules,
} from '../../../api/domain/ledger.ts'
import { type EntryKind, type Verdict, verdicts } from '../../../schema/vocabulary.ts'

const minute = 60_000
const hour = 60 * minute
const now = 100 * hour

const entry = (parts: Partial<LedgerEntry>): LedgerEntry => ({
  kind: 'high',
  bagId: 'bag',
  phase: 'storage',
  device: 'fridge',
  probe: 'load',
  from: now - 10 * hour,
  to: now - 9 * hour,
  coldest: 700,
  warmest: 900,
  ongoing: false,
  ...parts,
})

/** As the Red Book allows red cells once in their life. */
const once = { low: 100, high: 1_000, longestMs: 5 * hour, occasions: 1 }
const rules: LedgerRules = { allowances: [], longestMs: 30 * minute, gapGraceMs: 24 * hour }
const nobody = { until: Number.NEGATIVE_INFINITY, released: [] }

function judge(
  entries: readonly LedgerEntry[],
  {
    allowances = [],
    vouched = nobody,
    proven = false,
  }: Partial<{
    allowances: LedgerRules['allowances']
    vouched: Parameters<typeof judgeLedger>[1]
    proven: boolean
  }> = {},
  at = now,
) {
  const {
    verdict,
    entries: judged,
    dueAt,
  } = judgeLedger(
    entries,
    vouched,
    (_, phase) => ({ ...rules, ...(phase === 'transport' ? { longestMs: 24 * hour } : {}), allowances }),
    () => proven,
    at,
  )
  return { verdict, reasons: judged.map(({ reason }) => reason), dueAt }
}

describe('a ledger', () => {
  test('of nothing is OK', () => {
    expect(judge([])).toEqual({ verdict: 'OK', reasons: [], dueAt: null })
  })

  test('with a stretch outside limits is a breach, also of no length', () => {
    expect(judge([entry({})]).verdict).toBe('BREACHED')
    expect(judge([entry({ to: now - 10 * hour })]).verdict).toBe('BREACHED')
  })

  test('that keeps to what is allowed once waits for a person, and is a breach the second time', () => {
    const allowances = [once]
    const first = entry({ from: now - 10 * hour, to: now - 5 * hour })
    expect(judge([first], { allowances })).toMatchObject({ verdict: 'HOLD', reasons: ['within_allowance'] })
    expect(judge([entry({ ...first, to: first.to + 1 })], { allowances }).verdict).toBe('BREACHED')
    expect(judge([entry({ warmest: 1_000 })], { allowances }).verdict).toBe('HOLD')
    expect(judge([entry({ warmest: 1_001 })], { allowances }).verdict).toBe('BREACHED')
    const vouched = { ...nobody, released: [first] }
    expect(judge([first], { allowances, vouched })).toMatchObject({ verdict: 'OK', reasons: ['released'] })
    const second = entry({ from: now - 2 * hour, to: now - 2 * hour + 1 })
    expect(judge([first, second], { allowances, vouched })).toMatchObject({
      verdict: 'BREACHED',
      reasons: ['released', 'outside_limits'],
    })
  })

  test('that is about to outlast what is allowed is judged again just then', () => {
    const lasting = entry({ from: now - 4 * hour, to: now, ongoing: true })
    const { verdict, dueAt } = judge([lasting], { allowances: [once] })
    expect([verdict, dueAt]).toEqual(['HOLD', now + hour + 1])
    const then = entry({ ...lasting, to: now + hour + 1 })
    expect(judge([then], { allowances: [once] }, now + hour + 1).verdict).toBe('BREACHED')
  })

  test('releases what was seen, and not what became of it', () => {
    const seen = entry({})
    const vouched = { ...nobody, released: [seen] }
    expect(judge([seen], { vouched }).verdict).toBe('OK')
    for (const other of [{ to: seen.to + 1 }, { from: seen.from - 1 }, { warmest: 901 }, { device: 'other' }])
      expect(judge([entry(other)], { vouched }).verdict).toBe('BREACHED')
    const lasting = entry({ to: now, ongoing: true })
    expect(judge([lasting], { vouched: { ...nobody, released: [lasting] } }).verdict).toBe('BREACHED')
  })

  test('with a probe that is not to be believed is unverified while that lasts, and then waits for a person', () => {
    const fault = entry({ kind: 'probe_fault', coldest: null, warmest: null })
    const lasting = entry({ ...fault, to: fault.from + hour, ongoing: true })
    const graceEnds = fault.from + 24 * hour
    expect(judge([lasting], {}, fault.from + hour)).toEqual({
      verdict: 'UNVERIFIED',
      reasons: ['probe_fault'],
      dueAt: graceEnds + 1,
    })
    expect(judge([lasting], {}, graceEnds + 1)).toMatchObject({
      verdict: 'HOLD',
      reasons: ['probe_fault_stands'],
    })
    expect(judge([fault])).toEqual({ verdict: 'HOLD', reasons: ['probe_fault_stands'], dueAt: null })
    const released = { ...nobody, released: [fault] }
    expect(judge([fault], { vouched: released }).reasons).toEqual(['released'])
    expect(judge([entry({ ...fault, kind: 'unverified' })], { vouched: released }).verdict).toBe('UNVERIFIED')
    expect(judge([fault], { vouched: { ...nobody, until: fault.to } }).reasons).toEqual(['vouched_for'])
  })

  test('waits for what was not heard for as long as it may come, and then holds', () => {
    const gap = entry({ kind: 'unverified', coldest: null, warmest: null })
    const graceEnds = gap.from + 24 * hour
    expect(judge([gap], {}, graceEnds)).toEqual({
      verdict: 'UNVERIFIED',
      reasons: ['unheard'],
      dueAt: graceEnds + 1,
    })
    expect(judge([gap], {}, graceEnds + 1)).toEqual({
      verdict: 'HOLD',
      reasons: ['unheard_too_long'],
      dueAt: null,
    })
    expect(judge([gap], { proven: true }).reasons).toEqual(['nothing_will_come'])
    expect(judge([entry({ ...gap, ongoing: true })], { proven: true }).reasons).toEqual(['unheard'])
  })

  test('counts nothing unheard a person vouched for since, and what was measured all the same', () => {
    const gap = entry({ kind: 'unverified' })
    const vouched = { until: gap.to, released: [] }
    expect(judge([gap], { vouched }).verdict).toBe('OK')
    expect(judge([gap], { vouched: { ...vouched, until: gap.to - 1 } }).verdict).toBe('UNVERIFIED')
    expect(judge([entry({})], { vouched }).verdict).toBe('BREACHED')
  })

  test('allows minutes in hands, all of them together', () => {
    const hands = (from: number, minutes: number) =>
      entry({ kind: 'in_hand', phase: null, from, to: from + minutes * minute })
    const [first, second] = [hands(0, 20), hands(hour, 10)]
    expect(judge([first, second]).verdict).toBe('OK')
    expect(judge([first, entry({ ...second, to: second.to + 1 })])).toMatchObject({
      verdict: 'UNVERIFIED',
      reasons: ['in_hands', 'in_hands_too_long'],
    })
  })

  test('allows a journey as long as its policy does, however cold it was, and says when that is over', () => {
    const journey = (hours: number, changes: Partial<LedgerEntry> = {}) =>
      entry({
        kind: 'journey',
        phase: 'transport',
        from: 0,
        to: hours * hour,
        coldest: null,
        warmest: null,
        ...changes,
      })
    const limit = 24
    expect(judge([journey(limit)])).toMatchObject({ verdict: 'OK', reasons: ['on_journey'], dueAt: null })
    const long = journey(limit, { to: limit * hour + 1 })
    expect(judge([long], {}, limit * hour + 1)).toMatchObject({
      verdict: 'UNVERIFIED',
      reasons: ['journey_too_long'],
    })
    expect(judge([journey(20, { ongoing: true })], {}, 20 * hour)).toMatchObject({
      verdict: 'OK',
      dueAt: limit * hour + 1,
    })
    // Each by itself; and whoever receives it vouches for it.
    const next = journey(limit, { from: 30 * hour, to: 50 * hour })
    expect(judge([journey(limit), next], {}, 60 * hour).verdict).toBe('OK')
    const vouched = { until: long.to, released: [] }
    expect(judge([long], { vouched }, 60 * hour).verdict).toBe('OK')
  })
})

const Told = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 120 }).map((at) => at * minute),
    boot: fc.constantFrom('a', 'b'),
    centi: fc.constantFrom(100, 200, 400, 600, 601, 900),
    timeVerified: fc.boolean(),
  }),
  { maxLength: 30 },
)

const Faults = fc.array(
  fc.record({ from: fc.nat(120), minutes: fc.integer({ min: 1, max: 60 }) }).map(({ from, minutes }) => ({
    from: from * minute,
    to: (from + minutes) * minute,
  })),
  { maxLength: 3 },
)

test('the stretches of a custody add up to its exposure, and follow each other', () => {
  fc.assert(
    fc.property(Told, fc.nat(120), fc.nat(120), Faults, (told, one, other, faults) => {
      const readings: TimedReading[] = [
        ...new Map(told.map((one) => [`${one.at}/${one.boot}`, one])).values(),
      ]
      const custody = { from: Math.min(one, other) * minute, to: Math.max(one, other) * minute }
      const limitsAt = () => ({ low: 200, high: 600, maxSilenceMs: 15 * minute })
      const asOf = 120 * minute
      const exposure = exposureOf(readings, custody, limitsAt, asOf, faults)
      const stretches = stretchesOf(readings, custody, limitsAt, asOf, faults)
      const ms = (kind: string) =>
        stretches.filter((part) => part.kind === kind).reduce((sum, { from, to }) => sum + to - from, 0)
      expect([ms('low'), ms('high'), ms('unverified') + ms('probe_fault')]).toEqual([
        exposure.belowMs,
        exposure.aboveMs,
        exposure.unverifiedMs,
      ])
      expect(stretches.some(({ kind }) => kind === 'low' || kind === 'high')).toBe(exposure.wasOutside)
      // Silence and what was measured outside are what they would be of a probe that is to be believed.
      const others = (parts: typeof stretches) => parts.filter(({ kind }) => kind !== 'probe_fault')
      expect(others(stretches)).toEqual(stretchesOf(readings, custody, limitsAt, asOf))
      for (const { kind, from, to } of stretches)
        if (kind === 'probe_fault')
          for (let at = from; at < to; at += minute)
            expect(faults.some((fault) => fault.from <= at && at < fault.to)).toBe(true)
      stretches.forEach(({ from, to }, index) => {
        expect(from).toBeGreaterThanOrEqual(stretches[index - 1]?.to ?? custody.from)
        expect(to).toBeGreaterThanOrEqual(from)
        expect(to).toBeLessThanOrEqual(custody.to)
      })
    }),
    { numRuns: 2_000 },
  )
})

test('of what a policy allows once in a life so much is left: all of it, the rest while it lasts, and none after', () => {
  const lasting = entry({ from: now - hour, to: now, ongoing: true })
  const left = (...entries: LedgerEntry[]) => allowanceLeftMs(entries, [once]) / hour
  expect(left()).toBe(5)
  expect(left(entry({ kind: 'unverified' }))).toBe(5)
  expect(left(lasting)).toBe(4)
  expect(left({ ...lasting, from: now - 6 * hour })).toBe(0)
  expect(left({ ...lasting, warmest: 1_001 })).toBe(0)
  expect(left(entry({}))).toBe(0)
  expect(left(entry({}), lasting)).toBe(0)
  expect(allowanceLeftMs([], [])).toBe(0)
})

const told = (
  kind: EntryKind,
  verdict: Verdict,
  changes: Partial<Omit<LedgerEntry, 'to'>> & { to?: number | null } = {},
) => ({
  ...{
    kind,
    bagId: 'bag',
    device: 'fridge',
    from: 10,
    to: 20 as number | null,
    coldest: 100,
    warmest: 700,
    verdict,
  },
  ...changes,
})

describe('what is graver than what was told already', () => {
  test('is nothing where the ledger says all of it, and as gravely', () => {
    for (const ledger of verdicts)
      for (const verdict of verdicts) {
        const entries = [told('high', verdict)]
        const follows = graverThan([told('high', ledger)], entries)
        const isGraver = verdicts.indexOf(verdict) > verdicts.indexOf(ledger)
        expect(follows).toEqual(isGraver ? entries : [])
      }
  })

  test('is nothing for what nobody measured, or somebody released', () => {
    const entries = [told('unverified', 'HOLD'), told('probe_fault', 'HOLD'), told('high', 'OK')]
    expect(graverThan([], entries)).toEqual([])
    const low = told('low', 'BREACHED')
    expect(graverThan([], [...entries, low])).toEqual([low])
  })

  test('follows from what is not told yet, whatever else is wrong with the bag', () => {
    const one = told('high', 'HOLD')
    for (const known of [
      told('unverified', 'HOLD'),
      told('high', 'BREACHED', { device: 'another' }),
      told('high', 'BREACHED', { bagId: 'its parent' }),
      told('low', 'BREACHED'),
      told('high', 'BREACHED', { from: 11 }),
      told('high', 'BREACHED', { to: 19 }),
      told('high', 'BREACHED', { warmest: 699 }),
    ])
      expect(graverThan([known], [one])).toEqual([one])
    for (const known of [
      told('high', 'HOLD', { from: 9, to: 21, warmest: 701, coldest: 200 }),
      told('high', 'HOLD', { to: null, warmest: 650 }),
    ])
      expect(graverThan([known], [one])).toEqual([])
    const lasts = told('high', 'HOLD', { to: null })
    expect(graverThan([one], [lasts])).toEqual([lasts])
    const cold = told('low', 'HOLD')
    expect(graverThan([told('low', 'HOLD', { coldest: 101 })], [cold])).toEqual([cold])
    expect(graverThan([told('low', 'HOLD', { coldest: 99, warmest: 600 })], [cold])).toEqual([])
  })
})
