import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type HourReading, hourMs, packHour, unpackHour } from '../../../api/stores/packed-hour.ts'

const start = Date.parse('2020-05-06T11:00:00Z')
const hour = start / hourMs
const most = 2 ** 31 - 1

/** Anything the table of readings can hold within an hour. */
const Anything = fc
  .uniqueArray(
    fc.record({
      at: fc.integer({ min: start, max: start + hourMs - 1 }),
      seq: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: most })),
      centi: fc.integer({ min: -32_768, max: 32_767 }),
      humidity: fc.option(fc.integer({ min: -32_768, max: 32_767 })),
    }),
    { selector: ({ at }) => at, minLength: 1, maxLength: 400 },
  )
  .map((readings) => readings.sort((a, b) => a.at - b.at))

/** What devices tell nearly always: a beat with some jitter, values that move slowly, numbers that count up. */
const Regular = fc
  .record({
    everyMs: fc.constantFrom(1_000, 10_000, 60_000),
    jitterMs: fc.constantFrom(0, 1, 50, 490),
    moves: fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 1, maxLength: 50 }),
    seq: fc.integer({ min: 0, max: most - 4_000 }),
    missing: fc.array(fc.nat(3_599)),
  })
  .map(({ everyMs, jitterMs, moves, seq, missing }) => {
    const readings: HourReading[] = []
    let centi = 400
    for (let i = 0; i < hourMs / everyMs; i++) {
      centi += moves[i % moves.length] as number
      if (missing.includes(i)) continue
      const at = start + i * everyMs + ((i * 7_919) % (jitterMs + 1))
      readings.push({ at, seq: seq + i, centi, humidity: null })
    }
    return readings
  })
  .filter((readings) => readings.length > 0)

describe('a packed hour', () => {
  test('unpacks to the readings it was packed from, to the last of them', () => {
    fc.assert(
      fc.property(fc.oneof(Anything, Regular), (readings) => {
        expect(unpackHour(hour, packHour(readings).body)).toEqual(readings)
      }),
      { numRuns: 500 },
    )
  })

  test('tells how many there are, the coldest, the warmest and the sum', () => {
    fc.assert(
      fc.property(Anything, (readings) => {
        const centis = readings.map(({ centi }) => centi)
        expect(packHour(readings)).toMatchObject({
          hour,
          count: readings.length,
          coldest: Math.min(...centis),
          warmest: Math.max(...centis),
          sum: centis.reduce((sum, centi) => sum + centi, 0),
        })
      }),
    )
  })

  test('takes about three bytes for a reading with jitter, and none for what never changes', () => {
    const steady: HourReading[] = []
    const restless: HourReading[] = []
    for (let i = 0; i < 360; i++) {
      const at = start + i * 10_000
      steady.push({ at, seq: i, centi: 400, humidity: 5_000 })
      restless.push({ at: at + ((i * 7_919) % 500), seq: i, centi: 400 + ((i * 31) % 30), humidity: null })
    }
    expect(packHour(steady).body.length).toBeLessThan(30)
    expect(packHour(restless).body.length / 360).toBeLessThan(3.2)
  })

  test('is refused where its readings are out of order, of two hours, or told twice', () => {
    const at = (ms: number): HourReading => ({ at: start + ms, seq: 0, centi: 0, humidity: null })
    for (const readings of [[], [at(5), at(5)], [at(6), at(5)], [at(0), at(hourMs)], [at(-1), at(0)]])
      expect(() => packHour(readings)).toThrow('cannot pack')
  })

  test('that is damaged is noticed, wherever and however little, and never read as something else', () => {
    const damage = fc.oneof(
      fc.record({ at: fc.nat(), to: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ cutTo: fc.nat() }),
      fc.record({ added: fc.uint8Array({ minLength: 1, maxLength: 3 }) }),
    )
    fc.assert(
      fc.property(fc.oneof(Anything, Regular), damage, (readings, done) => {
        const { body } = packHour(readings)
        let changed = Buffer.from(body)
        if ('cutTo' in done) changed = changed.subarray(0, done.cutTo % body.length)
        else if ('added' in done) changed = Buffer.concat([changed, done.added])
        else changed[done.at % body.length] = (body[done.at % body.length] as number) ^ done.to
        expect(() => unpackHour(hour, changed)).toThrow()
      }),
      { numRuns: 500 },
    )
  })

  test('that was packed before there were checksums is read as ever', () => {
    const told = [
      { at: start, seq: 3, centi: 400, humidity: null },
      { at: start + 10_000, seq: 4, centi: 410, humidity: 4_000 },
    ]
    const body = Buffer.from('0102904e0102c00c280c0400847d', 'hex')
    expect(unpackHour(hour, body)).toEqual(told)
    expect(() => unpackHour(hour, body.subarray(0, -1))).toThrow('ends too early')
    expect(() => unpackHour(hour, Buffer.concat([body, Buffer.from([0])]))).toThrow('damaged')
  })
})
