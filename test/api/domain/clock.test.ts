import { describe, expect, test } from 'vitest'
import {
  type ClockState,
  faultBeginsAt,
  judgeClock,
  offsetOf,
  stretchesOf,
} from '../../../api/domain/clock.ts'
import { toCenti } from '../../../api/domain/temperature.ts'

const booted = 1_000_000_000

/** A live message `uptimeMs` after power-up from a clock that is `wrongMs` ahead, delivered `delayMs` late. */
function sample(seq: number, uptimeMs: number, { wrongMs = 0, delayMs = 0, knownOffsetMs = 0 } = {}) {
  const now = booted + uptimeMs
  return { seq, uptimeMs, sentAt: now + wrongMs, receivedAt: now + delayMs, knownOffsetMs }
}

function judged(state: ClockState | null, next: ReturnType<typeof sample>) {
  const judgement = judgeClock(state, next)
  if (!judgement) throw new Error('the sample was ignored')
  return judgement
}

describe('a device clock', () => {
  test('that agrees within a minute is believed', () => {
    expect(judged(null, sample(0, 1_000, { wrongMs: 60_000 }))).toMatchObject({
      fault: null,
      state: { proven: true },
    })
  })

  test('that is beyond a minute off is in fault', () => {
    expect(judged(null, sample(0, 1_000, { wrongMs: 60_001 })).fault?.kind).toBe('offset')
    expect(judged(null, sample(0, 1_000, { wrongMs: -60_001 })).fault).toEqual({
      kind: 'offset',
      measuredOffsetMs: 60_001,
    })
  })

  test('that agreed once is not blamed for a late delivery', () => {
    const { state } = judged(null, sample(0, 1_000))
    expect(judged(state, sample(1, 11_000, { delayMs: 3_600_000 })).fault).toBeNull()
  })

  test('whose first message came late proves right with the next', () => {
    const late = judged(null, sample(0, 1_000, { delayMs: 600_000 }))
    expect(late.fault?.kind).toBe('offset')
    expect(judged(late.state, sample(1, 700_000))).toMatchObject({ fault: null, provedRight: true })
  })

  test('that is ahead is in fault even after it agreed: no delivery is early', () => {
    const { state } = judged(null, sample(0, 1_000))
    const drifted = { ...sample(1, 400_000_000), sentAt: booted + 400_000_000 + 61_000 }
    expect(judged(state, drifted).fault?.kind).toBe('offset')
  })

  test('that fell behind is excused as late for an hour, and for good when it agrees within it', () => {
    const hour = 3_600_000
    const behind = (seq: number, at: number, wrongMs = -60_001) => sample(seq, at, { wrongMs })
    const { state } = judged(null, behind(0, 1_000, -57_000))
    const late = judged(state, behind(1, hour))
    expect([late.fault, late.state.lateSince]).toEqual([null, booted + hour])
    const later = judged(late.state, behind(2, 2 * hour - 1))
    expect(later.fault).toBeNull()
    const agreed = judged(later.state, behind(3, 2 * hour, -60_000))
    expect(agreed).toMatchObject({ fault: null, provedRight: false, state: { lateSince: null } })
    expect(judged(agreed.state, behind(4, 3 * hour)).fault).toBeNull()

    const overdue = judged(later.state, behind(3, 2 * hour))
    expect(overdue.fault?.kind).toBe('offset')
    expect(faultBeginsAt(later.state, null, [], 'a')).toBe(1)
    expect(judged(overdue.state, behind(4, 3 * hour)).fault?.kind).toBe('offset')
    expect(judged(overdue.state, behind(4, 3 * hour, -60_000)).provedRight).toBe(true)
  })

  test('that jumps inside one boot is in fault whatever the network does', () => {
    const { state } = judged(null, sample(0, 1_000))
    const back = judged(state, sample(1, 11_000, { wrongMs: -3 * 3_600_000 }))
    expect(back.fault).toEqual({ kind: 'step', measuredOffsetMs: 3 * 3_600_000 })
    expect(judged(state, sample(1, 11_000, { wrongMs: 20_000 })).fault?.kind).toBe('step')
  })

  test('that drifts slowly does not jump', () => {
    const { state } = judged(null, sample(0, 1_000))
    const day = 86_400_000
    expect(judged(state, sample(1, day, { wrongMs: Math.round(day * 50e-6) })).fault).toBeNull()
  })

  test('that has run for months is set back by minutes: drift is allowed since the reference only', () => {
    const day = 86_400_000
    for (const [days, backMs] of [
      [30, 8 * 60_000],
      [300, 3_600_000],
      [300, 6_000],
    ] as const) {
      const { state } = judged(null, sample(0, days * day))
      const back = judged(state, sample(1, days * day + 300_000, { wrongMs: -backMs }))
      expect(back.fault, `${days} days`).toEqual({ kind: 'step', measuredOffsetMs: backMs })
    }
  })

  test('that was not heard for a month may have drifted by a minute, not by more', () => {
    const month = 30 * 86_400_000
    const { state } = judged(null, sample(0, 1_000))
    expect(judged(state, sample(1, month, { wrongMs: -59_000 })).fault).toBeNull()
    expect(judged(state, sample(1, month, { wrongMs: -66_000 })).fault?.kind).toBe('step')
  })

  test('whose reference is of unknown age is allowed no drift', () => {
    const { state } = judged(null, sample(0, 1_000))
    const unknown = { ...state, uptimeMs: Number.POSITIVE_INFINITY }
    expect(judged(unknown, sample(1, 86_400_000, { wrongMs: -5_000 })).fault).toBeNull()
    expect(judged(unknown, sample(1, 86_400_000, { wrongMs: -5_001 })).fault?.kind).toBe('step')
  })

  test('is vouched for by the newest message that agreed, not by one that came late', () => {
    const first = judged(null, sample(3, 1_000)).state
    expect(first.agreedSeq).toBe(3)
    const late = judged(first, sample(4, 11_000, { delayMs: 3_600_000 })).state
    expect(late).toMatchObject({ seq: 4, agreedSeq: 3, proven: true })
    expect(judged(late, sample(5, 21_000, { wrongMs: -9_000_000 })).state.agreedSeq).toBe(3)
    expect(judged(null, sample(0, 1_000, { wrongMs: -9_000_000 })).state.agreedSeq).toBeNull()
  })

  test('is measured on the newest message only', () => {
    const { state } = judged(null, sample(5, 1_000))
    expect(judgeClock(state, sample(5, 1_000))).toBeNull()
    expect(judgeClock(state, sample(4, 900, { wrongMs: 9e9 }))).toBeNull()
  })

  test('with a known offset is measured against it', () => {
    expect(judged(null, sample(0, 1_000, { wrongMs: 9_000_000, knownOffsetMs: -9_000_000 })).fault).toBeNull()
  })
})

