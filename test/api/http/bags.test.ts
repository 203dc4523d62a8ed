import { describe, expect } from 'vitest'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { BagDetail, Bags, Trace } from '../../../schema/http/bags.ts'
import { UnresolvedTags } from '../../../schema/http/tags.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000
const start = noon - 60 * minute
const at = (minutes: number) => start + minutes * minute

/** As printed and typed: P is the check character of A999926000123. */
const label = {
  din: 'A9999 26 000123 P',
  productCode: 'E0336V00',
  facility: 'H1',
  component: 'red_cells',
  expiresAt: '2020-06-01T16:00:00Z',
}

const stranger = '00000000-0000-7000-8000-000000000000'

function register(door: Door, changes: Partial<typeof label> = {}) {
  return door.ask(BagDetail, 'POST', '/bags', { ...label, ...changes })
}

function seen(seq: number, body: unknown, device = 'fridge-7') {
  return aMessage({ device, channel: 'bags', seq, body })
}

describe('a bag', () => {
  test('is registered by its label, typed or scanned, and told with its check character', async ({
    door,
  }) => {
    const { bagId, ...bag } = await register(door)
    expect(bag).toEqual({
      scheme: 'ISBT128',
      din: 'A999926000123P',
      productCode: 'E0336V00',
      component: 'red_cells',
      bagCount: 1,
      amount: 2,
      uom: 'U',
      expiresAt: '2020-06-01T16:00:00.000Z',
      registeredAt: iso(noon),
      state: 'available',
      group: null,
      lowTitre: false,
      holder: 'H1',
      destination: null,
      reservedUntil: null,
      promisedTo: null,
      reservedFor: null,
      holds: [],
      tags: [],
      place: null,
    })
    expect(await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).toEqual({ bagId, ...bag })

    const scanned = await register(door, { din: '=A99992600012300', productCode: '=<E0336VA0' })
    expect(scanned).toMatchObject({ din: 'A999926000123P', productCode: 'E0336VA0' })
  })

  test('is registered once', async ({ door }) => {
    await register(door)
    expect(await door.refused('POST', '/bags', label)).toMatchObject({ status: 409, code: 'already_exists' })
    expect((await door.ask(Bags, 'GET', '/bags')).bags).toHaveLength(1)
  })

  test('whose number was mistyped is refused', async ({ door }) => {
    for (const [din, said] of [
      ['A9999 26 000124 P', 'the check character P does not belong to A999926000124'],
      ['A9999 26 000123', 'lacks the boxed check character'],
      ['A9999 26 00123 P', 'is not a donation identification number'],
      ['O9999 26 000123 P', 'is not a donation identification number'],
      ['=A99992600012399', 'is reserved'],
    ]) {
      const problem = await door.refused('POST', '/bags', { ...label, din })
      expect(problem, din).toMatchObject({ status: 400, code: 'invalid_din' })
      expect(problem.detail).toContain(said)
    }
    expect(await door.ask(Bags, 'GET', '/bags')).toEqual({ bags: [], next: null })
  })

  test('of which a word is missing or wrong is refused', async ({ door }) => {
    const { expiresAt: _expiresAt, ...rest } = label
    expect(await door.refused('POST', '/bags', rest)).toMatchObject({
      status: 400,
      code: 'invalid_request',
      detail: expect.stringContaining('expiresAt'),
    })
    for (const [change, path] of [
      [{ component: 'soup' }, 'component'],
      [{ expiresAt: '2020-06-01' }, 'expiresAt'],
      [{ din: '' }, 'din'],
      [{ productCode: 7 }, 'productCode'],
    ] as const) {
      expect(await door.refused('POST', '/bags', { ...label, ...change })).toMatchObject({
        status: 400,
        issues: [{ path }],
      })
    }
    expect(await door.refused('POST', '/bags', { ...label, productCode: 'e0336v00' })).toMatchObject({
      status: 400,
      code: 'invalid_request',
      detail: expect.stringContaining('is not a product code'),
    })
  })

  test('that nobody registered is not there, whatever is asked of it', async ({ door }) => {
    expect(await door.refused('GET', `/bags/${stranger}`)).toMatchObject({ status: 404, code: 'not_found' })
    expect(await door.refused('GET', `/bags/${stranger}/trace`)).toMatchObject({ status: 404 })
    expect(await door.refused('POST', `/bags/${stranger}/tags`, { tag: 'T1' })).toMatchObject({ status: 404 })
  })
})

