import fc from 'fast-check'
import { expect } from 'vitest'
import type { z } from 'zod'
import { type BagFacts, type Command, decide, evolve, type Patient } from '../../../api/domain/bag.ts'
import { isFinal, moves, onShelf } from '../../../api/domain/lifecycle.ts'
import { type Made, type Parent, planModification, type Wanted } from '../../../api/domain/modification.ts'
import { Refusal } from '../../../api/domain/refusal.ts'
import { everywhere } from '../../../api/domain/rights.ts'
import { noticeAllExpired } from '../../../api/jobs/notice-expired.ts'
import { seededProducts } from '../../../api/policies/products.ts'
import { findFacility } from '../../../api/stores/facilities.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Modification, Patient as PatientView } from '../../../schema/http/life.ts'
import { TransfusionRecord } from '../../../schema/http/patients.ts'
import {
  abos,
  type BagVerb,
  type CrossmatchResult,
  crossmatchResults,
  type Process,
  processes,
  rhds,
} from '../../../schema/vocabulary.ts'
import { serverUrl } from '../../support/database.ts'
import { signedIn } from '../../support/hospital.ts'
import { noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

/*
 * A stock of bags lives over HTTP while the pure functions live it too: bags are made of bags, packed, sent, called back,
 * crossmatched, and expire by the clock. After every step all bags it had to do with stand as the model has them.
 */

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const timeZone = 'Asia/Shanghai'
const runs = serverUrl() === undefined ? 15 : 500
const steps = 50

/** What labels say, of which something can be made. */
const stocked = ['D9901', 'D9902', 'D9905', 'D9907', 'D9908', 'D9908', 'D9909', 'D9912', 'E0336'] as const
const catalogue = seededProducts.filter(({ jurisdiction }) => jurisdiction === 'CN')
const known = (code: string) => catalogue.find((one) => one.code === code) ?? null

const workers = ['ann', 'ben'] as const
type Worker = (typeof workers)[number]

const kinds = [
  ...([
    'born',
    'born',
    'make',
    'make',
    'make',
    'make',
    'any_make',
    'move',
    'move',
    'move',
    'send',
    'send',
  ] as const),
  ...(['hold', 'lift', 'lift', 'recall', 'end_recall', 'pack', 'unpack', 'expire', 'wait'] as const),
  ...(['crossmatch', 'crossmatch'] as const),
]

const Step = fc.record({
  kind: fc.constantFrom(...kinds),
  pick: fc.nat(1_000),
  other: fc.nat(1_000),
  parts: fc.integer({ min: 1, max: 3 }),
  worker: fc.constantFrom(...workers),
  abo: fc.constantFrom(...abos, 'O', 'O', 'O', 'O'),
  rhd: fc.constantFrom(...rhds, 'positive'),
  process: fc.constantFrom(...processes),
  result: fc.constantFrom(...crossmatchResults, 'compatible'),
  waitMs: fc.constantFrom(minute, hour, 5 * hour, day, 6 * day),
  flag: fc.boolean(),
})
type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never

/** A bag as the model has it: what it is, how it stands, and what it was made of. */
type Unit = Omit<
  Parent,
  'label' | 'state' | 'holderId' | 'expiresAt' | 'group' | 'lowTitre' | 'component'
> & {
  facts: BagFacts
  readonly din: string
  readonly parents: readonly Unit[]
  /** Who placed each hold, by its number. */
  readonly placedBy: Map<number, string>
  box: Box | null
  lastVerb: string
  hasExpired: boolean
  /** Crossmatched for the patient, by the only sample there is. */
  isIncompatible: boolean
  events: number
}

type Box = { readonly id: string; readonly name: string; readonly bags: Set<Unit> }
type Called = { readonly number: number; readonly root: Unit; readonly holds: Map<Unit, number>; by: Worker }

type Stock = {
  readonly door: Door
  readonly city: City
  readonly units: Unit[]
  readonly boxes: Box[]
  readonly recalls: Called[]
  readonly patient: string
  readonly sampleId: string
  readonly sampleUntil: number
}

type City = {
  readonly keys: Readonly<Record<Worker | 'lab', string>>
  readonly ids: { readonly C1: number; readonly H1: number }
  drawn: number
}

/** What was done at least once, by its word. */
const done = new Map<string, number>()
const count = (word: string) => done.set(word, (done.get(word) ?? 0) + 1)

test(
  'a stock lives over HTTP as it lives in the model, and nothing of it is lost',
  async ({ door }) => {
    const city = await aCity(door)
    await walk(door, city)
    await fc.assert(
      fc.asyncProperty(fc.array(Step, { minLength: steps, maxLength: steps + 5 }), async (drawn) => {
        door.world.clock.now = noon
        const stock = await aStock(door, city)
        for (const step of drawn) await take(stock, step)
        await nothingIsLost(stock)
      }),
      // To shrink fifty steps takes longer than to read them: the seed draws them again.
      { numRuns: runs, endOnFailure: true },
    )
    const { rows } = await door.world.deps.database.pool.query(
      `select b.id from bag b where b.version <> (select count(*) from bag_event e where e.bag_id = b.id)`,
    )
    expect(rows).toEqual([])
  },
  30 * minute,
)

/** A step that asks for nothing out of the way. */
const quiet: Step = {
  ...{ kind: 'wait', pick: 0, other: 0, parts: 1, worker: 'ann', abo: 'O', rhd: 'positive' },
  ...{ process: 'split', result: 'compatible', waitMs: minute, flag: false },
}

/** Stocks that are not drawn, so that everything is done and everything is made, whatever is drawn. */
async function walk(door: Door, city: City): Promise<void> {
  done.clear()
  const labelled = (code: (typeof stocked)[number]) => stocked.indexOf(code)
  for (const process of processes) {
    door.world.clock.now = noon
    const stock = await aStock(door, city)
    for (const code of stocked) {
      const ways = known(code)?.makes ?? []
      const way = ways.findIndex((one) => one.process === process)
      if (way < 0) continue
      // Of two there are, a pool can be made.
      for (let bags = 0; bags < 2; bags++)
        await born(stock, { ...quiet, pick: labelled(code), other: 1, flag: true })
      const first = stock.units.length - 2
      const able = stock.units.filter(
        ({ facts, productCode }) =>
          facts.state === 'available' && (known(productCode)?.makes.length ?? 0) > 0,
      )
      const pick = able.indexOf(stock.units[first] as Unit)
      await make(stock, { ...quiet, kind: 'make', pick, other: way })
    }
    await nothingIsLost(stock)
  }
  door.world.clock.now = noon
  const stock = await aStock(door, city)
  const bag = async (more: Partial<Step> = {}) => {
    await born(stock, { ...quiet, pick: labelled('E0336'), other: 1, flag: true, ...more })
    return stock.units.at(-1) as Unit
  }
  const one = await bag()
  await pack(stock, quiet)
  await unpack(stock, quiet, one)
  await pack(stock, quiet)
  for (const verb of ['distribute', 'recall_shipment', 'distribute', 'depart', 'arrive', 'receive'] as const)
    await act(stock, quiet, one, verb)
  await deeds.crossmatch(stock, quiet, one)
  await act(stock, quiet, one, 'issue')
  await act(stock, quiet, one, 'return')
  await act(stock, quiet, one, 'discard')
  const other = await bag()
  await deeds.send(stock, { ...quiet, flag: false }, other)
  const refused = await bag()
  for (const verb of ['distribute', 'depart', 'refuse', 'reinstate'] as const)
    await act(stock, quiet, refused, verb)
  await hold(stock, quiet, refused)
  await lift(stock, { ...quiet, worker: 'ben' }, refused)
  await recall(stock, quiet, refused)
  await endRecall(stock, { ...quiet, worker: 'ben', flag: true })
  await bag({ flag: false })
  door.world.clock.now += 6 * day
  await expire(stock)
  await nothingIsLost(stock)
  const all = [...processes, ...Object.keys(commands), 'recall', 'pack', 'unpack', 'crossmatch', 'expire']
  expect([...all, 'hold', 'lift', 'lift recall'].filter((word) => !done.has(word))).toEqual([])
}

async function aCity(door: Door): Promise<City> {
  const ctx = { ...door.world.ctx, grants: everywhere }
  const { db } = door.world.deps.database
  await createFacility(ctx, { code: 'C1', name: 'C1', kind: 'centre', timeZone })
  const idOf = async (code: string) => (await findFacility(db, code)).id
  const keys: [string, string][] = []
  for (const name of workers) keys.push([name, await signedIn(door, name, 'centre', null)])
  keys.push(['lab', await signedIn(door, 'lab', 'transfusion_lab', null)])
  return {
    keys: Object.fromEntries(keys) as City['keys'],
    ids: { C1: await idOf('C1'), H1: await idOf('H1') },
    drawn: 0,
  }
}

/** Nothing yet, and a patient of the hospital whom red cells of any group suit, with a sample. */
async function aStock(door: Door, city: City): Promise<Stock> {
  const patient = `P-${++city.drawn}`
  const path = `/facilities/H1/patients/${patient}`
  await door.ask(PatientView, 'PUT', path, { abo: 'AB', rhd: 'positive', antiD: false })
  const sample = { label: `tube-${city.drawn}`, collectedAt: iso(noon), collector: 'Ann' }
  const record = await door.ask(TransfusionRecord, 'POST', `${path}/samples`, sample)
  const [{ sampleId, until } = { sampleId: '', until: '' }] = record.samples
  const none = { units: [], boxes: [], recalls: [] }
  return { door, city, ...none, patient, sampleId, sampleUntil: Date.parse(until) }
}

type Answer = { readonly status: number; readonly body: Record<string, unknown> }

async function post({ door, city }: Stock, by: Worker | 'lab', path: string, body: unknown): Promise<Answer> {
  const response = await door.raw(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${city.keys[by]}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const one = <T>(all: readonly T[], pick: number): T | undefined => all[pick % Math.max(1, all.length)]

/** What the pure functions say: what comes of it, or by which word they refuse. */
function asked<T>(decision: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: decision() }
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code }
    throw error
  }
}

