import type {
  TransferBag,
  TransferDemand,
  TransferLevel,
  TransferProblem,
} from '../../api/domain/transfer/problem.ts'
import { minutesBetween } from '../../api/domain/transfer/travel.ts'
import { cnTransfer, cnTransferRoads } from '../../api/policies/transfer.ts'
import { type Position, travel } from '../../devices-sim/city/geography.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import type { Abo, Component, Rhd, UnitOfMeasure } from '../../schema/vocabulary.ts'

const at = Date.UTC(2026, 10, 24, 6)
const dayMs = 86_400_000
const bagsEach = 100
const hospitalsEach = 43

/** How often a group is among Han Chinese, in a thousand; of 250 one is RhD-negative. */
const often: Readonly<Record<Abo, number>> = { O: 310, A: 290, B: 290, AB: 110 }
const rhdNegative = 0.004

type Kind = {
  readonly component: Component
  readonly uom: UnitOfMeasure
  readonly amounts: readonly number[]
  readonly days: number
  readonly share: number
  readonly asked: readonly [least: number, most: number]
}
const kinds: readonly Kind[] = [
  { component: 'red_cells', uom: 'U', amounts: [100, 150, 200], days: 35, share: 0.6, asked: [2, 12] },
  {
    component: 'plasma',
    uom: 'mL',
    amounts: [10_000, 15_000, 20_000],
    days: 365,
    share: 0.25,
    asked: [2, 8],
  },
  { component: 'platelets', uom: 'dose', amounts: [100], days: 5, share: 0.15, asked: [1, 2] },
]

/**
 * A province as a seed draws it: cities of 43 hospitals each, a hundred bags in every hospital, what each keeps of what it
 * has, and patients who need what their own hospital lacks.
 */
export function drawTransfers(sites: number, requests: number, seed: string): TransferProblem {
  const random = createRandom(`${seed}/${sites}/${requests}`)
  const positions = drawPositions(sites, random)
  const ids = positions.map((_, index) => `H${index + 1}`)
  const stock = ids.flatMap((site) =>
    Array.from({ length: bagsEach }, (_, index) => drawBag(`${site}-${index + 1}`, site, random)),
  )
  const demands = Array.from({ length: requests }, (_, index) => drawDemand(`R${index + 1}`, ids, random))
  return {
    at,
    sites: ids.map((id) => ({ id, boxes: null })),
    minutesTo: new Map(
      demands.map(({ site }) => {
        const here = positions[ids.indexOf(site)] as Position
        return [site, positions.map((from) => minutesBetween(from, here, 14, cnTransferRoads))]
      }),
    ),
    stock,
    levels: drawLevels(stock),
    demands,
    policy: cnTransfer,
  }
}

function drawPositions(sites: number, random: Random): Position[] {
  const cities = Math.ceil(sites / hospitalsEach)
  const middles = Array.from({ length: cities }, (_, index) =>
    index === 0
      ? { lat: 36.07, lon: 120.38 }
      : travel({ lat: 36.07, lon: 120.38 }, 40 + 260 * random.next(), 360 * random.next()),
  )
  return Array.from({ length: sites }, (_, index) =>
    travel(middles[index % cities] as Position, 25 * Math.sqrt(random.next()), 360 * random.next()),
  )
}

function drawGroup(random: Random): { abo: Abo; rhd: Rhd } {
  const abo = drawn(Object.keys(often) as Abo[], (one) => often[one], random)
  return { abo, rhd: random.next() < rhdNegative ? 'negative' : 'positive' }
}

function drawKind(random: Random): Kind {
  return drawn(kinds, ({ share }) => share, random)
}

/** One of them, each as often as it weighs. */
function drawn<T>(of: readonly T[], weightOf: (one: T) => number, random: Random): T {
  let left = random.next() * of.reduce((sum, one) => sum + weightOf(one), 0)
  for (const one of of) {
    left -= weightOf(one)
    if (left < 0) return one
  }
  return of[0] as T
}

function drawBag(id: string, site: string, random: Random): TransferBag {
  const { component, uom, amounts, days } = drawKind(random)
  const draw = random.next()
  // Named one by one they are all of one shape, as those are that come from a message or a file.
  return {
    id,
    site,
    component,
    uom,
    group: drawGroup(random),
    amount: amounts[Math.floor(random.next() * amounts.length)] as number,
    expiresAt: at + Math.ceil(days * random.next()) * dayMs + 8 * 3_600_000,
    lowTitre: random.next() < 0.3,
    treated: [],
    obstacle: draw < 0.03 ? 'reserved' : draw < 0.05 ? 'cold_chain' : draw < 0.06 ? 'not_issuable' : null,
  }
}

/** Each keeps half of what it has, and would not go below a fifth. */
function drawLevels(stock: readonly TransferBag[]): TransferLevel[] {
  const sums = new Map<string, { readonly bag: TransferBag; sum: number }>()
  for (const bag of stock) {
    const key = [bag.site, bag.component, bag.group?.abo, bag.group?.rhd].join('|')
    const cell = sums.get(key)
    if (cell) cell.sum += bag.amount ?? 0
    else sums.set(key, { bag, sum: bag.amount ?? 0 })
  }
  return [...sums.values()].flatMap(({ bag: { site, component, group, uom }, sum }) => {
    if (!group || !uom) return []
    const part = (share: number) => 50 * Math.round((share * sum) / 50)
    const levels = { target: part(0.8), minimum: part(0.5), critical: part(0.2) }
    return [{ site, component, ...group, uom, ...levels, booked: 0, perDay: part(0.1) }]
  })
}

function drawDemand(id: string, sites: readonly string[], random: Random): TransferDemand {
  const { component, uom, amounts, asked } = drawKind(random)
  const bags = asked[0] + Math.floor((asked[1] - asked[0] + 1) * random.next())
  const urgency = random.next()
  return {
    id: `${id}/1`,
    request: id,
    site: sites[Math.floor(sites.length * random.next())] as string,
    component,
    uom,
    group: random.next() < 0.1 ? { abo: null, rhd: null } : drawGroup(random),
    rhdPositiveAllowed: true,
    requires: [],
    amount: bags * (amounts[0] as number),
    deadline: at + (60 + Math.floor(120 * random.next())) * 60_000,
    urgency: urgency < 0.5 ? 'emergency' : urgency < 0.8 ? 'urgent' : 'routine',
  }
}
