import { describe, expect } from 'vitest'
import { seededProducts } from '../../../api/policies/products.ts'
import { insertProducts } from '../../../api/stores/products.ts'
import { keptFacts } from '../../../api/stores/scans.ts'
import { howKept } from '../../../api/usecases/how-kept.ts'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { BagDetail, Trace } from '../../../schema/http/bags.ts'
import { BagEvents, Modification, ScanAnswer, Stock, TakeOut } from '../../../schema/http/life.ts'
import { ProductProposal, Products } from '../../../schema/http/products.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { aCity, aPatient, done, refusal, signedIn, type Worker } from '../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const oPositive = { abo: 'O', rhd: 'positive' }

let drawn = 0
const aDin = () => `=A999926${String(500_000 + ++drawn)}00`

function register(door: Door, productCode: string, changes: object = {}) {
  const label = { din: aDin(), productCode, facility: 'H1', group: oPositive, expiresAt: iso(noon + 9 * day) }
  // As its label says: most codes here nobody has confirmed.
  const component = seededProducts.find(({ code }) => code === productCode.slice(0, 5))?.component
  return door.ask(BagDetail, 'POST', '/bags', { ...label, component, ...changes })
}

function modify(door: Door, process: string, bags: readonly string[], more: object = {}) {
  return door.ask(Modification, 'POST', '/modifications', { process, bags, ...more })
}

function refused(door: Door, process: string, bags: readonly string[], more: object = {}) {
  return door.refused('POST', '/modifications', { process, bags, ...more })
}

const read = (door: Door, bagId: string) => door.ask(BagDetail, 'GET', `/bags/${bagId}`)
const traceOf = (door: Door, bagId: string) => door.ask(Trace, 'GET', `/bags/${bagId}/trace`)

/** A device with these bags inside since noon, which told so warm it was after five minutes, and is heard for ten. */
async function keptAt(
  door: Door,
  device: string,
  [usual, then]: readonly [number, number],
  bags: readonly string[],
): Promise<void> {
  const { world } = door
  for (const bagId of bags)
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: `tag-${bagId}`, from: iso(noon) })
  world.clock.now = Math.max(world.clock.now, noon + 10 * minute)
  const body = [aReading(noon, usual), aReading(noon + 5 * minute, then), aReading(noon + 10 * minute, usual)]
  const added = bags.map((bagId) => `tag-${bagId}`)
  const receivedAt = world.clock.now
  await world.ingest.accept([
    aMessage({ device, seq: 0, receivedAt, body }),
    aMessage({ device, seq: 1, receivedAt, channel: 'bags', body: [{ at: noon, added, removed: [] }] }),
  ])
}