async function take(stock: Stock, step: Step): Promise<void> {
  const { world } = stock.door
  const unit = one(stock.units, step.pick)
  if (step.kind === 'wait') world.clock.now += step.waitMs
  else if (step.kind === 'expire') await expire(stock)
  else if (step.kind === 'born' || !unit) await born(stock, step)
  else if (step.kind === 'make' || step.kind === 'any_make') await make(stock, step)
  else if (step.kind === 'pack') await pack(stock, step)
  else if (step.kind === 'end_recall') await endRecall(stock, step)
  else await deeds[step.kind](stock, step, unit)
}

const deeds = {
  hold,
  lift,
  recall,
  unpack,
  crossmatch,
  async send(stock: Stock, step: Step, unit: Unit) {
    // The way most bags go, which few lives would come to by chance.
    for (const verb of ['distribute', 'depart', 'receive'] as const)
      if (moves[unit.facts.state][verb]) await act(stock, { ...step, flag: false }, unit, verb)
  },
  async move(stock: Stock, step: Step, unit: Unit) {
    const { state } = unit.facts
    const ways = (Object.keys(moves[state]) as BagVerb[]).filter((verb) => verb in commands)
    const verb = one(ways, step.other)
    if (verb) await act(stock, step, unit, verb as keyof typeof commands)
  },
}

