import { describe, expect } from 'vitest'
import { Device } from '../../../schema/http/devices.ts'
import { Excursions, Gaps, Readings, Telemetry } from '../../../schema/http/series.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const start = noon - 60 * minute
const at = (minutes: number) => start + minutes * minute

/** An hour of a fridge that may be silent for 5 minutes: minute by minute from `start`, with what is said here. */
async function anHour({ world }: Door): Promise<void> {
  await aDevice(world, 'fridge-7', { maxSilenceMs: 5 * minute }, start)
  const body = [
    aReading(at(0), 4),
    aReading(at(1), 7.5),
    aReading(at(2), 8.25),
    aReading(at(3), 5),
    // Silent from 3 to 20.
    aReading(at(20), 1.5),
    aReading(at(21), 4.01),
    aReading(at(22), 4.02),
    aReading(at(58), 6.01),
    aReading(at(59), 9),
  ]
  await world.ingest.accept([aMessage({ device: 'fridge-7', seq: 0, body })])
}

describe('telemetry', () => {
  test('comes in buckets, with the gaps nobody may draw across', async ({ door }) => {
    await anHour(door)
    const path = `/devices/fridge-7/telemetry?from=${iso(start)}&to=${iso(noon)}&everySeconds=120`
    const answer = await door.ask(Telemetry, 'GET', path)
    expect(answer).toMatchObject({
      device: 'fridge-7',
      probe: 'load',
      from: iso(start),
      to: iso(noon),
      asOf: iso(noon),
      everySeconds: 120,
    })
    expect(answer.buckets).toEqual([
      { from: iso(at(0)), count: 2, min: 4, mean: 5.75, max: 7.5 },
      { from: iso(at(2)), count: 2, min: 5, mean: 6.63, max: 8.25 },
      { from: iso(at(20)), count: 2, min: 1.5, mean: 2.76, max: 4.01 },
      { from: iso(at(22)), count: 1, min: 4.02, mean: 4.02, max: 4.02 },
      { from: iso(at(58)), count: 2, min: 6.01, mean: 7.51, max: 9 },
    ])
    expect(answer.gaps).toEqual([
      { from: iso(at(3)), to: iso(at(20)), ms: 17 * minute, open: false },
      { from: iso(at(22)), to: iso(at(58)), ms: 36 * minute, open: false },
    ])
  })

  test('is of the last day, in steps of five minutes, where nothing is said', async ({ door }) => {
    await anHour(door)
    const answer = await door.ask(Telemetry, 'GET', '/devices/fridge-7/telemetry')
    expect(answer).toMatchObject({ from: iso(noon - 86_400_000), to: iso(noon), everySeconds: 300 })
    expect(answer.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(9)
  })

  test('of more buckets than anybody can use is refused', async ({ door }) => {
    await anHour(door)
    const path = (every: number) =>
      `/devices/fridge-7/telemetry?from=${iso(noon - 10_000_000)}&to=${iso(noon)}&everySeconds=${every}`
    await door.ask(Telemetry, 'GET', path(1))
    const more = `/devices/fridge-7/telemetry?from=${iso(noon - 10_000_001)}&to=${iso(noon)}&everySeconds=1`
    expect(await door.refused('GET', more)).toMatchObject({ status: 400, code: 'invalid_request' })
    expect(await door.refused('GET', path(0))).toMatchObject({
      status: 400,
      issues: [{ path: 'everySeconds' }],
    })
  })

  test('of a probe that never reported is one long gap, and looking does not make the probe', async ({
    door,
    database,
  }) => {
    await aDevice(door.world, 'fridge-8', {}, start)
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-8', seq: 0, body: [aReading(at(1), 4, 'air')] }),
    ])
    const answer = await door.ask(Telemetry, 'GET', `/devices/fridge-8/telemetry?from=${iso(start)}`)
    expect(answer.buckets).toEqual([])
    expect(answer.gaps).toEqual([{ from: iso(start), to: iso(noon), ms: 60 * minute, open: true }])
    expect((await door.ask(Readings, 'GET', '/devices/fridge-8/readings')).readings).toEqual([])

    expect((await door.ask(Device, 'GET', '/devices/fridge-8')).readings).toMatchObject([{ probe: 'air' }])
    expect((await database.pool.query('select kind from probe')).rows).toEqual([{ kind: 'air' }])
  })
})

