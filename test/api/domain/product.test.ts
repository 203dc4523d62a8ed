import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Parent, planModification, processOf, type Wanted } from '../../../api/domain/modification.ts'
import { endOf, expiryOf, mustMakeSenseOf, type ProductContent } from '../../../api/domain/product.ts'
import { Refusal } from '../../../api/domain/refusal.ts'
import { seededPolicies } from '../../../api/policies/cold-chain.ts'
import { seededProducts } from '../../../api/policies/products.ts'
import {
  type Jurisdiction,
  jurisdictions,
  phases,
  processes,
  unitsOfMeasure,
} from '../../../schema/vocabulary.ts'

const hour = 3_600_000
const day = 24 * hour
const zone = 'Asia/Shanghai'
/** 20:00 in Shanghai. */
const noon = Date.parse('2020-05-06T12:00:00Z')

const knownIn =
  (jurisdiction: Jurisdiction) =>
  (code: string): ProductContent | null =>
    seededProducts.find((one) => one.code === code && one.jurisdiction === jurisdiction) ??
    seededProducts.find((one) => one.code === code && one.jurisdiction === 'CN') ??
    null
const known = knownIn('CN')

const aParent = (changes: Partial<Parent> = {}): Parent => ({
  label: 'the bag',
  productCode: 'E0336',
  collectionType: 'V',
  division: '00',
  component: 'red_cells',
  state: 'available',
  holderId: 1,
  expiresAt: noon + 30 * day,
  collectedAt: noon - day,
  group: { abo: 'O', rhd: 'positive' },
  lowTitre: false,
  bagCount: 1,
  amount: 2,
  uom: 'U',
  ...changes,
})
const of = (code: string, changes: Partial<Parent> = {}): Parent => {
  const { component, amount, uom } = known(code) as ProductContent
  return aParent({ productCode: code, component, amount, uom: amount === null ? null : uom, ...changes })
}

const plan = (
  process: (typeof processes)[number],
  parents: readonly Parent[],
  wanted: readonly Wanted[] = [{}],
  now = noon,
) => planModification(process, parents, wanted, { known, now, timeZone: zone })

describe('the catalogue', () => {
  test.each(jurisdictions)('of %s makes nothing of nothing, and forgets no treatment', (jurisdiction) => {
    for (const { code } of seededProducts) {
      const product = knownIn(jurisdiction)(code) as ProductContent
      expect(() => mustMakeSenseOf(product, knownIn(jurisdiction)), code).not.toThrow()
    }
  })

  test('knows nothing but what policies of China say how to keep', () => {
    for (const { component, code } of seededProducts)
      for (const phase of phases)
        expect(
          seededPolicies.some(
            (policy) =>
              policy.jurisdiction === 'CN' && policy.component === component && policy.phase === phase,
          ),
          `${code}: ${component} in ${phase}`,
        ).toBe(true)
  })

  test('names each code of a jurisdiction once, and reaches each that is made from one that is collected', () => {
    const names = seededProducts.map(({ jurisdiction, code }) => `${jurisdiction}/${code}`)
    expect(new Set(names).size).toBe(names.length)
    const reached = new Set(seededProducts.filter(({ isCollected }) => isCollected).map(({ code }) => code))
    for (const code of reached) for (const making of known(code)?.makes ?? []) reached.add(making.code)
    const made = ['E0336', 'E0337', 'E0338', 'D9910', 'D9911', 'D9915', 'D9917', 'D9921', 'E3046']
    expect(made.filter((code) => !reached.has(code))).toEqual([])
  })

  test('refuses an entry by which a thing is done twice, or something comes of what does not hold it', () => {
    const frozen = known('D9905') as ProductContent
    const into = (process: (typeof processes)[number], code: string) => ({
      ...frozen,
      makes: [{ process, code, shelfLife: null, within: null, resetsExposure: false }],
    })
    expect(() => mustMakeSenseOf(into('thaw', 'D9910'), known)).not.toThrow()
    for (const nonsense of [
      into('thaw', 'D9902'),
      into('wash', 'D9903'),
      into('separate', 'D9908'),
      into('split', 'Z0000'),
      { ...into('thaw', 'D9910'), treatments: ['thaw' as const] },
      { ...frozen, isCollected: true, countsFrom: 'modification' as const },
    ])
      expect(() => mustMakeSenseOf(nonsense, known)).toThrow(Refusal)
  })
})