async function born(stock: Stock, step: Step): Promise<void> {
  const { city, door } = stock
  const { now } = door.world.clock
  const code = stocked[step.pick % stocked.length] as string
  const content = known(code)
  if (!content) throw new Error(`the catalogue has no ${code}`)
  const number = ++city.drawn
  const din = `=A9999${26 + Math.floor(number / 1e6)}${String(number % 1e6).padStart(6, '0')}00`
  const expiresAt = now + (step.flag ? 400 : step.parts) * day
  const facility = step.other % 3 === 0 ? 'H1' : 'C1'
  const told = { din, productCode: `${code}V00`, component: content.component, facility }
  const group = { abo: step.abo, rhd: step.rhd }
  const rest = { group, expiresAt: iso(expiresAt), collectedAt: iso(now) }
  const { status, body } = await post(stock, 'ann', '/bags', { ...told, ...rest })
  expect(status, JSON.stringify(body)).toBe(201)
  const view = BagDetail.parse(body)
  const facts: BagFacts = {
    ...{ id: view.bagId, label: `${view.din} ${view.productCode}`, component: content.component },
    ...{ state: 'available', expiresAt: Date.parse(view.expiresAt), group, lowTitre: false },
    ...{
      isForAnybody: true,
      holderId: city.ids[facility],
      destinationId: null,
      reservation: null,
      holds: [],
    },
  }
  expect(facts.expiresAt).toBeLessThanOrEqual(expiresAt)
  const unit: Unit = {
    ...{
      facts,
      din,
      parents: [],
      placedBy: new Map(),
      box: null,
      lastVerb: 'register',
      hasExpired: false,
      isIncompatible: false,
    },
    ...{ productCode: code, collectionType: 'V', division: '00', collectedAt: now, bagCount: 1, events: 1 },
    ...{ amount: content.amount, uom: content.amount === null ? null : content.uom },
  }
  stock.units.push(unit)
  isAsTold(unit, view)
}

