import { describe, expect, test } from 'vitest'
import { type ClockState, judgeClock, offsetOf } from '../../../api/domain/clock.ts'
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

  test('is measured on the newest message only', () => {
    const { state } = judged(null, sample(5, 1_000))
    expect(judgeClock(state, sample(5, 1_000))).toBeNull()
    expect(judgeClock(state, sample(4, 900, { wrongMs: 9e9 }))).toBeNull()
  })

  test('with a known offset is measured against it', () => {
    expect(judged(null, sample(0, 1_000, { wrongMs: 9_000_000, knownOffsetMs: -9_000_000 })).fault).toBeNull()
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
