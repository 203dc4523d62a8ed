import { describe, expect } from 'vitest'
import { z } from 'zod'
import { checkSignatures, createSealer, type SignatureFault } from '../../../api/stores/signatures.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { BagEvents, TakeOut } from '../../../schema/http/life.ts'
import { NewApiKey, Person } from '../../../schema/http/people.ts'
import { Recall } from '../../../schema/http/recalls.ts'
import { SignatureRules, Signatures } from '../../../schema/http/signatures.ts'
import type { SignedAct } from '../../../schema/vocabulary.ts'
import {
  aBagInStock,
  aCity,
  aMadeBag,
  type City,
  done,
  refusal,
  step,
  test as tested,
  type Worker,
} from '../../support/hospital.ts'
import { aDevice, noon } from '../../support/world.ts'
import { adminKey, type Door, iso, test } from './door.ts'

const pin = '274951'
const password = 'correct horse battery'
const secrets = [pin, password]

/** A city where everybody has a badge, and the second of the centre a password as well. */
async function aSigningCity(door: Door, facility: string, acts: readonly SignedAct[]): Promise<City> {
  const city = await aCity(door)
  for (const name of ['collector', 'tester', 'second', 'lab', 'nurse'])
    await door.ask(Person, 'PUT', `/people/${name}/badge`, { badge: `badge-${name}`, pin })
  await door.ask(SignatureRules, 'PUT', `/facilities/${facility}/signature-rules`, { acts })
  return city
}

const by = (name: string, secret = pin) => ({ badge: `badge-${name}`, secret })

/** A bag that lacks nothing but its release. */
async function aTestedBag(city: City, number: number): Promise<string> {
  const { din, bagId } = await aMadeBag(city, number)
  await tested(city, din)
  await step(city.collector, bagId, 'test')
  return bagId
}

const signaturesOf = (worker: Worker, query = '') => done(worker.get(`/signatures${query}`), Signatures)

async function faultsIn(door: Door, key = adminKey) {
  const faults: SignatureFault[] = []
  const counted = await checkSignatures(door.world.deps.database.db, createSealer(key), (one) =>
    faults.push(one),
  )
  return { ...counted, faults }
}

/** What only who may do anything at all to the database can do. */
async function tamper(door: Door, table: string, statement: string): Promise<void> {
  const { pool } = door.world.deps.database
  await pool.query(`alter table ${table} disable trigger append_only`)
  await pool.query(statement)
  await pool.query(`alter table ${table} enable trigger append_only`)
}

describe('a release that must be signed', () => {
  test('is signed with both components, and shows by whom, when and what for', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', ['release'])
    const bagId = await aTestedBag(city, 1)
    const release = (body: object) => city.second.post(`/bags/${bagId}/release`, body)
    expect(await refusal(release({}))).toMatchObject({ status: 403, code: 'signature_required' })
    expect(await refusal(release({ signature: by('second', '111112') }))).toMatchObject({
      status: 403,
      code: 'signature_wrong',
    })
    expect(await refusal(release({ signature: by('tester') }))).toMatchObject({
      code: 'signature_wrong',
      detail: expect.stringContaining('signed in'),
    })
    expect(
      await refusal(release({ signature: { badge: 'b', username: 'second', secret: pin } })),
    ).toMatchObject({ code: 'invalid_request' })
    expect(
      await refusal(release({ signature: { ...by('second'), meaning: 'recall_ordered' } })),
    ).toMatchObject({ code: 'invalid_request' })
    expect(await signaturesOf(city.second)).toEqual({ signatures: [], next: null })

    door.world.clock.now += 1_000
    const signed = { ...by('second'), meaning: 'released' }
    expect(await step(city.second, bagId, 'release', { signature: signed })).toMatchObject({
      state: 'available',
    })
    const shown = {
      ...{ name: 'second', at: iso(noon + 1_000) },
      ...{ meaning: 'released', zh: '放行', en: 'released' },
    }
    const { events } = await done(city.tester.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.find(({ verb }) => verb === 'release')?.signatures).toEqual([
      { signatureId: expect.any(String), ...shown },
    ])
    expect(events.find(({ verb }) => verb === 'test')?.signatures).toEqual([])
    expect((await signaturesOf(city.tester, `?subject=${bagId}&facility=C1`)).signatures).toMatchObject([
      {
        ...shown,
        ...{ username: 'second', components: 'badge_and_pin', facility: 'C1' },
        signs: [{ action: 'bag.released', subjectKind: 'bag', subject: bagId }],
      },
    ])
    expect(await faultsIn(door)).toEqual({ signatures: 1, signed: 1, faults: [] })
  })

  test('may be signed by username and password, of its own accord as well', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', [])
    const bagId = await aTestedBag(city, 1)
    await door.ask(Person, 'POST', '/people', {
      ...{ username: 'quality', name: '陈丽', password },
      roles: [{ role: 'centre', facility: 'C1' }],
    })
    const { token } = await door.ask(z.looseObject({ token: z.string() }), 'POST', '/session', {
      ...{ username: 'quality', password },
    })
    const response = await door.raw(`/bags/${bagId}/release`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ signature: { username: 'Quality', secret: password } }),
    })
    expect(response.status, await response.text()).toBe(201)
    expect((await signaturesOf(city.second)).signatures).toMatchObject([
      { name: '陈丽', username: 'quality', components: 'username_and_password' },
    ])
  })

  test('is signed by no key', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', ['release', 'recall'])
    const bagId = await aTestedBag(city, 1)
    const { key } = await door.ask(NewApiKey, 'POST', '/api-keys', {
      ...{ name: 'lis', role: 'centre', facility: 'C1' },
    })
    const ask = (path: string, body: object) =>
      door.raw(path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    expect(await refusal(ask(`/bags/${bagId}/release`, { signature: by('second') }))).toMatchObject({
      code: 'person_required',
    })
    const recall = { facility: 'C1', scope: 'bag', of: bagId, reason: 'ill' }
    expect(await refusal(ask('/recalls', recall))).toMatchObject({ code: 'signature_required' })
  })
})

