import type { PolicyContent } from '../../api/domain/policy.ts'
import { policyVersions } from '../../api/stores/policies.ts'
import { decideOnPolicy } from '../../api/usecases/decide-on-policy.ts'
import { decideOnRejudgement } from '../../api/usecases/decide-on-rejudgement.ts'
import { proposePolicy } from '../../api/usecases/propose-policy.ts'
import { proposeRejudgement } from '../../api/usecases/propose-rejudgement.ts'
import type { World } from './world.ts'

/** The policy these worlds have another opinion of. */
export const red = { jurisdiction: 'CN', component: 'red_cells', phase: 'storage' } as const

/** Whoever it is, for all facilities. */
export const as = (world: World, id: string) => ({ ...world.ctx, actor: { kind: 'person' as const, id } })

/** Put the next version of the policy in force: the first one, but for this. */
export async function inForceFrom(
  world: World,
  changes: Partial<PolicyContent>,
  from: number,
): Promise<void> {
  const { db } = world.deps.database
  const [first] = await policyVersions(db, red.jurisdiction, red.component, red.phase)
  if (!first) throw new Error('no policy of red cells')
  const { version: _, proposalId: __, from: ___, ...content } = first
  const next = { ...content, ...changes, effectiveFrom: from }
  const { id } = await proposePolicy(as(world, 'ann'), { content: next, reason: 'a new edition' })
  for (const name of ['ben', 'eva'])
    await decideOnPolicy(as(world, name), { id, decision: 'approve', comment: 'read' })
}

/** Have what was in [from, to) judged by a version. @returns its number */
export async function rejudge(world: World, version: number, from: number, to: number): Promise<number> {
  const asked = { ...red, version, from, to, reason: 'a limit was typed wrong' }
  const { id } = await proposeRejudgement(as(world, 'ann'), asked)
  for (const name of ['ben', 'eva'])
    await decideOnRejudgement(as(world, name), { id, decision: 'approve', comment: 'compared' })
  return id
}
