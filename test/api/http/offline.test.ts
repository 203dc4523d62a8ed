import { generateKeyPairSync, sign } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect } from 'vitest'
import { uploadDecisions } from '../../../devices-sim/terminal/upload.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { BagEvents, ScanAnswer, TakeOut } from '../../../schema/http/life.ts'
import { ListKeys, OfflineDecisions, OfflineDocuments, OfflineReceipt } from '../../../schema/http/offline.ts'
import { Recall } from '../../../schema/http/recalls.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { OfflineList, openSigned, type SignedDocument } from '../../../schema/offline-list.ts'
import { aBagInStock, aCity, aPatient, type City, done, refusal, step } from '../../support/hospital.ts'
import { aTerminal, bringUpToDate, type Placed, tellLists } from '../../support/terminals.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { adminKey, type Door, test } from './door.ts'

const minute = 60_000
const product = 'E0336V00'

const removals: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const remove of removals.splice(0)) await remove()
})

/** A city with a fridge in H1, a terminal at it, a patient, and a bag in the fridge for each number. */
async function aWard(door: Door, bags = 1, more: object = {}) {
  const city = await aCity(door)
  const { world } = door
  const fridge = await aDevice(world, 'fridge-or', {}, noon - 86_400_000)
  await aPatient(city, 'P1', more)
  const stock: { din: string; bagId: string }[] = []
  for (let number = 1; number <= bags; number++) {
    const made = await aBagInStock(city, number)
    await done(city.lab.post(`/bags/${made.bagId}/tags`, { tag: `tag-${number}` }), BagDetail)
    stock.push(made)
  }
  const at = world.clock.now
  const added = [{ at, added: stock.map((_, index) => `tag-${index + 1}`), removed: [] }]
  await world.ingest.accept([
    aMessage({ device: fridge.name, seq: 0, receivedAt: at, body: [aReading(at, 4)] }),
    aMessage({ device: fridge.name, seq: 1, channel: 'bags', receivedAt: at, body: added }),
  ])
  const placed = await aTerminal(door, fridge)
  removals.push(placed.remove)
  return { city, stock, placed, fridge }
}

const scan = ({ terminal }: Placed, din: string, more: object = {}) =>
  terminal.scan({ din, productCode: product, badge: 'nurse-7', patient: 'P1', ...more })

const stateOf = async (door: Door, bagId: string) =>
  (await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).state

const conflictTasks = async (city: City) =>
  (await done(city.lab.get('/tasks?kind=offline_conflict'), Tasks)).tasks

async function decisionsOf(city: City) {
  return (await done(city.lab.get('/devices/fridge-or/offline-decisions'), OfflineDecisions)).decisions
}