describe('the list of bags', () => {
  test('is newest first, page by page', async ({ door }) => {
    const ids: string[] = []
    for (const division of ['A0', 'B0', 'C0']) {
      door.world.clock.now += 1
      ids.unshift((await register(door, { productCode: `E0336V${division}` })).bagId)
    }
    const first = await door.ask(Bags, 'GET', '/bags?limit=2')
    expect(first.bags.map(({ bagId }) => bagId)).toEqual(ids.slice(0, 2))
    expect(first.next).toBe(ids[1])
    const second = await door.ask(Bags, 'GET', `/bags?limit=2&before=${first.next}`)
    expect(second.bags.map(({ bagId }) => bagId)).toEqual(ids.slice(2))
    expect(second.next).toBeNull()
  })

  test('is asked by donation, with the check character, or by tag', async ({ door }) => {
    const { bagId } = await register(door)
    await register(door, { din: '=A99992600012400' })
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'E280 1160' })
    const idsOf = async (query: string) =>
      (await door.ask(Bags, 'GET', `/bags?${query}`)).bags.map((bag) => bag.bagId)

    expect(await idsOf(`din=${encodeURIComponent('A9999 26 000123 P')}`)).toEqual([bagId])
    expect(await idsOf('din=A999926000123P')).toEqual([bagId])
    expect(await idsOf('tag=E280%201160')).toEqual([bagId])
    expect(await idsOf('tag=T9')).toEqual([])
    const shouted = await door.ask(BagDetail, 'GET', `/bags/${bagId.toUpperCase()}`)
    expect(shouted.bagId).toBe(bagId)
    const tag = { tag: 'E280 1160' }
    expect((await door.ask(BagDetail, 'POST', `/bags/${bagId.toUpperCase()}/tags`, tag)).tags).toHaveLength(1)
    expect(await door.refused('GET', '/bags?din=A999926000124P')).toMatchObject({ code: 'invalid_din' })
    expect(await door.refused('GET', '/bags?din=A999926000123')).toMatchObject({ code: 'invalid_din' })
    expect(await door.refused('GET', '/bags?before=7')).toMatchObject({ issues: [{ path: 'before' }] })
  })
})

describe('a tag', () => {
  test('that was seen before it was on a bag waits for one, and then places it', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    await door.world.ingest.accept([
      seen(0, [{ at: at(5), added: ['T1', 'T2'], removed: [] }]),
      seen(1, [{ at: at(6), added: ['T2'], removed: [] }]),
    ])
    expect(await door.ask(UnresolvedTags, 'GET', '/tags/unresolved')).toEqual({
      tags: [
        { tag: 'T1', sightings: 1, firstAt: iso(at(5)), lastAt: iso(at(5)), lastDevice: 'fridge-7' },
        { tag: 'T2', sightings: 2, firstAt: iso(at(5)), lastAt: iso(at(6)), lastDevice: 'fridge-7' },
      ],
    })
    expect((await door.ask(UnresolvedTags, 'GET', '/tags/unresolved?limit=1')).tags).toHaveLength(1)

    const { bagId } = await register(door)
    const tagged = await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1' })
    expect(tagged).toMatchObject({
      tags: [{ tag: 'T1', from: '1970-01-01T00:00:00.000Z', to: null }],
      place: { state: 'inside', device: 'fridge-7', facility: 'H1', from: iso(at(5)), timeVerified: true },
    })
    const { tags } = await door.ask(UnresolvedTags, 'GET', '/tags/unresolved')
    expect(tags.map(({ tag }) => tag)).toEqual(['T2'])
  })

  test('is on no bag by the time of a clock that was put right', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    const { bagId } = await register(door)
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(at(10)) })
    await door.world.ingest.accept([seen(0, [{ at: at(12), added: ['T1'], removed: [] }])])
    expect((await door.ask(UnresolvedTags, 'GET', '/tags/unresolved')).tags).toEqual([])
    const offsetMs = -5 * minute
    const fact = { device: 'fridge-7', boot: 'boot-a', fromSeq: 0, offsetMs, reason: 'compared' }
    await recordClockFact(door.world.ctx, fact)
    expect((await door.ask(UnresolvedTags, 'GET', '/tags/unresolved')).tags).toMatchObject([
      { tag: 'T1', firstAt: iso(at(7)), lastAt: iso(at(7)) },
    ])
  })

  test('seen by a clock in doubt places a bag where nobody can vouch for it', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    const { bagId } = await register(door)
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1' })
    const sentAt = noon - 60 * minute
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-7', seq: 0, sentAt, body: [aReading(sentAt, 4)] }),
      aMessage({
        device: 'fridge-7',
        channel: 'bags',
        seq: 1,
        sentAt,
        body: [{ at: sentAt, added: ['T1'], removed: [] }],
      }),
    ])
    expect((await door.ask(BagDetail, 'GET', `/bags/${bagId}`)).place).toMatchObject({
      state: 'inside',
      from: iso(sentAt),
      timeVerified: false,
    })
  })

  test('on a bag since an instant says nothing of the time before', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    await door.world.ingest.accept([seen(0, [{ at: at(5), added: ['T1'], removed: [] }])])
    const { bagId } = await register(door)
    const tagged = await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(at(6)) })
    expect(tagged).toMatchObject({ tags: [{ tag: 'T1', from: iso(at(6)), to: null }], place: null })
  })

  test('is on one bag at a time, and may be put on it twice', async ({ door }) => {
    const { bagId } = await register(door)
    const other = await register(door, { productCode: 'E0336VA0' })
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1' })
    const again = await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1' })
    expect(again.tags).toHaveLength(1)
    const since = again.tags[0]?.from
    expect(await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: since })).toEqual(
      again,
    )
    expect(await door.refused('POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(at(5)) })).toMatchObject({
      status: 409,
      code: 'tag_in_use',
      detail: expect.stringContaining(String(since)),
    })
    expect(await door.refused('POST', `/bags/${other.bagId}/tags`, { tag: 'T1' })).toMatchObject({
      status: 409,
      code: 'tag_in_use',
    })
    expect(await door.refused('POST', `/bags/${bagId}/tags`, { tag: '' })).toMatchObject({
      status: 400,
      issues: [{ path: 'tag' }],
    })
  })
})

