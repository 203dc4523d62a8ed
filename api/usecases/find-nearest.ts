import type {
  Component,
  FacilityKind,
  OrderedComponent,
  TransferRejection,
  UnitOfMeasure,
  Urgency,
} from '../../schema/vocabulary.ts'
import { abos, components, rhds, type Serving } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { type BloodGroup, compatibilityOf, type RecipientGroup } from '../domain/compatibility.ts'
import { greatCircleKm, type Position } from '../domain/rescue-route.ts'
import { arrivalMinutes } from '../domain/transfer/filters.ts'
import { type Source, sourcesFor } from '../domain/transfer/nearest.ts'
import type { TransferDemand, TransferProblem } from '../domain/transfer/problem.ts'
import { wholeOf } from '../domain/transfer/problem.ts'
import { mustBeMeant } from '../domain/transfer/request.ts'
import { hourAt, type TravelTime } from '../domain/transfer/travel.ts'
import { cnTransfer } from '../policies/transfer.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { allSites, bagsToTransfer, inTurns, levelsOf, type Site } from '../stores/transfer-facts.ts'
import { centreIds } from '../stores/transfers.ts'
import { demandRight } from './demand.ts'
import { bagOf, levelsWith } from './read-transfer-facts.ts'

/** So many sites are read at a time: the nearest mostly serve, and then nobody asks what the others have. */
const readTogether = 10

export type NearestWish = {
  readonly component: OrderedComponent
  readonly amount: number
  readonly uom: UnitOfMeasure
  readonly group: RecipientGroup
  readonly rhdPositiveAllowed: boolean
  readonly urgency: Urgency
  readonly to: string | Position
  /** As many that can give all are told, and whoever is nearer. */
  readonly limit: number
}

export type NearSite = {
  readonly facility: string
  readonly name: string
  readonly kind: FacilityKind
  readonly position: Position | null
  readonly serves: Serving
  readonly bags: number
  /** Hundredths of the unit. */
  readonly amount: number
  readonly needsApproval: boolean
  /** Minutes until it is in hand; null where no way is known. */
  readonly arrival: { readonly p50: number; readonly p80: number } | null
  readonly travel: TravelTime['source']
  readonly rejected: readonly { readonly reason: TransferRejection; readonly bags: number }[]
}

export type Nearest = {
  readonly at: number
  readonly policy: number
  readonly to: { readonly facility: string | null; readonly position: Position | null }
  readonly sites: readonly NearSite[]
}

/**
 * Who can give this much of such blood now, the nearest first: by the filters and the protection of transfers, and nothing
 * that is only hoped for. Of other sites it tells how many bags there are and what speaks against them, which whoever asks
 * for a transfer is told by its plan. It promises nothing.
 *
 * @throws Refusal `not_found`, `forbidden`, `invalid_request` where nobody could mean it
 */
export async function findNearest(ctx: Context, wish: NearestWish): Promise<Nearest> {
  const { db } = ctx.database
  const at = ctx.now()
  const amount = Math.round(wish.amount * 100)
  mustBeMeant('amount', { component: wish.component, amount, uom: wish.uom }, cnTransfer)
  if (typeof wish.to === 'string') {
    const { id } = await findFacility(db, wish.to)
    demandRight(ctx, 'transfer.read', [id, ...(await centreIds(db))], noFacility(wish.to))
  }
  const sites = await allSites(db, at)
  const goal = goalOf(wish.to, sites)
  const ways = await ctx.travel.minutesTo(
    sites.map(({ code, position }) => ({ id: code, position })),
    { id: goal.id, position: goal.position },
    hourAt(goal.timeZone, at),
  )
  const demand: TransferDemand = {
    ...{
      id: 'nearest',
      request: 'nearest',
      site: goal.id,
      requires: [],
      amount,
      deadline: Number.POSITIVE_INFINITY,
    },
    ...{ component: wish.component, uom: wish.uom, group: wish.group, urgency: wish.urgency },
    rhdPositiveAllowed: wish.rhdPositiveAllowed,
  }
  const told = await nearestOf(ctx, { at, sites, ways, demand, limit: wish.limit })
  const facility = typeof wish.to === 'string' ? wish.to : null
  return { at, policy: cnTransfer.version, to: { facility, position: goal.position }, sites: told }
}

