import { expect } from 'vitest'
import { type Command, decide, evolve } from '../../../../api/domain/bag.ts'
import { onShelf } from '../../../../api/domain/lifecycle.ts'
import { Refusal } from '../../../../api/domain/refusal.ts'
import { noticeAllExpired } from '../../../../api/jobs/notice-expired.ts'
import { BagDetail } from '../../../../schema/http/bags.ts'
import type { BagVerb, CrossmatchResult } from '../../../../schema/vocabulary.ts'
import {
  asked,
  type Box,
  compare,
  count,
  day,
  isAsTold,
  one,
  patientOf,
  post,
  type Step,
  type Stock,
  type Unit,
} from './stock.ts'

/* Bags are packed, sent, crossmatched, handed out and thrown away, and expire by the clock. */

export async function pack(stock: Stock, { pick, parts, worker, flag }: Step): Promise<void> {
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

export async function unpack(stock: Stock, { worker }: Step, unit: Unit): Promise<void> {
  const { box } = unit
  if (!box) return
  const answer = await post(stock, worker, `/boxes/${box.id}/unpack`, { bags: [unit.facts.id] })
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  takeOut(unit)
  count('unpack')
}

export function takeOut(unit: Unit): void {
  unit.box?.bags.delete(unit)
  unit.box = null
}

export async function crossmatch(stock: Stock, step: Step, unit: Unit): Promise<void> {
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

/** What the clock does, and nobody asked for: each that stands on a shelf has expired once. */
export async function expire(stock: Stock): Promise<void> {
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

export type Asked = { readonly command: Command; readonly body: object }

/** The same asked of both, of a bag and by a drawn step. */
export const commands = {
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

export const unpacks: ReadonlySet<string> = new Set([
  'recall_shipment',
  'receive',
  'refuse',
  'return',
  'discard',
])

export async function act(stock: Stock, step: Step, unit: Unit, verb: keyof typeof commands): Promise<void> {
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