describe('readings', () => {
  test('come one by one, page by page, to the last', async ({ door }) => {
    await anHour(door)
    const seen: string[] = []
    let from: string | null = iso(start)
    for (let pages = 0; from !== null; pages++) {
      expect(pages).toBeLessThan(5)
      const path: string = `/devices/fridge-7/readings?from=${from}&to=${iso(noon)}&limit=4`
      const answer = await door.ask(Readings, 'GET', path)
      seen.push(...answer.readings.map(({ celsius }) => String(celsius)))
      from = answer.next
    }
    expect(seen).toEqual(['4', '7.5', '8.25', '5', '1.5', '4.01', '4.02', '6.01', '9'])
  })
})

describe('readings that share an instant', () => {
  test('are on one page, and the next begins behind them', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    const boots = ['a', 'b', 'c']
    await door.world.ingest.accept(
      boots.flatMap((boot, index) => [
        aMessage({ device: 'fridge-7', boot, seq: 0, body: [aReading(at(1), 4 + index)] }),
        aMessage({ device: 'fridge-7', boot, seq: 1, body: [aReading(at(2 + index), 4)] }),
      ]),
    )
    const pages: number[][] = []
    let from: string | null = iso(start)
    while (from !== null && pages.length < 9) {
      const path: string = `/devices/fridge-7/readings?from=${from}&to=${iso(noon)}&limit=2`
      const answer = await door.ask(Readings, 'GET', path)
      pages.push(answer.readings.map(({ celsius }) => celsius))
      from = answer.next
    }
    expect(pages).toEqual([[4, 5, 6], [4, 4], [4]])
  })
})

describe('excursions', () => {
  test('are told with their extremes, what lasts apart from what ended', async ({ door }) => {
    await anHour(door)
    const answer = await door.ask(Excursions, 'GET', '/devices/fridge-7/excursions')
    expect(answer).toMatchObject({ from: iso(start), to: iso(noon), asOf: iso(noon) })
    expect(answer.excursions).toEqual([
      {
        side: 'high',
        from: iso(at(1)),
        to: iso(at(3)),
        ms: 2 * minute,
        ended: 'inside',
        coldest: 7.5,
        warmest: 8.25,
        readings: 2,
      },
      {
        side: 'low',
        from: iso(at(20)),
        to: iso(at(21)),
        ms: minute,
        ended: 'inside',
        coldest: 1.5,
        warmest: 1.5,
        readings: 1,
      },
      {
        side: 'high',
        from: iso(at(58)),
        to: null,
        ms: 2 * minute,
        ended: null,
        coldest: 6.01,
        warmest: 9,
        readings: 2,
      },
    ])
    expect(answer.total).toEqual({
      bounded: { count: 2, ms: 3 * minute },
      open: { count: 1, ms: 2 * minute },
    })
  })

  test('that last are ended by a silence, as of a later moment', async ({ door }) => {
    await anHour(door)
    door.world.clock.now += 5 * minute
    const path = `/devices/fridge-7/excursions?asOf=${iso(noon + 5 * minute)}`
    const { excursions, total } = await door.ask(Excursions, 'GET', path)
    expect(excursions.at(-1)).toMatchObject({ to: iso(at(59)), ms: minute, ended: 'gap' })
    expect(total.open).toEqual({ count: 0, ms: 0 })
  })

  test('are those that touch the range', async ({ door }) => {
    await anHour(door)
    const path = `/devices/fridge-7/excursions?from=${iso(at(19))}&to=${iso(at(30))}`
    const { excursions } = await door.ask(Excursions, 'GET', path)
    expect(excursions.map(({ side }) => side)).toEqual(['low'])
  })
})

