import fc from 'fast-check'
import { expect, test } from 'vitest'
import { daysIn } from '../../../api/domain/local-day.ts'

const hour = 3_600_000

test.each([
  ['2020-05-06', 'UTC', '2020-05-06T00:00:00.000Z', 24],
  ['2020-05-06', 'Asia/Shanghai', '2020-05-05T16:00:00.000Z', 24],
  ['2020-05-06', 'Pacific/Kiritimati', '2020-05-05T10:00:00.000Z', 24],
  ['2020-05-06', 'Asia/Kathmandu', '2020-05-05T18:15:00.000Z', 24],
  ['2020-03-29', 'Europe/Berlin', '2020-03-28T23:00:00.000Z', 23],
  ['2020-10-25', 'Europe/Berlin', '2020-10-24T22:00:00.000Z', 25],
  // Midnight was passed over, and was shown twice.
  ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z', 23],
  ['2018-02-17', 'America/Sao_Paulo', '2018-02-17T02:00:00.000Z', 25],
  ['2018-02-18', 'America/Sao_Paulo', '2018-02-18T03:00:00.000Z', 24],
  ['2020-12-31', 'America/New_York', '2020-12-31T05:00:00.000Z', 24],
])('%s in %s begins at %s and lasts %i hours', (date, zone, begins, hours) => {
  const { from, to } = daysIn(zone)(date)
  expect(new Date(from).toISOString()).toBe(begins)
  expect(to - from).toBe(hours * hour)
})

test('days follow each other without a gap, each about a day long', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(1990, 0) / 86_400_000, max: Date.UTC(2037, 0) / 86_400_000 }),
      fc.constantFrom(
        'Asia/Shanghai',
        'America/Sao_Paulo',
        'Australia/Lord_Howe',
        'Europe/London',
        'Asia/Tehran',
      ),
      (number, zone) => {
        const nameOf = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10)
        const day = daysIn(zone)(nameOf(number))
        expect(daysIn(zone)(nameOf(number + 1)).from).toBe(day.to)
        expect(day.to - day.from).toBeGreaterThanOrEqual(23 * hour)
        expect(day.to - day.from).toBeLessThanOrEqual(25 * hour)
      },
    ),
  )
})
