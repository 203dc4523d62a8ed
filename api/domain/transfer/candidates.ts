import { groupedBy } from '../grouped-by.ts'
import type { Offer } from './filters.ts'
import { offerOf } from './filters.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { weightOf } from './problem.ts'
import { queuesOf, riskOf } from './risk.ts'
import { cellOfBag, type Room } from './room.ts'

/** Bags of one cell that are the same to every demand, the first to expire first. */
export type BagClass = {
  readonly cell: string
  readonly site: string
  /** Hundredths of a mL. */
  readonly weight: number
  readonly bags: readonly TransferBag[]
}

/** That bags of a class may go to a demand, and what it costs. */
export type Option = Offer & {
  readonly class: BagClass
  readonly demand: TransferDemand
  /** Percent; see `riskOf`. */
  readonly risk: number
}

/** Bags of one cell that differ in nothing but their expiry, and so in their risk. */
type Kind = Omit<BagClass, 'bags'> & {
  readonly bags: TransferBag[]
  readonly component: TransferBag['component']
}

/** That bags of a kind may go to a demand: those from `first` on, for the others would not keep. */
export type Lead = Offer & { readonly kind: Kind; readonly demand: TransferDemand; readonly first: number }

/** Leaves out what no best plan uses. */
export type Cut = (
  leads: readonly Lead[],
  problem: TransferProblem,
  rooms: ReadonlyMap<string, Room>,
) => readonly Lead[]

/** All that may go anywhere, less what is cut. */
export function optionsOf(
  problem: TransferProblem,
  rooms: ReadonlyMap<string, Room>,
  cut: Cut,
): readonly Option[] {
  const leads = cut(leadsOf(problem, kindsOf(problem)), problem, rooms)
  const queues = queuesOf(problem, rooms)
  return [...groupedBy(leads, ({ kind }) => kind)].flatMap(([kind, kindLeads]) =>
    classesOf(kind, kindLeads, (bag, { demand, minutes }) => riskOf(bag, demand, minutes, queues, problem)),
  )
}

function kindsOf({ stock, policy, at }: TransferProblem): readonly Kind[] {
  const kinds = new Map<string, Kind>()
  for (const bag of stock) {
    const cell = cellOfBag(bag)
    const weight = weightOf(bag, policy)
    if (cell === null || weight === null || bag.obstacle || at >= bag.expiresAt) continue
    const key = `${cell}|${weight}|${bag.lowTitre}|${bag.treated.join()}`
    const kind = kinds.get(key)
    if (kind) kind.bags.push(bag)
    else kinds.set(key, { cell, site: bag.site, component: bag.component, weight, bags: [bag] })
  }
  for (const { bags } of kinds.values())
    bags.sort((a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1))
  return [...kinds.values()]
}

function leadsOf({ at, sites, minutesTo, demands, policy }: TransferProblem, kinds: readonly Kind[]): Lead[] {
  const index = new Map(sites.map(({ id, boxes }, place) => [id, { place, boxes }]))
  return kinds.flatMap((kind) => {
    const site = index.get(kind.site)
    // What is true of the one that keeps longest is true of all but for how long they keep.
    const longest = kind.bags.at(-1) as TransferBag
    return demands.flatMap((demand) => {
      const minutes = minutesTo.get(demand.site)?.[site?.place ?? -1] ?? null
      const offer = offerOf(longest, demand, { minutes, boxes: site?.boxes ?? null }, at, policy)
      if (typeof offer === 'string') return []
      const keeps = at + offer.minutes * 60_000 + policy.lifeLeftMs[kind.component]
      const first = kind.bags.findIndex(({ expiresAt }) => expiresAt >= keeps)
      return [{ ...offer, kind, demand, first }]
    })
  })
}

/**
 * Leaves out what is too far to be in any best plan.
 *
 * Let a lead bring bags of weight w to a demand in m minutes, and let N be the cells from which bags of the same weight
 * reach it in strictly fewer. Say a best plan sends such a far bag. In no cell of N may there be a bag of that weight that
 * nobody gets and that the free room allows: in its place it would meet the same need, leave every reserve as it is (the
 * far cell gives less, the near one stays within its free room) and arrive earlier, and these three are what is minimised
 * first. So of each cell c of N either all n(c) such bags are used, or less than w of its free room is left: it gives at
 * least min(n(c) w, free(c) - w + 1). All cells of a component together give no more than its demands ask for, and of each
 * demand less than one bag beyond (a bag that is not needed costs its way). Where the sum over N is more than that, there
 * is no such plan.
 *
 * It holds while unmet need, reserve and arrival are the first tiers, which `planTransfers` demands, for a way takes at
 * least a minute.
 */
export function withoutDominated(
  leads: readonly Lead[],
  { demands, policy }: TransferProblem,
  rooms: ReadonlyMap<string, Room>,
): readonly Lead[] {
  const asked = new Map<string, number>()
  const heaviest = new Map<TransferDemand, number>()
  for (const { demand, kind } of leads) heaviest.set(demand, Math.max(heaviest.get(demand) ?? 0, kind.weight))
  for (const demand of demands) {
    const most = (weightOf(demand, policy) ?? 0) + (heaviest.get(demand) ?? 0)
    asked.set(demand.component, (asked.get(demand.component) ?? 0) + most)
  }
  const alike = groupedBy(leads, ({ demand, kind }) => `${demand.id}|${kind.weight}`)
  return [...alike.values()].flatMap((group) => {
    const most = asked.get(group[0]?.demand.component ?? '') ?? 0
    const nearer = new Map<string, number>()
    let given = 0
    const kept: Lead[] = []
    const near = group.toSorted((a, b) => a.minutes - b.minutes)
    for (let from = 0; from < near.length && given <= most; ) {
      const minutes = near[from]?.minutes
      const to = near.findIndex((lead, place) => place > from && lead.minutes !== minutes)
      const tier = near.slice(from, to < 0 ? near.length : to)
      kept.push(...tier)
      for (const { kind, first } of tier) {
        const before = givenBy(nearer.get(kind.cell) ?? 0, kind, rooms)
        nearer.set(kind.cell, (nearer.get(kind.cell) ?? 0) + kind.bags.length - first)
        given += givenBy(nearer.get(kind.cell) ?? 0, kind, rooms) - before
      }
      from += tier.length
    }
    return kept
  })
}

function givenBy(bags: number, { cell, weight }: Kind, rooms: ReadonlyMap<string, Room>): number {
  const free = rooms.get(cell)?.free ?? 0
  return Math.max(0, Math.min(bags * weight, free - weight + 1))
}

/** The bags of a kind by what each costs, where it may go. */
function classesOf(
  { cell, site, weight, bags }: Kind,
  leads: readonly Lead[],
  riskOfBag: (bag: TransferBag, lead: Lead) => number,
): readonly Option[] {
  const classes = new Map<string, { bags: TransferBag[]; risks: readonly (number | null)[] }>()
  for (const [place, bag] of bags.entries()) {
    const risks = leads.map((lead) => (place < lead.first ? null : riskOfBag(bag, lead)))
    const found = classes.get(risks.join())
    if (found) found.bags.push(bag)
    else classes.set(risks.join(), { bags: [bag], risks })
  }
  return [...classes.values()].flatMap(({ bags: alike, risks }) => {
    const bagClass: BagClass = { cell, site, weight, bags: alike }
    return leads.flatMap(({ demand, minutes, rank }, index) => {
      const risk = risks[index]
      return typeof risk === 'number' ? [{ class: bagClass, demand, minutes, rank, risk }] : []
    })
  })
}
