import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Right } from '../domain/rights.ts'
import { cellOf, weightOf } from '../domain/transfer/problem.ts'
import { cnTransfer } from '../policies/transfer.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { insertLevels, type Level, levelsOf } from '../stores/transfer-facts.ts'
import { demandRight } from './demand.ts'

/**
 * Say what a facility keeps for itself of each component and group that is named; of the others stands what was said before.
 *
 * @throws Refusal `not_found`, `forbidden`, `invalid_request`
 */
export function setStockLevels(
  ctx: Context,
  code: string,
  levels: readonly Omit<Level, 'facilityId' | 'at'>[],
): Promise<Level[]> {
  return ctx.database.db.transaction(async (tx) => {
    const place = await reachLevels(ctx, tx, code, 'stock.level')
    const seen = new Set<string>()
    for (const level of levels) {
      const cell = cellOf({ ...level, site: code })
      const { component, uom, abo, rhd, target: amount } = level
      if (seen.has(cell))
        throw new Refusal('invalid_request', `levels: ${component} of ${abo} RhD ${rhd} in ${uom} twice`)
      seen.add(cell)
      if (weightOf({ component, uom, amount }, cnTransfer) === null)
        throw new Refusal('invalid_request', `levels: ${component} is not counted in ${uom}`)
    }
    await insertLevels(tx, ctx.actor, place, levels, ctx.now())
    return levelsOf(tx, { facilityId: place.id })
  })
}

/** @throws Refusal `not_found`, `forbidden` */
export async function readStockLevels(ctx: Context, code: string): Promise<Level[]> {
  const { id: facilityId } = await reachLevels(ctx, ctx.database.db, code, 'transfer.read')
  return levelsOf(ctx.database.db, { facilityId })
}

async function reachLevels(ctx: Context, db: Database | Transaction, code: string, right: Right) {
  const place = await findFacility(db, code)
  demandRight(ctx, right, [place.id], noFacility(code))
  return place
}
