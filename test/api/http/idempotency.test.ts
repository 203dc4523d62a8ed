import { count, eq } from 'drizzle-orm'
import { describe, expect, onTestFinished } from 'vitest'
import type { Grants } from '../../../api/domain/rights.ts'
import { createAnsweredRequests } from '../../../api/stores/answered-requests.ts'
import { createApiKey } from '../../../api/usecases/manage-api-keys.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Device, Profile } from '../../../schema/http/devices.ts'
import { Facilities } from '../../../schema/http/facilities.ts'
import { Person, Session } from '../../../schema/http/people.ts'
import { RejectedMessages } from '../../../schema/http/rejected-messages.ts'
import { Readings } from '../../../schema/http/series.ts'
import { auditEntry } from '../../../schema/tables/audit.ts'
import { bag } from '../../../schema/tables/bags.ts'
import { answeredRequest } from '../../../schema/tables/news.ts'
import { failureOf } from '../../support/outcomes.ts'
import { printRuuvi } from '../../support/ruuvi.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { adminKey, aFridge, type Door, iso, openDoor, problemOf, test } from './door.ts'

const day = 86_400_000

const aFacility = { code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }

function aBag(number: number) {
  return {
    din: `=A999926${String(number).padStart(6, '0')}00`,
    productCode: 'E0336V00',
    component: 'red_cells',
    expiresAt: '2026-12-01T00:00:00Z',
    facility: 'H1',
  }
}

