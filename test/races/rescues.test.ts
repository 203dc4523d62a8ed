import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeOnServer } from '../support/database.ts'
import { aHospital, aLabel, startTwoServices, type TwoServices } from './two-services.ts'

/** Of rescues one and the same place is given out once, whichever process is asked. */
describeOnServer('rescues accepted at the same moment', (url) => {
  let two: TwoServices
  let nurse = ''

  beforeAll(async () => {
    two = await startTwoServices(url)
    const { ask, must } = two
    await must(ask(0, 'POST', '/facilities', aHospital('H1')))
    const credentials = { username: 'nurse', password: 'correct horse battery' }
    const roles = [{ role: 'nurse', facility: 'H1' }]
    await must(ask(0, 'POST', '/people', { ...credentials, name: 'Nurse', roles }))
    nurse = String((await must(ask(0, 'POST', '/session', credentials))).token)
  })
  afterAll(() => two?.close())

  let labels = 0

  async function aFridge(name: string): Promise<number> {
    const profile = { low: 2, high: 6 }
    await two.must(two.ask(0, 'POST', '/devices', { name, kind: 'fridge', facility: 'H1', profile }))
    const { rows } = await two.pool.query('select id from device where name = $1', [name])
    return rows[0].id
  }

  /** It takes nine bags, the tenth place being kept free, and has just measured 4 °C. */
  async function aHost(name: string): Promise<number> {
    const id = await aFridge(name)
    await two.must(two.ask(0, 'PUT', `/devices/${name}/capacity`, { capacity: 10 }))
    await two.pool.query(
      `insert into qualification (device_id, stage, done_at, result, recorded_by, recorded_at)
       select $1, stage, 1, 'passed', '{}', 1 from unnest(array['IQ', 'OQ', 'PQ']) as stage`,
      [id],
    )
    await two.pool.query(
      `insert into calibration
         (device_id, probe, done_at, valid_until, certificate, "offset", done_by, recorded_by, recorded_at)
       values ($1, 'load', 1, $2, 'C-1', 0, 'a laboratory', '{}', 1)`,
      [id, Date.now() + 86_400_000],
    )
    await two.pool.query(
      `with made as (insert into probe (device_id, kind) values ($1, 'load') returning id)
       insert into probe_state (probe_id, version, first_at, last_at, last_boot, last_centi, last_received_at)
       select id, 1, $2::bigint, $2::bigint, 'a', 400, $2::bigint from made`,
      [id, Date.now()],
    )
    return id
  }

  /** With so many bags inside, and an alarm. @returns the number of the alarm */
  async function aFailure(name: string, bags: number): Promise<number> {
    const id = await aFridge(name)
    for (let i = 0; i < bags; i++) {
      const { bagId } = await two.must(two.ask(0, 'POST', '/bags', aLabel(++labels)))
      await two.pool.query(
        `insert into bag_place (bag_id, state, device_id, "from", known_from) values ($1, 'inside', $2, $3, $3)`,
        [bagId, id, Date.now()],
      )
    }
    const { rows } = await two.pool.query(
      `insert into alarm_case (device_id, facility_id, kind, part, class, condition_from, raised_at, paged_from, steps)
       select $1, facility_id, 'mains_lost', '', 'action', $2::bigint, $2::bigint, $2::bigint, 0
       from device_placement where device_id = $1 returning id`,
      [id, Date.now()],
    )
    return rows[0].id
  }

  const accept = (by: number, alarm: number, idempotencyKey?: string) =>
    two.ask(by, 'POST', `/alarms/${alarm}/rescue`, {}, { bearer: nurse, idempotencyKey })

  const intendedFor = async (host: number) => {
    const { rows } = await two.pool.query(
      `select count(*)::int as n, count(distinct bag_id)::int as bags from rescue_move
       where to_id = $1 and state = 'intended'`,
      [host],
    )
    return rows[0]
  }

  test('of one alarm are one: the others are told that nothing is left', async () => {
    const host = await aHost('host-1')
    const alarm = await aFailure('failing-1', 4)
    const rivals = Array.from({ length: 8 }, (_, by) =>
      accept(by, alarm, by % 4 < 2 ? `one-${by}` : undefined),
    )
    const told = await Promise.all(rivals)
    expect(told.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)])
    expect(await intendedFor(host)).toEqual({ n: 4, bags: 4 })
    const { rows } = await two.pool.query('select count(*)::int as n from rescue where case_id = $1', [alarm])
    expect(rows[0].n).toBe(1)
    await two.pool.query("update rescue_move set state = 'abandoned', settled_at = 0")
    await two.pool.query('update device set revoked_at = 1')
  })

  test('of several failing devices give no place out twice', async () => {
    const host = await aHost('host-2')
    const alarms = []
    for (let number = 0; number < 4; number++) alarms.push(await aFailure(`failing-2-${number}`, 4))
    const told = await Promise.all(alarms.flatMap((alarm) => [accept(0, alarm), accept(1, alarm)]))
    expect(told.filter(({ status }) => status !== 201 && status !== 409)).toEqual([])
    const moved = told.flatMap(({ status, body }) => (status === 201 ? (body.moves as unknown[]) : []))
    expect(moved).toHaveLength(9)
    expect(await intendedFor(host)).toEqual({ n: 9, bags: 9 })
  })
})
