import { groupedBy } from '../grouped-by.ts'
import type { Cell } from './cells.ts'
import type { Offer, Way } from './filters.ts'
import { arrivalMinutes, offerOf } from './filters.ts'
import type { TransferBag, TransferDemand, TransferProblem } from './problem.ts'
import { weightOf, wholeOf } from './problem.ts'
import { byExpiry, riskOf } from './risk.ts'
import type { Facts } from './score.ts'

/** Bags of one cell that are the same to every demand, the first to expire first. */
export type BagClass = {
  readonly cell: Cell
  /** Hundredths of a mL. */
  readonly weight: number
  readonly bags: readonly TransferBag[]
}

/** That bags of a class may go to a demand, and what it costs. */
export type Option = Offer & {
  readonly class: BagClass
  readonly demand: TransferDemand
  readonly lead: Lead
  /** Percent; see `riskOf`. */
  readonly risk: number
}

/** That bags of a kind may go to a demand: those from `first` on, for the others would not keep. */
export type Lead = Offer & {
  readonly kind: BagClass
  readonly demand: TransferDemand
  readonly first: number
}

/** Leaves out what no best plan uses. */
export type Cut = (leads: readonly Lead[], problem: TransferProblem) => readonly Lead[]

/** Bags by all that tells them apart but the risk that they expire: there are far fewer classes. */
export function coarseOptionsOf(leads: readonly Lead[]): readonly Option[] {
  return optionsBy(leads, () => 0)
}

/** Bags by all that tells them apart. */
export function optionsOf(leads: readonly Lead[], problem: TransferProblem, facts: Facts): readonly Option[] {
  return optionsBy(leads, (bag, { demand, minutes }) => riskOf(bag, demand, minutes, facts, problem))
}

function optionsBy(leads: readonly Lead[], riskOfBag: (bag: TransferBag, lead: Lead) => number) {
  return [...groupedBy(leads, ({ kind }) => kind)].flatMap(([kind, own]) => classesOf(kind, own, riskOfBag))
}

/** All that may go anywhere. */
export function leadsOf(
  { at, sites, minutesTo, demands, policy }: TransferProblem,
  { cells, places }: Facts,
): Lead[] {
  const byComponent = groupedBy(demands, ({ component }) => component)
  const inReach = new Map<string, readonly Asked[]>()
  const askedOf = ({ site, component }: Cell): readonly Asked[] => {
    const key = `${site}|${component}`
    const known = inReach.get(key)
    if (known) return known
    const place = places.get(site) ?? -1
    const boxes = sites[place]?.boxes ?? null
    const asked = (byComponent.get(wholeOf(component)) ?? []).flatMap((demand) => {
      const way = { minutes: minutesTo.get(demand.site)?.[place] ?? null, boxes }
      const minutes = arrivalMinutes({ component }, way, policy)
      return minutes === null || at + minutes * 60_000 > demand.deadline ? [] : [{ demand, way }]
    })
    inReach.set(key, asked)
    return asked
  }
  const leads: Lead[] = []
  for (const cell of cells.all) {
    const asked = askedOf(cell)
    if (asked.length === 0) continue
    for (const kind of kindsOf(cell, policy)) {
      // What is true of the one that keeps longest is true of all but for how long they keep.
      const longest = kind.bags.at(-1) as TransferBag
      for (const { demand, way } of asked) {
        const offer = offerOf(longest, demand, way, at, policy)
        if (typeof offer === 'string') continue
        const keeps = at + offer.minutes * 60_000 + policy.lifeLeftMs[cell.component]
        const first = kind.bags.findIndex(({ expiresAt }) => expiresAt >= keeps)
        leads.push({ ...offer, kind, demand, first })
      }
    }
  }
  return leads
}

/** A demand that a site's blood may come to in time, and the way there. */
type Asked = { readonly demand: TransferDemand; readonly way: Way }

/** The bags of a cell that differ in nothing but their expiry, and so in their risk. */
function kindsOf(cell: Cell, policy: TransferProblem['policy']): readonly BagClass[] {
  // Of most bags a number says it, which is soon told from another.
  const kinds = groupedBy<TransferBag, number | string>(cell.bags, ({ amount, lowTitre, treated }) =>
    treated.length === 0 ? 2 * (amount ?? 0) + Number(lowTitre) : `${amount}|${lowTitre}|${treated.join()}`,
  )
  return [...kinds.values()].map((bags) => ({
    cell,
    weight: weightOf(bags[0] as TransferBag, policy) ?? 0,
    bags: bags.sort(byExpiry),
  }))
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
): readonly Lead[] {
  const asked = new Map<string, number>()
  const heaviest = new Map<TransferDemand, number>()
  for (const { demand, kind } of leads) heaviest.set(demand, Math.max(heaviest.get(demand) ?? 0, kind.weight))
  for (const demand of demands) {
    const most = (weightOf(demand, policy) ?? 0) + (heaviest.get(demand) ?? 0)
    asked.set(demand.component, (asked.get(demand.component) ?? 0) + most)
  }
  return [...groupedBy(leads, ({ demand }) => demand)].flatMap(([demand, own]) =>
    [...groupedBy(own, ({ kind }) => kind.weight).values()].flatMap((alike) =>
      nearEnough(alike, asked.get(demand.component) ?? 0),
    ),
  )
}

/** Of leads of one demand and weight those that no more than so much is nearer than. */
function nearEnough(leads: readonly Lead[], most: number): readonly Lead[] {
  const near = leads.toSorted((a, b) => a.minutes - b.minutes)
  const bags = new Map<Cell, number>()
  let given = 0
  let kept = 0
  while (kept < near.length && given <= most) {
    const { minutes } = near[kept] as Lead
    for (; near[kept]?.minutes === minutes; kept++) {
      const { kind, first } = near[kept] as Lead
      const before = bags.get(kind.cell) ?? 0
      const now = before + kind.bags.length - first
      given += givenBy(now, kind) - givenBy(before, kind)
      bags.set(kind.cell, now)
    }
  }
  return near.slice(0, kept)
}

function givenBy(bags: number, { cell, weight }: BagClass): number {
  return Math.max(0, Math.min(bags * weight, cell.free - weight + 1))
}

/** The bags of a kind by what each costs, where it may go. */
function classesOf(
  { cell, weight, bags }: BagClass,
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
    const bagClass: BagClass = { cell, weight, bags: alike }
    return leads.flatMap((lead, index) => {
      const { demand, minutes, rank } = lead
      const risk = risks[index]
      return typeof risk === 'number' ? [{ class: bagClass, lead, demand, minutes, rank, risk }] : []
    })
  })
}
