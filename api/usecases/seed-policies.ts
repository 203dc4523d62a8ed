import type { Deps } from '../context.ts'
import { seededPolicies } from '../policies/cold-chain.ts'
import { seededProducts } from '../policies/products.ts'
import { insertPolicies } from '../stores/policies.ts'
import { insertProducts } from '../stores/products.ts'

/** Give the database the policies and the catalogue this version of the service comes with, where it does not have them. */
export async function seedPolicies({ database, now }: Pick<Deps, 'database' | 'now'>): Promise<void> {
  const actor = { kind: 'job', id: 'seed-policies' } as const
  await database.db.transaction(async (tx) => {
    await insertPolicies(tx, actor, seededPolicies, now())
    await insertProducts(tx, actor, seededProducts, now())
  })
}
