import { expect } from 'vitest'
import { BagDetail } from '../../../../schema/http/bags.ts'
import { count, isAsTold, one, post, type Step, type Stock, type Unit } from './stock.ts'

/* Bags are held, let go and called back, with all that was made of them. */

export async function hold(stock: Stock, { worker, flag }: Step, unit: Unit): Promise<void> {
  const kind = flag ? 'visual' : 'other'
  const path = `/bags/${unit.facts.id}/holds`
  expect((await post(stock, worker, path, { kind, reason: 'drawn' })).status).toBe(201)
  for (const held of family(stock, unit)) await adopt(stock, held, kind, worker)
  count('hold')
}

/** A bag, and all that was made of it. */
export function family({ units }: Stock, root: Unit): Unit[] {
  const found = new Set([root])
  // What is made of others comes after them.
  for (const unit of units) if (unit.parents.some((parent) => found.has(parent))) found.add(unit)
  return [...found]
}

/** A hold that stands now and did not before, whose number only the service knows. */
export async function adopt({ door }: Stock, unit: Unit, kind: string, by: string): Promise<number> {
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

export async function lift(stock: Stock, { other, worker }: Step, unit: Unit): Promise<void> {
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

export function drop(unit: Unit, holdId: number): void {
  unit.facts = { ...unit.facts, holds: unit.facts.holds.filter(({ id }) => id !== holdId) }
}

/** Asked for twice it is the same, and reaches what has been made since; what was lifted of it stays lifted. */
export async function recall(stock: Stock, { worker }: Step, unit: Unit): Promise<void> {
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
export async function endRecall(stock: Stock, { pick, worker, flag }: Step): Promise<void> {
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
