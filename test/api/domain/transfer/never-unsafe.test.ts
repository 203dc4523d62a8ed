import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explain } from '../../../../api/domain/transfer/explain.ts'
import { isProved, planTransfers } from '../../../../api/domain/transfer/plan.ts'
import type { TransferBag, TransferDemand, TransferProblem } from '../../../../api/domain/transfer/problem.ts'
import { offerFor } from '../../../../api/domain/transfer/score.ts'
import { loadSolver } from '../../../../api/highs.ts'
import type { Abo, Component } from '../../../../schema/vocabulary.ts'
import { problems } from '../../../support/transfers.ts'

const solver = await loadSolver()
const minute = 60_000

/** Who may give red cells to whom, as every blood bank's wall has it; plasma is the other way round. */
const cellsFor: Record<Abo | 'unknown', readonly Abo[]> = {
  O: ['O'],
  A: ['A', 'O'],
  B: ['B', 'O'],
  AB: ['AB', 'A', 'B', 'O'],
  unknown: ['O'],
}
const plasmaFor: Record<Abo | 'unknown', readonly Abo[]> = {
  O: ['O', 'A', 'B', 'AB'],
  A: ['A', 'AB'],
  B: ['B', 'AB'],
  AB: ['AB'],
  unknown: ['AB'],
}
const hours: Partial<Record<Component, number>> = { red_cells: 24, plasma: 24, platelets: 12 }
const packing: Partial<Record<Component, number>> = { red_cells: 10, plasma: 15, platelets: 10 }
const boxes: Partial<Record<Component, 'cold' | 'room' | 'frozen'>> = {
  red_cells: 'cold',
  plasma: 'frozen',
  platelets: 'room',
}
/** As the drawn problems have them: cold boxes are short-lived there. */
const validated = { cold: 25, room: 480, frozen: 720 }

function isFit(bag: TransferBag, demand: TransferDemand): boolean {
  const { group } = bag
  if (!group) return false
  const patient = demand.group.abo ?? 'unknown'
  if (bag.component === 'red_cells')
    return (
      cellsFor[patient].includes(group.abo) &&
      (group.rhd === 'negative' || demand.group.rhd === 'positive' || demand.rhdPositiveAllowed)
    )
  const lowTitre: readonly Abo[] = bag.component === 'platelets' ? ['O', 'A', 'B'] : ['A', 'B']
  const excused = bag.lowTitre && lowTitre.includes(group.abo) && (patient !== 'unknown' || group.abo !== 'B')
  const rhd =
    bag.component === 'plasma' ||
    group.rhd === 'negative' ||
    demand.group.rhd === 'positive' ||
    demand.rhdPositiveAllowed
  return rhd && (plasmaFor[patient].includes(group.abo) || excused)
}

function faultsOf(problem: TransferProblem, bag: TransferBag, demand: TransferDemand): string[] {
  const from = problem.sites.findIndex(({ id }) => id === bag.site)
  const way = problem.minutesTo.get(demand.site)?.[from] ?? null
  if (way === null) return ['there is no way']
  const arrives = problem.at + ((packing[bag.component] ?? 0) + way + 5) * minute
  const box = boxes[bag.component] ?? 'cold'
  const speaks = {
    'another component': bag.component !== demand.component,
    'it is there': bag.site === demand.site,
    'an obstacle': bag.obstacle !== null,
    'it does not fit': !isFit(bag, demand),
    'not treated': demand.requires.some((one) => !bag.treated.includes(one)),
    'another unit': bag.uom !== demand.uom,
    'too late': arrives > demand.deadline,
    'too short a life': bag.expiresAt - arrives < (hours[bag.component] ?? 0) * 60 * minute,
    'no box': problem.sites[from]?.boxes?.includes(box) === false,
    'too short a box': (way + 5) * 1.5 > validated[box],
  }
  return Object.entries(speaks).flatMap(([what, is]) => (is ? [what] : []))
}