describe('how long it keeps', () => {
  test('is to the end of a day where it is, or to the hour', () => {
    expect(endOf({ count: 24, unit: 'hours' }, noon, zone)).toBe(noon + 24 * hour)
    expect(endOf({ count: 1, unit: 'days' }, noon, zone)).toBe(Date.parse('2020-05-07T16:00:00Z'))
    // The clock is put forward that night: a day is a day of the calendar, not 24 hours.
    const late = Date.parse('2020-03-28T22:30:00Z')
    expect(endOf({ count: 1, unit: 'days' }, late, 'Europe/London')).toBe(Date.parse('2020-03-29T23:00:00Z'))
  })

  test('is what the label says or the catalogue, whichever is sooner', () => {
    const cells = known('E0336') as ProductContent
    const end = endOf({ count: 42, unit: 'days' }, noon - day, zone)
    const labelled = (at: number, collectedAt: number | null = noon - day) =>
      expiryOf(cells, { labelled: at, collectedAt, now: noon }, zone)
    expect(labelled(noon + day)).toBe(noon + day)
    expect(labelled(noon + 400 * day)).toBe(end)
    expect(labelled(noon + 400 * day, null)).toBe(end + day)
    const washed = known('E0338') as ProductContent
    expect(expiryOf(washed, { labelled: noon + day * 9, collectedAt: noon - day, now: noon }, zone)).toBe(
      noon + day,
    )
  })
})