const parentOf = ({ facts, ...unit }: Unit): Parent => ({ ...unit, ...facts })

async function make(stock: Stock, step: Step): Promise<void> {
  const { now } = stock.door.world.clock
  const able = stock.units.filter(({ facts, productCode }) => {
    const isFree = step.kind === 'any_make' || (facts.state === 'available' && facts.holds.length === 0)
    return isFree && (step.kind === 'any_make' || (known(productCode)?.makes.length ?? 0) > 0)
  })
  const first = one(able, step.pick)
  if (!first) return
  const ways = known(first.productCode)?.makes ?? []
  const process: Process =
    step.kind === 'any_make' ? step.process : (one(ways, step.other)?.process ?? step.process)
  const alike = able.filter(
    ({ productCode, facts }) =>
      productCode === first.productCode &&
      (step.flag || facts.group?.abo === first.facts.group?.abo) &&
      (step.flag || facts.holderId === first.facts.holderId),
  )
  const parents = process === 'pool' ? [...new Set([first, ...alike.slice(0, step.parts + 1)])] : [first]
  const wanted: Wanted[] =
    process === 'split'
      ? Array.from({ length: step.parts + 1 }, () => ({}))
      : [{ ...(process === 'separate' ? { code: one(ways, step.other)?.code ?? 'D9902' } : {}) }]
  const din = `=A9998${String(++stock.city.drawn).padStart(8, '0')}00`
  // As the service does it: each as it is first, by ascending id, and then what may be made of all of them.
  const sorted = [...parents].sort((a, b) => (a.facts.id < b.facts.id ? -1 : 1))
  const told = asked(() => {
    const events = sorted.map(({ facts }) => decide(facts, { verb: 'process', children: [], process }, now))
    return { events, plan: planModification(process, sorted.map(parentOf), wanted, { known, now, timeZone }) }
  })
  const answer = await post(stock, step.worker, '/modifications', {
    ...{ process, bags: parents.map(({ facts }) => facts.id) },
    children: wanted.map(({ code }) => (code === undefined ? {} : { product: code })),
    ...(process === 'pool' ? { din } : {}),
  })
  const what = `${process} of ${parents.map(({ facts }) => `${facts.label}, ${facts.state}`).join('; ')}: ${JSON.stringify(answer.body)}`
  if ('code' in told) {
    expect(answer.body.code, what).toBe(told.code)
    return
  }
  expect(answer.status, what).toBe(201)
  const { children } = Modification.parse(answer.body)
  const { events, plan } = told.value
  for (const [index, parent] of sorted.entries()) {
    parent.facts = evolve(parent.facts, events[index] as (typeof events)[number])
    parent.events += 1
    parent.lastVerb = 'process'
  }
  const made = children.map(({ bagId, ...view }, index): Unit => {
    const { group, lowTitre, expiresAt, component, resetsExposure: _, ...is } = plan[index] as Made
    const facts: BagFacts = {
      ...{ id: bagId, label: `${view.din} ${view.productCode}`, component, state: 'available', expiresAt },
      ...{ group, lowTitre, isForAnybody: true, holderId: (sorted[0] as Unit).facts.holderId },
      ...{ destinationId: null, reservation: null, holds: [] },
    }
    const kept = {
      parents: sorted,
      placedBy: new Map<number, string>(),
      box: null,
      hasExpired: false,
      isIncompatible: false,
    }
    const from = { din: process === 'pool' ? din : first.din, collectionType: 'V' }
    return { ...is, ...kept, ...from, facts, lastVerb: 'register', events: 1 }
  })
  stock.units.push(...made)
  count(process)
  await compare(stock, [...parents, ...made])
}

