import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inForce } from '../../../api/domain/effective.ts'
import { decideTogether } from '../../../api/domain/policy.ts'
import { asIfInForce } from '../../../api/domain/rejudgement.ts'

describe('the versions as if one had been in force', () => {
  const Instant = fc.integer({ min: -50, max: 50 })
  const Versions = fc
    .uniqueArray(Instant, { minLength: 1, maxLength: 6 })
    .map((starts) => starts.sort((a, b) => a - b).map((from, index) => ({ from, version: index + 1 })))

  test('are that one in the span, and outside of it what was in force', () => {
    fc.assert(
      fc.property(
        Versions,
        fc.nat(),
        Instant,
        fc.integer({ min: 1, max: 30 }),
        (versions, pick, from, length) => {
          const chosen = versions[pick % versions.length] as (typeof versions)[number]
          const to = from + length
          const supposed = asIfInForce(versions, chosen, { from, to })
          for (let at = -100; at < 100; at++) {
            const expected = at >= from && at < to ? chosen : inForce(versions, at)
            expect(inForce(supposed, at).version).toBe(expected.version)
          }
          expect(supposed.map((one) => one.from)).toEqual(
            supposed.map((one) => one.from).sort((a, b) => a - b),
          )
        },
      ),
    )
  })

  test('are themselves where it was in force in all of the span', () => {
    const versions = [
      { from: 0, version: 1 },
      { from: 10, version: 2 },
    ]
    const supposed = asIfInForce(versions, versions[1] as (typeof versions)[number], { from: 12, to: 20 })
    for (let at = -5; at < 30; at++) expect(inForce(supposed, at).version).toBe(inForce(versions, at).version)
  })
})

describe('what two must approve', () => {
  const proposed = { by: 'ann', opinions: [] }
  const says = (by: string, decision: 'approve' | 'reject' = 'approve') => ({ by, decision })

  test('is approved by two others, and ended by one who rejects it', () => {
    expect(decideTogether(proposed, says('ben'))).toBe('pending')
    expect(decideTogether({ ...proposed, opinions: [says('ben')] }, says('eva'))).toBe('approved')
    expect(decideTogether({ ...proposed, opinions: [says('ben')] }, says('eva', 'reject'))).toBe('rejected')
    expect(() => decideTogether(proposed, says('ann'))).toThrow('others approve it')
    expect(() => decideTogether({ ...proposed, opinions: [says('ben')] }, says('ben'))).toThrow(
      'another person',
    )
    const over = { ...proposed, opinions: [says('ben', 'reject')] }
    expect(() => decideTogether(over, says('eva'))).toThrow('rejected already')
  })
})