describe('gaps', () => {
  test('are told with their length, those no reading bounds apart', async ({ door }) => {
    await anHour(door)
    door.world.clock.now += 10 * minute
    const asOf = iso(noon + 10 * minute)
    const answer = await door.ask(Gaps, 'GET', `/devices/fridge-7/gaps?asOf=${asOf}`)
    expect(answer).toMatchObject({ device: 'fridge-7', probe: 'load', from: iso(start), to: asOf, asOf })
    expect(answer.gaps).toEqual([
      { from: iso(at(3)), to: iso(at(20)), ms: 17 * minute, open: false },
      { from: iso(at(22)), to: iso(at(58)), ms: 36 * minute, open: false },
      { from: iso(at(59)), to: asOf, ms: 11 * minute, open: true },
    ])
    expect(answer.total).toEqual({
      bounded: { count: 2, ms: 53 * minute },
      open: { count: 1, ms: 11 * minute },
    })
  })
})

describe('excursions and gaps', () => {
  /** Every page, from the newest on, until nothing is older. */
  async function pages(door: Door, noun: 'excursions' | 'gaps', query: string) {
    const told: unknown[][] = []
    let before: string | null | undefined
    while (before !== null) {
      expect(told.length).toBeLessThan(30)
      const path: string = `/devices/fridge-7/${noun}?${query}${before ? `&before=${before}` : ''}`
      const answer: { gaps?: unknown[]; excursions?: unknown[]; next: string | null } =
        noun === 'gaps' ? await door.ask(Gaps, 'GET', path) : await door.ask(Excursions, 'GET', path)
      told.push(answer[noun] ?? [])
      before = answer.next
    }
    return told
  }

  test('come page by page, what is open on the first', async ({ door }) => {
    await anHour(door)
    door.world.clock.now += 10 * minute
    const gaps = await pages(door, 'gaps', 'limit=2')
    expect(gaps).toMatchObject([
      [{ from: iso(at(22)) }, { from: iso(at(59)), open: true }],
      [{ from: iso(at(3)) }],
    ])
    door.world.clock.now -= 10 * minute
    const excursions = await pages(door, 'excursions', 'limit=1')
    expect(excursions).toMatchObject([
      [{ from: iso(at(58)), to: null }],
      [{ from: iso(at(20)), to: iso(at(21)) }],
      [{ from: iso(at(1)), to: iso(at(3)) }],
    ])
    const { total, next } = await door.ask(Excursions, 'GET', '/devices/fridge-7/excursions?limit=2')
    expect(total).toEqual({ bounded: { count: 1, ms: minute }, open: { count: 1, ms: 2 * minute } })
    expect(next).toBe(iso(at(20)))
  })

  test('are the same in pages of any length, as of any moment, of any range', async ({ door }) => {
    // In service since long before its first reading, which leaves a gap there.
    await aDevice(door.world, 'fridge-7', { maxSilenceMs: 5 * minute }, at(-30))
    const told = [4, 7, 1, 8, 4, null, null, null, 8, 4, null, null, 1, 7, null, null, null, 4, 7, 7]
    const body = told.flatMap((celsius, index) =>
      celsius === null ? [] : [aReading(at(3 * index), celsius)],
    )
    await door.world.ingest.accept([aMessage({ device: 'fridge-7', seq: 0, body })])
    for (const range of ['', `from=${iso(at(4))}&to=${iso(at(40))}`]) {
      for (const asOf of ['', ...[-10, 10, 13, 20, 21, 37, 41, 50, 58].map((m) => `&asOf=${iso(at(m))}`)]) {
        if (asOf.includes(iso(at(-10))) && range !== '') continue
        for (const noun of ['gaps', 'excursions'] as const) {
          const [all, ...none] = await pages(door, noun, range + asOf)
          expect(none).toEqual([])
          for (const limit of [1, 2, 3]) {
            const some = await pages(door, noun, `${range}${asOf}&limit=${limit}`)
            expect(some.toReversed().flat(), `${noun} ${range}${asOf}`).toEqual(all)
            for (const page of some.slice(0, -1)) expect(page).toHaveLength(limit)
          }
        }
      }
    }
  })

  test('that begin in one instant are on one page', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    const readings = [
      ['a', 1, 4],
      ['b', 10, 7],
      ['c', 10, 1],
      ['d', 10, 8],
      ['a', 12, 4],
      ['a', 14, 7],
      ['a', 16, 4],
    ] as const
    await door.world.ingest.accept(
      readings.map(([boot, minutes, celsius], seq) =>
        aMessage({ device: 'fridge-7', boot, seq, body: [aReading(at(minutes), celsius)] }),
      ),
    )
    const lengths = async (limit: number) =>
      (await pages(door, 'excursions', `limit=${limit}`)).map((page) => page.length)
    expect(await lengths(1)).toEqual([1, 3])
    expect(await lengths(2)).toEqual([4])
  })

  test('are asked for in pages of a length there can be, before an instant', async ({ door }) => {
    await anHour(door)
    for (const noun of ['gaps', 'excursions']) {
      for (const query of ['limit=10001', 'limit=0', 'before=yesterday']) {
        const [path] = query.split('=')
        expect(await door.refused('GET', `/devices/fridge-7/${noun}?${query}`)).toMatchObject({
          status: 400,
          issues: [{ path }],
        })
      }
    }
  })
})

