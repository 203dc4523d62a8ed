import { expect, test } from 'vitest'
import type { TransferBag, TransferLevel, TransferProblem } from '../../../../api/domain/transfer/problem.ts'
import { chanceOfAtLeast, riskOf } from '../../../../api/domain/transfer/risk.ts'
import { factsOf } from '../../../../api/domain/transfer/score.ts'
import { cnTransfer } from '../../../../api/policies/transfer.ts'
import { at } from '../../../support/transfers.ts'

const day = 86_400_000
const kind = { component: 'red_cells', uom: 'U' } as const
const group = { abo: 'A', rhd: 'positive' } as const
const aBag: TransferBag = {
  ...{ ...kind, id: 'b', site: 'H1', group, amount: 200, expiresAt: at + 5 * day },
  ...{ lowTitre: false, treated: [], obstacle: null },
}
const level = (site: string, perDay: number): TransferLevel => ({
  ...{ site, ...kind, ...group, target: 0, minimum: 0, critical: 0, booked: 0, perDay },
})

function riskWith(levels: readonly TransferLevel[]): number {
  const demand = {
    ...{ id: 'R/1', request: 'R', site: 'H2', ...kind, group, rhdPositiveAllowed: false, requires: [] },
    ...{ amount: 200, deadline: at + day, urgency: 'routine' as const },
  }
  const problem: TransferProblem = {
    ...{ at, policy: cnTransfer, levels, stock: [aBag], demands: [demand] },
    sites: [
      { id: 'H1', boxes: null },
      { id: 'H2', boxes: null },
    ],
    minutesTo: new Map([['H2', [20, null]]]),
  }
  return riskOf(aBag, demand, 30, factsOf(problem), problem)
}

test('to send a bag from where nobody uses such blood to where it is used saves it', () => {
  expect(riskWith([level('H1', 0), level('H2', 1_000)])).toBe(-100)
})

test('where none stands at present, what is used there counts all the same', () => {
  expect(riskWith([level('H1', 0), level('H2', 1_000)])).toBeLessThan(
    riskWith([level('H1', 0), level('H2', 0)]),
  )
})

test('to send it away from where it is sure to be used risks it, as often as what is sent is not given', () => {
  expect(riskWith([level('H1', 10_000), level('H2', 0)])).toBe(cnTransfer.unusedPercent.routine)
})

test.for([
  [0, 0, 1],
  [1, 0, 0],
  [1, 1, 1 - Math.exp(-1)],
  [2, 1, 1 - 2 * Math.exp(-1)],
  [600, 600, 0.51],
])('of a demand of %d or more with a mean of %d the chance is known', ([count = 0, mean = 0, chance = 0]) => {
  expect(chanceOfAtLeast(count, mean)).toBeCloseTo(chance, 2)
})

test('what is far beyond what is used is not asked for, and that is said at once', () => {
  for (const mean of [1e-9, 0.3, 20, 499]) {
    expect(chanceOfAtLeast(Number.MAX_SAFE_INTEGER, mean)).toBeCloseTo(0, 12)
    expect(chanceOfAtLeast(Number.POSITIVE_INFINITY, mean)).toBeCloseTo(0, 12)
  }
})

test('so many come by chance, as by the distribution of Poisson', () => {
  expect(chanceOfAtLeast(0, 3)).toBe(1)
  expect(chanceOfAtLeast(1, 3)).toBeCloseTo(1 - Math.exp(-3), 12)
  expect(chanceOfAtLeast(5, 4)).toBeCloseTo(0.371_163, 6)
  expect(chanceOfAtLeast(1, 0)).toBe(0)
})
