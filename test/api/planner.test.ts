import { expect, test } from 'vitest'
import type { TransferProblem } from '../../api/domain/transfer/problem.ts'
import { openPlanner } from '../../api/planner.ts'
import { cnTransfer } from '../../api/policies/transfer.ts'

const kind = { component: 'red_cells', group: { abo: 'O', rhd: 'positive' }, uom: 'U', amount: 200 } as const

const aProblem = (bags: number): TransferProblem => ({
  ...{ at: 0, policy: cnTransfer, levels: [] },
  sites: ['H1', 'H2'].map((id) => ({ id, boxes: null })),
  minutesTo: new Map([['H1', [1, 10]]]),
  stock: Array.from({ length: bags }, (_, number) => ({
    ...{ ...kind, id: `b${number}`, site: 'H2', expiresAt: 1e12 },
    ...{ lowTitre: false, treated: [], obstacle: null },
  })),
  demands: [
    {
      ...{
        ...kind,
        id: 'R/1',
        request: 'R',
        site: 'H1',
        amount: 1_000,
        deadline: 7_200_000,
        urgency: 'urgent',
      },
      ...{ requires: [], rhdPositiveAllowed: false },
    },
  ],
})

test('a planner answers one question after another, and those that are asked together in turn', async () => {
  const planner = openPlanner()
  const told = { limitMs: 10_000, secondBest: true, mostNamed: 5 }
  const sent = async (bags: number) => (await planner.plan(aProblem(bags), told)).moves.length
  expect(await sent(1)).toBe(1)
  expect(await Promise.all([sent(2), sent(3), sent(4)])).toEqual([2, 3, 4])
  await planner.close()
  expect(await sent(5)).toBe(5)
  await planner.close()
})
