import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeOnServer } from '../support/database.ts'
import { type Answer, aHospital, aLabel, startTwoServices, type TwoServices } from './two-services.ts'

const rivals = 8
const bags = 100

describeOnServer('rivals for a bag', (url) => {
  let two: TwoServices
  let drawn = 0
  /** Of a person who has signed in: no key issues a bag. */
  let lab = ''

  beforeAll(async () => {
    two = await startTwoServices(url)
    const { ask, must } = two
    await must(ask(0, 'POST', '/facilities', aHospital('H1')))
    await must(ask(0, 'POST', '/facilities', aHospital('H2')))
    const sampleUntil = new Date(Date.now() + 86_400_000).toISOString()
    const credentials = { username: 'lab', password: 'correct horse battery' }
    const roles = [{ role: 'transfusion_lab', facility: 'H1' }]
    await must(ask(0, 'POST', '/people', { ...credentials, name: 'Lab', roles }))
    lab = String((await must(ask(0, 'POST', '/session', credentials))).token)
    const nurse = [{ role: 'nurse', facility: 'H1' }]
    await must(ask(0, 'POST', '/people', { username: 'nurse', name: 'Nurse', roles: nurse }))
    for (let i = 0; i < rivals; i++)
      await must(ask(0, 'PUT', `/facilities/H1/patients/P${i}`, { abo: 'O', rhd: 'positive', sampleUntil }))
  })
  afterAll(() => two?.close())

  const ask = (by: number, method: string, path: string, body: unknown, bearer?: string) =>
    two.ask(by, method, path, body, { bearer })
  const must = (answer: Promise<Answer>) => two.must(answer)

  async function aBag(): Promise<string> {
    return String((await must(ask(0, 'POST', '/bags', aLabel(++drawn)))).bagId)
  }

  type Move = { readonly verb: string; readonly body: object }

  /**
   * Eight at once at each of a hundred bags, each by another service in turn: as many winners as there may be, the others
   * told why, and as many events, audit entries and news as winners.
   */
  async function compete(
    prepare: (bagId: string) => Promise<void>,
    moveOf: (rival: number) => Move,
    check: (answers: readonly (Answer & Move)[], bagId: string) => void,
  ): Promise<void> {
    for (let i = 0; i < bags; i++) {
      const bagId = await aBag()
      await prepare(bagId)
      const before = await countsOf(bagId)
      const answers = await Promise.all(
        Array.from({ length: rivals }, async (_, rival) => {
          const move = moveOf(rival)
          return { ...move, ...(await ask(rival, 'POST', `/bags/${bagId}/${move.verb}`, move.body, lab)) }
        }),
      )
      for (const { status, body } of answers)
        if (status !== 201) {
          expect(status, JSON.stringify(body)).toBe(409)
          expect(body.detail).toEqual(expect.stringContaining('E0336V00'))
        }
      check(answers, bagId)
      const won = answers.filter(({ status }) => status === 201).length
      const after = await countsOf(bagId)
      expect(after).toEqual({
        events: before.events + won - holdsAmong(answers),
        audit: before.audit + won,
        news: before.news + won,
      })
    }
  }

  const holdsAmong = (answers: readonly (Answer & Move)[]) =>
    answers.filter(({ verb, status }) => verb === 'holds' && status === 201).length

  /** Of what rivals do; how it was kept is judged meanwhile, and is none of theirs. */
  async function countsOf(bagId: string) {
    const { rows } = await two.pool.query(
      `select (select count(*) from bag_event where bag_id = $1)::int as events,
              (select count(*) from audit_entry where subject = $1::text and action <> 'bag.judged')::int as audit,
              (select count(*) from news where subject = $1::text and kind <> 'bag.verdict_changed')::int as news`,
      [bagId],
    )
    return rows[0] as { events: number; audit: number; news: number }
  }

  const nothing = async () => {}
  const oneWinner = (answers: readonly Answer[]) =>
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  const issueFor = (rival: number) => ({ verb: 'issue', body: { patient: `P${rival}`, reason: 'urgent' } })
  const minutes = 60_000

  test('issue it once', () => compete(nothing, issueFor, oneWinner), minutes)

  test(
    'reserve it or issue it for another, not both',
    () =>
      compete(
        nothing,
        (rival) =>
          rival % 2 === 0
            ? issueFor(rival)
            : {
                verb: 'reserve',
                body: { patient: `P${rival}`, until: new Date(Date.now() + 3_600_000).toISOString() },
              },
        oneWinner,
      ),
    minutes,
  )

  test(
    'call it back or issue it: once it is called back it is not issued',
    () =>
      compete(
        nothing,
        (rival) =>
          rival % 2 === 0
            ? issueFor(rival)
            : { verb: 'holds', body: { kind: 'recall', reason: 'donor ill' } },
        (answers) => {
          const issued = answers.filter(({ verb, status }) => verb === 'issue' && status === 201)
          expect(issued.length).toBeLessThanOrEqual(1)
          expect(holdsAmong(answers)).toBe(rivals / 2)
          for (const { verb, status, body } of answers)
            if (verb === 'issue' && status === 409)
              expect(body.code).toBe(issued.length === 1 && body.code !== 'held' ? 'illegal_move' : 'held')
        },
      ),
    minutes,
  )

  test(
    'call it back or scan it at a fridge: one GO at most, and one answer kept for each scan',
    async () => {
      await must(
        ask(0, 'POST', '/devices', {
          name: 'fridge-0',
          kind: 'fridge',
          facility: 'H1',
          profile: { low: 2, high: 6 },
        }),
      )
      const opening = { device: 'fridge-0', patient: 'P0' }
      for (let i = 0; i < bags; i++) {
        const bagId = await aBag()
        const { takeOutId } = await must(ask(0, 'POST', '/take-outs', opening, lab))
        const { din, productCode } = aLabel(drawn)
        const scans = Array.from({ length: rivals / 2 }, async (_, rival) => {
          const idempotencyKey = rival < 2 ? undefined : `${takeOutId}/${rival}`
          const path = `/take-outs/${takeOutId}/scans`
          for (;;) {
            const answer = await two.ask(
              rival,
              'POST',
              path,
              { din, productCode },
              { bearer: lab, idempotencyKey },
            )
            // Who waits too long for a bag on a busy machine is told to ask again, and nothing was written.
            if (answer.status !== 503) return answer
          }
        })
        const hold = { kind: 'recall', reason: 'donor ill' }
        const isCalled = i % 2 === 0
        const called = isCalled && must(ask(i / 2, 'POST', `/bags/${bagId}/holds`, hold))
        const answers = await Promise.all(scans.map((scan) => must(scan)))
        await called
        const said = answers.map(({ answer }) => answer)
        const went = said.filter((answer) => answer === 'GO').length
        expect(said.filter((answer) => answer === 'CALL')).toEqual([])
        expect(went).toBeLessThanOrEqual(1)
        if (!isCalled) expect(went).toBe(1)
        const { rows } = await two.pool.query(
          `select (select count(*) from scan_answer where take_out_id = $1)::int as answers,
                  (select count(*) from bag_event where bag_id = $2 and verb = 'issue')::int as issues`,
          [takeOutId, bagId],
        )
        expect(rows[0]).toEqual({ answers: rivals / 2, issues: went })
        expect(
          await must(ask(i, 'POST', `/take-outs/${takeOutId}/scans`, { din, productCode }, lab)),
        ).toMatchObject({
          answer: 'STOP',
          reason: { code: isCalled ? 'recalled' : 'not_in_stock' },
        })
      }
    },
    minutes,
  )

  test(
    'take it back or discard it, not both',
    () =>
      compete(
        async (bagId) => void (await must(ask(0, 'POST', `/bags/${bagId}/issue`, { patient: 'P0' }, lab))),
        (rival) =>
          rival % 2 === 0
            ? { verb: 'return', body: { reason: 'rivals' } }
            : { verb: 'discard', body: { reason: 'rivals', witness: 'nurse' } },
        (answers) => {
          // What came back may still be discarded; what was discarded does not come back.
          const won = answers.filter(({ status }) => status === 201).map(({ verb }) => verb)
          expect(won.filter((verb) => verb === 'discard')).toHaveLength(1)
          expect(won.filter((verb) => verb === 'return').length).toBeLessThanOrEqual(1)
        },
      ),
    minutes,
  )

  test(
    'issue it while its fridge sees it come and go',
    async () => {
      const { secret } = await must(
        ask(0, 'POST', '/devices', {
          name: 'fridge-1',
          kind: 'fridge',
          facility: 'H1',
          profile: { low: 2, high: 6 },
        }),
      )
      const tags: string[] = []
      let isOver = false
      // Now by one broker, now by the other, as a fridge that loses its connection does.
      const watching = (async () => {
        for (let seq = 0; !isOver; ) {
          const [service] = two.services.slice((seq / 20) % 2)
          const url = `mqtt://127.0.0.1:${service?.mqttPort}`
          const credentials = { username: 'fridge-1', password: String(secret), reconnectPeriod: 0 }
          const link = await mqtt.connectAsync(url, credentials)
          for (const end = seq + 20; seq < end && !isOver; seq++) {
            const at = Date.now()
            const [added, removed] = seq % 2 === 0 ? [[...tags], []] : [[], [...tags]]
            const body = [{ at, added, removed }]
            const message = { v: 1, boot: 'boot-a', seq, sentAt: at, uptimeMs: seq, body }
            await link.publishAsync('hemotrail/v1/H1/fridge-1/bags', JSON.stringify(message), { qos: 1 })
          }
          await link.endAsync()
        }
      })()
      await compete(
        async (bagId) => {
          const tag = `tag-${bagId}`
          await must(ask(0, 'POST', `/bags/${bagId}/tags`, { tag }))
          tags.splice(0, tags.length, ...tags.slice(-4), tag)
        },
        issueFor,
        oneWinner,
      ).finally(() => {
        isOver = true
      })
      await watching
      const { rows } = await two.pool.query(
        `select count(distinct bag_id)::int as n from bag_place where known_to is null`,
      )
      expect(rows[0].n).toBeGreaterThan(bags / 2)
    },
    2 * minutes,
  )
})
