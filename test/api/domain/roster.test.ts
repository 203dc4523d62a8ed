import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { onDuty, type Shift } from '../../../api/domain/roster.ts'
import { escalationSteps } from '../../../schema/vocabulary.ts'

const everyDay = [1, 2, 3, 4, 5, 6, 7]

function aShift(from: string, to: string, changes: Partial<Shift> = {}): Shift {
  const minuteOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
  return {
    step: 'ward',
    weekdays: everyDay,
    fromMinute: minuteOf(from),
    toMinute: minuteOf(to),
    effectiveFrom: 0,
    effectiveTo: null,
    ...changes,
  }
}

function isOn(shift: Shift, timeZone: string, at: string): boolean {
  return onDuty({ timeZone, shifts: [shift] }, 'ward', Date.parse(at)).length > 0
}

describe('a shift', () => {
  // 2020-05-06 is a Wednesday.
  test.each([
    ['by day', aShift('08:00', '20:00'), '2020-05-06T08:00:00+08:00', true],
    ['just before it', aShift('08:00', '20:00'), '2020-05-06T07:59:59.999+08:00', false],
    ['at its end', aShift('08:00', '20:00'), '2020-05-06T20:00:00+08:00', false],
    ['of another day', aShift('08:00', '20:00', { weekdays: [4] }), '2020-05-06T12:00:00+08:00', false],
    ['by night, before midnight', aShift('20:00', '08:00'), '2020-05-06T23:59:00+08:00', true],
    ['by night, after midnight', aShift('20:00', '08:00'), '2020-05-07T07:59:00+08:00', true],
    [
      'by night, that began on its day',
      aShift('20:00', '08:00', { weekdays: [3] }),
      '2020-05-07T07:59:00+08:00',
      true,
    ],
    [
      'by night, that began on no day of its own',
      aShift('20:00', '08:00', { weekdays: [4] }),
      '2020-05-07T07:59:00+08:00',
      false,
    ],
    [
      'on Monday, of the night from Sunday',
      aShift('20:00', '08:00', { weekdays: [7] }),
      '2020-05-11T01:00:00+08:00',
      true,
    ],
    ['all day', aShift('08:00', '08:00', { weekdays: [3] }), '2020-05-07T07:59:00+08:00', true],
    ['all day, then over', aShift('08:00', '08:00', { weekdays: [3] }), '2020-05-07T08:00:00+08:00', false],
    [
      'not in force yet',
      aShift('00:00', '00:00', { effectiveFrom: Date.parse('2020-05-06T12:00:00Z') }),
      '2020-05-06T11:59:59.999Z',
      false,
    ],
    [
      'not in force any more',
      aShift('00:00', '00:00', { effectiveTo: Date.parse('2020-05-06T12:00:00Z') }),
      '2020-05-06T12:00:00Z',
      false,
    ],
  ])('%s', (_, shift, at, isOnDuty) => {
    expect(isOn(shift, 'Asia/Shanghai', at)).toBe(isOnDuty)
  })

  test('goes by the clock on the wall in the night it is moved', () => {
    const night = aShift('20:00', '08:00')
    // In Berlin the clock went from 02:00 to 03:00 on 2020-03-29, and from 03:00 to 02:00 on 2020-10-25.
    expect(isOn(night, 'Europe/Berlin', '2020-03-29T05:59:00Z')).toBe(true)
    expect(isOn(night, 'Europe/Berlin', '2020-03-29T06:00:00Z')).toBe(false)
    expect(isOn(night, 'Europe/Berlin', '2020-10-25T06:59:00Z')).toBe(true)
    expect(isOn(night, 'Europe/Berlin', '2020-10-25T07:00:00Z')).toBe(false)
    const twice = aShift('02:00', '03:00')
    expect(isOn(twice, 'Europe/Berlin', '2020-10-25T00:30:00Z')).toBe(true)
    expect(isOn(twice, 'Europe/Berlin', '2020-10-25T01:30:00Z')).toBe(true)
  })

  test('is of its own step alone', () => {
    const at = Date.parse('2020-05-06T12:00:00Z')
    for (const step of escalationSteps) {
      const found = onDuty(
        { timeZone: 'UTC', shifts: [aShift('00:00', '00:00', { step })] },
        'duty_manager',
        at,
      )
      expect(found).toHaveLength(step === 'duty_manager' ? 1 : 0)
    }
  })
})

test('shifts that follow each other round the clock leave nobody to be called never, and two never', () => {
  const zones = ['Asia/Shanghai', 'Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Tehran']
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 1439 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...zones),
      fc.integer({ min: Date.UTC(2015, 0), max: Date.UTC(2022, 0) }),
      (turns, timeZone, at) => {
        turns.sort((a, b) => a - b)
        const shifts = turns.map((fromMinute, n) => ({
          ...aShift('00:00', '00:00'),
          fromMinute,
          toMinute: turns[(n + 1) % turns.length] as number,
        }))
        expect(onDuty({ timeZone, shifts }, 'ward', at)).toHaveLength(1)
      },
    ),
    { numRuns: 1_000 },
  )
})
