import type { Abo, Component, Rhd, UnitOfMeasure } from '../../../schema/vocabulary.ts'
import { abos, components, rhds, unitsOfMeasure } from '../../../schema/vocabulary.ts'
import { compatibilityOf } from '../compatibility.ts'
import { type TransferBag, type TransferLevel, type TransferProblem, weightOf, wholeOf } from './problem.ts'

/** What one site has of one component, group and unit that may be issued, and what of it the site can spare. */
export type Cell = {
  readonly site: string
  readonly component: Component
  readonly bags: readonly TransferBag[]
  /** Hundredths of a mL, all of these. */
  readonly stock: number
  /** Anybody may have so much: what lies above the minimum. */
  readonly free: number
  /** Those the policy names may have so much more, with approval: nothing below critical leaves. */
  readonly reserve: number
  /** Of the free part, what lies above the target: what is taken beyond it is counted. */
  readonly aboveTarget: number
  readonly level: TransferLevel | null
}

export type Cells = {
  readonly all: readonly Cell[]
  /** Undefined of what is in no stock: its group or its unit is not known, or nobody asks for such. */
  of(bag: TransferBag): Cell | undefined
  /** The one it would be in at another site, be it empty; undefined where nothing is known of such blood there. */
  at(site: string, bag: TransferBag): Cell | undefined
}

/** Per site, in the order of the sites, which sorts of blood to look at; undefined where nothing there is of use. */
export type Wanted = readonly (Uint8Array | undefined)[]

/**
 * The stock by cells, as far as anybody who asks could get of it. Only what may be issued counts, and what is booked is no
 * longer there. Of what no level speaks all is free: a site says what it keeps.
 */
export function cellsOf(problem: TransferProblem, wanted: Wanted = wantedBy(problem)): Cells {
  const { sites, stock, levels, policy, at } = problem
  const places = new Map(sites.map(({ id }, place) => [id, place]))
  const placed = inTurns(places)
  /** -1 of what nobody wants. */
  const codeOf = (place: number, component: Component, abo: Abo, rhd: Rhd, uom: UnitOfMeasure): number => {
    const sort = sortOf(component, abo, rhd, uom)
    return wanted[place]?.[sort] ? place * sorts + sort : -1
  }
  const codeAt = (place: number, { component, group, uom }: TransferBag): number =>
    group && uom ? codeOf(place, component, group.abo, group.rhd, uom) : -1
  const found = new Map<number, { readonly bags: TransferBag[]; sum: number }>()
  for (const bag of stock) {
    const place = placed(bag.site)
    // Most of a large stock is too far away: nothing more is asked of it.
    if (wanted[place] === undefined || bag.obstacle || at >= bag.expiresAt) continue
    const code = codeAt(place, bag)
    if (code < 0) continue
    const weight = weightOf(bag, policy)
    if (weight === null) continue
    const cell = found.get(code)
    if (cell) {
      cell.bags.push(bag)
      cell.sum += weight
    } else found.set(code, { bags: [bag], sum: weight })
  }
  const kept = new Map<number, TransferLevel>()
  for (const level of levels) {
    const place = placed(level.site)
    if (wanted[place] !== undefined)
      kept.set(codeOf(place, level.component, level.abo, level.rhd, level.uom), level)
  }
  kept.delete(-1)
  const cells = new Map<number, Cell>()
  for (const [code, { bags, sum }] of found) {
    const { site, component } = bags[0] as TransferBag
    cells.set(code, { site, component, bags, ...roomOf(sum, kept.get(code) ?? null, problem) })
  }
  return {
    all: [...cells.values()],
    of: (bag) => cells.get(codeAt(places.get(bag.site) ?? -1, bag)),
    at(site, bag) {
      const code = codeAt(places.get(site) ?? -1, bag)
      const level = kept.get(code)
      if (cells.has(code) || !level) return cells.get(code)
      return { site, component: bag.component, bags: [], ...roomOf(0, level, problem) }
    },
  }
}

/** Where a site stands, -1 where nowhere: stock comes site by site, and then it is looked up once for each. */
function inTurns(places: ReadonlyMap<string, number>): (site: string) => number {
  let last = ''
  let place = places.get(last) ?? -1
  return (site) => {
    if (site === last) return place
    last = site
    place = places.get(site) ?? -1
    return place
  }
}

function roomOf(stock: number, level: TransferLevel | null, { policy }: TransferProblem) {
  if (!level) return { stock, aboveTarget: stock, free: stock, reserve: 0, level }
  const { component, uom } = level
  const each = weightOf({ component, uom, amount: 1 }, policy) ?? 0
  const weigh = (amount: number) => each * amount
  const [target, minimum, critical] = [weigh(level.target), weigh(level.minimum), weigh(level.critical)]
  const left = Math.max(0, stock - weigh(level.booked))
  const keeps = Math.max(minimum, critical)
  return {
    stock,
    aboveTarget: Math.max(0, left - Math.max(target, keeps)),
    free: Math.max(0, left - keeps),
    reserve: Math.max(0, Math.min(left, keeps) - critical),
    level,
  }
}

/** Components, groups and units. */
const sorts = components.length * abos.length * rhds.length * unitsOfMeasure.length
const numbered = <T extends string>(words: readonly T[]) =>
  Object.fromEntries(words.map((word, index) => [word, index])) as Readonly<Record<T, number>>
const [componentAt, aboAt, rhdAt, uomAt] = [
  numbered(components),
  numbered(abos),
  numbered(rhds),
  numbered(unitsOfMeasure),
]

/** All there is, wherever it is. */
export function everything({ sites }: Pick<TransferProblem, 'sites'>): Wanted {
  const all = new Uint8Array(sorts).fill(1)
  return sites.map(() => all)
}

function sortOf(component: Component, abo: Abo, rhd: Rhd, uom: UnitOfMeasure): number {
  const group = (componentAt[component] * abos.length + aboAt[abo]) * rhds.length + rhdAt[rhd]
  return group * unitsOfMeasure.length + uomAt[uom]
}

/**
 * What some demand may get: of sorts that fit it, from where it comes in time; and of the same sorts what there is where
 * it is asked for, which whatever comes is put to.
 */
function wantedBy({ at, sites, minutesTo, demands, policy }: TransferProblem): Wanted {
  const wanted = new Array<Uint8Array | undefined>(sites.length).fill(undefined)
  for (const { site, component: asked, group, uom, deadline } of demands) {
    const fitting: number[] = []
    let pack = Number.POSITIVE_INFINITY
    for (const component of components) {
      if (wholeOf(component) !== asked) continue
      pack = Math.min(pack, policy.packMinutes[policy.boxOf[component]])
      for (const abo of abos)
        for (const rhd of rhds)
          if (compatibilityOf(component, { abo, rhd }, group).verdict === 'compatible')
            fitting.push(sortOf(component, abo, rhd, uom))
    }
    const most = (deadline - at) / 60_000 - policy.handoverMinutes - pack
    const ways = minutesTo.get(site) ?? []
    for (let place = 0; place < sites.length; place++) {
      const minutes = ways[place]
      const isReached = minutes !== null && minutes !== undefined && minutes <= most
      if (!isReached && sites[place]?.id !== site) continue
      const here = wanted[place] ?? new Uint8Array(sorts)
      wanted[place] = here
      for (const sort of fitting) here[sort] = 1
    }
  }
  return wanted
}
