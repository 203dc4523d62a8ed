import { expect, test } from 'vitest'
import { drawCity } from '../../../devices-sim/city/draw-city.ts'
import { day, hour, type Plan, planCity } from '../../../devices-sim/city/plan.ts'

const city = drawCity({ seed: 'plan' })
const aDay = planCity(city, { untilMs: day })

const moments = ({ demands, donations, deliveries, restockings, inspections }: Plan) =>
  [demands, donations, deliveries, restockings, inspections] as const

test('the same city plans the same days, another seed other ones', () => {
  expect(planCity(drawCity({ seed: 'plan' }), { untilMs: day })).toEqual(aDay)
  expect(planCity(drawCity({ seed: 'other' }), { untilMs: day }).demands).not.toEqual(aDay.demands)
  expect(structuredClone(aDay)).toEqual(aDay)
})

test('everything happens in its order and within the days that were asked for', () => {
  const some = planCity(city, { fromMs: 8 * hour, untilMs: day + 12 * hour })
  for (const list of moments(some)) {
    const times = list.map(({ at }) => at)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBeGreaterThanOrEqual(8 * hour)
    expect(times.at(-1)).toBeLessThan(day + 12 * hour)
    for (const at of times) expect(Number.isInteger(at)).toBe(true)
  }
  expect(() => planCity(city, { fromMs: day, untilMs: day })).toThrow('end after it begins')
})

test('a longer plan begins with the shorter one', () => {
  const longer = planCity(city, { untilMs: 2 * day })
  expect(longer.demands.filter(({ at }) => at < day)).toEqual(aDay.demands)
  expect(longer.donations.filter(({ at }) => at < day)).toEqual(aDay.donations)
  expect(longer.deliveries.filter(({ at }) => at < day)).toEqual(aDay.deliveries)
  expect(longer.stock).toEqual(aDay.stock)
})

test('a day asks for some hundred bags, more of them by day, and as many donors come', () => {
  const { demands, donations, stock } = aDay
  expect(demands.length).toBeGreaterThan(300)
  expect(demands.length).toBeLessThan(900)
  const between = (from: number, to: number) =>
    demands.filter(({ at, unit }) => unit.includes('theatre') && at >= from * hour && at < to * hour).length
  expect(between(8, 16)).toBeGreaterThan(3 * between(0, 8))
  expect(donations.length).toBeGreaterThan(demands.length)
  expect(donations.every(({ at }) => at >= 8 * hour && at < 17 * hour)).toBe(true)
  expect(stock.length).toBeGreaterThan(1_000)
})

test('every demand is of a fridge there is, every patient comes once', () => {
  const units = new Map(city.units.map((unit) => [unit.name, unit]))
  for (const { unit, hospital } of aDay.demands) expect(units.get(unit)?.facility).toBe(hospital)
  const patients = aDay.demands.map(({ hospital, patient }) => `${hospital}/${patient}`)
  expect(new Set(patients).size).toBe(patients.length)
})
