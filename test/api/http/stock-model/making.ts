import { expect } from 'vitest'
import { type BagFacts, decide, evolve } from '../../../../api/domain/bag.ts'
import { type Made, type Parent, planModification, type Wanted } from '../../../../api/domain/modification.ts'
import { BagDetail } from '../../../../schema/http/bags.ts'
import { Modification } from '../../../../schema/http/life.ts'
import type { Process } from '../../../../schema/vocabulary.ts'
import { iso } from '../door.ts'
import {
  asked,
  compare,
  count,
  day,
  isAsTold,
  known,
  one,
  post,
  type Step,
  type Stock,
  stocked,
  timeZone,
  type Unit,
} from './stock.ts'

/* Bags are labelled, and made of bags as the catalogue says. */

export async function born(stock: Stock, step: Step): Promise<void> {
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

export const parentOf = ({ facts, ...unit }: Unit): Parent => ({ ...unit, ...facts })

export async function make(stock: Stock, step: Step): Promise<void> {
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