/** What of a level is broken, in hundredths of its unit. */
function levelFaults(
  problem: TransferProblem,
  moves: readonly { bag: TransferBag; demand: TransferDemand }[],
) {
  return problem.levels.flatMap((level) => {
    const isIn = ({ site, component, group, uom }: TransferBag) =>
      site === level.site &&
      component === level.component &&
      uom === level.uom &&
      group?.abo === level.abo &&
      group?.rhd === level.rhd
    const sum = (bags: readonly TransferBag[]) => bags.reduce((all, { amount }) => all + (amount ?? 0), 0)
    const sent = moves.filter(({ bag }) => isIn(bag))
    if (sent.length === 0) return []
    const has = sum(problem.stock.filter((bag) => isIn(bag) && !bag.obstacle && bag.expiresAt > problem.at))
    const left = has - level.booked - sum(sent.map(({ bag }) => bag))
    const ordinary = sum(sent.filter(({ demand }) => demand.urgency !== 'emergency').map(({ bag }) => bag))
    return [
      ...(left < level.critical
        ? [`${level.site} is left with ${left} below critical ${level.critical}`]
        : []),
      ...(ordinary > Math.max(0, has - level.booked - level.minimum)
        ? [`${level.site} gives below minimum`]
        : []),
    ]
  })
}

test('no plan sends a bag that fails a filter, breaks what a site keeps, or sends one twice', {
  timeout: 600_000,
}, () => {
  let sent = 0
  fc.assert(
    fc.property(problems({ sites: 6, bags: 40, demands: 4 }), fc.nat({ max: 9 }), (problem, draw) => {
      const told = { limitMs: 60_000, secondBest: draw === 0 }
      const { moves, secondBest } = planTransfers(problem, solver, told)
      for (const plan of [moves, secondBest?.moves ?? []]) {
        const faults = plan.flatMap(({ bag, demand }) => faultsOf(problem, bag, demand))
        expect([...faults, ...levelFaults(problem, plan)]).toEqual([])
        expect(new Set(plan.map(({ bag }) => bag.id)).size).toBe(plan.length)
      }
      sent += moves.length
    }),
    { numRuns: 2_000 },
  )
  expect(sent).toBeGreaterThan(2_000)
})

test('what is explained adds up: every bag is sent or says why not, and donors lose what is sent', {
  timeout: 600_000,
}, () => {
  fc.assert(
    fc.property(problems({ sites: 5, bags: 30, demands: 3 }), (problem) => {
      const best = planTransfers(problem, solver, { limitMs: 60_000, secondBest: true })
      const { moves, demands, donors, doNothing, tiers } = explain(problem, best, 1_000)
      expect(isProved(best)).toBe(true)
      for (const { id, asked, planned, missing, rejected } of demands) {
        const own = moves.filter(({ demand }) => demand === id)
        const named = [...own.map(({ bag }) => bag), ...rejected.flatMap(({ bags }) => bags)]
        expect(named.sort()).toEqual(problem.stock.map((bag) => bag.id).sort())
        expect(planned).toBe(own.reduce((sum, { amount }) => sum + amount, 0))
        expect(missing).toBe(Math.max(0, asked - planned))
        const demand = problem.demands.find((one) => one.id === id) as TransferDemand
        for (const { reason, bags } of rejected)
          for (const bag of problem.stock.filter((one) => bags.includes(one.id))) {
            const offer = offerFor(problem, best.facts, bag, demand)
            if (typeof offer === 'string') expect(reason).toBe(offer)
            else expect(['protected', 'not_needed']).toContain(reason)
          }
      }
      const given = donors.reduce((sum, { before, after }) => sum + before - after, 0)
      expect(given).toBe(moves.reduce((sum, { amount }) => sum + amount, 0))
      for (const { reasons } of moves) expect(reasons.length).toBeGreaterThan(0)
      for (const [place, { tier, value }] of tiers.slice(0, 3).entries())
        expect(value).toBeLessThanOrEqual(
          doNothing[place]?.tier === tier ? (doNothing[place]?.value ?? 0) : -1,
        )
    }),
    { numRuns: 300 },
  )
})