describe('what is made', () => {
  test('of whole blood keeps by dates of its own, and all else no longer than what it is made of', () => {
    const whole = of('D9901', { expiresAt: noon + 34 * day })
    const [plasma] = plan('separate', [whole], [{ code: 'D9905' }])
    expect(plasma?.expiresAt).toBe(endOf({ count: 365, unit: 'days' }, whole.collectedAt, zone))
    const [thawed] = plan('thaw', [of('D9905', { expiresAt: noon + 2 * hour })])
    expect(thawed).toMatchObject({
      productCode: 'D9910',
      component: 'thawed_plasma',
      expiresAt: noon + 2 * hour,
    })
    // Whatever its label says.
    const labelled = { expiresAt: noon + 31 * day }
    expect(plan('split', [aParent()], [labelled])[0]?.expiresAt).toBe(aParent().expiresAt)
  })

  test('of one bag has divisions of its own: A0 and B0, and Aa and Ab of A0, and nothing of these', () => {
    const divisions = (division: string) =>
      plan('split', [aParent({ division })], [{}, {}]).map((part) => part.division)
    expect(divisions('00')).toEqual(['A0', 'B0'])
    expect(divisions('B0')).toEqual(['Ba', 'Bb'])
    expect(() => divisions('Ba')).toThrow('cannot be split again')
    expect(plan('irradiate', [aParent({ division: 'B0' })])[0]).toMatchObject({ division: 'B0' })
  })

  test.each([
    ['irradiate', of('E0337'), 'is irradiated already'],
    ['thaw', of('D9910'), 'is thawed already'],
    ['wash', of('E0338'), 'is washed already'],
    ['irradiate', aParent({ collectedAt: noon - 16 * day }), 'too old to be irradiated'],
    ['thaw', aParent(), 'does not allow to thaw'],
    ['irradiate', of('D9905'), 'it allows: thaw into D9910, separate into D9907'],
    ['separate', of('D9901'), 'say which of'],
    ['wash', aParent({ productCode: 'Z0000' }), 'does not know'],
  ] as const)('%s is refused in clear words', (process, parent, words) => {
    expect(() => plan(process, [parent])).toThrow(words)
  })

  test('holds no more than what it is made of: equal parts, unless somebody says otherwise', () => {
    const amounts = (...parts: Wanted[]) => plan('split', [aParent()], parts).map(({ amount }) => amount)
    expect(amounts({}, {}, {})).toEqual([0.66, 0.66, 0.66])
    expect(amounts({ amount: 1.5 }, { amount: 0.5 })).toEqual([1.5, 0.5])
    expect(() => amounts({ amount: 1.5 }, { amount: 1 })).toThrow('2.5 U are not in 2 U')
    const cells = of('D9908')
    expect(plan('pool', [cells, cells, cells])[0]).toMatchObject({ amount: 3, uom: 'U', bagCount: 3 })
  })

  test('of a pool is of one ABO group, RhD-positive where any is, and only of what is in stock', () => {
    const cells = of('D9908')
    const negative = { abo: 'O', rhd: 'negative' } as const
    expect(plan('pool', [cells, { ...cells, group: negative }])[0]?.group).toEqual({
      abo: 'O',
      rhd: 'positive',
    })
    for (const other of [
      { group: { abo: 'A', rhd: 'positive' } as const },
      { group: null },
      { state: 'collected' as const },
      { holderId: 2 },
      { productCode: 'D9909' },
    ])
      expect(() => plan('pool', [cells, { ...cells, ...other }])).toThrow(Refusal)
    expect(() => plan('pool', [cells])).toThrow('a pool is made of several')
  })

  test('is made by the one process that makes it', () => {
    expect(processOf(aParent(), [{ code: 'E0337' }], known)).toBe('irradiate')
    expect(processOf(aParent(), [{ code: 'E0336' }], known)).toBe('split')
    expect(processOf(of('E0001'), [{ code: 'E0336' }, { code: 'D9905' }], known)).toBe('separate')
    expect(() => processOf(aParent(), [{ code: 'E0337' }, { code: 'E0336' }], known)).toThrow(Refusal)
  })

  test('never outlasts what it is made of unless whole blood is separated, nor is more, whatever is asked', () => {
    const codes = [...new Set(seededProducts.map(({ code }) => code))]
    const drawn = fc.record({
      other: fc.option(fc.constantFrom(...processes), { nil: undefined, freq: 8 }),
      way: fc.nat(20),
      code: fc.constantFrom(...codes),
      count: fc.integer({ min: 1, max: 4 }),
      lasts: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 4, maxLength: 4 }),
      age: fc.integer({ min: 0, max: 400 }),
      parts: fc.array(
        fc.record({
          other: fc.integer({ min: 0, max: 5 }).map((roll) => roll === 0),
          amount: fc.option(fc.constantFrom(0.5, 1, 200), { nil: undefined }),
          expiresAt: fc.option(
            fc.integer({ min: 1, max: 500 }).map((days) => noon + days * day),
            { nil: undefined },
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    })
    let made = 0
    fc.assert(
      fc.property(drawn, ({ other, way, code, count, lasts, age, parts }) => {
        const makes = known(code)?.makes ?? []
        const making = makes[way % Math.max(1, makes.length)]
        const process = other ?? making?.process ?? 'split'
        const length = process === 'pool' ? count : 1
        const wanted = (['split', 'separate'].includes(process) ? parts : parts.slice(0, 1)).map(
          ({ other: isOther, ...part }, index) => ({
            ...part,
            code: isOther ? makes[(way + index + 1) % Math.max(1, makes.length)]?.code : making?.code,
          }),
        )
        const parents = Array.from({ length }, (_, index) =>
          of(code, { expiresAt: noon + (lasts[index] as number) * hour, collectedAt: noon - age * hour }),
        )
        let children: ReturnType<typeof plan>
        try {
          children = plan(process, parents, wanted)
        } catch (error) {
          if (error instanceof Refusal) return
          throw error
        }
        made++
        const isParted = process === 'separate' && parents[0]?.component === 'whole_blood'
        for (const child of children) {
          expect(child.expiresAt).toBeGreaterThan(noon)
          if (!isParted)
            expect(child.expiresAt).toBeLessThanOrEqual(Math.min(...parents.map((one) => one.expiresAt)))
          const entry = known(child.productCode) as ProductContent
          const from = entry.countsFrom === 'collection' ? noon - age * hour : noon
          expect(child.expiresAt).toBeLessThanOrEqual(endOf(entry.shelfLife, from, zone))
          expect(seededPolicies.some(({ component }) => component === child.component)).toBe(true)
        }
        for (const unit of unitsOfMeasure) {
          const held = (all: readonly { uom: string | null; amount: number | null }[]) =>
            all.filter(({ uom }) => uom === unit).reduce((sum, { amount }) => sum + (amount ?? 0), 0)
          if (!isParted && process !== 'separate' && held(parents) > 0)
            expect(held(children)).toBeLessThanOrEqual(held(parents) + 1e-6)
        }
      }),
      { numRuns: 3_000 },
    )
    expect(made).toBeGreaterThan(50)
  })
})
