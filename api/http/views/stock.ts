import type { z } from 'zod'
import type {
  StockNearest as NearestBody,
  StockOverview as OverviewBody,
} from '../../../schema/http/stock.ts'
import type { Counted, StockCell } from '../../domain/stock-overview.ts'
import {
  cnBand,
  cnShortagePhases,
  cnShortageReasons,
  cnStock,
  cnStockStandings,
} from '../../policies/stock.ts'
import { cnTransferRejections } from '../../policies/transfer.ts'
import type { Nearest } from '../../usecases/find-nearest.ts'
import type { StockOverview } from '../../usecases/read-stock-overview.ts'
import { iso, isoOrNull } from '../units.ts'

export function overviewView({
  at,
  changesAt,
  cells,
  more,
  city,
  codes,
}: StockOverview): z.infer<typeof OverviewBody> {
  return {
    ...{ at: iso(at), changesAt: isoOrNull(changesAt), policy: cnStock.version },
    cells: cells.map(({ facilityId, level, ...cell }) => ({
      facility: codes.get(facilityId) ?? '',
      ...cellView(cell),
      level: level && { target: level.target, minimum: level.minimum, critical: level.critical },
    })),
    more,
    city: city?.map(cellView) ?? null,
  }
}

function cellView({
  component,
  group,
  uom,
  ready,
  bands,
  apart,
  perDay,
  coverDays,
  phase,
  reasons,
}: Omit<StockCell, 'facilityId' | 'level'>): Omit<
  z.infer<typeof OverviewBody>['cells'][number],
  'facility' | 'level'
> {
  const ends = cnStock.bandsMs[component]
  return {
    ...{ component, group, uom, ready },
    bands: [...ends, null].map((end, band) => ({
      withinHours: end && end / 3_600_000,
      ...cnBand(component, end),
      ...(bands[band] as Counted),
    })),
    apart: apart.map(({ standing, ...some }) => ({ standing, ...cnStockStandings[standing], ...some })),
    usedPerDay: perDay === null ? null : rounded(perDay),
    coverDays: coverDays === null ? null : rounded(coverDays),
    phase: {
      phase,
      ...cnShortagePhases[phase],
      reasons: reasons.map((reason) => ({ reason, ...cnShortageReasons[reason] })),
    },
  }
}

export function nearestView({ at, policy, to, sites }: Nearest): z.infer<typeof NearestBody> {
  return {
    ...{ at: iso(at), policy },
    to: { facility: to.facility, position: to.position && placeOf(to.position) },
    sites: sites.map(({ position, amount, rejected, ...site }) => ({
      ...site,
      position: position && placeOf(position),
      amount: amount / 100,
      rejected: rejected.map(({ reason, bags }) => ({ reason, ...cnTransferRejections[reason], bags })),
    })),
  }
}

function placeOf({ lat, lon }: { readonly lat: number; readonly lon: number }) {
  return { lat, lon }
}

function rounded(figure: number): number {
  return Math.round(figure * 100) / 100
}