async function hold(stock: Stock, { worker, flag }: Step, unit: Unit): Promise<void> {
  const kind = flag ? 'visual' : 'other'
  const path = `/bags/${unit.facts.id}/holds`
  expect((await post(stock, worker, path, { kind, reason: 'drawn' })).status).toBe(201)
  for (const held of family(stock, unit)) await adopt(stock, held, kind, worker)
  count('hold')
}

/** A bag, and all that was made of it. */
function family({ units }: Stock, root: Unit): Unit[] {
  const found = new Set([root])
  // What is made of others comes after them.
  for (const unit of units) if (unit.parents.some((parent) => found.has(parent))) found.add(unit)
  return [...found]
}

/** A hold that stands now and did not before, whose number only the service knows. */
async function adopt({ door }: Stock, unit: Unit, kind: string, by: string): Promise<number> {
  const told = await door.ask(BagDetail, 'GET', `/bags/${unit.facts.id}`)
  const { holds } = told
  const [placed, ...more] = holds.filter(({ holdId }) => !unit.facts.holds.some(({ id }) => id === holdId))
  expect([placed?.kind, more]).toEqual([kind, []])
  const { holdId: id, kind: is, reason } = placed as (typeof holds)[number]
  unit.facts = { ...unit.facts, holds: [...unit.facts.holds, { id, kind: is, reason }] }
  unit.placedBy.set(id, by)
  isAsTold(unit, told)
  return id
}

async function lift(stock: Stock, { other, worker }: Step, unit: Unit): Promise<void> {
  const standing = one(unit.facts.holds, other)
  if (!standing) return
  const path = `/bags/${unit.facts.id}/holds/${standing.id}/lift`
  const { status, body } = await post(stock, worker, path, { reason: 'drawn' })
  if (unit.placedBy.get(standing.id) === worker) expect(body.code).toBe('second_person')
  else {
    expect(status, JSON.stringify(body)).toBe(201)
    drop(unit, standing.id)
    count('lift')
    isAsTold(unit, BagDetail.parse(body), worker)
  }
}

function drop(unit: Unit, holdId: number): void {
  unit.facts = { ...unit.facts, holds: unit.facts.holds.filter(({ id }) => id !== holdId) }
}

/** Asked for twice it is the same, and reaches what has been made since; what was lifted of it stays lifted. */
async function recall(stock: Stock, { worker }: Step, unit: Unit): Promise<void> {
  const sought = { facility: 'C1', scope: 'bag', of: unit.facts.id, reason: 'drawn' }
  const { status, body } = await post(stock, worker, '/recalls', sought)
  expect(status, JSON.stringify(body)).toBe(201)
  const number = body.number as number
  const standing = stock.recalls.find(({ root }) => root === unit)
  expect(standing?.number ?? number).toBe(number)
  const called = standing ?? { number, root: unit, holds: new Map<Unit, number>(), by: worker }
  if (!standing) stock.recalls.push(called)
  const reached = family(stock, unit)
  for (const held of reached)
    if (!called.holds.has(held)) called.holds.set(held, await adopt(stock, held, 'recall', worker))
  count('recall')
}

