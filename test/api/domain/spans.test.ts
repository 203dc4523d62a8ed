import fc from 'fast-check'
import { expect, test } from 'vitest'
import { differing, merged } from '../../../api/domain/spans.ts'

const Spans = fc.array(
  fc
    .tuple(fc.nat(30), fc.nat(30))
    .map(([one, other]) => ({ from: Math.min(one, other), to: Math.max(one, other) })),
  { maxLength: 6 },
)
const holds = (spans: readonly { from: number; to: number }[], at: number) =>
  spans.some(({ from, to }) => from <= at && at < to)

test('spans tell the same time merged, in order and apart', () => {
  fc.assert(
    fc.property(Spans, (spans) => {
      const told = merged(spans)
      for (let at = 0; at <= 30; at++) expect(holds(told, at)).toBe(holds(spans, at))
      told.forEach(({ from, to }, index) => {
        expect(from).toBeLessThan(to)
        if (index > 0) expect(from).toBeGreaterThan(told[index - 1]?.to ?? 0)
      })
    }),
  )
})

test('two sets of spans differ just where one of them holds and the other does not', () => {
  fc.assert(
    fc.property(Spans, Spans, (one, other) => {
      const told = differing(one, other)
      for (let at = 0; at <= 30; at++) expect(holds(told, at)).toBe(holds(one, at) !== holds(other, at))
      expect(merged(told)).toEqual(told)
    }),
  )
})