describe('a fault', () => {
  const state = { seq: 8, epoch: booted, uptimeMs: 1_000, proven: true, agreedSeq: 5, lateSince: null }

  test('begins with the boot where no live message agreed before', () => {
    expect(faultBeginsAt(null, null, [], 'a')).toBe(0)
    expect(faultBeginsAt({ ...state, agreedSeq: null, proven: false }, null, [], 'a')).toBe(0)
  })

  test('begins right after the newest live message that agreed', () => {
    expect(faultBeginsAt(state, null, [], 'a')).toBe(6)
  })

  test('leaves to an open one what that covers, as far as the clock was measured', () => {
    expect(faultBeginsAt(state, { fromSeq: 6 }, [], 'a')).toBe(9)
    expect(faultBeginsAt({ ...state, seq: 4, agreedSeq: null }, { fromSeq: 6 }, [], 'a')).toBe(0)
  })

  test('leaves alone what a clock fact has decided, up to where the clock was measured', () => {
    const fact = { id: 1, boot: 'a', fromSeq: 0, toSeq: 7, offsetMs: 0 }
    expect(faultBeginsAt(state, null, [fact], 'a')).toBe(8)
    expect(faultBeginsAt(state, null, [fact], 'b')).toBe(6)
    expect(faultBeginsAt(state, null, [{ ...fact, toSeq: null }], 'a')).toBe(9)
    expect(faultBeginsAt(state, null, [{ ...fact, fromSeq: 9, toSeq: null }], 'a')).toBe(6)
  })
})

test('the latest fact rules, within its boot and its messages', () => {
  const facts = [
    { id: 1, boot: 'a', fromSeq: 0, toSeq: null, offsetMs: 5 },
    { id: 2, boot: 'a', fromSeq: 10, toSeq: 20, offsetMs: 7 },
  ]
  expect([
    offsetOf(facts, 'a', 9),
    offsetOf(facts, 'a', 10),
    offsetOf(facts, 'a', 20),
    offsetOf(facts, 'a', 21),
  ]).toEqual([5, 7, 7, 5])
  expect(offsetOf(facts, 'b', 10)).toBe(0)
})

test('temperatures are rounded to hundredths, half away from zero', () => {
  expect([4.125, -4.125, 2, -0.004, 5.999, 6.005].map(toCenti)).toEqual([413, -413, 200, 0, 600, 601])
})

describe('stretches of one offset', () => {
  const facts = [
    { id: 1, boot: 'a', fromSeq: 3, toSeq: 5, offsetMs: 100 },
    { id: 2, boot: 'a', fromSeq: 5, toSeq: null, offsetMs: 200 },
    { id: 3, boot: 'b', fromSeq: 1, toSeq: 1, offsetMs: 300 },
  ]

  test('are cut where a fact begins or ends, and cover every message once', () => {
    expect(stretchesOf(facts, 'a', 0, 8)).toEqual([
      { fromSeq: 0, toSeq: 2, offsetMs: 0 },
      { fromSeq: 3, toSeq: 4, offsetMs: 100 },
      { fromSeq: 5, toSeq: 5, offsetMs: 200 },
      { fromSeq: 6, toSeq: 8, offsetMs: 200 },
    ])
    expect(stretchesOf([], 'a', 4, 4)).toEqual([{ fromSeq: 4, toSeq: 4, offsetMs: 0 }])
  })
})