/** Closed, all stays held; lifted, nothing does. */
async function endRecall(stock: Stock, { pick, worker, flag }: Step): Promise<void> {
  const called = one(stock.recalls, pick)
  if (!called) return
  const path = `/recalls/${called.number}/${flag ? 'lift' : 'close'}`
  const { status, body } = await post(stock, worker, path, { reason: 'drawn' })
  if (called.by === worker) expect(body.code).toBe('second_person')
  else {
    expect(status, JSON.stringify(body)).toBeLessThan(300)
    stock.recalls.splice(stock.recalls.indexOf(called), 1)
    if (flag) for (const [unit, holdId] of called.holds) drop(unit, holdId)
    count(flag ? 'lift recall' : 'close recall')
  }
}

async function pack(stock: Stock, { pick, parts, worker, flag }: Step): Promise<void> {
  const { C1 } = stock.city.ids
  const bags = Array.from({ length: parts }, (_, index) => one(stock.units, pick + index) as Unit)
  const all = [...new Set(bags)]
  const isRefused = all.some(({ facts, box }) => facts.holderId !== C1 || box !== null)
  const name = `box-${++stock.city.drawn}`
  const body = { box: name, facility: 'C1', to: 'H1', bags: all.map(({ facts }) => facts.id) }
  const answer = await post(stock, worker, '/boxes', { ...body, ...(flag ? { seal: name } : {}) })
  if (isRefused) return expect(answer.body.code, JSON.stringify(answer.body)).toBe('conflict')
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  const box: Box = { id: answer.body.boxId as string, name, bags: new Set(all) }
  for (const unit of all) unit.box = box
  stock.boxes.push(box)
  count('pack')
}

async function unpack(stock: Stock, { worker }: Step, unit: Unit): Promise<void> {
  const { box } = unit
  if (!box) return
  const answer = await post(stock, worker, `/boxes/${box.id}/unpack`, { bags: [unit.facts.id] })
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  takeOut(unit)
  count('unpack')
}

function takeOut(unit: Unit): void {
  unit.box?.bags.delete(unit)
  unit.box = null
}

async function crossmatch(stock: Stock, step: Step, unit: Unit): Promise<void> {
  const { H1 } = stock.city.ids
  const { now } = stock.door.world.clock
  const { facts } = unit
  if (facts.holderId !== H1) return
  const result: CrossmatchResult = step.result
  const isValid = now < stock.sampleUntil
  const told = asked(() => {
    if (result !== 'incompatible' && !isValid) throw new Refusal('conflict', 'the sample ran out')
    const until = Math.min(now + 3 * day, stock.sampleUntil)
    if (result === 'compatible') {
      const kept = decide(facts, { verb: 'reserve', patient: patientOf(stock), until }, now)
      if (unit.isIncompatible) throw new Refusal('incompatible', 'of one sample the worst counts')
      return kept
    }
    const isTheirs = facts.reservation?.patient === stock.patient && facts.reservation.until > now
    if (result === 'incompatible' && facts.state === 'available' && isTheirs)
      return decide(facts, { verb: 'unreserve', reason: 'crossmatch incompatible' }, now)
    return null
  })
  const path = `/bags/${facts.id}/crossmatches`
  const body = { patient: stock.patient, sample: stock.sampleId, method: 'serological', result }
  const answer = await post(stock, 'lab', path, body)
  const what = `crossmatch of ${facts.label}, ${facts.state}: ${JSON.stringify(answer.body)}`
  if ('code' in told) {
    expect(answer.body.code, what).toBe(told.code)
    return
  }
  expect(answer.status, what).toBe(201)
  count('crossmatch')
  unit.isIncompatible ||= result === 'incompatible'
  if (!told.value) return
  unit.facts = evolve(facts, told.value)
  unit.events += 1
  unit.lastVerb = told.value.verb
  await compare(stock, [unit])
}

const patientOf = ({ patient, sampleUntil }: Stock): Patient => ({
  pseudonym: patient,
  group: { abo: 'AB', rhd: 'positive' },
  antiD: false,
  sampleUntil,
})

