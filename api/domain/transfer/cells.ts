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

/**
 * The stock by cells, as far as anybody who asks could get of it. Only what may be issued counts, and what is booked is no
 * longer there. Of what no level speaks all is free: a site says what it keeps.
 *
 * @param wanted which sorts of blood to look at: what some demand may get, where it is not said
 */
export function cellsOf(problem: TransferProblem, wanted = wantedBy(problem)): Cells {
  const { sites, stock, levels, policy, at } = problem
  const places = new Map(sites.map(({ id }, place) => [id, place]))
  const codeOf = (site: string, component: Component, abo: Abo, rhd: Rhd, uom: UnitOfMeasure): number => {
    const sort = sortOf(component, abo, rhd, uom)
    const place = wanted[sort] ? places.get(site) : undefined
    return place === undefined ? -1 : place * sorts + sort
  }
  const codeAt = (site: string, { component, group, uom }: TransferBag): number =>
    group && uom ? codeOf(site, component, group.abo, group.rhd, uom) : -1
  const found = new Map<number, { readonly bags: TransferBag[]; sum: number }>()
  for (const bag of stock) {
    const code = codeAt(bag.site, bag)
    if (code < 0 || bag.obstacle || at >= bag.expiresAt) continue
    const weight = weightOf(bag, policy)
    if (weight === null) continue
    const cell = found.get(code)
    if (cell) {
      cell.bags.push(bag)
      cell.sum += weight
    } else found.set(code, { bags: [bag], sum: weight })
  }
  const kept = new Map<number, TransferLevel>()
  for (const level of levels)
    kept.set(codeOf(level.site, level.component, level.abo, level.rhd, level.uom), level)
  const cells = new Map<number, Cell>()
  for (const [code, { bags, sum }] of found) {
    const { site, component } = bags[0] as TransferBag
    cells.set(code, { site, component, bags, ...roomOf(sum, kept.get(code) ?? null, problem) })
  }
  return {
    all: [...cells.values()],
    of: (bag) => cells.get(codeAt(bag.site, bag)),
    at(site, bag) {
      const code = codeAt(site, bag)
      const level = kept.get(code)
      if (cells.has(code) || !level) return cells.get(code)
      return { site, component: bag.component, bags: [], ...roomOf(0, level, problem) }
    },
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

export const everySort: readonly boolean[] = new Array<boolean>(sorts).fill(true)

function sortOf(component: Component, abo: Abo, rhd: Rhd, uom: UnitOfMeasure): number {
  const group = (componentAt[component] * abos.length + aboAt[abo]) * rhds.length + rhdAt[rhd]
  return group * unitsOfMeasure.length + uomAt[uom]
}

/** Which of all sorts of blood some demand may get. */
function wantedBy({ demands }: Pick<TransferProblem, 'demands'>): readonly boolean[] {
  const wanted = new Array<boolean>(sorts).fill(false)
  for (const component of components)
    for (const abo of abos)
      for (const rhd of rhds)
        for (const { component: asked, group, uom } of demands) {
          if (asked !== wholeOf(component)) continue
          const { verdict } = compatibilityOf(component, { abo, rhd }, group)
          if (verdict === 'compatible') wanted[sortOf(component, abo, rhd, uom)] = true
        }
  return wanted
}
