import fc from 'fast-check'
import { expect } from 'vitest'
import { moves } from '../../../api/domain/lifecycle.ts'
import { type BagVerb, processes } from '../../../schema/vocabulary.ts'
import { serverUrl } from '../../support/database.ts'
import { noon } from '../../support/world.ts'
import { type Door, test } from './door.ts'
import { endRecall, hold, lift, recall } from './stock-model/holding.ts'
import { born, make } from './stock-model/making.ts'
import { act, commands, crossmatch, expire, pack, unpack } from './stock-model/moving.ts'
import {
  aCity,
  aStock,
  type City,
  day,
  done,
  known,
  minute,
  nothingIsLost,
  one,
  Step,
  type Stock,
  stocked,
  type Unit,
} from './stock-model/stock.ts'

/*
 * A stock of bags lives over HTTP while the pure functions live it too: bags are made of bags, packed, sent, called back,
 * crossmatched, and expire by the clock. What a request has answered is as the model has it, and so is the whole stock when
 * all is over.
 */

const runs = Number(process.env.STOCK_RUNS ?? (serverUrl() === undefined ? 15 : 500))

const steps = 50

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