describe('as of a moment that is past', () => {
  const asOf = (noun: string, minutes: number, rest = '') =>
    `/devices/fridge-7/${noun}?asOf=${iso(at(minutes))}${rest}`

  test('a gap that ended later was open, once it had lasted too long, and one that began later is none', async ({
    door,
  }) => {
    await anHour(door)
    const told = async (minutes: number, rest = '') =>
      (await door.ask(Gaps, 'GET', asOf('gaps', minutes, rest))).gaps
    expect(await told(8)).toEqual([])
    expect(await told(9)).toEqual([{ from: iso(at(3)), to: iso(at(9)), ms: 6 * minute, open: true }])
    const ended = { from: iso(at(3)), to: iso(at(20)), ms: 17 * minute, open: false }
    expect(await told(20)).toEqual([ended])
    expect(await told(40)).toEqual([
      ended,
      { from: iso(at(22)), to: iso(at(40)), ms: 18 * minute, open: true },
    ])
    expect(await told(40, `&from=${iso(at(30))}&to=${iso(at(35))}`)).toMatchObject([{ open: true }])
    expect(await told(9, `&from=${iso(at(2))}&to=${iso(at(3))}`)).toEqual([])
    const { total } = await door.ask(Gaps, 'GET', asOf('gaps', 40))
    expect(total.open).toEqual({ count: 1, ms: 18 * minute })
  })

  test('before the first reading everything is unknown, up to that moment', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    await door.world.ingest.accept([aMessage({ device: 'fridge-7', seq: 0, body: [aReading(at(50), 4)] })])
    const { gaps } = await door.ask(Gaps, 'GET', asOf('gaps', 30))
    expect(gaps).toEqual([{ from: iso(start), to: iso(at(30)), ms: 30 * minute, open: true }])
  })

  test('an excursion has the extremes it had then, and one that began later is none', async ({ door }) => {
    await anHour(door)
    const told = async (minutes: number) =>
      (await door.ask(Excursions, 'GET', asOf('excursions', minutes))).excursions
    expect(await told(0.5)).toEqual([])
    const high = { side: 'high', from: iso(at(1)) }
    const open = { to: null, ended: null }
    expect(await told(1.5)).toMatchObject([{ ...high, ...open, warmest: 7.5, readings: 1 }])
    expect(await told(2.5)).toMatchObject([{ ...high, ...open, warmest: 8.25, readings: 2 }])
    expect(await told(3)).toMatchObject([{ ...high, to: iso(at(3)), ended: 'inside' }])
    expect(await told(20.5)).toMatchObject([{ side: 'high' }, { side: 'low', ...open, readings: 1 }])
    expect(await told(58.5)).toMatchObject([
      { side: 'high' },
      { side: 'low', to: iso(at(21)) },
      { side: 'high', from: iso(at(58)), ...open, coldest: 6.01, warmest: 6.01, readings: 1 },
    ])
    expect(await told(57)).toHaveLength(2)
  })

  test('an excursion a gap ended was open until that silence had lasted too long', async ({ door }) => {
    await anHour(door)
    const back = aMessage({
      device: 'fridge-7',
      seq: 1,
      receivedAt: noon + 30 * minute,
      body: [aReading(at(80), 4)],
    })
    door.world.clock.now = noon + 30 * minute
    await door.world.ingest.accept([back])
    const last = async (minutes: number) =>
      (await door.ask(Excursions, 'GET', asOf('excursions', minutes))).excursions.at(-1)
    expect(await last(64)).toMatchObject({ from: iso(at(58)), to: null, ended: null, readings: 2 })
    expect(await last(65)).toMatchObject({ from: iso(at(58)), to: iso(at(59)), ended: 'gap' })
    expect(await last(90)).toMatchObject({ from: iso(at(58)), to: iso(at(59)), ended: 'gap' })
  })

  test('a range that lies after it is refused, for nothing is known of it', async ({ door }) => {
    await anHour(door)
    for (const noun of ['gaps', 'excursions']) {
      const range = `&from=${iso(at(30))}&to=${iso(at(40))}`
      expect(await door.refused('GET', asOf(noun, 30, range)), noun).toMatchObject({
        status: 400,
        code: 'invalid_request',
        detail: expect.stringMatching(`${iso(at(30))}.*${iso(at(30))}`),
      })
      expect(await door.refused('GET', asOf(noun, -1)), noun).toMatchObject({ code: 'invalid_request' })
      await door.ask(noun === 'gaps' ? Gaps : Excursions, 'GET', asOf(noun, 31, range))
    }
  })
})