async function anExpert(door: Door, name: string): Promise<Pick<Worker, 'post'>> {
  const key = await signedIn(door, name, 'centre', null)
  return {
    post: (path, body = {}) =>
      door.raw(path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  }
}

describe('a labelled bag', () => {
  test('of a code nobody has confirmed is taken for nothing its label does not say', async ({ door }) => {
    const label = { din: aDin(), facility: 'H1', expiresAt: iso(noon + 9 * day) }
    const ask = (productCode: string) => door.refused('POST', '/bags', { ...label, productCode })
    for (const code of ['D9905V00', 'E0337V00'])
      expect(await ask(code)).toMatchObject({ status: 400, detail: expect.stringContaining('confirmed') })
  })

  test('is what its code says, and keeps no longer than that', async ({ door }) => {
    const plasma = await register(door, 'D9905V00', { expiresAt: iso(noon + 900 * day), amount: 150 })
    expect(plasma).toMatchObject({ component: 'plasma', amount: 150, uom: 'mL', bagCount: 1, holds: [] })
    // Noon is 20:00 in Shanghai, and days are counted to their end there.
    expect(plasma.expiresAt).toBe(iso(noon + 4 * hour + 365 * day))
    const older = await register(door, 'D9905V00', {
      expiresAt: iso(noon + 900 * day),
      collectedAt: iso(noon - 360 * day),
    })
    expect(older.expiresAt).toBe(iso(noon + 4 * hour + 5 * day))
    const { events } = await door.ask(BagEvents, 'GET', `/bags/${older.bagId}/events`)
    expect(events[0]?.data).toEqual({ labelledUntil: iso(noon + 900 * day) })
    const label = { din: aDin(), productCode: 'D9905V00', facility: 'H1', expiresAt: iso(noon + day) }
    expect(await door.refused('POST', '/bags', { ...label, component: 'red_cells' })).toMatchObject({
      status: 400,
      detail: expect.stringContaining('D9905 is plasma and not red_cells'),
    })
    const stock = await door.ask(Stock, 'GET', '/stock?component=plasma')
    expect(stock.levels[0]?.amounts).toEqual([{ uom: 'mL', amount: 350 }])
  })

  test('of a code nobody knows is held, and told to the lab, until two have approved what it is', async ({
    door,
  }) => {
    const city = await aCity(door)
    await aPatient(city, 'P1')
    const din = aDin()
    const label = {
      din,
      productCode: 'D0007V00',
      facility: 'H1',
      group: oPositive,
      expiresAt: iso(noon + 90 * day),
    }
    expect(await refusal(city.lab.post('/bags', label))).toMatchObject({
      status: 400,
      detail: expect.stringContaining('does not know D0007'),
    })
    const { bagId, holds } = await done(city.lab.post('/bags', { ...label, component: 'plasma' }), BagDetail)
    expect(holds).toMatchObject([{ kind: 'unknown_product' }])
    const { tasks } = await done(city.lab.get('/tasks?kind=unknown_product'), Tasks)
    expect(tasks).toMatchObject([{ bagId, facility: 'H1', en: expect.stringContaining('D0007') }])
    const { bags } = await done(city.lab.get('/stock'), Stock)
    expect(bags[0]).toMatchObject({ issuable: false, whyNot: ['unknown_product'] })
    expect(await refusal(city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1' }))).toMatchObject({
      code: 'held',
    })
    expect(await refused(door, 'thaw', [bagId])).toMatchObject({ code: 'held' })
    await aDevice(door.world, 'fridge-or', {}, noon - day)
    await keptAt(door, 'fridge-or', [4, 4], [])
    const { takeOutId } = await done(
      city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1' }),
      TakeOut,
    )
    const answer = await done(
      city.nurse.post(`/take-outs/${takeOutId}/scans`, { din, productCode: 'D0007V00' }),
      ScanAnswer,
    )
    expect(answer).toMatchObject({ answer: 'STOP', reason: { code: 'unknown_product' } })
    const holdId = holds[0]?.holdId
    expect(
      await refusal(city.lab.post(`/bags/${bagId}/holds/${holdId}/lift`, { reason: 'known' })),
    ).toMatchObject({
      status: 409,
      detail: expect.stringContaining('by the catalogue alone'),
    })
    const placed = { kind: 'unknown_product', reason: 'new' }
    expect(await refusal(city.lab.post(`/bags/${bagId}/holds`, placed))).toMatchObject({ status: 400 })

    const [ann, ben, eva] = [
      await anExpert(door, 'ann'),
      await anExpert(door, 'ben'),
      await anExpert(door, 'eva'),
    ]
    const effectiveFrom = noon + 2 * hour
    const { id } = await done(
      ann.post('/products/proposals', {
        ...{
          jurisdiction: 'CN',
          code: 'D0007',
          name: 'Red cells of Qingdao',
          component: 'red_cells',
          uom: 'U',
        },
        ...{
          amount: 1.5,
          shelfLife: { count: 35, unit: 'days' },
          countsFrom: 'collection',
          source: 'the station',
        },
        ...{
          makes: [{ process: 'wash', code: 'D9903' }],
          effectiveFrom: iso(effectiveFrom),
          reason: 'a new code',
        },
      }),
      ProductProposal,
    )
    const opinion = { decision: 'approve', comment: 'compared with the label' }
    const path = `/products/proposals/${id}/opinions`
    expect(await refusal(ann.post(path, opinion))).toMatchObject({ code: 'second_person' })
    // What is proposed of the one is not decided on as the other.
    expect(await refusal(ben.post(`/policies/proposals/${id}/opinions`, opinion))).toMatchObject({
      status: 404,
    })
    await done(ben.post(path, opinion), ProductProposal)
    expect(await done(eva.post(path, opinion), ProductProposal)).toMatchObject({ state: 'approved' })
    const { products } = await door.ask(Products, 'GET', '/products')
    expect(products.find(({ code }) => code === 'D0007')).toMatchObject({ version: 1, proposal: id })

    await judgeDue(door.world.deps)
    expect((await read(door, bagId)).holds).toMatchObject([{ kind: 'unknown_product' }])
    door.world.clock.now = effectiveFrom
    await judgeDue(door.world.deps)
    expect(await read(door, bagId)).toMatchObject({
      component: 'red_cells',
      expiresAt: iso(noon + 4 * hour + 35 * day),
    })
    expect((await read(door, bagId)).holds.filter(({ kind }) => kind === 'unknown_product')).toEqual([])
    expect((await done(city.lab.get('/tasks?kind=unknown_product'), Tasks)).tasks).toEqual([])
  })

  test('is no entry of the catalogue that makes no sense', async ({ door }) => {
    const ann = await anExpert(door, 'ann')
    const entry = {
      ...{
        jurisdiction: 'CN',
        code: 'D0008',
        name: 'Nonsense',
        component: 'plasma',
        uom: 'mL',
        source: 'none',
      },
      ...{
        shelfLife: { count: 1, unit: 'days' },
        countsFrom: 'collection',
        effectiveFrom: iso(noon + hour),
        reason: 'x',
      },
    }
    for (const makes of [[{ process: 'thaw', code: 'D9902' }], [{ process: 'thaw', code: 'D0009' }]])
      expect(await refusal(ann.post('/products/proposals', { ...entry, makes }))).toMatchObject({
        status: 400,
      })
    const earlier = { ...entry, effectiveFrom: iso(noon - 1) }
    expect(await refusal(ann.post('/products/proposals', earlier))).toMatchObject({ status: 400 })
  })
})

describe('a bag', () => {
  test('is thawed once: it is another product, for a day, and takes its tag along', async ({ door }) => {
    const { bagId, din } = await register(door, 'D9905V00')
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(noon - hour) })
    const how = { method: 'water bath, 37 °C', equipment: 'bath-2', lots: ['L1'] }
    const { children, modificationId } = await modify(door, 'thaw', [bagId], how)
    expect(children).toMatchObject([
      {
        din,
        productCode: 'D9910V00',
        component: 'thawed_plasma',
        expiresAt: iso(noon + day),
        state: 'available',
      },
    ])
    const child = children[0]?.bagId as string
    expect((await read(door, child)).tags).toEqual([{ tag: 'T1', from: iso(noon), to: null }])
    expect(await read(door, bagId)).toMatchObject({
      state: 'processed',
      tags: [{ tag: 'T1', from: iso(noon - hour), to: iso(noon) }],
    })
    const { rows } = await door.world.deps.database.pool.query('select * from modification')
    expect(rows).toMatchObject([
      { id: modificationId, process: 'thaw', ...how, actor: { kind: 'integration' } },
    ])
    expect(await refused(door, 'thaw', [child])).toMatchObject({
      status: 409,
      code: 'illegal_move',
      detail: expect.stringContaining('is thawed already'),
    })
    expect(await refused(door, 'thaw', [bagId])).toMatchObject({ code: 'illegal_move' })
  })

  test('is split into parts that are numbered, and parts of these', async ({ door }) => {
    const { bagId } = await register(door, 'E0336V00')
    const { children } = await modify(door, 'split', [bagId], {
      children: [{ tag: 'T1' }, {}, { tag: 'T2' }],
    })
    expect(children.map(({ productCode, amount }) => [productCode, amount])).toEqual([
      ['E0336VA0', 0.66],
      ['E0336VB0', 0.66],
      ['E0336VC0', 0.66],
    ])
    expect((await read(door, children[2]?.bagId as string)).tags).toMatchObject([{ tag: 'T2' }])
    const again = await modify(door, 'split', [children[1]?.bagId as string], { children: [{}, {}] })
    expect(again.children.map(({ productCode }) => productCode)).toEqual(['E0336VBa', 'E0336VBb'])
    expect(await refused(door, 'split', [again.children[0]?.bagId as string])).toMatchObject({
      code: 'illegal_move',
      detail: expect.stringContaining('cannot be split again'),
    })
  })

  test('is irradiated once and washed in date, as its catalogue allows', async ({ door }) => {
    const { bagId } = await register(door, 'E0336V00')
    const [irradiated] = (await modify(door, 'irradiate', [bagId])).children
    expect(irradiated).toMatchObject({ productCode: 'E0337V00', component: 'red_cells', amount: 2 })
    expect(await refused(door, 'irradiate', [irradiated?.bagId as string])).toMatchObject({
      detail: expect.stringContaining('is irradiated already'),
    })
    expect(await refused(door, 'wash', [irradiated?.bagId as string])).toMatchObject({
      code: 'not_in_catalogue',
    })
    const soon = await register(door, 'D9902V00', { expiresAt: iso(noon + hour) })
    const [washed] = (await modify(door, 'wash', [soon.bagId])).children
    expect(washed).toMatchObject({ productCode: 'D9903V00', expiresAt: iso(noon + hour) })
    const late = await register(door, 'D9902V00', { expiresAt: iso(noon + hour) })
    door.world.clock.now = noon + hour
    expect(await refused(door, 'wash', [late.bagId])).toMatchObject({ code: 'expired' })
  })

  test('of whole blood is separated, of what one donor gave, by people of its centre', async ({ door }) => {
    const city = await aCity(door)
    const given = {
      din: aDin(),
      donor: 'donor',
      facility: 'C1',
      productCode: 'D9901V00',
      expiresAt: iso(noon + 40 * day),
    }
    const whole = await done(city.collector.post('/donations', given), BagDetail)
    expect(whole).toMatchObject({ component: 'whole_blood', amount: 2, uom: 'U', state: 'collected' })
    expect(whole.expiresAt).toBe(iso(noon + 4 * hour + 35 * day))
    const parts = {
      process: 'separate',
      bags: [whole.bagId],
      children: [{ product: 'D9902' }, { product: 'D9905' }],
    }
    expect(await refusal(city.lab.post('/modifications', parts))).toMatchObject({ status: 404 })
    const { children } = await done(city.collector.post('/modifications', parts), Modification)
    expect(children).toMatchObject([
      { productCode: 'D9902V00', state: 'collected', expiresAt: iso(noon + 4 * hour + 35 * day) },
      { productCode: 'D9905V00', state: 'collected', expiresAt: iso(noon + 4 * hour + 365 * day) },
    ])
    const made = { ...given, din: aDin(), productCode: 'D9905V00' }
    expect(await refusal(city.collector.post('/donations', made))).toMatchObject({ status: 400 })
  })
})

