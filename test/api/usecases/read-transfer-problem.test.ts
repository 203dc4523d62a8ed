import { expect, test } from 'vitest'
import { readTransferProblem } from '../../../api/usecases/read-transfer-problem.ts'
import { TransferProblemInput } from '../../../schema/transfer-problem.ts'

const bag = { id: 'b', site: 'H2', component: 'red_cells', abo: 'O', rhd: 'positive', amount: 2, uom: 'U' }
const told = (patient: object, amount = 2) =>
  TransferProblemInput.safeParse({
    at: '2026-11-24T08:00:00Z',
    sites: [{ id: 'H1' }, { id: 'H2' }],
    stock: [{ ...bag, amount, expiresAt: '2026-12-10T00:00:00Z' }],
    requests: [
      {
        ...{ id: 'R1', site: 'H1', urgency: 'emergency', deadline: '2026-11-24T09:00:00Z', patient },
        lines: [{ component: 'red_cells', amount: 2, uom: 'U' }],
      },
    ],
  })

test('who has anti-D counts as RhD-negative, though typed positive, and no word allows what would harm them', () => {
  const partial = { abo: 'O', rhd: 'positive', antiD: true }
  const { demands } = readTransferProblem(told(partial).data as never)
  expect(demands).toMatchObject([{ group: { abo: 'O', rhd: 'negative' }, rhdPositiveAllowed: false }])
  const allowed = told({ ...partial, rhdPositiveAllowed: true }).data as never
  expect(() => readTransferProblem(allowed)).toThrow('never allowed where the patient has anti-D')
})

test('a bag of nothing is no bag', () => {
  expect(told({}, 0).success).toBe(false)
  expect(told({}, 0.01).success).toBe(true)
})
