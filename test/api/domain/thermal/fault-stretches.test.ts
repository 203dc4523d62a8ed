import fc from 'fast-check'
import { expect, test } from 'vitest'
import { faultStretches } from '../../../../api/domain/thermal/fault-stretches.ts'
import { cnCauseRule } from '../../../../api/policies/causes.ts'
import { loadOf, saw } from '../../../support/chart.ts'
import { noon } from '../../../support/world.ts'

const minute = 60_000
const stretchesOf = (samples: readonly { at: number; centi: number }[]) =>
  faultStretches('load', samples, cnCauseRule)

/** Half a day as ever up to noon, and then one value so many minutes long. */
const usual = loadOf(saw(720, 0, () => 0))
const flat = (minutes: number, after = 1) =>
  Array.from({ length: minutes + 1 }, (_, m) => ({ at: noon + (after + m) * minute, centi: 423 }))

test('an hour of one value is a stuck probe, from its first reading to the first other value', () => {
  expect(stretchesOf(usual)).toEqual([])
  expect(stretchesOf([...usual, ...flat(59)])).toEqual([])
  expect(stretchesOf([...usual, ...flat(60)])).toEqual([{ kind: 'stuck', from: noon + minute, to: null }])
  const other = { at: noon + 70 * minute, centi: 424 }
  expect(stretchesOf([...usual, ...flat(60), other])).toEqual([
    { kind: 'stuck', from: noon + minute, to: other.at },
  ])
})

test('it stays stuck for days, and a long silence ends it at its last reading', () => {
  expect(stretchesOf([...usual, ...flat(3_000)])).toEqual([{ kind: 'stuck', from: noon + minute, to: null }])
  const silent = [...usual, ...flat(90), ...flat(10, 200)]
  expect(stretchesOf(silent)).toEqual([{ kind: 'stuck', from: noon + minute, to: noon + 91 * minute }])
})

test('a probe of coarse steps that stands still for long is believed until it does so for much longer', () => {
  const coarse = Array.from({ length: 720 }, (_, m) => ({
    at: noon - (719 - m) * minute,
    centi: Math.floor(m / 50) % 2 ? 400 : 450,
  }))
  expect(stretchesOf([...coarse, ...flat(100)])).toEqual([])
  expect(stretchesOf([...coarse, ...flat(130)])).toMatchObject([{ kind: 'stuck' }])
})

test('a step no load can follow makes it implausible for half an hour, and each of several anew', () => {
  const at = (m: number, centi: number) => ({ at: noon + m * minute, centi })
  const spike = [...usual, at(1, 2_400), at(2, 410), at(3, 410), at(4, 405)]
  const [found, ...more] = stretchesOf(spike)
  expect(more).toEqual([])
  expect(found).toMatchObject({ kind: 'implausible', from: noon + minute })
  expect(found?.to).toBeGreaterThanOrEqual(noon + 31 * minute)
  // A door, a defrost, a warm room: it follows as fast as a load may.
  const warming = Array.from({ length: 60 }, (_, m) =>
    at(m + 1, Math.round(2_200 - 1_780 * Math.exp(-m / 8))),
  )
  expect(stretchesOf([...usual, ...warming])).toEqual([])
})

/** Readings so many minutes after one another. */
function walk(steps: readonly (readonly [number, number, ...unknown[]])[], from: number) {
  let at = from
  return steps.map(([minutes, centi]) => {
    at += minutes * minute
    return { at, centi }
  })
}

test('only what was told so long before a stretch decides about it', () => {
  const series = fc.array(
    fc.tuple(
      fc.constantFrom(1, 1, 2, 5, 70),
      fc.constantFrom(400, 400, 400, 430, 2_400, -1_500),
      fc.boolean(),
    ),
    { minLength: 1, maxLength: 60 },
  )
  fc.assert(
    fc.property(series, series, (steps, older) => {
      const told = walk(
        steps.flatMap(([minutes, centi, isLong]) =>
          Array.from({ length: isLong ? 40 : 1 }, () => [minutes, centi] as const),
        ),
        noon,
      )
      const past = walk(older, noon - 20 * 1_440 * minute)
      expect(stretchesOf([...past, ...usual, ...told]).filter(({ from }) => from >= noon)).toEqual(
        stretchesOf([...usual, ...told]).filter(({ from }) => from >= noon),
      )
    }),
  )
})