/** A POST with a key, by the administrator where nobody else is named. */
async function post(door: Door, key: string, path: string, body?: unknown, token = adminKey) {
  const response = await door.raw(path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return {
    response,
    status: response.status,
    type: response.headers.get('content-type'),
    replayed: response.headers.get('idempotency-replayed'),
    text: await response.clone().text(),
  }
}

const said = ({ status, type, text }: Awaited<ReturnType<typeof post>>) => ({ status, type, text })

async function audited(door: Door, subjectKind = 'bag'): Promise<number> {
  const { db } = door.world.deps.database
  const [row] = await db
    .select({ n: count() })
    .from(auditEntry)
    .where(eq(auditEntry.subjectKind, subjectKind))
  return row?.n ?? 0
}

async function bags(door: Door): Promise<number> {
  const [row] = await door.world.deps.database.db.select({ n: count() }).from(bag)
  return row?.n ?? 0
}

async function kept(door: Door) {
  return door.world.deps.database.db.select().from(answeredRequest)
}

describe('a POST with a key that has been answered', () => {
  test('gets the same answer to the byte, and is done once', async ({ door }) => {
    const first = await post(door, 'one', '/bags', aBag(1))
    expect(first).toMatchObject({ status: 201, type: 'application/json', replayed: null })
    const { bagId } = BagDetail.parse(JSON.parse(first.text))
    await post(door, 'two', `/bags/${bagId}/tags`, { tag: 'T1' })
    door.world.clock.now += day - 1
    const entries = await audited(door)

    for (let again = 0; again < 3; again++) {
      const answer = await post(door, 'one', '/bags', aBag(1))
      expect(answer.replayed).toBe('true')
      expect(said(answer)).toEqual(said(first))
    }
    expect(await bags(door)).toBe(1)
    expect(await audited(door)).toBe(entries)
  })

  test('gets a secret again that nobody can read in the database', async ({ door }) => {
    const paths = [
      ['/devices', aFridge('fridge-7')],
      ['/devices/fridge-7/secret', {}],
      ['/api-keys', { name: 'lab', role: 'engineer', facility: 'H1' }],
    ] as const
    for (const [path, body] of paths) {
      const first = await post(door, `key of ${path}`, path, body)
      expect(first.status, first.text).toBeLessThan(300)
      const entries = await audited(door, 'device')
      const again = await post(door, `key of ${path}`, path, body)
      expect(said(again)).toEqual(said(first))
      expect(await audited(door, 'device')).toBe(entries)
      const { secret, key } = JSON.parse(first.text) as Record<string, string>
      const table = JSON.stringify(await kept(door))
      expect(secret ?? key).toMatch(/.{40}/)
      for (const told of [secret ?? key, `key of ${path}`, 'fridge-7']) expect(table).not.toContain(told)
    }
  })

  test('is refused with another body, another path or another query', async ({ door }) => {
    await post(door, 'one', '/facilities', aFacility)
    for (const [path, body] of [
      ['/facilities', { ...aFacility, code: 'H3' }],
      ['/facilities?x=1', aFacility],
      ['/devices', aFacility],
    ] as const) {
      const { response } = await post(door, 'one', path, body)
      expect(await problemOf(response)).toMatchObject({ status: 422, code: 'key_reused' })
    }
    const { facilities } = await door.ask(Facilities, 'GET', '/facilities')
    expect(facilities.map(({ code }) => code)).toEqual(['H1', 'H2'])
    expect((await post(door, 'one', '/facilities', aFacility)).status).toBe(201)
  })

  test('gets its refusal again, even where it would be done now; another key is another try', async ({
    door,
  }) => {
    const body = { ...aBag(1), facility: 'H2' }
    const first = await post(door, 'one', '/bags', body)
    expect(first).toMatchObject({ status: 404, type: 'application/problem+json', replayed: null })
    await post(door, 'two', '/facilities', aFacility)

    const again = await post(door, 'one', '/bags', body)
    expect(again.replayed).toBe('true')
    expect(said(again)).toEqual(said(first))
    expect((await post(door, 'three', '/bags', body)).status).toBe(201)
    const taken = await post(door, 'four', '/bags', body)
    expect(taken.status).toBe(409)
    expect(said(await post(door, 'four', '/bags', body))).toEqual(said(taken))
    expect(await bags(door)).toBe(1)
  })

  test('is another request where another caller uses the key', async ({ door }) => {
    const role = { role: 'administrator', facility: null } as const
    const others = await Promise.all(
      ['a', 'b'].map((name) => createApiKey(door.world.ctx, { ...role, name })),
    )
    const statuses = []
    for (const [number, token] of [adminKey, ...others].entries())
      statuses.push(
        (await post(door, 'one', '/facilities', { ...aFacility, code: `F${number}` }, token)).status,
      )
    expect(statuses).toEqual([201, 201, 201])
    const theirs = await post(door, 'one', '/facilities', { ...aFacility, code: 'F0' }, others[0])
    expect(theirs.status).toBe(422)
  })

  test('is answered to who holds all the roles of then, and says nothing of the answer else', async ({
    door,
  }) => {
    await post(door, 'zero', '/facilities', aFacility)
    const password = 'correct horse battery'
    const administrator = { role: 'administrator', facility: 'H1' }
    const lab = { role: 'transfusion_lab', facility: 'H1' }
    const person = { username: 'ada', name: 'Ada', password, roles: [lab, administrator] }
    await door.ask(Person, 'POST', '/people', person)
    const session = () => door.ask(Session, 'POST', '/session', { username: 'ada', password })
    const { token } = await session()
    const give = (role: object) => door.ask(Person, 'POST', '/people/ada/roles', role)
    const take = (role: string, facility: string) =>
      door.ask(Person, 'DELETE', `/people/ada/roles?role=${role}&facility=${facility}`)
    const aKey = () => post(door, 'two', '/api-keys', { name: 'terminal', ...lab }, token)
    const theBag = () => post(door, 'one', '/bags', aBag(1), token)
    const refusedThere = async ({ response, text, replayed }: Awaited<ReturnType<typeof post>>) => {
      expect(await problemOf(response)).toMatchObject({ status: 403, code: 'forbidden' })
      expect(replayed).toBeNull()
      for (const told of ['bagId', 'hemotrail_', 'terminal', 'A999926']) expect(text).not.toContain(told)
    }
    const [first, key] = [await theBag(), await aKey()]
    expect([first.status, key.status]).toEqual([201, 201])

    // The last of a right, and the same role elsewhere.
    await take('transfusion_lab', 'H1')
    await refusedThere(await theBag())
    await refusedThere(await aKey())
    await give({ ...lab, facility: 'H2' })
    await refusedThere(await theBag())
    await give(lab)
    // Who has gained a role meanwhile has lost none.
    expect(await theBag()).toMatchObject({ ...said(first), replayed: 'true' })
    await take('transfusion_lab', 'H2')

    expect(await theBag()).toMatchObject({ ...said(first), replayed: 'true' })
    expect(await aKey()).toMatchObject({ ...said(key), replayed: 'true' })
    const [other, anotherBody] = [await session(), { ...aBag(1), facility: 'H2' }]
    expect(await post(door, 'one', '/bags', aBag(1), other.token)).toMatchObject({ replayed: 'true' })
    await take('administrator', 'H1')
    expect((await post(door, 'one', '/bags', anotherBody, token)).status).toBe(422)
    await refusedThere(await aKey())
    expect(await bags(door)).toBe(1)
  })

  test('is answered to who holds a role everywhere that was held at one place, and not the other way', async ({
    door,
  }) => {
    const claim = (key: string, grants: Grants) =>
      door.world.deps.database.db.transaction(async (tx) => {
        const answers = createAnsweredRequests(adminKey)
        const actor = { kind: 'person', id: 'ada' } as const
        const request = { actor, grants, key, target: 'POST /', body: Buffer.alloc(0) }
        const found = await answers.claim(tx, request, noon)
        if (!found) await answers.keep(tx, request, { status: 201, contentType: 'text/plain', body: 'a\nb' })
        return found?.body ?? null
      })
    const here = { role: 'nurse', facilityId: 1 } as const
    const anywhere = { role: 'nurse', facilityId: null } as const
    const lab = { role: 'transfusion_lab', facilityId: 1 } as const
    const rounds: [then: Grants, now: Grants, isTold: boolean][] = [
      [[here], [anywhere], true],
      [[anywhere], [here], false],
      [[here, lab], [lab, here], true],
      [[here, lab], [here], false],
      [[here, here], [here], true],
      [[], [here], true],
      [[here], [], false],
    ]
    for (const [index, [then, now, isTold]] of rounds.entries()) {
      expect(await claim(`key ${index}`, then)).toBeNull()
      if (isTold) expect(await claim(`key ${index}`, now)).toBe('a\nb')
      else expect(await failureOf(claim(`key ${index}`, now))).toMatchObject({ code: 'forbidden' })
    }
  })

  test('twenty times at once is done once and answered twenty times alike', async ({ door }) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(door, 'one', '/bags', aBag(1))))
    const [first] = answers
    expect(first?.status).toBe(201)
    for (const answer of answers) expect(said(answer)).toEqual(first && said(first))
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1)
    expect(await bags(door)).toBe(1)
    const entries = await audited(door)
    await post(door, 'two', '/bags', aBag(2))
    expect(await audited(door)).toBe(2 * entries)
  })

  test('is a new request after 24 hours, and what is older than that goes', async ({ door }) => {
    await post(door, 'one', '/facilities', aFacility)
    await post(door, 'two', '/facilities', { ...aFacility, code: 'H3' })
    door.world.clock.now += day

    const anew = await post(door, 'one', '/bags', aBag(1))
    expect(anew).toMatchObject({ status: 201, replayed: null })
    const rows = await kept(door)
    expect(rows.map(({ at }) => at)).toEqual([noon + day])
    expect(said(await post(door, 'one', '/bags', aBag(1)))).toEqual(said(anew))
  })

  test('is not answered by a service with another key of its own', async ({ door }) => {
    await post(door, 'one', '/bags', aBag(1))
    const other = openDoor(door.world, { adminKey: 'x'.repeat(40) })
    const { response } = await post(other, 'one', '/bags', aBag(1), 'x'.repeat(40))
    expect(await problemOf(response)).toMatchObject({ status: 422, code: 'key_reused' })
  })
})

