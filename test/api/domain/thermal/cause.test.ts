import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { causeOf } from '../../../../api/domain/thermal/cause.ts'
import type { Facts } from '../../../../api/domain/thermal/facts.ts'
import type { Sample } from '../../../../api/domain/thermal/sample.ts'
import { cnCauseRule } from '../../../../api/policies/causes.ts'
import { parseRuuviCsv } from '../../../../schema/loggers/ruuvi-csv.ts'
import { recorded, recordedNote, skipRecorded } from '../../../support/recorded.ts'

const minute = 60_000
const profile = { low: 200, high: 600, physicalLow: -5_000, physicalHigh: 6_000, maxSilenceMs: 5 * minute }

/** A reading each minute: a thermostat's saw from 3.5 to 4.5 °C, 20 minutes up and 10 down, and what comes after it. */
function after(usual: number, then: (minute: number) => number | null, minutes: number): Sample[] {
  const samples: Sample[] = []
  for (let m = 0; m < usual + minutes; m++) {
    const phase = m % 30
    const saw = phase < 20 ? 350 + 5 * phase : 450 - 10 * (phase - 20)
    const centi = m < usual ? saw : then(m - usual)
    if (centi !== null) samples.push({ at: m * minute, centi: Math.round(centi + ((m * 7) % 3) - 1) })
  }
  return samples
}

/** The load of a container whose air is so: it follows with a time constant of ten minutes. */
function loadOf(air: readonly Sample[]): Sample[] {
  let value = 400
  return air.map(({ at, centi }) => {
    value += (centi - value) / 10
    return { at, centi: Math.round(value) }
  })
}

const usual = 360

function facts(air: readonly Sample[], more: Partial<Facts> = {}): Facts {
  const at = (air.at(-1)?.at ?? 0) + 1_000
  return { at, readings: { air, load: loadOf(air) }, doors: null, power: [], profile, ...more }
}

const leap = (m: number) => 400 + 80 * Math.min(m, 5)
const slow = (m: number) => 450 + 5 * m
const isCause = (given: Facts) => causeOf(given, cnCauseRule).cause

describe('with nothing but two probes', () => {
  test('air that leaps while the load lags is a door', () => {
    const answer = causeOf(facts(after(usual, leap, 5)), cnCauseRule)
    expect(answer).toEqual({ cause: 'door', signs: ['fast_rise', 'load_lags'] })
  })

  test('air that goes on rising at its usual rate, and the load with it, is cooling', () => {
    const answer = causeOf(facts(after(usual, slow, 60)), cnCauseRule)
    expect(answer).toEqual({ cause: 'cooling', signs: ['slow_rise', 'load_follows'] })
  })

  test('a thermostat at work is no cause', () => {
    expect(isCause(facts(after(usual, slow, 0)))).toBe('unknown')
  })

  test('an hour of one value is a probe', () => {
    expect(causeOf(facts(after(usual, (m) => 401 - ((((usual + m) * 7) % 3) - 1), 90)), cnCauseRule)).toEqual(
      {
        cause: 'probe',
        signs: ['flat_line'],
      },
    )
  })

  test('a load that leaps in one minute is a probe', () => {
    const air = after(usual, slow, 0)
    const load = loadOf(air)
    load.push({ at: (load.at(-1)?.at ?? 0) + minute, centi: 2_400 })
    const given = facts(air, { readings: { air, load }, at: load.at(-1)?.at ?? 0 })
    expect(causeOf(given, cnCauseRule)).toEqual({ cause: 'probe', signs: ['impossible_step'] })
  })

  test('air that warms for hours while its load does not is a probe', () => {
    const air = after(usual, (m) => slow(m), 120)
    const load = loadOf(after(usual + 120, slow, 0))
    expect(causeOf(facts(air, { readings: { air, load } }), cnCauseRule)).toEqual({
      cause: 'probe',
      signs: ['probes_disagree'],
    })
  })
})

test('one probe that falls silent is a probe, both are silence', () => {
  const air = after(usual, slow, 0)
  const load = loadOf(air)
  const early = air.filter(({ at }) => at < 300 * minute)
  expect(isCause(facts(air, { readings: { air: early, load } }))).toBe('probe')
  expect(isCause(facts(air, { at: (usual + 10) * minute }))).toBe('silence')
  expect(isCause(facts([], { at: 0, readings: {} }))).toBe('silence')
})

test('a silence of exactly maxSilence is none', () => {
  const air = after(usual, slow, 0)
  const last = air.at(-1)?.at ?? 0
  expect(isCause(facts(air, { at: last + profile.maxSilenceMs }))).not.toBe('silence')
  expect(isCause(facts(air, { at: last + profile.maxSilenceMs + 1 }))).toBe('silence')
})