describe('a tag that is taken off', () => {
  test('may go on another bag, and what is seen of it from then on is the other bag', async ({ door }) => {
    await aDevice(door.world, 'fridge-7', {}, start)
    const { bagId } = await register(door)
    const other = await register(door, { productCode: 'E0336VA0' })
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T 1/2' })
    await door.world.ingest.accept([seen(0, [{ at: at(5), added: ['T 1/2'], removed: [] }])])
    const path = `/bags/${bagId}/tags/${encodeURIComponent('T 1/2')}`
    const off = await door.ask(BagDetail, 'DELETE', `${path}?at=${iso(at(10))}`)
    expect(off).toMatchObject({ tags: [{ tag: 'T 1/2', to: iso(at(10)) }], place: { from: iso(at(10)) } })
    expect(await door.refused('DELETE', path)).toMatchObject({ status: 404, code: 'not_found' })

    await door.ask(BagDetail, 'POST', `/bags/${other.bagId}/tags`, { tag: 'T 1/2' })
    await door.world.ingest.accept([seen(1, [{ at: at(20), added: [], removed: ['T 1/2'] }])])
    const [first, second] = await Promise.all(
      [bagId, other.bagId].map((id) => door.ask(BagDetail, 'GET', `/bags/${id}`)),
    )
    expect(first?.place).toMatchObject({ state: 'unknown', from: iso(at(10)) })
    expect(second?.place).toMatchObject({ from: iso(at(20)) })
    const { rows } = await door.world.deps.database.pool.query(
      "select action from audit_entry where subject_kind = 'tag' order by id",
    )
    expect(rows.map(({ action }) => action)).toEqual(['tag.assigned', 'tag.removed', 'tag.assigned'])
  })

  test('before it was put on, or at a moment to come, is refused', async ({ door }) => {
    const { bagId } = await register(door)
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(at(5)) })
    for (const moment of [at(5), at(4), noon + 1]) {
      expect(await door.refused('DELETE', `/bags/${bagId}/tags/T1?at=${iso(moment)}`)).toMatchObject({
        status: 400,
        code: 'invalid_request',
      })
    }
  })
})