describe('a pool', () => {
  test('is made of bags in stock of one group, under a number of its own', async ({ door }) => {
    const one = await register(door, 'D9908V00', { expiresAt: iso(noon + 3 * hour) })
    const two = await register(door, 'D9908V00', { group: { abo: 'O', rhd: 'negative' } })
    const other = await register(door, 'D9908V00', { group: { abo: 'A', rhd: 'positive' } })
    const bags = [one.bagId, two.bagId]
    expect(await refused(door, 'pool', bags)).toMatchObject({
      detail: expect.stringContaining('a number of its own'),
    })
    const din = aDin()
    expect(await refused(door, 'pool', [...bags, other.bagId], { din })).toMatchObject({
      code: 'incompatible',
    })
    expect(await refused(door, 'pool', [one.bagId, one.bagId], { din })).toMatchObject({ status: 400 })
    await door.ask(BagDetail, 'POST', `/bags/${two.bagId}/holds`, { kind: 'visual', reason: 'clots' })
    expect(await refused(door, 'pool', bags, { din })).toMatchObject({ code: 'held' })
    expect((await read(door, one.bagId)).state).toBe('available')
    const three = await register(door, 'D9908V00', { group: { abo: 'O', rhd: 'negative' } })
    const { children } = await modify(door, 'pool', [three.bagId, one.bagId], { din })
    expect(children).toMatchObject([
      {
        ...{ productCode: 'D9915V00', bagCount: 2, amount: 2, uom: 'U', group: oPositive },
        expiresAt: iso(noon + 3 * hour),
      },
    ])
    const poolId = children[0]?.bagId as string
    const [again, more] = [await register(door, 'D9915V00'), await register(door, 'D9915V00')]
    expect(await refused(door, 'pool', [again.bagId, more.bagId], { din: aDin() })).toMatchObject({
      detail: expect.stringContaining('is pooled already'),
    })
    // What is wrong with one of them is wrong with the pool.
    await door.ask(BagDetail, 'POST', `/bags/${one.bagId}/holds`, { kind: 'recall', reason: 'donor ill' })
    expect((await read(door, poolId)).holds).toMatchObject([{ kind: 'recall' }])
  })

  test('begins with the worst of what each was kept at, in its account and at the scan', async ({ door }) => {
    const city = await aCity(door)
    await aPatient(city, 'P1')
    const warm = { low: 2_000, high: 2_400 }
    for (const device of ['inc-1', 'inc-2']) await aDevice(door.world, device, { ...warm }, noon - day)
    const [one, two] = [await register(door, 'D9908V00'), await register(door, 'D9908V00')]
    await keptAt(door, 'inc-1', [22, 26], [one.bagId])
    await keptAt(door, 'inc-2', [22, 19], [two.bagId])
    const { children } = await modify(door, 'pool', [one.bagId, two.bagId], { din: aDin() })
    const { inherited } = await traceOf(door, children[0]?.bagId as string)
    const [first, second] = [(await traceOf(door, one.bagId)).total, (await traceOf(door, two.bagId)).total]
    expect([first.ms.above, second.ms.below]).toEqual([5 * minute, 5 * minute])
    expect(inherited?.ms).toEqual({
      inRange: Math.max(first.ms.inRange, second.ms.inRange),
      ...{ above: first.ms.above, below: second.ms.below },
      unverified: Math.max(first.ms.unverified, second.ms.unverified),
      uncontrolled: Math.max(first.ms.uncontrolled, second.ms.uncontrolled),
    })
    expect(inherited).toMatchObject({ coldest: 19, warmest: 26 })
    await judgeDue(door.world.deps)
    expect((await read(door, children[0]?.bagId as string)).holds).toMatchObject([{ kind: 'breach' }])
    const { ctx } = door.world
    const asked = { bagId: children[0]?.bagId as string, now: ctx.now() }
    const facts = await keptFacts(ctx.database, asked)
    expect(facts.lives.map(({ bagId }) => bagId).sort()).toEqual([one.bagId, two.bagId, asked.bagId].sort())
    expect(await howKept(ctx, { ...facts, ...asked })).toMatchObject({ wasOutOfRange: true })
  })
})

test.for([
  [false, 5 * minute, ['breach']],
  [true, 0, []],
] as const)(
  'what a process resets (%s) is kept of what it was before, %d ms',
  async ([resets, above, held], { door }) => {
    const { world } = door
    const entry = seededProducts.find(({ code, jurisdiction }) => code === 'E0336' && jurisdiction === 'CN')
    if (!entry) throw new Error('no such entry')
    const makes = entry.makes.map((making) => ({ ...making, resetsExposure: resets }))
    await world.deps.database.db.transaction((tx) =>
      insertProducts(tx, { kind: 'job', id: 'test' }, [{ ...entry, makes, version: 2 }], noon),
    )
    await aDevice(world, 'fridge-1', {}, noon - day)
    const { bagId } = await register(door, 'E0336V00')
    await keptAt(door, 'fridge-1', [4, 9], [bagId])
    const [child] = (await modify(door, 'irradiate', [bagId])).children
    const childId = child?.bagId as string
    const { inherited, total } = await traceOf(door, childId)
    expect([inherited === null, total.ms.above]).toEqual([resets, above])
    await judgeDue(world.deps)
    expect((await read(door, childId)).holds.map(({ kind }) => kind)).toEqual(held)
  },
)
