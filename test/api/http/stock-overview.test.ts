import { describe, expect } from 'vitest'
import type { z } from 'zod'
import { StockNearest, StockOverview } from '../../../schema/http/stock.ts'
import { StockLevels } from '../../../schema/http/transfers.ts'
import { done, refusal, step, type Worker } from '../../support/hospital.ts'
import { aTransferCity, kept, type TransferCity } from '../../support/transfer-city.ts'
import { noon } from '../../support/world.ts'
import { iso, test } from './door.ts'

const hour = 3_600_000
const day = 24 * hour

const overview = (worker: Worker, query = '') => done(worker.get(`/stock/overview${query}`), StockOverview)
const red = 'component=red_cells&abo=O&rhd=positive&uom=U'
const nearest = (worker: Worker, query = `${red}&amount=4&to=H1`) =>
  done(worker.get(`/stock/nearest?${query}`), StockNearest)

const keep = (worker: Worker, code: string, levels: object) =>
  done(
    worker.put(`/facilities/${code}/stock-levels`, {
      levels: [{ component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U', ...levels }],
    }),
    StockLevels,
  )

const serving = ({ sites }: z.infer<typeof StockNearest>) =>
  sites.map(({ facility, serves, amount }) => [facility, serves, amount])

describe('the stock at a glance', () => {
  test('says what is ready and when it expires, what is not and why, and how short it is', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    const { pool } = door.world.deps.database
    const { lab2 } = city
    for (const days of [0.5, 2, 6, 20, 20]) await city.aBag({ days })
    const held = await city.aBag()
    await done(lab2.post(`/bags/${held}/holds`, { kind: 'visual', reason: 'clots' }), { parse: (x) => x })
    await kept(pool, await city.aBag(), 'UNVERIFIED')
    const reserved = await city.aBag()
    await pool.query(`update bag set reserved_for = 'P9', reserved_until = $2 where id = $1`, [
      reserved,
      noon + hour,
    ])
    await step(lab2, await city.aBag(), 'distribute', { to: 'H3' })
    await city.aBag({ days: -1 })
    await keep(lab2, 'H2', { target: 20, minimum: 12, critical: 4 })

    const { at, changesAt, cells, more, city: all } = await overview(lab2)
    expect({ at, changesAt, more, all }).toEqual({
      at: iso(noon),
      changesAt: iso(noon + hour),
      more: false,
      all: null,
    })
    expect(cells).toMatchObject([
      {
        ...{ facility: 'H2', component: 'red_cells', group: { abo: 'O', rhd: 'positive' }, uom: 'U' },
        ready: { bags: 5, amount: 10 },
        bands: [
          { withinHours: 24, zh: '24 小时内到期', en: 'within 24 h', bags: 1 },
          { withinHours: 72, bags: 1 },
          { withinHours: 168, bags: 1 },
          { withinHours: null, zh: '7 天后到期', bags: 2, amount: 4 },
        ],
        apart: [
          { standing: 'expired', bags: 1 },
          { standing: 'held', bags: 1, zh: '已隔离' },
          { standing: 'unproven', bags: 1 },
          { standing: 'reserved', bags: 1, amount: 2 },
        ],
        ...{ usedPerDay: null, coverDays: null },
        level: { target: 20, minimum: 12, critical: 4 },
        phase: { phase: 'amber', zh: '黄色：供应偏紧', reasons: [{ reason: 'below_minimum' }] },
      },
    ])
    const { cells: there } = await overview(city.lab3)
    expect(there).toMatchObject([
      {
        facility: 'H3',
        ready: { bags: 0 },
        apart: [{ standing: 'coming', bags: 1 }],
        phase: { phase: 'unknown' },
      },
    ])
  })

  test('says how many days it lasts by what was given of late, and nothing of what is hardly used', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    const { pool } = door.world.deps.database
    const given = async (facility: string, abo: string, daysAgo: number) => {
      const bagId = await city.aBag({ facility, abo })
      await pool.query(`update bag set state = 'issued' where id = $1`, [bagId])
      await pool.query(
        `insert into bag_event (bag_id, version, verb, "from", "to", at, actor, data)
         values ($1, 7, 'issue', 'available', 'issued', $2, '{}', '{}')`,
        [bagId, noon - daysAgo * day],
      )
    }
    for (const daysAgo of [20, 15, 10, 5, 1]) await given('H2', 'O', daysAgo)
    for (const daysAgo of [20, 5]) await given('H2', 'A', daysAgo)
    for (const abo of ['O', 'A']) await city.aBag({ abo, amount: 1 })
    const { cells } = await overview(city.lab2)
    expect(
      cells.map(({ group, usedPerDay, coverDays, phase }) => [
        group?.abo,
        usedPerDay,
        coverDays,
        phase.phase,
      ]),
    ).toEqual([
      ['A', null, null, 'unknown'],
      // 10 U in 20 days.
      ['O', 0.5, 2, 'green'],
    ])
    const { city: all } = await overview(city.centre)
    expect(all?.find(({ group }) => group?.abo === 'O')).toMatchObject({ usedPerDay: 0.5, coverDays: 2 })
  })

  test('is of what is one’s own; a centre sees the city, and what is asked for of it', async ({ door }) => {
    const city = await aTransferCity(door)
    for (const facility of ['H2', 'H2', 'H3']) await city.aBag({ facility })
    await keep(city.lab2, 'H2', { target: 9, minimum: 8, critical: 6 })
    const { cells, city: all } = await overview(city.centre)
    expect(cells.map(({ facility, phase }) => [facility, phase.phase])).toEqual([
      ['H2', 'red'],
      ['H3', 'unknown'],
    ])
    expect(all).toMatchObject([{ ready: { bags: 3, amount: 6 }, phase: { phase: 'unknown' } }])
    const places = async (worker: Worker, query = '') =>
      (await overview(worker, query)).cells.map(({ facility }) => facility)
    expect(await places(city.centre, '?phase=red')).toEqual(['H2'])
    expect(await places(city.centre, '?facility=H3')).toEqual(['H3'])
    expect(await places(city.centre, '?component=platelets')).toEqual([])
    expect(await places(city.lab3)).toEqual(['H3'])
    expect((await overview(city.centre, '?limit=1')).more).toBe(true)
    expect(await refusal(city.lab2.get('/stock/overview?facility=H3'))).toMatchObject({ status: 404 })
    expect(await refusal(city.lab2.get('/stock/overview?facility=H9'))).toMatchObject({ status: 404 })
    expect(await refusal(city.engineer.get('/stock/overview'))).toMatchObject({ status: 403 })
    const { rows } = await door.world.deps.database.pool.query(
      `select subject from news where kind = 'facility.stock_levels_set'`,
    )
    expect(rows).toEqual([{ subject: 'H2' }])
  })
})