describe('a wrong secret', () => {
  test('counts as at signing in, be it undone with its request or not, and locks both', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', ['release'])
    const bagId = await aTestedBag(city, 1)
    const { services } = door
    const token = (await services.sessions.open(await idOf(door, 'second'), 3_600_000)).token
    const ask = (secret: string, key: string) =>
      door.raw(`/bags/${bagId}/release`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify({ signature: by('second', secret) }),
      })
    for (let i = 0; i < 5; i++)
      expect(await refusal(ask(`99999${i}`, `wrong-${i}`))).toMatchObject({ code: 'signature_wrong' })
    expect(await refusal(ask(pin, 'right'))).toMatchObject({ status: 429, code: 'locked_out' })
    expect((await door.refused('POST', '/session/badge', { badge: 'badge-second', pin })).code).toBe(
      'locked_out',
    )
    door.world.clock.now += 16 * 60_000
    expect((await ask(pin, 'right')).status).toBe(201)
    const { rows } = await door.world.deps.database.pool.query(
      'select count(*)::integer as n from failed_sign_in',
    )
    expect(rows).toEqual([{ n: 0 }])
    expect((await city.second.get('/session')).status).toBe(200)
  })

  test('is right no more once another badge was given', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', ['release'])
    const bagId = await aTestedBag(city, 1)
    await door.ask(Person, 'PUT', '/people/tester/badge', { badge: 'badge-of-tester', pin: '905127' })
    expect(
      await refusal(city.second.post(`/bags/${bagId}/release`, { signature: by('tester') })),
    ).toMatchObject({
      code: 'signature_wrong',
    })
  })
})

test('the same request sent again with its key is answered the same, signed once, and its secret is nowhere', async ({
  door,
}) => {
  const city = await aSigningCity(door, 'C1', ['release'])
  const bagId = await aTestedBag(city, 1)
  const { token } = await door.services.sessions.open(await idOf(door, 'second'), 3_600_000)
  const ask = (secret = pin) =>
    door.raw(`/bags/${bagId}/release`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': 'k1',
      },
      body: JSON.stringify({ signature: by('second', secret) }),
    })
  const first = await ask()
  expect(first.status).toBe(201)
  const again = await ask()
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(await again.text()).toBe(await first.text())
  // Who has the key of the request, and not the secret, is told nothing.
  expect(await refusal(ask('555551'))).toMatchObject({ code: 'signature_wrong' })
  expect((await signaturesOf(city.second)).signatures).toHaveLength(1)

  const { pool } = door.world.deps.database
  const { rows: tables } = await pool.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  )
  for (const { name } of tables) {
    const { rows } = await pool.query<{ text: string }>(`select t::text as text from "${name}" t`)
    for (const { text } of rows) for (const secret of secrets) expect(text, name).not.toContain(secret)
  }
})