type Around = {
  readonly at: number
  readonly sites: readonly Site[]
  /** From each of the sites. */
  readonly ways: readonly TravelTime[]
  readonly demand: TransferDemand
  readonly limit: number
}

async function nearestOf(
  { database: { db } }: Context,
  { at, sites, ways, demand, limit }: Around,
): Promise<NearSite[]> {
  const kinds = components.filter((component) => wholeOf(component) === demand.component)
  const levels = await levelsOf(db, { components: kinds })
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const problem: TransferProblem = {
    ...{ at, stock: [], demands: [demand], policy: cnTransfer, levels: levelsWith(levels, [], codes) },
    sites: sites.map(({ code }) => ({ id: code, boxes: null })),
    minutesTo: new Map([[demand.site, ways.map(({ minutes }) => minutes)]]),
  }
  const groups = groupsFor(kinds, demand.group)
  const near = sites
    .map((site, place) => ({ site, way: ways[place] as TravelTime }))
    .filter(({ site }) => site.code !== demand.site && site.kind !== 'ambulance')
    .sort((a, b) => farness(a.way) - farness(b.way))
  const told: NearSite[] = []
  let whole = 0
  for (let from = 0; from < near.length && whole < limit; from += readTogether) {
    const some = near.slice(from, from + readTogether)
    const holders = some.map(({ site }) => site.id)
    const found = await bagsToTransfer(db, { components: kinds, holders, groups }, at)
    const stock = await inTurns(found, (one) => bagOf(one, codes, at))
    const sources = new Map(sourcesFor({ ...problem, stock }, demand).map((source) => [source.site, source]))
    for (const { site, way } of some) {
      const source = sources.get(site.code)
      if (!source || whole === limit) continue
      told.push(siteOf(site, way, source, demand.component))
      if (source.serves === 'all') whole += 1
    }
  }
  return told
}

function siteOf(
  { code, name, kind, position }: Site,
  { minutes, source: travel }: TravelTime,
  { serves, bags, amount, needsApproval, rejected }: Source,
  component: Component,
): NearSite {
  const slowest = (percent: number) => {
    const way = { minutes: Math.ceil(((minutes ?? 0) * percent) / 100), boxes: null }
    const kinds = bags.length > 0 ? bags : [{ component }]
    return Math.max(...kinds.map((bag) => arrivalMinutes(bag, way, cnTransfer) ?? 0))
  }
  return {
    ...{ facility: code, name, kind, position, serves, bags: bags.length, amount, needsApproval },
    arrival: minutes === null ? null : { p50: slowest(cnTransfer.spread.p50), p80: slowest(100) },
    ...{ travel, rejected },
  }
}

/** The last are those to which nobody knows a way. */
function farness({ minutes }: TravelTime): number {
  return minutes ?? Number.MAX_SAFE_INTEGER
}

/** What may fit at all, as labelled: of the others nothing need be read. */
function groupsFor(kinds: readonly Component[], recipient: RecipientGroup): readonly BloodGroup[] {
  return abos.flatMap((abo) =>
    rhds.flatMap((rhd) => {
      const fits = kinds.some(
        (kind) => compatibilityOf(kind, { abo, rhd }, recipient).verdict === 'compatible',
      )
      return fits ? [{ abo, rhd }] : []
    }),
  )
}

/** Where it is needed, and by which clock: elsewhere than at a facility by that of the nearest. */
function goalOf(to: string | Position, sites: readonly Site[]) {
  if (typeof to === 'string') {
    const site = sites.find(({ code }) => code === to)
    return { id: to, position: site?.position ?? null, timeZone: site?.timeZone ?? usualTimeZone }
  }
  const km = ({ position }: Site) => (position ? greatCircleKm(position, to) : Number.POSITIVE_INFINITY)
  const nearest = sites.reduce<Site | null>(
    (best, site) => (best && km(best) <= km(site) ? best : site),
    null,
  )
  return { id: '', position: to, timeZone: nearest?.timeZone ?? usualTimeZone }
}

const usualTimeZone = 'Asia/Shanghai'