describe('a key is left unused', () => {
  test('by a request that is not as described, that goes nowhere, or that may not be made', async ({
    door,
  }) => {
    const nurse = await createApiKey(door.world.ctx, { name: 'ward', role: 'nurse', facility: 'H1' })
    for (const [path, body, status, token] of [
      ['/bags', { ...aBag(1), din: 7 }, 400],
      ['/bagz', aBag(1), 404],
      ['/health', aBag(1), 405],
      ['/bags', aBag(1), 403, nurse],
      ['/bags', aBag(1), 401, 'nobody'],
    ] as const)
      expect((await post(door, 'one', path, body, token)).status).toBe(status)
    expect(await kept(door)).toEqual([])
    expect((await post(door, 'one', '/bags', aBag(1))).status).toBe(201)
  })

  test('by a failure of the service, of which nothing stands', async ({ door }) => {
    const away = Object.assign(new Error('deadlock detected'), { code: '40P01' })
    let looks = 0
    const counting = openDoor(door.world, { now: () => ++looks && noon })
    await post(counting, 'zero', '/bags', aBag(0))
    for (const [error, status] of [
      [new Error('a bug'), 500],
      [away, 503],
    ] as const) {
      let asked = 0
      // The last look at the clock is for the answer: the bag is written by then.
      const now = () => {
        if (++asked === looks) throw error
        return noon
      }
      const failing = openDoor(door.world, { now })
      expect((await post(failing, 'one', '/bags', aBag(1))).status).toBe(status)
      expect(await bags(door)).toBe(1)
      expect(await kept(door)).toHaveLength(1)
    }
    expect(await post(door, 'one', '/bags', aBag(1))).toMatchObject({ status: 201, replayed: null })
    expect(await bags(door)).toBe(2)
  })

  test('by the one that failed of many at once: another of them does it', async ({ door }) => {
    let asked = 0
    const now = () => {
      if (++asked === 3) throw new Error('a bug')
      return noon
    }
    const failing = openDoor(door.world, { now })
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post(failing, 'one', '/bags', aBag(1))),
    )
    const done = answers.filter(({ status }) => status === 201)
    expect(answers.filter(({ status }) => status === 500)).toHaveLength(1)
    expect(done).toHaveLength(9)
    expect(new Set(done.map(({ text }) => text)).size).toBe(1)
    expect(await bags(door)).toBe(1)
  })

  test('where the answer cannot be kept', async ({ door }) => {
    const { pool } = door.world.deps.database
    await pool.query('alter table answered_request add constraint full_disk check (status is null)')
    onTestFinished(async () => {
      await pool.query('alter table answered_request drop constraint if exists full_disk')
    })
    expect((await post(door, 'one', '/bags', aBag(1))).status).toBe(500)
    expect(await bags(door)).toBe(0)
    await pool.query('alter table answered_request drop constraint full_disk')
    expect((await post(door, 'one', '/bags', aBag(1))).status).toBe(201)
  })
})

