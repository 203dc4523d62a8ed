import { expect, test } from 'vitest'
import type { z } from 'zod'
import { describeTrace } from '../../../api/cli/trace.ts'
import type { Trace } from '../../../schema/http/bags.ts'

type Place = z.infer<typeof Trace>['places'][number]

const at = '2026-11-22T03:00:00.000Z'
const nothing = { inRange: 0, below: 0, above: 0, unverified: 0, uncontrolled: 0 }

function aPlace(place: Partial<Place>): Place {
  return {
    state: 'inside',
    device: 'f1',
    facility: 'H1',
    from: at,
    to: at,
    ongoing: false,
    timeVerified: true,
    phase: 'storage',
    probe: 'load',
    minutes: { ...nothing, inRange: 10 },
    ms: { ...nothing, inRange: 600_000 },
    coldest: 3.9,
    warmest: 4.1,
    ...place,
  }
}

function aTrace(places: Place[], unverified = 0): z.infer<typeof Trace> {
  return {
    bag: {
      bagId: '01a20239-457b-730c-b02a-22fd918f5f26',
      scheme: 'ISBT128',
      din: 'A999926000123P',
      productCode: 'E0336V00',
      component: 'red_cells',
      bagCount: 1,
      amount: 2,
      uom: 'U',
      expiresAt: at,
      registeredAt: at,
      state: 'available',
      group: null,
      lowTitre: false,
      holder: 'H1',
      destination: null,
      reservedUntil: null,
      promisedTo: null,
    },
    asOf: at,
    policy: { jurisdiction: 'CN', storage: places.length > 0 ? [1] : [], transport: [] },
    beforeFirstSeen: null,
    inherited: null,
    places,
    total: {
      minutes: { ...nothing, unverified },
      ms: { ...nothing, unverified: unverified * 60_000 },
      coldest: null,
      warmest: null,
    },
  }
}

test('columns stand under one another, however long a name is', () => {
  const device = 'the-fridge-behind-the-door-of-the-second-operating-theatre'
  const places = [aPlace({}), aPlace({ device, ongoing: true, coldest: -100.25, warmest: 100.25 })]
  const [, ...rows] = describeTrace(aTrace(places))
  expect(rows).toHaveLength(4)
  expect(new Set(rows.map((row) => row.length)).size).toBe(1)
  expect(new Set(rows.slice(0, 3).map((row) => row.search(/from|2026/))).size).toBe(1)
})

test('times are said to be UTC', () => {
  expect(describeTrace(aTrace([aPlace({})]))[1]).toMatch(/from \(UTC\) +to \(UTC\)/)
})

test('a bag nobody saw is said to be so, without a policy that judged nothing', () => {
  expect(describeTrace(aTrace([]))).toEqual([
    `bag A999926000123P E0336V00 (red_cells), as of ${at}: never seen in any container`,
  ])
})

test('minutes no reading speaks for are called UNVERIFIED, and only where there are some', () => {
  expect(describeTrace(aTrace([aPlace({})], 2.5)).at(-1)).toMatch(/^UNVERIFIED for 2.5 min/)
  expect(describeTrace(aTrace([aPlace({})])).at(-1)).toMatch(/^total/)
})

test('what nobody saw and what was seen by a clock in doubt is said', () => {
  const trace = aTrace([aPlace({ timeVerified: false })], 12.5)
  const beforeFirstSeen = { from: '2026-11-22T02:47:30.000Z', to: at }
  const [, , unseen, doubted] = describeTrace({ ...trace, beforeFirstSeen })
  expect(unseen).toMatch(/^not seen yet .* 12\.5 /)
  expect(doubted).toMatch(/^H1\/f1, time in doubt/)
})
