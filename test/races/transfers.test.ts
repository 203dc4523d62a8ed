import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeOnServer } from '../support/database.ts'
import { aHospital, aLabel, startTwoServices, type TwoServices } from './two-services.ts'

const rounds = 100
const rivals = 8
const hour = 3_600_000

/** Of transfers one and the same bag is promised once, and no donor gives what it keeps, whichever process is asked. */
describeOnServer('plans accepted at the same moment', (url) => {
  let two: TwoServices
  let centre = ''

  beforeAll(async () => {
    two = await startTwoServices(url)
    const { ask, must, pool } = two
    await must(ask(0, 'POST', '/facilities', { ...aHospital('C1'), kind: 'centre' }))
    for (const [east, code] of ['H1', 'H2', 'H3'].entries()) {
      await must(ask(0, 'POST', '/facilities', aHospital(code)))
      const device = { name: `fridge-${code}`, kind: 'fridge', facility: code, profile: { low: 2, high: 6 } }
      await must(ask(0, 'POST', '/devices', device))
      await pool.query(
        `insert into device_state (device_id, position) select id, $2::jsonb from device where name = $1
         on conflict (device_id) do update set position = excluded.position`,
        [device.name, JSON.stringify({ at: 0, lat: 36, lon: 120 + east * 0.03 })],
      )
    }
    const credentials = { username: 'centre', password: 'correct horse battery' }
    const roles = [{ role: 'centre', facility: 'C1' }]
    await must(ask(0, 'POST', '/people', { ...credentials, name: 'Centre', roles }))
    centre = String((await must(ask(0, 'POST', '/session', credentials))).token)
    // Of its twenty units it keeps eight: six bags may leave, those of three plans.
    const kept = { target: 8, minimum: 8, critical: 8 }
    const level = { component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U', ...kept }
    await must(ask(0, 'PUT', '/facilities/H1/stock-levels', { levels: [level] }))
    for (let number = 1; number <= bags; number++) await must(ask(0, 'POST', '/bags', aLabel(number)))
    await pool.query(`update bag set amount = 2, uom = 'U'`)
    await pool.query('delete from ledger_due')
    await pool.query('delete from bag_ledger')
    await pool.query(
      `insert into bag_ledger (bag_id, revision, jurisdiction, verdict, entries, policies, known_from)
       select id, 1, 'CN', 'OK', '[]', '{}', 1 from bag`,
    )
  })
  afterAll(() => two?.close())

  const bags = 10

  /** Two bags of H1 for H2 or H3: each plan is made while others are reserved, so that they overlap in part. */
  async function aPlan(by: number): Promise<string> {
    const code = by % 2 === 0 ? 'H2' : 'H3'
    const request = await two.must(
      two.ask(by, 'POST', `/facilities/${code}/transfer-requests`, {
        ...{ urgency: 'emergency', deadline: new Date(Date.now() + 6 * hour).toISOString() },
        lines: [{ component: 'red_cells', amount: 4, uom: 'U' }],
        patient: { abo: 'O', rhd: 'positive' },
      }),
    )
    await two.pool.query(
      `update bag set reserved_for = 'P1', reserved_until = $1 where id in (
         select id from (select id, (row_number() over (order by id) - 1 + $2) % $3 as place from bag) b where place > 5)`,
      [Date.now() + hour, bags - by, bags],
    )
    const body = { requests: [request.requestId] }
    const { planId } = await two.must(two.ask(by, 'POST', '/transfer-plans', body, { bearer: centre }))
    await two.pool.query('update bag set reserved_for = null, reserved_until = null')
    return String(planId)
  }

  test(`${rounds} times: every bag is in one transfer at most, a donor keeps what it keeps, and losers are told why`, async () => {
    const plans: string[] = []
    for (let by = 0; by < rivals; by++) plans.push(await aPlan(by))
    const reasons = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const told = await Promise.all(
        plans.map((plan, by) => {
          const idempotencyKey = by % 4 < 2 ? `${round}-${by}` : undefined
          return two.ask(by, 'POST', `/transfer-plans/${plan}/accept`, {}, { bearer: centre, idempotencyKey })
        }),
      )
      const transfers = told.flatMap(({ body }) => (body.transfers ?? []) as Promised[])
      const promised = transfers.flatMap(({ bags: sent }) => sent.map(({ bagId }) => bagId))
      expect(new Set(promised).size).toBe(promised.length)
      expect(promised.length).toBe(2 * told.filter(({ status }) => status === 201).length)
      expect(promised.length).toBeGreaterThan(0)
      expect(promised.length).toBeLessThanOrEqual(6)
      for (const { status, body } of told) {
        if (status === 201) continue
        expect(status, JSON.stringify(body)).toBe(409)
        const [, bag, keeps] = /^plan again: .*?(?:bag (\S+): it is reserved|(keeps red_cells))/.exec(
          String(body.detail),
        ) as RegExpExecArray
        // What they are told is so: another has that bag, or three others have all there is to give.
        if (bag) expect(promised).toContain(bag)
        if (keeps) expect(promised).toHaveLength(6)
        reasons.add(bag ? 'bag' : 'keeps')
      }
      const { rows } = await two.pool.query(
        `select t.bag_id as id from transfer_bag t join transfer f on f.id = t.transfer_id join bag b on b.id = t.bag_id
         where t.ended_at is null and b.reserved_to_id = f.to_id order by 1`,
      )
      expect(rows.map(({ id }) => id)).toEqual(promised.sort())
      const cancelled = transfers.map(({ transferId }, by) =>
        two.ask(by, 'POST', `/transfers/${transferId}/cancel`, { reason: 'next' }, { bearer: centre }),
      )
      for (const answer of cancelled) await two.must(answer)
    }
    expect([...reasons]).toContain('bag')
    const { rows } = await two.pool.query(
      'select count(*)::int as n from bag where reserved_to_id is not null',
    )
    expect(rows[0].n).toBe(0)
  }, 300_000)
})

type Promised = { readonly transferId: string; readonly bags: readonly { readonly bagId: string }[] }