describe('the header', () => {
  test('that is no key is refused', async ({ door }) => {
    for (const key of ['', ' ', 'k'.repeat(201), 'schlüssel', 'a\tb']) {
      const { response } = await post(door, key, '/bags', aBag(1))
      expect(await problemOf(response), key).toMatchObject({ status: 400, code: 'invalid_request' })
    }
    expect((await post(door, 'k'.repeat(200), '/bags', aBag(1))).status).toBe(201)
  })

  test('means nothing to a request that is no POST', async ({ door }) => {
    await aDevice(door.world, 'fridge-7')
    for (const low of [2, 3]) {
      const response = await door.raw('/devices/fridge-7/profile', {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${adminKey}`,
          'content-type': 'application/json',
          'idempotency-key': 'one',
        },
        body: JSON.stringify({ low, high: 6 + low, from: iso(noon + low) }),
      })
      expect(response.status).toBe(200)
    }
    expect(await kept(door)).toEqual([])
  })

  test('means nothing to who signs in: twice is two sessions', async ({ door }) => {
    const password = 'correct horse battery'
    const roles = [{ role: 'nurse', facility: 'H1' }]
    await door.ask(Person, 'POST', '/people', { username: 'ada', name: 'Ada', password, roles })
    const tokens = []
    for (let time = 0; time < 2; time++) {
      const { text } = await post(door, 'one', '/session', { username: 'ada', password })
      tokens.push(Session.parse(JSON.parse(text)).token)
    }
    expect(new Set(tokens).size).toBe(2)
    expect(await kept(door)).toEqual([])
  })
})

test('a readmission with a key takes in what was right, and ingest goes on from there', async ({ door }) => {
  const { world } = door
  const later = noon + 120_000
  await aDevice(world, 'fridge-7', { physicalHigh: 5_000 }, noon - 3_600_000)
  await world.ingest.accept([aMessage({ device: 'fridge-7', seq: 0, body: [aReading(later, 55)] })])
  const { rejectedMessages } = await door.ask(RejectedMessages, 'GET', '/rejected-messages')
  const wider = { low: 2, high: 6, physicalHigh: 100, from: iso(noon + 60_000) }
  await door.ask(Profile, 'PUT', '/devices/fridge-7/profile', wider)

  const path = `/rejected-messages/${rejectedMessages[0]?.id}/readmission`
  const first = await post(door, 'one', path)
  expect(first).toMatchObject({ status: 200, text: '{"readmitted":true,"left":[]}' })
  expect(await post(door, 'one', path)).toMatchObject({ ...said(first), replayed: 'true' })
  expect((await post(door, 'two', path)).status).toBe(409)
  expect(await audited(door, 'rejected_message')).toBe(1)

  await world.ingest.accept([aMessage({ device: 'fridge-7', seq: 1, body: [aReading(later + 1, 4)] })])
  expect(await door.ask(Device, 'GET', '/devices/fridge-7')).toMatchObject({
    readings: [{ at: iso(later + 1), celsius: 4 }],
  })
})

test('an import with a key is done once, a preview with one not at all, and ingest goes on from there', async ({
  door,
}) => {
  const { world } = door
  await aDevice(world, 'box', {}, noon - 3_600_000)
  const send = (seq: number, at: number) =>
    world.ingest.accept([aMessage({ device: 'box', seq, body: [aReading(at, 4)] })])
  await send(0, noon - 60_000)
  const file = { file: printRuuvi([{ at: noon - 30_000, celsius: 4, humidity: 40 }]), probe: 'load' }
  const path = '/devices/box/logger-imports'

  const preview = await post(door, 'zero', `${path}/preview`, file)
  expect(preview).toMatchObject({ status: 200, text: expect.stringContaining('"imported":null') })
  expect(await post(door, 'zero', `${path}/preview`, file)).toMatchObject({
    ...said(preview),
    replayed: 'true',
  })
  const first = await post(door, 'one', path, file)
  expect(first.status, first.text).toBe(201)
  expect(await post(door, 'one', path, file)).toMatchObject({ ...said(first), replayed: 'true' })
  const other = await post(door, 'two', path, file)
  expect(other).toMatchObject({ status: 200, text: first.text, replayed: null })
  const reused = await post(door, 'one', path, { ...file, probe: 'air' })
  expect(reused.status).toBe(422)

  await send(1, noon)
  const { readings } = await door.ask(Readings, 'GET', `/devices/box/readings?to=${iso(noon + 1)}`)
  expect(readings.map(({ at }) => at)).toEqual([noon - 60_000, noon - 30_000, noon].map(iso))
})

test('whoever claims a key anew removes a few of those past their day', async ({ door }) => {
  const { db } = door.world.deps.database
  const answers = createAnsweredRequests(adminKey)
  const claim = (key: string, now: number) =>
    db.transaction((tx) =>
      answers.claim(
        tx,
        { actor: { kind: 'job', id: 'test' }, grants: [], key, target: 'POST /', body: Buffer.alloc(0) },
        now,
      ),
    )
  for (let old = 0; old < 25; old++) await claim(`old-${old}`, noon + old)
  const left = []
  for (let young = 0; young < 3; young++) {
    await claim(`young-${young}`, noon + day + 23)
    left.push((await kept(door)).length)
  }
  expect(left).toEqual([16, 7, 4])
})