describe('who can give blood now', () => {
  const bags = (city: TransferCity, facility: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => city.aBag({ facility })))

  test('is told the nearest first, with why a nearer one cannot, and how soon it could be there', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    await bags(city, 'H2', 3)
    await bags(city, 'H3', 2)
    await bags(city, 'C1', 2)
    await bags(city, 'H4', 2)
    await city.aBag({ abo: 'A' })
    expect(serving(await nearest(city.nurse))).toEqual([
      ['H2', 'all', 4],
      ['H3', 'all', 4],
      ['C1', 'all', 4],
      ['H4', 'none', 0],
    ])
    await keep(city.lab2, 'H2', { target: 6, minimum: 4, critical: 2 })
    const { sites, to } = await nearest(city.nurse, `${red}&amount=4&to=H1&limit=1`)
    expect(to).toMatchObject({ facility: 'H1', position: { lon: 120 } })
    expect(sites).toMatchObject([
      {
        ...{ facility: 'H2', name: 'H2', serves: 'part', bags: 1, amount: 2, needsApproval: false },
        travel: 'great_circle',
        rejected: [{ reason: 'protected', bags: 2, zh: '该机构须保留的库存' }],
      },
      { facility: 'H3', serves: 'all', rejected: [], position: { lat: 36 } },
    ])
    const [near, far] = sites.map(({ arrival }) => arrival)
    expect(near?.p50).toBeLessThan(near?.p80 ?? 0)
    expect(near?.p80).toBeLessThan(far?.p80 ?? 0)
    // An emergency draws on the reserve, which somebody there must approve.
    const urgent = await nearest(city.nurse, `${red}&amount=4&to=H1&urgency=emergency`)
    expect(urgent.sites[0]).toMatchObject({ facility: 'H2', serves: 'all', needsApproval: true })
    const { rejected } = urgent.sites.at(-1) ?? { rejected: [] }
    expect(rejected).toMatchObject([{ reason: 'no_way', bags: 2 }])
  })

  test('is nobody whose bags are held, reserved, of an unproven cold or of a group that does not fit', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    const { pool } = door.world.deps.database
    const [held, warm, promised] = (await bags(city, 'H2', 3)) as [string, string, string]
    await done(city.lab2.post(`/bags/${held}/holds`, { kind: 'visual', reason: 'clots' }), {
      parse: (x) => x,
    })
    await kept(pool, warm, 'BREACHED')
    await pool.query(`update bag set reserved_to_id = holder_id, reserved_until = $2 where id = $1`, [
      promised,
      noon + hour,
    ])
    await city.aBag({ facility: 'H3', abo: 'A' })
    expect(await nearest(city.lab)).toMatchObject({
      sites: [
        {
          ...{ facility: 'H2', serves: 'none', bags: 0, amount: 0 },
          rejected: [
            { reason: 'not_issuable', bags: 1 },
            { reason: 'reserved', bags: 1 },
            { reason: 'cold_chain', bags: 1 },
          ],
        },
      ],
    })
    // Of whom no group is known: O RhD-negative, or positive on a physician's word.
    await city.aBag({ facility: 'H3' })
    const unknown = 'component=red_cells&amount=2&uom=U&to=H1'
    const h3 = async (query: string) =>
      (await nearest(city.lab, query)).sites.find(({ facility }) => facility === 'H3')
    expect(await h3(unknown)).toMatchObject({ serves: 'none', rejected: [{ reason: 'rhd_positive' }] })
    expect(await h3(`${unknown}&rhdPositiveAllowed=true`)).toMatchObject({ serves: 'all' })
  })

  test('is asked for from a place on a map as well, of one’s own facility, and for what can be meant', async ({
    door,
  }) => {
    const city = await aTransferCity(door)
    await bags(city, 'H2', 2)
    await bags(city, 'C1', 2)
    const east = await nearest(city.nurse, `${red}&amount=4&lat=36&lon=120.099`)
    expect(east.to).toEqual({ facility: null, position: { lat: 36, lon: 120.099 } })
    expect(serving(east).map(([facility]) => facility)).toEqual(['C1', 'H2'])
    expect(serving(await nearest(city.centre))).toHaveLength(2)
    const refused = (query: string, worker = city.nurse) => refusal(worker.get(`/stock/nearest?${query}`))
    expect(await refused(`${red}&amount=4&to=H2`)).toMatchObject({ status: 404 })
    expect(await refused(`${red}&amount=4&to=H9`)).toMatchObject({ status: 404 })
    expect(await refused(`${red}&amount=4&to=H1`, city.engineer)).toMatchObject({ status: 403 })
    for (const query of [
      `${red}&amount=0&to=H1`,
      `${red}&amount=10000&to=H1`,
      `${red}&amount=4`,
      `${red}&amount=4&to=H1&lat=36&lon=120`,
      `${red}&amount=4&lat=36`,
      `${red}&amount=4&lat=91&lon=0`,
      'component=red_cells&amount=4&uom=mL&to=H1',
      'component=red_cells&abo=C&amount=4&uom=U&to=H1',
      'component=thawed_plasma&amount=4&uom=mL&to=H1',
    ])
      expect(await refused(query), query).toMatchObject({ status: 400, code: 'invalid_request' })
  })
})