describe('a range', () => {
  test('begins before it ends', async ({ door }) => {
    await anHour(door)
    for (const noun of ['telemetry', 'readings', 'excursions', 'gaps']) {
      const backwards = `/devices/fridge-7/${noun}?from=${iso(noon)}&to=${iso(start)}`
      expect(await door.refused('GET', backwards)).toMatchObject({ status: 400, issues: [{ path: 'from' }] })
      const empty = `/devices/fridge-7/${noun}?from=${iso(noon)}&to=${iso(noon)}`
      expect(await door.refused('GET', empty)).toMatchObject({ status: 400 })
      const ahead = `/devices/fridge-7/${noun}?from=${iso(noon + minute)}`
      expect(await door.refused('GET', ahead), noun).toMatchObject({ status: 400, code: 'invalid_request' })
    }
  })

  test('is told in instants, of a probe there can be', async ({ door }) => {
    await anHour(door)
    for (const [query, path] of [
      ['from=yesterday', 'from'],
      ['to=2020-05-06', 'to'],
      ['to=1588766400000', 'to'],
      ['probe=door', 'probe'],
      ['from=2020-05-06T12:00:00+08:00', 'from'],
    ]) {
      expect(await door.refused('GET', `/devices/fridge-7/gaps?${query}`), query).toMatchObject({
        status: 400,
        issues: [{ path }],
      })
    }
    const shanghai = encodeURIComponent('2020-05-06T19:00:00+08:00')
    const { from } = await door.ask(Gaps, 'GET', `/devices/fridge-7/gaps?from=${shanghai}`)
    expect(from).toBe(iso(start))
  })

  test('as of a moment still to come are not told', async ({ door }) => {
    await anHour(door)
    for (const what of ['gaps', 'excursions']) {
      expect(await door.refused('GET', `/devices/fridge-7/${what}?asOf=${iso(noon + 1)}`)).toMatchObject({
        status: 400,
        code: 'invalid_request',
        detail: expect.stringContaining(iso(noon + 1)),
      })
    }
  })

  test('of a device that goes into service this very moment are none', async ({ door }) => {
    await aDevice(door.world, 'fridge-8', {}, noon)
    const { gaps } = await door.ask(Gaps, 'GET', '/devices/fridge-8/gaps')
    expect(gaps).toEqual([])
  })
})