describe('with more than probes', () => {
  const from = usual * minute

  test('a slow rise without mains is power', () => {
    const power = [{ at: from, mains: false, compressorOn: null, batteryPercent: 90 }]
    expect(causeOf(facts(after(usual, slow, 60), { power }), cnCauseRule)).toEqual({
      cause: 'power',
      signs: ['mains_off', 'load_follows'],
    })
  })

  test('a device that does not tell of its mains tells by its battery', () => {
    const power = [99, 98].map((batteryPercent, i) => {
      return { at: from + i * minute, mains: null, compressorOn: null, batteryPercent }
    })
    expect(isCause(facts(after(usual, slow, 60), { power }))).toBe('power')
  })

  test('a leap behind a door that was shut is not blamed on the door', () => {
    expect(isCause(facts(after(usual, leap, 5), { doors: [] }))).toBe('unknown')
    expect(isCause(facts(after(usual, leap, 5), { doors: [{ from, to: null }] }))).toBe('door')
  })

  test('a door ajar for most of a slow rise has made it', () => {
    expect(isCause(facts(after(usual, slow, 60), { doors: [{ from, to: null }] }))).toBe('door')
    expect(isCause(facts(after(usual, slow, 60), { doors: [{ from, to: from + minute }] }))).toBe('cooling')
  })

  test('a compressor that goes on switching off has a thermostat that is content: the rise is not believed', () => {
    const power = Array.from({ length: 12 }, (_, i) => {
      return { at: from + 5 * i * minute, mains: true, compressorOn: i % 2 === 0, batteryPercent: null }
    })
    expect(isCause(facts(after(usual, slow, 60), { power }))).toBe('unknown')
  })
})

test('too cold is not explained', () => {
  const answer = causeOf(facts(after(usual, (m) => 350 - 5 * m, 40)), cnCauseRule)
  expect(answer).toEqual({ cause: 'unknown', signs: ['too_cold'] })
})

const series = fc
  .array(fc.tuple(fc.integer({ min: 1_000, max: 20 * minute }), fc.integer({ min: -5_000, max: 6_000 })), {
    maxLength: 120,
  })
  .map((steps) => {
    let at = 0
    return steps.map(([ms, centi]) => {
      at += ms
      return { at, centi }
    })
  })

const anything = fc.record({
  at: fc.integer({ min: 0, max: 24 * 60 * minute }),
  readings: fc.record({ air: series, load: series, ambient: series }),
  doors: fc.constantFrom(null, [], [{ from: 60 * minute, to: null }]),
  power: fc.constantFrom([], [{ at: minute, mains: false, compressorOn: true, batteryPercent: 50 }]),
  profile: fc.constant(profile),
})

test('whatever it is told it has an answer with a sign, and the same one whenever it is told', () => {
  fc.assert(
    fc.property(anything, fc.integer({ min: 0, max: 2 ** 41 }), (given, later) => {
      const answer = causeOf(given, cnCauseRule)
      expect(answer.signs.length).toBeGreaterThan(0)
      const move = <T extends { readonly at: number }>(some: readonly T[]) =>
        some.map((one) => ({ ...one, at: one.at + later }))
      const { air, load, ambient } = given.readings
      const moved: Facts = {
        ...given,
        at: given.at + later,
        readings: { air: move(air), load: move(load), ambient: move(ambient) },
        doors: given.doors?.map(({ from }) => ({ from: from + later, to: null })) ?? null,
        power: move(given.power),
      }
      expect(causeOf(moved, cnCauseRule)).toEqual(answer)
    }),
  )
})

test('what comes after the instant it is asked for changes nothing', () => {
  fc.assert(
    fc.property(anything, (given) => {
      const until = (samples: readonly Sample[]) => samples.filter(({ at }) => at <= given.at)
      const { air, load, ambient } = given.readings
      const known: Facts = {
        ...given,
        readings: { air: until(air), load: until(load), ambient: until(ambient) },
        doors: given.doors?.filter(({ from }) => from <= given.at) ?? null,
        power: given.power.filter(({ at }) => at <= given.at),
      }
      expect(causeOf(given, cnCauseRule)).toEqual(causeOf(known, cnCauseRule))
    }),
  )
})

test.skipIf(skipRecorded).each([
  ['fridge', 200, 600],
  ['freezer', -10_000, -1_800],
  // Limits that its own usual day is beyond, so that there is something to explain and no fault to explain it.
  ['fridge', 0, 300],
  ['freezer', -10_000, -2_900],
])(
  `a recorded %s in order, within %d and %d, is given no cause at any moment${recordedNote}`,
  (file, low, high) => {
    const samples = parseRuuviCsv(readFileSync(recorded(`${file}-2020-05-05.csv`), 'utf8'))
      .map(({ at, celsius }) => ({ at, centi: Math.round(celsius * 100) }))
      .sort((a, b) => a.at - b.at)
    for (const probe of ['air', 'load'] as const)
      for (const { at } of samples)
        for (const later of [0, minute, 4 * minute, 10 * minute]) {
          const given = { ...profile, low, high }
          const answer = isCause({
            at: at + later,
            readings: { [probe]: samples },
            doors: null,
            power: [],
            profile: given,
          })
          expect(answer).toBe(later > profile.maxSilenceMs && answer === 'silence' ? 'silence' : 'unknown')
        }
  },
)