/** What the clock does, and nobody asked for: each that stands on a shelf has expired once. */
async function expire(stock: Stock): Promise<void> {
  const { deps, clock } = stock.door.world
  await noticeAllExpired(deps)
  const over = stock.units.filter(
    ({ facts, hasExpired }) => !hasExpired && onShelf.includes(facts.state) && facts.expiresAt <= clock.now,
  )
  for (const unit of over) {
    unit.hasExpired = true
    unit.events += 1
    count('expire')
  }
}

type Asked = { readonly command: Command; readonly body: object }

/** The same asked of both, of a bag and by a drawn step. */
const commands = {
  distribute: ({ city }: Stock, { flag }: Step, { box }: Unit): Asked => {
    const to = flag ? 'C1' : 'H1'
    const packed = to === 'H1' ? box : null
    return {
      command: { verb: 'distribute', to: city.ids[to], box: packed?.name ?? null },
      body: { to, ...(packed ? { box: packed.name } : {}) },
    }
  },
  recall_shipment: (): Asked => ({
    command: { verb: 'recall_shipment', reason: 'drawn' },
    body: { reason: 'drawn' },
  }),
  depart: (): Asked => ({ command: { verb: 'depart' }, body: {} }),
  arrive: (): Asked => ({ command: { verb: 'arrive' }, body: {} }),
  receive: (): Asked => ({ command: { verb: 'receive', remark: null }, body: {} }),
  refuse: (): Asked => ({ command: { verb: 'refuse', reason: 'drawn' }, body: { reason: 'drawn' } }),
  issue: (stock: Stock, _: Step, { facts }: Unit): Asked => {
    const isThere = facts.holderId === stock.city.ids.H1
    const emergency = !isThere
    const asked = {
      emergency,
      override: 'Dr Wang',
      reason: 'drawn',
      takeOut: null,
      waived: [],
      glassBroken: null,
    }
    return {
      command: { verb: 'issue', patient: isThere ? patientOf(stock) : null, ...asked },
      body: {
        ...(isThere ? { patient: stock.patient } : { emergency: true }),
        ...{ override: 'Dr Wang', reason: 'drawn' },
      },
    }
  },
  return: (): Asked => ({ command: { verb: 'return', reason: 'drawn' }, body: { reason: 'drawn' } }),
  reinstate: (_: Stock, __: Step, { lastVerb }: Unit): Asked => {
    const afterIssue = lastVerb === 'return'
    const rest = { reason: 'drawn', afterIssue, returns: 'none', kept: null, handlingMs: 0 } as const
    return { command: { verb: 'reinstate', ...rest }, body: { reason: 'drawn' } }
  },
  discard: (_: Stock, { worker }: Step): Asked => {
    const witness = worker === 'ann' ? 'ben' : 'ann'
    const reason = 'drawn'
    return { command: { verb: 'discard', reason, witness, needsWitness: true }, body: { reason, witness } }
  },
} as const satisfies Partial<Record<BagVerb, (stock: Stock, step: Step, unit: Unit) => Asked>>

const unpacks: ReadonlySet<string> = new Set(['recall_shipment', 'receive', 'refuse', 'return', 'discard'])

async function act(stock: Stock, step: Step, unit: Unit, verb: keyof typeof commands): Promise<void> {
  const { now } = stock.door.world.clock
  const { command, body } = commands[verb](stock, step, unit)
  const told = asked(() => {
    const event = decide(unit.facts, command, now)
    // What cells and serum showed speaks at the counter as well, behind what the bag's own rules say.
    if (command.verb === 'issue' && command.patient && unit.isIncompatible)
      throw new Refusal('incompatible', 'crossmatched')
    return event
  })
  const by = verb === 'issue' || verb === 'return' ? 'lab' : step.worker
  const answer = await post(stock, by, `/bags/${unit.facts.id}/${verb.replaceAll('_', '-')}`, body)
  const what = `${verb} of ${unit.facts.label}, ${unit.facts.state}: ${JSON.stringify(answer.body)}`
  if ('code' in told) {
    expect(answer.body.code, what).toBe(told.code)
    return
  }
  expect(answer.status, what).toBe(201)
  unit.facts = evolve(unit.facts, told.value)
  unit.events += 1
  unit.lastVerb = verb
  if (unpacks.has(verb)) takeOut(unit)
  count(verb)
  isAsTold(unit, BagDetail.parse(answer.body), by)
}

