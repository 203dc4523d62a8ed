import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Registrar } from '../domain/registration.ts'
import { type Right, reachOf } from '../domain/rights.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { facilitiesBy, noFacility } from '../stores/facilities.ts'
import { demandRight } from './demand.ts'

/**
 * Who registers or collects, of each code that is named. Who may for one facility only need not say which.
 *
 * @param codes undefined where nothing is named
 * @returns throws Refusal `not_found`, `forbidden`, `invalid_request`
 */
export async function registrars(
  ctx: Pick<Context, 'grants'>,
  db: Database | Transaction,
  right: Right,
  codes: readonly (string | undefined)[],
): Promise<(code: string | undefined) => Registrar> {
  const named = new Set(codes.filter((code) => code !== undefined))
  const reach = reachOf(ctx.grants, right)
  const [first, ...others] = reach === 'all' ? [] : reach
  const only = others.length === 0 ? first : undefined
  const found = await facilitiesBy(db, { codes: [...named], ids: only === undefined ? [] : [only] })
  return (code) => {
    if (code === undefined) {
      const facility = found.find(({ id }) => id === only)
      if (!facility) throw new Refusal('invalid_request', 'facility: say which facility holds the bag')
      return facility
    }
    const facility = found.find((one) => one.code === code)
    if (!facility) throw new Refusal('not_found', noFacility(code))
    demandRight(ctx, right, [facility.id], noFacility(code))
    return facility
  }
}
