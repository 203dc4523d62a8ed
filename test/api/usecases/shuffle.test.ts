import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { derive, type Limits, type Reading } from '../../../api/domain/series.ts'
import type { Incoming } from '../../../api/usecases/ingest/decode.ts'
import { type LoggedReading, parseRuuviCsv } from '../../../schema/loggers/ruuvi-csv.ts'
import { test } from '../../support/database.ts'
import { recorded, recordedNote, skipRecorded } from '../../support/recorded.ts'
import { aDevice, aMessage, aReading, aWorld, findingsOf, noon, type World } from '../../support/world.ts'

/**
 * The law of event time: the same messages in any order, doubled, in any batches, with the process killed between
 * them, give the same gaps and excursions to the millisecond.
 */

/** Deliver messages in batches; a null kills the process: what it remembered is gone. */
async function deliver(world: World, plan: readonly (readonly Incoming[] | null)[]): Promise<void> {
  for (const step of plan) {
    if (step === null) world.restart()
    else if (step.length > 0) await world.ingest.accept(step)
  }
}

/** Cut a delivery into batches of random sizes with a restart here and there. */
function batches(messages: readonly Incoming[], cuts: readonly number[]): (Incoming[] | null)[] {
  const plan: (Incoming[] | null)[] = []
  for (let i = 0, k = 0; i < messages.length; k++) {
    const cut = cuts[k % cuts.length] ?? 1
    if (cut % 5 === 0) plan.push(null)
    plan.push(messages.slice(i, i + cut + 1))
    i += cut + 1
  }
  return plan
}

function totals({ gaps, excursions }: Awaited<ReturnType<typeof findingsOf>>) {
  const bounded = gaps.filter(({ open }) => !open)
  return {
    excursions: excursions.length,
    excursionMs: excursions.reduce((ms, { from, to }) => ms + ((to ?? from) - from), 0),
    gaps: bounded.length,
    gapMs: bounded.reduce((ms, { from, to }) => ms + (to - from), 0),
    coldest: Math.min(...excursions.map(({ coldest }) => coldest)),
  }
}

describe.skipIf(skipRecorded)(`recorded loggers${recordedNote}`, () => {
  const loggers = [
    {
      file: 'fridge-2020-05-05.csv',
      profile: { low: 200, high: 600 },
      expected: { excursions: 6, excursionMs: 9_521_000, gaps: 13, gapMs: 25_706_000, coldest: 38 },
    },
    {
      file: 'freezer-2020-05-05.csv',
      profile: { low: -6_000, high: -2_500 },
      expected: { excursions: 6, excursionMs: 3_412_000, gaps: 15, gapMs: 27_171_000 },
    },
  ]

  for (const { file, profile, expected } of loggers) {
    test(`${file} in order gives the findings a person counts`, async ({ database }) => {
      const world = await aWorld(database)
      await aDevice(world, 'box', profile)
      const readings = parseRuuviCsv(readFileSync(recorded(file), 'utf8'))
      const messages = readings.map(({ at, celsius }, seq) =>
        aMessage({
          device: 'box',
          seq,
          body: [aReading(at, celsius)],
          receivedAt: at,
          uptimeMs: seq * 1_000 + 1_000,
        }),
      )
      await deliver(world, batches(messages, [40]))
      expect(totals(await findingsOf(world.deps, 'box', noon))).toMatchObject(expected)
    })

    test(`${file} shuffled, doubled, cut into random batches, killed between, gives the same`, async ({
      database,
    }) => {
      const readings = parseRuuviCsv(readFileSync(recorded(file), 'utf8'))
      let run = 0
      const world = await aWorld(database)
      await fc.assert(
        fc.asyncProperty(
          fc.shuffledSubarray([...readings.keys()], { minLength: readings.length }),
          fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 3, maxLength: 8 }),
          fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 3, maxLength: 8 }),
          fc.nat(),
          async (order, sizes, cuts, doubles) => {
            const device = `box-${++run}`
            await aDevice(world, device, profile)
            const shuffled = order.map((index) => readings[index] as LoggedReading)
            const messages: Incoming[] = []
            for (let i = 0, k = 0; i < shuffled.length; k++) {
              const size = sizes[k % sizes.length] ?? 1
              const body = shuffled.slice(i, i + size).map(({ at, celsius }) => aReading(at, celsius))
              messages.push(aMessage({ device, seq: k, body }))
              i += size
            }
            const doubled = messages.filter((_, index) => (index * 7 + doubles) % 3 === 0)
            await deliver(world, batches([...messages, ...doubled], cuts))
            expect(totals(await findingsOf(world.deps, device, noon))).toMatchObject(expected)
          },
        ),
        { numRuns: 12 },
      )
    })
  }
})

