import type { Component, ShortagePhase } from '../../schema/vocabulary.ts'
import { components } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { type Reach, reachOf } from '../domain/rights.ts'
import { changesAt, overviewOf, type StockCell, togetherOf } from '../domain/stock-overview.ts'
import { cnStock } from '../policies/stock.ts'
import { transferUseDays } from '../policies/transfer.ts'
import { facilitiesBy, findFacility, noFacility } from '../stores/facilities.ts'
import { countStock } from '../stores/stock-counts.ts'
import { type Cell, levelsOf, usedSince } from '../stores/transfer-facts.ts'
import { centreIds, throughCentres } from '../stores/transfers.ts'
import { demandRight } from './demand.ts'

export type StockOverview = {
  readonly at: number
  /** When it changes though nothing happens; null where it does not. */
  readonly changesAt: number | null
  readonly cells: readonly StockCell[]
  readonly more: boolean
  /** All places together; null of what is asked of some only. */
  readonly city: readonly StockCell[] | null
  readonly codes: ReadonlyMap<number, string>
}

/**
 * What there is of each kind of blood, by facility, with days of cover and phase: where the caller holds the right, and for
 * who holds it at a centre anywhere, with the sum of all.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export async function readStockOverview(
  ctx: Context,
  {
    facility,
    component,
    phase,
    limit,
  }: {
    readonly facility?: string | undefined
    readonly component?: Component | undefined
    readonly phase?: ShortagePhase | undefined
    readonly limit: number
  },
): Promise<StockOverview> {
  const at = ctx.now()
  // One snapshot: a bag that is given meanwhile is in stock or used, never both or neither.
  return ctx.database.db.transaction(
    async (tx) => {
      const centres = await centreIds(tx)
      let reach: Reach = throughCentres(reachOf(ctx.grants, 'transfer.read'), centres)
      if (facility !== undefined) {
        const { id } = await findFacility(tx, facility)
        demandRight(ctx, 'transfer.read', [id, ...centres], noFacility(facility))
        reach = new Set([id])
      }
      const kinds = component ? [component] : components
      const holders = reach === 'all' ? undefined : [...reach]
      const counts = await countStock(tx, { reach, component, ends: cnStock.bandsMs }, at)
      const levels = (await levelsOf(tx, { components: kinds })).filter(
        ({ facilityId }) => reach === 'all' || reach.has(facilityId),
      )
      const used = await usedSince(tx, kinds, at - transferUseDays * 86_400_000, at, holders)
      const known = { counts, levels: levels.map(grouped), used: used.map(grouped), at }
      const all = overviewOf(known, cnStock).filter((cell) => phase === undefined || cell.phase === phase)
      const cells = all.slice(0, limit)
      const ids = [...new Set(cells.map(({ facilityId }) => facilityId))]
      const places = await facilitiesBy(tx, { codes: [], ids })
      return {
        ...{ at, changesAt: changesAt(counts, cnStock), cells, more: all.length > limit },
        city: reach === 'all' ? togetherOf(known, cnStock) : null,
        codes: new Map(places.map(({ id, code }) => [id, code])),
      }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
}

function grouped<T extends Cell>({ abo, rhd, ...one }: T) {
  return { ...one, group: { abo, rhd } }
}