/** Bags as they are told, beside the bags as the model has them. */
async function compare({ door }: Stock, units: readonly Unit[]): Promise<void> {
  for (const unit of units) isAsTold(unit, await door.ask(BagDetail, 'GET', `/bags/${unit.facts.id}`))
}

/**
 * What a request has answered is the bag as it stands: it need not be asked for once more. Whom it is kept for is told to who
 * may know the patients there, and to nobody of the centre.
 */
function isAsTold(unit: Unit, told: z.output<typeof BagDetail>, by: Worker | 'lab' = 'lab'): void {
  const { facts } = unit
  expect(told).toMatchObject({
    state: facts.state,
    component: facts.component,
    productCode: `${unit.productCode}${unit.collectionType}${unit.division}`,
    expiresAt: iso(facts.expiresAt),
    group: facts.group,
    bagCount: unit.bagCount,
    amount: unit.amount,
    uom: unit.uom,
    reservedFor: by === 'lab' ? (facts.reservation?.patient ?? null) : null,
    reservedUntil: facts.reservation ? iso(facts.reservation.until) : null,
  })
  expect(told.holds.map(({ holdId }) => holdId).sort()).toEqual(facts.holds.map(({ id }) => id).sort())
}

/**
 * All that is left of a stock is there: each bag with as many events as were told of it, made of what it was made of, in the
 * box it is in, held and kept as the model has it, whatever was refused of it; and what is over but not given or thrown away
 * lives on in what was made of it.
 */
async function nothingIsLost({ door, units, boxes }: Stock): Promise<void> {
  const { pool } = door.world.deps.database
  const ids = units.map(({ facts }) => facts.id)
  const { rows } = await pool.query(
    `select b.id, b.version, b.state, b.holder_id, b.destination_id, b.reserved_for, b.reserved_until,
       array(select id from bag_hold h where h.bag_id = b.id and h.lifted_at is null order by 1) as holds,
       array(select parent_id::text from bag_lineage where child_id = b.id order by 1) as parents,
       (select packing_id::text from box_content c where c.bag_id = b.id and c.unpacked_at is null) as box
     from bag b where b.id = any($1)`,
    [ids],
  )
  const told = new Map(rows.map((row) => [row.id, row]))
  for (const unit of units) {
    const { facts, events, parents, box } = unit
    expect(told.get(facts.id)).toEqual({
      ...{ id: facts.id, version: events, holder_id: facts.holderId, destination_id: facts.destinationId },
      ...{ state: facts.state, holds: facts.holds.map(({ id }) => id).sort((a, b) => a - b) },
      reserved_for: facts.reservation?.patient ?? null,
      reserved_until: facts.reservation?.until ?? null,
      ...{ parents: parents.map((parent) => parent.facts.id).sort(), box: box?.id ?? null },
    })
    const children = units.filter((other) => other.parents.includes(unit))
    expect(children.length > 0).toBe(facts.state === 'processed')
    if (facts.state === 'processed' && children.every(({ division }) => division !== unit.division))
      expect(sum(children)).toBeLessThanOrEqual((unit.amount ?? Number.POSITIVE_INFINITY) + 1e-6)
    expect(isFinal(facts.state) || facts.holderId !== null).toBe(true)
  }
  const { rows: empty } = await pool.query(
    `select id::text, emptied_at is not null as empty from box_packing where id = any($1)`,
    [boxes.map(({ id }) => id)],
  )
  const isEmpty = new Map(empty.map((row) => [row.id, row.empty]))
  for (const { id, bags } of boxes) expect(isEmpty.get(id)).toBe(bags.size === 0)
}

const sum = (units: readonly Unit[]) => units.reduce((all, { amount }) => all + (amount ?? 0), 0)
