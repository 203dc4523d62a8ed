import type { Deps } from '../context.ts'
import { seededPolicies } from '../policies/cold-chain.ts'
import { insertPolicies } from '../stores/policies.ts'

/** Give the database the policies this version of the service comes with, where it does not have them. */
export async function seedPolicies({ database, now }: Pick<Deps, 'database' | 'now'>): Promise<void> {
  const actor = { kind: 'job', id: 'seed-policies' } as const
  await database.db.transaction((tx) => insertPolicies(tx, actor, seededPolicies, now()))
}