describe('what else is signed', () => {
  test('a hold that is lifted, and a recall', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', ['lift_hold', 'recall'])
    const bagId = await aTestedBag(city, 1)
    const hold = { kind: 'visual', reason: 'clots' }
    const { holds } = await done(city.tester.post(`/bags/${bagId}/holds`, hold), BagDetail)
    const lift = (body: object) => city.second.post(`/bags/${bagId}/holds/${holds[0]?.holdId}/lift`, body)
    expect(await refusal(lift({ reason: 'none' }))).toMatchObject({ code: 'signature_required' })
    await done(lift({ reason: 'none', signature: by('second') }), BagDetail)

    door.world.clock.now += 1_000
    const recall = { facility: 'C1', scope: 'bag', of: bagId, reason: 'ill' }
    expect(await refusal(city.second.post('/recalls', recall))).toMatchObject({ code: 'signature_required' })
    const signed = { ...recall, signature: by('second') }
    const { number } = await done(city.second.post('/recalls', signed), Recall)
    // The same again is the same recall: nothing is written, so nothing is signed.
    expect((await done(city.second.post('/recalls', signed), Recall)).number).toBe(number)

    const { signatures } = await signaturesOf(city.second)
    expect(signatures.map(({ meaning, signs }) => [meaning, signs.map(({ action }) => action)])).toEqual([
      ['recall_ordered', ['recall.opened']],
      ['hold_released', ['bag.hold_lifted']],
    ])
    expect(await faultsIn(door)).toMatchObject({ signatures: 2, signed: 2, faults: [] })
  })

  test('blood in an emergency, at a fridge and over the counter, and nothing else there', async ({
    door,
  }) => {
    const city = await aSigningCity(door, 'H1', ['emergency_release'])
    const { bagId } = await aBagInStock(city, 1)
    await aDevice(door.world, 'fridge-1')
    const emergency = { emergency: true, reason: 'bleeding' }
    const open = (body: object) => city.nurse.post('/take-outs', { device: 'fridge-1', ...body })
    expect(await refusal(open(emergency))).toMatchObject({ code: 'signature_required' })
    await done(open({ ...emergency, signature: by('nurse') }), TakeOut)
    expect(await refusal(open({ patient: 'P1', signature: by('nurse') }))).toMatchObject({
      code: 'invalid_request',
    })
    door.world.clock.now += 1_000
    const issue = (body: object) => city.lab.post(`/bags/${bagId}/issue`, body)
    expect(await refusal(issue(emergency))).toMatchObject({ code: 'signature_required' })
    await done(issue({ ...emergency, signature: by('lab') }), BagDetail)
    const { signatures } = await signaturesOf(city.lab)
    expect(signatures.map(({ name, meaning }) => [name, meaning])).toEqual([
      ['lab', 'emergency_release_authorised'],
      ['nurse', 'emergency_release_authorised'],
    ])
  })

  test('what a witness saw of a discard, by the witness’s own components', async ({ door }) => {
    const city = await aSigningCity(door, 'C1', ['witness_discard'])
    const bagId = await aTestedBag(city, 1)
    const discard = (body: object) => city.second.post(`/bags/${bagId}/discard`, { reason: 'leaks', ...body })
    expect(await refusal(discard({ witness: 'tester' }))).toMatchObject({ code: 'signature_required' })
    expect(await refusal(discard({ witnessSignature: by('second') }))).toMatchObject({
      code: 'second_person',
    })
    expect(await refusal(discard({ witnessSignature: by('lab') }))).toMatchObject({ code: 'second_person' })
    expect(await refusal(discard({ witness: 'collector', witnessSignature: by('tester') }))).toMatchObject({
      code: 'invalid_request',
    })
    await done(discard({ witnessSignature: by('tester') }), BagDetail)
    const { events } = await done(city.second.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.at(-1)).toMatchObject({
      verb: 'discard',
      signatures: [{ name: 'tester', meaning: 'witnessed' }],
    })
    expect(await faultsIn(door)).toMatchObject({ signatures: 1, signed: 1, faults: [] })
  })
})