describe('the trace of a bag', () => {
  /** Ten minutes in a fridge, one in a hand, then in a box without a probe. */
  async function travel(door: Door): Promise<string> {
    await aDevice(door.world, 'fridge-7', { maxSilenceMs: 5 * minute }, start)
    await aDevice(door.world, 'box-1', {}, start)
    const { bagId } = await register(door)
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1' })
    const body = [
      aReading(at(0), 4),
      aReading(at(1), 6.5),
      aReading(at(2), 1.99),
      aReading(at(3), 5.25),
      // Silent until 10.
      aReading(at(10), 4),
    ]
    await door.world.ingest.accept([
      aMessage({ device: 'fridge-7', seq: 0, body }),
      seen(1, [{ at: at(0), added: ['T1'], removed: [] }]),
      seen(2, [{ at: at(10), added: [], removed: ['T1'] }]),
      seen(0, [{ at: at(11), added: ['T1'], removed: [] }], 'box-1'),
    ])
    return bagId
  }

  test('tells every place and how long it was how cold there', async ({ door }) => {
    const bagId = await travel(door)
    const trace = await door.ask(Trace, 'GET', `/bags/${bagId}/trace?asOf=${iso(at(11) + 30_001)}`)

    expect(trace.bag).toMatchObject({ bagId, din: 'A999926000123P' })
    expect(trace.asOf).toBe(iso(at(11) + 30_001))
    expect(trace.policy).toEqual({ jurisdiction: 'CN', storage: [1], transport: [] })
    expect(trace.beforeFirstSeen).toBeNull()
    const none = { inRange: 0, below: 0, above: 0, unverified: 0, uncontrolled: 0 }
    expect(trace.places).toEqual([
      {
        state: 'inside',
        phase: 'storage',
        device: 'fridge-7',
        facility: 'H1',
        from: iso(at(0)),
        to: iso(at(10)),
        ongoing: false,
        timeVerified: true,
        probe: 'load',
        minutes: { ...none, inRange: 1, below: 1, above: 1, unverified: 7 },
        ms: { ...none, inRange: minute, below: minute, above: minute, unverified: 7 * minute },
        coldest: 1.99,
        warmest: 6.5,
      },
      {
        state: 'in_hand',
        phase: null,
        device: 'fridge-7',
        facility: 'H1',
        from: iso(at(10)),
        to: iso(at(11)),
        ongoing: false,
        timeVerified: true,
        probe: null,
        minutes: { ...none, uncontrolled: 1 },
        ms: { ...none, uncontrolled: minute },
        coldest: null,
        warmest: null,
      },
      {
        state: 'inside',
        phase: 'storage',
        device: 'box-1',
        facility: 'H1',
        from: iso(at(11)),
        to: iso(at(11) + 30_001),
        ongoing: true,
        timeVerified: true,
        probe: null,
        minutes: { ...none, unverified: 0.5 },
        ms: { ...none, unverified: 30_001 },
        coldest: null,
        warmest: null,
      },
    ])
    expect(trace.total).toEqual({
      minutes: { inRange: 1, below: 1, above: 1, unverified: 7.5, uncontrolled: 1 },
      ms: {
        inRange: minute,
        below: minute,
        above: minute,
        unverified: 7 * minute + 30_001,
        uncontrolled: minute,
      },
      coldest: 1.99,
      warmest: 6.5,
    })
  })

  test('is as of now where nothing is said, and of a bag never seen is unverified since its registration', async ({
    door,
  }) => {
    const { bagId } = await register(door)
    expect(await door.ask(Trace, 'GET', `/bags/${bagId}/trace`)).toMatchObject({
      asOf: iso(noon),
      beforeFirstSeen: null,
      places: [],
      total: { ms: { unverified: 0 }, coldest: null, warmest: null },
    })
    door.world.clock.now = noon + 5 * 60 * minute
    expect(await door.ask(Trace, 'GET', `/bags/${bagId}/trace`)).toMatchObject({
      asOf: iso(noon + 5 * 60 * minute),
      beforeFirstSeen: { from: iso(noon), to: iso(noon + 5 * 60 * minute) },
      places: [],
      total: { minutes: { unverified: 300 }, ms: { unverified: 300 * minute }, coldest: null },
    })
    expect(await door.ask(Trace, 'GET', `/bags/${bagId}/trace?asOf=${iso(noon - 1)}`)).toMatchObject({
      beforeFirstSeen: null,
      total: { ms: { unverified: 0 } },
    })
    expect(await door.refused('GET', `/bags/${bagId}/trace?asOf=now`)).toMatchObject({
      status: 400,
      issues: [{ path: 'asOf' }],
    })
  })
})
