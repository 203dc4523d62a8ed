import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hour } from '../../../devices-sim/city/plan.ts'
import { Trace } from '../../../schema/http/bags.ts'
import { ClockFaults } from '../../../schema/http/clocks.ts'
import { Excursions, Gaps } from '../../../schema/http/series.ts'
import { epoch, type LivedCity, liveThrough } from '../../support/city.ts'
import { createServerDatabase, serverUrl } from '../../support/database.ts'

/** A morning of two small hospitals takes seconds where nothing else is done, and minutes where much is. */
const slow = 300_000
const small = { seed: 's', hospitals: 2, fridges: 8, fromMs: 8 * hour, untilMs: 13 * hour, run: 'r' } as const
const fates = ['available', 'processed', 'transfused', 'discarded']

const lived: Record<string, LivedCity> = {}
const databases: { drop(): Promise<void> }[] = []
afterAll(async () => {
  for (const city of Object.values(lived)) await city.close()
  for (const database of databases) await database.drop()
})
const through = async (name: string, options: Partial<Parameters<typeof liveThrough>[0]>) => {
  const server = serverUrl()
  const database = server === undefined ? undefined : await createServerDatabase(server)
  if (database) databases.push(database)
  lived[name] = await liveThrough({ ...small, ...options, databaseUrl: database?.url })
}
const cityOf = (name: string) => lived[name] as LivedCity

/** The trace of every bag that has a tag, by the number of its donation. */
async function tracesOf({ world, ask }: LivedCity): Promise<Map<string, unknown>> {
  const traces = new Map<string, unknown>()
  for (const { bagId, din, tag } of world.book.bags.values()) {
    if (tag === null) continue
    const { places, total, beforeFirstSeen } = Trace.parse(await ask(`/bags/${bagId}/trace`))
    traces.set(din, { places, total, beforeFirstSeen })
  }
  return traces
}

describe('a morning in a small city', () => {
  beforeAll(() => through('plain', { demand: 2 }), slow)

  test('leaves nothing rejected, nothing undone, and every trace whole', () => {
    const { messages, rejected, troubles, traces, counts, answers } = cityOf('plain').outcome
    expect(troubles).toEqual([])
    expect(rejected).toEqual({ messages: 0, codes: [] })
    expect(messages.acknowledged).toBeGreaterThan(1_000)
    // Once each: no connection broke.
    expect(messages.acknowledged).toBe(messages.sent)
    expect(traces.incomplete).toEqual([])
    expect(traces.checked).toBe(cityOf('plain').world.book.bags.size)
    expect(counts.donations).toBeGreaterThan(3)
    expect(counts.deliveries).toBeGreaterThan(0)
    expect(counts.demands).toBe(cityOf('plain').world.plan.demands.length)
    expect(answers.GO + counts.atCounter + counts.unmet).toBeGreaterThanOrEqual(counts.demands)
  })

  test('leaves every bag with a fate, or in stock', () => {
    const { bags } = cityOf('plain').outcome
    for (const state of Object.keys(bags)) expect(fates).toContain(state)
    expect(bags.transfused).toBeGreaterThan(3)
  })

  test('is seen by the service when it was: no instant is compressed', () => {
    const { world } = cityOf('plain')
    expect(world.clock.instant(world.plan.fromMs)).toBe(epoch + 8 * hour)
    const [bag] = [...world.book.bags.values()].filter(({ state }) => state === 'transfused')
    const told = world.units.toldOf(bag?.tag ?? '').map(({ at }) => at)
    for (const at of told) expect(at).toBeGreaterThanOrEqual(epoch + 8 * hour)
  })
})

describe('the same morning, with every tenth message sent twice and every tenth out of order', () => {
  beforeAll(() => through('shuffled', { demand: 2, faults: ['doubled', 'reordered'] }), slow)

  test('is told the same: no rejection, and every trace to the millisecond', { timeout: slow }, async () => {
    const { messages, rejected, traces, troubles, ...told } = cityOf('shuffled').outcome
    expect(messages.sent).toBeGreaterThan(messages.acknowledged)
    expect({ troubles, rejected: rejected.messages, incomplete: traces.incomplete }).toEqual({
      troubles: [],
      rejected: 0,
      incomplete: [],
    })
    const { bags, answers, counts } = cityOf('plain').outcome
    expect(told).toEqual({ bags, answers, counts })
    expect(await tracesOf(cityOf('shuffled'))).toEqual(await tracesOf(cityOf('plain')))
  })
})

describe('a morning on which a compressor, the mains, a probe, a network and a clock fail', () => {
  beforeAll(
    () =>
      through('broken', {
        seed: 'broken',
        fridges: 16,
        demand: 2,
        faults: ['compressor', 'power', 'probe', 'network', 'clock'],
      }),
    slow,
  )
  const struck = (kind: string) => {
    const fault = cityOf('broken').faults.find((one) => one.kind === kind)
    if (!fault) throw new Error(`no ${kind} failed`)
    return fault
  }
  const series = (unit: string, what: string) => {
    const { clock, plan } = cityOf('broken').world
    const [from, to] = [clock.instant(plan.fromMs), clock.instant()].map((at) => new Date(at).toISOString())
    return cityOf('broken').ask(`/devices/${unit}/${what}?from=${from}&to=${to}`)
  }

  test('leaves nothing rejected and every trace whole all the same', () => {
    const { rejected, troubles, traces, counts, bags } = cityOf('broken').outcome
    expect({ troubles, rejected, incomplete: traces.incomplete }).toEqual({
      troubles: [],
      rejected: { messages: 0, codes: [] },
      incomplete: [],
    })
    expect(counts.faults).toBe(5)
    for (const state of Object.keys(bags)) expect(fates).toContain(state)
  })

  test.each(['compressor', 'power'])('a fridge whose %s fails gets warm', async (kind) => {
    const { excursions } = Excursions.parse(await series(struck(kind).unit, 'excursions'))
    expect(excursions.map(({ side }) => side)).toContain('high')
  })

  test('a probe that is silent leaves a gap', async () => {
    const { gaps } = Gaps.parse(await series(struck('probe').unit, 'gaps'))
    expect(gaps.length).toBeGreaterThan(0)
  })

  test('a network that was cut leaves none: the backlog fills it', async () => {
    const { gaps } = Gaps.parse(await series(struck('network').unit, 'gaps'))
    expect(gaps).toEqual([])
  })

  test('a clock that is wrong is doubted', async () => {
    const { clockFaults } = ClockFaults.parse(
      await cityOf('broken').ask(`/devices/${struck('clock').unit}/clock-faults`),
    )
    expect(clockFaults.map(({ kind }) => kind)).toContain('step')
  })
})
