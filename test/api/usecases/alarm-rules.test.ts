import { expect, test } from 'vitest'
import { seededPolicies } from '../../../api/policies/cold-chain.ts'
import type { Policy } from '../../../api/stores/policies.ts'
import { rulesOf } from '../../../api/usecases/alarm-rules.ts'
import { bloodFridge } from '../../support/world.ts'

test('of two editions a device alarms by that which came into force last, though the other was approved later', () => {
  const policies = seededPolicies
    .filter(({ jurisdiction }) => jurisdiction === 'CN')
    .map(({ effectiveFrom, ...policy }): Policy => ({ ...policy, from: effectiveFrom, proposalId: null }))
  const first = policies.find(({ component, phase }) => component === 'red_cells' && phase === 'storage')
  const alarm = first?.alarm
  if (!first || !alarm) throw new Error('no policy speaks of red cells')
  const edition = (version: number, from: number, airHigh: number): Policy => {
    return { ...first, version, from, alarm: { ...alarm, airHigh } }
  }
  const all = [...policies, edition(2, 2_000, 700), edition(3, 1_000, 650)]
  const airHighAt = (now: number) => rulesOf({ ...bloodFridge, from: 0 }, all, now).airHigh

  expect([0, 1_000, 1_999, 2_000, 3_000].map(airHighAt)).toEqual([800, 650, 650, 700, 700])
})