describe('any series', () => {
  const limits: Limits = { low: 200, high: 600, maxSilenceMs: 60_000 }
  const start = noon - 3_600_000

  /** Some readings, how they are cut into messages, the order in which those come, and which come twice. */
  const scenario = fc
    .uniqueArray(
      fc.record({
        second: fc.integer({ min: 0, max: 24 }),
        boot: fc.constantFrom('boot-a', 'boot-b'),
        celsius: fc.constantFrom(1.5, 2, 4, 6, 6.01, 8),
      }),
      { selector: ({ second, boot }) => `${second}/${boot}`, minLength: 1, maxLength: 16 },
    )
    .chain((readings) =>
      fc.record({
        readings: fc.constant(readings),
        order: fc.shuffledSubarray([...readings.keys()], { minLength: readings.length }),
        sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 }),
        cuts: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2, maxLength: 4 }),
        twice: fc.integer({ min: 1, max: 4 }),
      }),
    )

  test('gives what folding it in order gives', { timeout: 300_000 }, async ({ database }) => {
    const world = await aWorld(database)
    let run = 0
    await fc.assert(
      fc.asyncProperty(scenario, async ({ readings, order, sizes, cuts, twice }) => {
        const device = `fridge-${++run}`
        await aDevice(world, device, { maxSilenceMs: limits.maxSilenceMs })
        const inOrder: Reading[] = readings
          .map(({ second, boot, celsius }) => ({
            at: start + second * 17_000,
            boot,
            centi: Math.round(celsius * 100),
          }))
          .sort((a, b) => a.at - b.at || (a.boot < b.boot ? -1 : 1))
        const expected = derive(null, inOrder, () => limits)

        const messages: Incoming[] = []
        const next = new Map<string, number>()
        for (let i = 0, k = 0; i < order.length; k++) {
          const part = order
            .slice(i, i + (sizes[k % sizes.length] ?? 1))
            .map((index) => readings[index] as (typeof readings)[number])
          i += part.length
          for (const boot of new Set(part.map((reading) => reading.boot))) {
            const seq = next.get(boot) ?? 0
            next.set(boot, seq + 1)
            const body = part
              .filter((reading) => reading.boot === boot)
              .map(({ second, celsius }) => aReading(start + second * 17_000, celsius))
            messages.push(aMessage({ device, boot, seq, body }))
          }
        }
        await deliver(
          world,
          batches([...messages, ...messages.filter((_, index) => index % twice === 0)], cuts),
        )

        const asOf = (inOrder.at(-1) as Reading).at + 1
        const found = await findingsOf(world.deps, device, asOf)
        expect(found.gaps.filter(({ open }) => !open)).toEqual(
          expected.gaps.map((gap) => ({ ...gap, open: false })),
        )
        expect(found.excursions).toEqual(expected.excursions)
      }),
      { numRuns: 1_000 },
    )
  })

  test('with contradicting values at one identity gives one ruling, whichever came first', {
    timeout: 120_000,
  }, async ({ database }) => {
    const world = await aWorld(database)
    const values = fc.array(
      fc.record({ second: fc.integer({ min: 0, max: 6 }), celsius: fc.constantFrom(1, 3, 5, 7, 9) }),
      {
        minLength: 2,
        maxLength: 10,
      },
    )
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        values.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
        async ([list, shuffled], cuts) => {
          const found = []
          for (const order of [list, shuffled]) {
            const device = `fridge-${++run}`
            await aDevice(world, device, { maxSilenceMs: 60_000 })
            const messages = order.map(({ second, celsius }, seq) =>
              aMessage({ device, seq, body: [aReading(start + second * 31_000, celsius)] }),
            )
            await deliver(world, batches(messages, cuts))
            found.push(await findingsOf(world.deps, device, start + 300_000))
          }
          expect(found[1]).toEqual(found[0])
        },
      ),
      { numRuns: 150 },
    )
  })
})