describe('a terminal that is cut off', () => {
  test('hands out what its list allows, and the bag is issued by its own time once that is told', async ({
    door,
  }) => {
    const { city, stock, placed } = await aWard(door)
    const [{ din, bagId } = { din: '', bagId: '' }] = stock
    await bringUpToDate(door, 'H1', placed)
    door.world.clock.now += 3 * minute
    const takenAt = door.world.clock.now
    expect(scan(placed, din)).toMatchObject({ answer: 'GO', findings: [], bagId })
    expect(await stateOf(door, bagId)).toBe('available')
    // It is gone from its shelf, whoever else scans it there.
    expect(scan(placed, din)).toMatchObject({ answer: 'STOP', rule: { code: 'not_in_stock' } })
    door.world.clock.now += 10 * minute
    expect(await uploadDecisions(placed.terminal, placed.home)).toBe(2)
    expect(placed.terminal.outstanding()).toEqual([])
    expect(await stateOf(door, bagId)).toBe('issued')
    const { events } = await done(city.lab.get(`/bags/${bagId}/events`), BagEvents)
    expect(events.at(-1)).toMatchObject({
      verb: 'issue',
      data: {
        patient: 'P1',
        occurredAt: new Date(takenAt).toISOString(),
        offline: { device: 'fridge-or', badge: 'nurse-7' },
      },
    })
    expect(await conflictTasks(city)).toEqual([])
    const told = await decisionsOf(city)
    expect(told.map(({ answer, patient }) => `${answer} ${patient}`).sort()).toEqual(['GO P1', 'STOP P1'])
    const { rows } = await door.world.deps.database.pool.query(
      `select actor->>'kind' as kind, actor->>'id' as id from audit_entry
       where action in ('bag.issued', 'offline_decision.told') order by id`,
    )
    expect(new Set(rows.map(({ kind, id }) => `${kind} ${id}`))).toEqual(new Set(['device fridge-or']))
    // By the clock of the ward, not by when we heard.
    const { pool } = door.world.deps.database
    const late = await pool.query(
      'select received_at - occurred_at as late from offline_decision order by late',
    )
    expect(late.rows.map(({ late }) => Number(late))).toEqual([10 * minute, 10 * minute])
  })

  test('finds what would be found online, of every bag', async ({ door }) => {
    const { city, stock, placed } = await aWard(door, 8)
    const [, recalled, visual, reserved, gone] = stock
    const ofA = await aBagInStock(city, 20, { abo: 'A', rhd: 'positive' })
    await done(city.lab.post(`/bags/${recalled?.bagId}/holds`, { kind: 'recall', reason: 'ill' }), BagDetail)
    await done(city.lab.post(`/bags/${visual?.bagId}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    await aPatient(city, 'P2')
    const until = new Date(noon + 86_400_000).toISOString()
    await step(city.lab, reserved?.bagId as string, 'reserve', { patient: 'P2', until })
    await step(city.lab, gone?.bagId as string, 'discard', { reason: 'leaks', witness: 'nurse' }).catch(
      () => {},
    )
    await aPatient(city, 'old', { sampleUntil: new Date(noon - 1).toISOString() })
    const unknown = '=A99992699999800'
    for (const patient of ['P1', 'P2', 'old'] as const) {
      for (const din of [...stock.map((bag) => bag.din), ofA.din, unknown]) {
        await bringUpToDate(door, 'H1', placed)
        const offline = scan(placed, din, { patient })
        // What the terminal handed out itself is its own story: it tells nobody of it here.
        const { takeOutId } = await done(
          city.nurse.post('/take-outs', { device: 'fridge-or', patient }),
          TakeOut,
        )
        const online = await done(
          city.nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: product }),
          ScanAnswer,
        )
        // What stands on no shelf any more is on no list: unknown there, and not in stock here. Both are STOP.
        const isOff = online.findings.includes('not_in_stock')
        if (isOff) expect(offline.answer).toBe('STOP')
        if (isOff) continue
        expect([din, patient, offline.answer, [...offline.findings].sort()]).toEqual([
          din,
          patient,
          online.answer,
          [...online.findings].sort(),
        ])
      }
    }
  }, 120_000)

  test('calls once nothing speaks for the bag any more, or the list is old, and then knows nothing', async ({
    door,
  }) => {
    const { stock, placed } = await aWard(door)
    const [{ din } = { din: '' }] = stock
    expect(scan(placed, din)).toMatchObject({ answer: 'STOP', rule: { code: 'list_unusable' } })
    await bringUpToDate(door, 'H1', placed)
    const madeAt = door.world.clock.now
    door.world.clock.now = madeAt + 15 * minute - 1
    expect(scan(placed, 'not a label')).toMatchObject({ answer: 'STOP', rule: { code: 'unknown_bag' } })
    const before = scan(placed, din, { patient: 'nobody' })
    expect(before.findings).not.toContain('list_stale')
    door.world.clock.now = madeAt + 15 * minute
    expect(scan(placed, din, { patient: 'nobody' }).findings).toContain('list_stale')
    door.world.clock.now = madeAt + 16 * minute
    const late = scan(placed, din)
    expect(late.answer).toBe('CALL')
    expect(late.findings).toEqual(expect.arrayContaining(['unverified', 'list_stale']))
    expect(scan(placed, din, { breakGlass: 'he bleeds' })).toMatchObject({ answer: 'GO' })
    door.world.clock.now = madeAt + 24 * 60 * minute
    expect(scan(placed, din, { breakGlass: 'he bleeds' })).toMatchObject({
      answer: 'STOP',
      rule: { code: 'list_unusable' },
    })
    // A clock from before the list is wrong by nobody knows how much.
    door.world.clock.now = madeAt - minute
    expect(scan(placed, din).findings).toContain('list_stale')
  })

  test('keeps list and decisions through a kill, and what was shown is on disk', async ({ door }) => {
    const { stock, placed } = await aWard(door, 2)
    await bringUpToDate(door, 'H1', placed)
    const shown = scan(placed, stock[0]?.din as string)
    const again = placed.reopened()
    expect(again.terminal.list()?.seq).toBe(1)
    expect(again.terminal.outstanding().map(({ decisionId }) => decisionId)).toEqual([shown.decisionId])
    expect(scan(again, stock[0]?.din as string).answer).toBe('STOP')
    expect(scan(again, stock[1]?.din as string).answer).toBe('GO')
  })

  test('believes no list of another key, another device or an older number', async ({ door }) => {
    const { placed } = await aWard(door)
    await bringUpToDate(door, 'H1', placed)
    const first = await documents(door, 'fridge-or')
    await aDevice(door.world, 'fridge-icu', {}, noon - 86_400_000)
    await tellLists(door, 'H1', ['fridge-icu', 'fridge-or'])
    const second = await documents(door, 'fridge-or')
    const other = await documents(door, 'fridge-icu')
    const { terminal } = placed
    expect(terminal.takeList(other.list)).toBe('other_device')
    expect(terminal.takeList(second.list)).toBeNull()
    expect(terminal.takeList(first.list)).toBe('older')
    expect(placed.reopened().terminal.takeList(first.list)).toBe('older')
    expect(terminal.takeList(second.patients)).toBe('unreadable')
    const { keys } = await door.ask(ListKeys, 'POST', '/list-keys', {})
    expect(keys).toHaveLength(2)
    await tellLists(door, 'H1', ['fridge-or'])
    const third = await documents(door, 'fridge-or')
    expect(terminal.takeList(third.list)).toBe('unknown_key')
    terminal.trust(keys)
    expect(terminal.takeList(third.list)).toBeNull()
    const { keys: left } = await door.ask(ListKeys, 'POST', '/list-keys', { retireOlder: true })
    expect(left).toHaveLength(1)
    terminal.trust(left)
    expect(terminal.list()).toBeNull()
  })

  test('never says GO by a list that was forged, tampered with, of another device, or stale', async ({
    door,
  }) => {
    const { stock, placed } = await aWard(door)
    const [{ din } = { din: '' }] = stock
    await bringUpToDate(door, 'H1', placed)
    const { list, keys } = await documents(door, 'fridge-or')
    const good = list as SignedDocument
    const { privateKey } = generateKeyPairSync('ed25519')
    const content = JSON.parse(inflateRawSync(Buffer.from(good.payload, 'base64')).toString())
    const forge = (changes: object, keyId = good.keyId): SignedDocument => {
      const bytes = deflateRawSync(JSON.stringify({ ...content, ...changes }))
      const signature = sign(null, bytes, privateKey).toString('base64')
      return { keyId, payload: bytes.toString('base64'), signature }
    }
    const flipped = (text: string, at: number, bit: number) => {
      const bytes = Buffer.from(text, 'base64')
      const index = at % bytes.length
      bytes[index] = (bytes[index] as number) ^ (1 << bit)
      return bytes.toString('base64')
    }
    const arbitraryList = fc.oneof(
      fc
        .record({ seq: fc.integer({ min: 1, max: 99 }), days: fc.integer({ min: 0, max: 9 }) })
        .map(({ seq, days }) =>
          forge({
            seq,
            validUntil: content.validUntil + days * 86_400_000,
            refuseFrom: content.refuseFrom * 2,
          }),
        ),
      fc
        .tuple(fc.nat(), fc.nat(7))
        .map(([at, bit]) => ({ ...good, payload: flipped(good.payload, at, bit) })),
      fc
        .tuple(fc.nat(), fc.nat(7))
        .map(([at, bit]) => ({ ...good, signature: flipped(good.signature, at, bit) })),
      fc
        .string()
        .map((keyId) => ({ ...good, keyId }))
        .filter(({ keyId }) => keyId !== good.keyId),
      fc.anything(),
    )
    for (const how of ['fresh', 'already has one'] as const) {
      await fc.assert(
        fc.asyncProperty(arbitraryList, async (forged) => {
          const one = await aTerminal(door, { name: 'fridge-or', secret: '' })
          one.terminal.trust(keys)
          if (how === 'already has one') {
            expect(one.terminal.takeList(good)).toBeNull()
            // Stale by now: only a newer one, which this is not, would help.
            door.world.clock.now = content.asOf + 20 * minute
          }
          expect(one.terminal.takeList(forged)).not.toBeNull()
          const said = one.terminal.scan({ din, productCode: product, emergency: true, reason: 'x' })
          expect(said.answer).not.toBe('GO')
          expect(
            one.reopened().terminal.scan({ din, productCode: product, emergency: true }).answer,
          ).not.toBe('GO')
          door.world.clock.now = content.asOf
          await one.remove()
        }),
        { numRuns: 60 },
      )
    }
    expect(openSigned(good, keys, OfflineList).refused).toBeNull()
  }, 120_000)
})

const documents = async (door: Door, device: string) => {
  const response = await door.raw(`/devices/${device}/offline-list`, {
    headers: { authorization: `Bearer ${adminKey}` },
  })
  return OfflineDocuments.parse(await response.json())
}

describe('what was decided while cut off', () => {
  test('is a conflict where the bag was called back meanwhile, until somebody has looked into it', async ({
    door,
  }) => {
    const { city, stock, placed } = await aWard(door)
    const [{ din, bagId } = { din: '', bagId: '' }] = stock
    await bringUpToDate(door, 'H1', placed)
    door.world.clock.now += minute
    await done(
      city.lab.post('/recalls', { facility: 'H1', scope: 'bag', of: bagId, reason: 'donor ill' }),
      Recall,
    )
    door.world.clock.now += minute
    expect(scan(placed, din).answer).toBe('GO')
    door.world.clock.now += minute
    await uploadDecisions(placed.terminal, placed.home)
    expect(await stateOf(door, bagId)).toBe('issued')
    const [task, ...more] = await conflictTasks(city)
    expect(more).toEqual([])
    expect(task).toMatchObject({ bagId, device: 'fridge-or', facility: 'H1' })
    expect(task?.en).toContain('Recalled')
    const [decision] = await decisionsOf(city)
    expect(decision?.conflicts).toEqual(['recalled'])
    const path = `/devices/fridge-or/offline-decisions/${decision?.decisionId}/reviews`
    expect(await refusal(city.nurse.post(path, { conclusion: 'x' }))).toMatchObject({ status: 403 })
    expect((await city.lab.post(path, { conclusion: 'found, and destroyed' })).status).toBe(201)
    expect(await conflictTasks(city)).toEqual([])
  })

  test('told twice is one decision; under its id another is not taken, and costs the others nothing', async ({
    door,
  }) => {
    const { city, stock, placed } = await aWard(door, 2)
    await bringUpToDate(door, 'H1', placed)
    for (const { din } of stock) scan(placed, din)
    const [first, second] = placed.terminal.outstanding()
    const tell = async (decisions: unknown[]) =>
      done(city.nurse.post('/devices/fridge-or/offline-decisions', { decisions }), OfflineReceipt)
    expect((await tell([second, first])).taken.map(({ isNew }) => isNew)).toEqual([true, true])
    const after = await tell([first, { ...second, badge: 'another' }, { nonsense: true }, 7])
    expect(after.taken).toMatchObject([{ decisionId: first?.decisionId, isNew: false }])
    expect(after.refused).toMatchObject([
      { index: 1, code: 'id_reused' },
      { index: 2, code: 'unreadable' },
      { index: 3, code: 'unreadable' },
    ])
    expect(await stateOf(door, stock[0]?.bagId as string)).toBe('issued')
    expect(await decisionsOf(city)).toHaveLength(2)
    const { rows } = await door.world.deps.database.pool.query(
      `select count(*)::int as n from bag_event where verb = 'issue'`,
    )
    expect(rows).toEqual([{ n: 2 }])
  })

  test('follows wherever the bag was thought to be, and moves none that is another’s on a mere word', async ({
    door,
  }) => {
    const { city, stock, placed } = await aWard(door, 3)
    await bringUpToDate(door, 'H1', placed)
    const [issued, discarded, kept] = stock.map(({ bagId }) => bagId) as [string, string, string]
    await aPatient(city, 'P2')
    await step(city.lab, issued, 'issue', { patient: 'P2', reason: 'x' })
    await done(city.lab.post(`/bags/${kept}/holds`, { kind: 'visual', reason: 'clots' }), BagDetail)
    door.world.clock.now += minute
    for (const { din } of stock) expect(scan(placed, din).answer).toBe('GO')
    door.world.clock.now += minute
    await step(city.lab, discarded, 'discard', { reason: 'not found', witness: 'tester' }).catch(
      () => undefined,
    )
    const foreign = await aBagInStock(city, 40)
    await door.world.deps.database.pool.query(
      `update bag set holder_id = (select id from facility where code = 'C1') where id = $1`,
      [foreign.bagId],
    )
    await uploadDecisions(placed.terminal, placed.home)
    const byBag = new Map((await decisionsOf(city)).map(({ bagId, conflicts }) => [bagId, conflicts]))
    expect(byBag.get(issued)).toEqual(['issued_elsewhere'])
    expect(byBag.get(kept)).toEqual(['held'])
    expect(await stateOf(door, issued)).toBe('issued')
    expect(await stateOf(door, kept)).toBe('issued')
    const told = {
      decisionId: '00000000-0000-4000-8000-000000000001',
      occurredAt: new Date(door.world.clock.now).toISOString(),
      ...{ uncertaintyMs: 0, emergency: true, reason: 'x', answer: 'GO', findings: [] },
      list: { seq: 99, sha256: '0'.repeat(64) },
      scanned: { din: foreign.din, productCode: product },
      bagId: foreign.bagId,
    }
    const { taken } = await done(
      city.nurse.post('/devices/fridge-or/offline-decisions', { decisions: [told] }),
      OfflineReceipt,
    )
    expect(taken[0]?.conflicts).toEqual(expect.arrayContaining(['foreign_bag', 'list_unknown']))
    expect(await stateOf(door, foreign.bagId)).toBe('available')
  })

  test('is told by the device itself, and at no other door', async ({ door }) => {
    const { fridge } = await aWard(door)
    await tellLists(door, 'H1', ['fridge-or'])
    const as = (path: string, secret: string, name = fridge.name) =>
      door.raw(path, {
        headers: { authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` },
      })
    expect((await as('/devices/fridge-or/offline-list', fridge.secret)).status).toBe(200)
    expect((await as('/devices/fridge-or/offline-list', 'another')).status).toBe(401)
    expect((await as('/devices/fridge-or/commands', fridge.secret)).status).toBe(401)
    expect((await as('/bags', fridge.secret)).status).toBe(401)
    const other = await aDevice(door.world, 'fridge-icu', {}, noon - 86_400_000)
    expect((await as('/devices/fridge-or/offline-list', other.secret, other.name)).status).toBe(404)
  })
})