describe('a signature that stands', () => {
  async function twoReleases(door: Door) {
    const city = await aSigningCity(door, 'C1', ['release'])
    for (const number of [1, 2]) {
      door.world.clock.now += 1_000
      await step(city.second, await aTestedBag(city, number), 'release', { signature: by('second') })
    }
    const { signatures } = await signaturesOf(city.second)
    const [second, first] = signatures.map(({ signatureId }) => signatureId) as [string, string]
    const { rows } = await door.world.deps.database.pool.query<{ id: string }>(
      'select entry_id as id from signed_entry order by 1',
    )
    const [entry, other] = rows.map(({ id }) => id) as [string, string]
    expect((await faultsIn(door)).faults).toEqual([])
    return { first, second, entry, other }
  }

  const kinds = async (door: Door) => [...new Set((await faultsIn(door)).faults.map(({ kind }) => kind))]

  test('is not taken off unnoticed: not from its entry, not as a row, not with both', async ({ door }) => {
    const { first, entry } = await twoReleases(door)
    await tamper(
      door,
      'audit_entry',
      `update audit_entry set actor = actor - 'signatures' where id = ${entry}`,
    )
    expect(await kinds(door)).toEqual(['transferred'])
    await tamper(door, 'signed_entry', `delete from signed_entry where entry_id = ${entry}`)
    expect(await kinds(door)).toEqual(['signs_nothing'])
    await tamper(door, 'signature', `delete from signature where id = '${first}'`)
    // The event of the bag names it still.
    expect(await kinds(door)).toEqual(['excised'])
  })

  test.for([
    [
      'audit_entry',
      'the reason of what it signs',
      `update audit_entry set reason = 'another' where id = $entry`,
    ],
    ['audit_entry', 'when that was', `update audit_entry set at = at + 1 where id = $entry`],
    [
      'audit_entry',
      'what came of it',
      `update audit_entry set after = '{"state": "discarded"}' where id = $entry`,
    ],
    ['signature', 'its name', `update signature set name = 'somebody else' where id = '$first'`],
    ['signature', 'its time', `update signature set at = at + 1 where id = '$first'`],
    ['signature', 'its meaning', `update signature set meaning = 'witnessed' where id = '$first'`],
  ] as const)('is not altered unnoticed: %s, %s', async ([table, , statement], { door }) => {
    const { first, entry } = await twoReleases(door)
    await tamper(door, table, statement.replace('$first', first).replace('$entry', entry))
    expect((await faultsIn(door)).faults).toEqual([
      { kind: 'altered', signatureId: first, of: `audit entry ${entry}` },
    ])
  })

  test('is not put on something else unnoticed, with whatever seal', async ({ door }) => {
    const { first, entry, other } = await twoReleases(door)
    await tamper(
      door,
      'signed_entry',
      `insert into signed_entry select signature_id, ${other}, key_id, seal from signed_entry where entry_id = ${entry}`,
    )
    expect((await faultsIn(door)).faults).toEqual([
      { kind: 'transferred', signatureId: first, of: `audit entry ${other}` },
    ])
    await tamper(
      door,
      'audit_entry',
      `update audit_entry set actor = (select actor from audit_entry where id = ${entry}) where id = ${other}`,
    )
    expect(await kinds(door)).toEqual(expect.arrayContaining(['altered', 'transferred']))
  })

  test('cannot be checked with another key, and that is said', async ({ door }) => {
    await twoReleases(door)
    const { faults } = await faultsIn(door, 'another key of thirty-two characters')
    expect(faults.map(({ kind }) => kind)).toEqual(['other_key', 'other_key'])
  })
})

test('signatures of another facility are not there', async ({ door }) => {
  const city = await aSigningCity(door, 'C1', ['release'])
  await step(city.second, await aTestedBag(city, 1), 'release', { signature: by('second') })
  expect((await signaturesOf(city.lab)).signatures).toEqual([])
  expect(await refusal(city.lab.get('/signatures?facility=C1'))).toMatchObject({ code: 'not_found' })
  expect(await refusal(city.nurse.get('/signatures'))).toMatchObject({ code: 'forbidden' })
  expect(await done(city.lab.get('/facilities/H1/signature-rules'), SignatureRules)).toEqual({ acts: [] })
})

async function idOf(door: Door, username: string): Promise<string> {
  const { rows } = await door.world.deps.database.pool.query<{ id: string }>(
    'select id from person where username = $1',
    [username],
  )
  return rows[0]?.id as string
}
