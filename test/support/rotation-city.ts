import type { TransferBag } from '../../api/domain/transfer/problem.ts'
import type {
  RotationLevel,
  RotationMove,
  RotationProblem,
} from '../../api/domain/transfer/rotation-problem.ts'
import { minutesBetween } from '../../api/domain/transfer/travel.ts'
import { cnRotation } from '../../api/policies/rotation.ts'
import { cnTransfer, cnTransferRoads } from '../../api/policies/transfer.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import type { Abo, Rhd } from '../../schema/vocabulary.ts'

const day = 24 * 3_600_000
const epoch = Date.UTC(2026, 0, 1)
/** Before the year is counted: so much of its past is known when it begins. */
const historyDays = 28
const rotatesAt = day / 4
const deliversAt = (day * 10) / 24

/** Of people asked for blood in China. */
const share: Readonly<Record<Abo, number>> = { O: 0.31, A: 0.28, B: 0.3, AB: 0.11 }
const rhdNegative = 0.01

const kinds = {
  red_cells: { uom: 'U', amount: 200, lives: [29, 33], coverDays: 7, floor: { O: 4, A: 3, B: 3, AB: 2 } },
  platelets: { uom: 'dose', amount: 100, lives: [4, 5], coverDays: 2, floor: { O: 1, A: 1, B: 1, AB: 0 } },
} as const
type Kind = keyof typeof kinds

/** What one hospital keeps of one component and group, and how much of it is truly asked for. */
type Cell = {
  readonly site: string
  readonly component: Kind
  readonly abo: Abo
  readonly rhd: Rhd
  readonly truePerDay: number
  readonly target: number
  readonly asked: Random
  readonly delivered: Random
  stock: Bag[]
  /** Of the last days, the newest last. */
  used: number[]
  gone: number[]
}

type Bag = TransferBag & { readonly wasMoved: boolean }

export type Year = {
  readonly asked: number
  readonly used: number
  readonly expired: number
  /** Asked for where there was none. */
  readonly short: number
  readonly moved: number
  readonly journeys: number
  /** Of the moved. */
  readonly movedExpired: number
  readonly lostOnWay: number
}

/**
 * A year of 43 hospitals and the centre that fills them up to target once a day, a day a step; what happens is drawn, and
 * the same is asked for whoever rotates. At midnight what has expired is thrown away; at six bags are rotated, and are on
 * their way until ten, when the centre delivers. Patients come at all hours; each gets the bag that expires first, or none. One journey in twenty fails, and all on it is lost. Who rotates knows what was used in the last four weeks, never what truly is on average.
 */
export function liveYear(
  seed: string | number,
  rotate: ((problem: RotationProblem) => readonly RotationMove[]) | null,
  days = 365,
): Year {
  const random = createRandom(seed)
  const { sites, minutesTo, cells } = drawHospitals(random)
  const byKey = new Map(cells.map((cell) => [keyOf(cell.site, cell), cell]))
  const ways = random.fork('ways')
  const year = {
    asked: 0,
    used: 0,
    expired: 0,
    short: 0,
    moved: 0,
    journeys: 0,
    movedExpired: 0,
    lostOnWay: 0,
  }
  let bags = 0
  for (let today = -historyDays; today < days; today++) {
    const counts = today >= 0
    const midnight = epoch + today * day
    for (const cell of cells) {
      const expired = cell.stock.filter(({ expiresAt }) => expiresAt <= midnight)
      cell.stock = cell.stock.filter(({ expiresAt }) => expiresAt > midnight)
      if (counts) {
        year.expired += expired.length
        year.movedExpired += expired.filter(({ wasMoved }) => wasMoved).length
      }
      cell.gone.push(expired.length)
    }
    const night = cells.map((cell) => serve(cell, rotatesAt / day))
    const onTheWay: { readonly goal: Cell; readonly bag: Bag }[] = []
    if (rotate && counts) {
      const moves = rotate(problemOf(midnight + rotatesAt, { sites, minutesTo, cells }))
      const failed = new Map<string, boolean>()
      for (const { bag, to } of moves) {
        const [from, goal] = [byKey.get(keyOf(bag.site, bag)), byKey.get(keyOf(to, bag))] as [Cell, Cell]
        const journey = `${bag.site}|${to}`
        if (!failed.has(journey)) failed.set(journey, ways.chance(0.05))
        from.stock = from.stock.filter(({ id }) => id !== bag.id)
        year.moved++
        if (failed.get(journey)) year.lostOnWay++
        else onTheWay.push({ goal, bag: { ...bag, site: to, wasMoved: true } })
      }
      year.journeys += failed.size
    }
    const early = cells.map((cell) => serve(cell, (deliversAt - rotatesAt) / day))
    for (const { goal, bag } of onTheWay) goal.stock.push(bag)
    for (const [place, cell] of cells.entries()) {
      while (cell.stock.length < cell.target) cell.stock.push(freshBag(cell, `B${++bags}`, midnight))
      const late = serve(cell, (day - deliversAt) / day)
      const parts = [night[place], early[place], late] as readonly (typeof late)[]
      const used = parts.reduce((sum, part) => sum + part.used, 0)
      cell.used.push(used)
      if (cell.used.length > historyDays) cell.used.shift()
      if (cell.gone.length > historyDays) cell.gone.shift()
      if (!counts) continue
      year.asked += parts.reduce((sum, part) => sum + part.asked, 0)
      year.used += used
    }
  }
  return { ...year, short: year.asked - year.used }
}

/** What patients ask for in a part of a day, and get. */
function serve(cell: Cell, days: number): { readonly asked: number; readonly used: number } {
  cell.stock.sort((a, b) => a.expiresAt - b.expiresAt)
  const asked = drawPoisson(cell.asked, cell.truePerDay * days)
  return { asked, used: cell.stock.splice(0, asked).length }
}

/** From one that asks for a bag of red cells a week to one that asks for some thirty a day. */
function drawHospitals(random: Random) {
  const places = random.fork('places')
  const hospitals = Array.from({ length: 43 }, (_, index) => ({
    id: `H${String(index + 1).padStart(2, '0')}`,
    redCells: 0.15 * 200 ** (index / 42) * Math.exp(0.3 * places.normal()),
    position: { lat: 36.1 + places.between(-0.25, 0.25), lon: 120.4 + places.between(-0.3, 0.3) },
  }))
  const minutesTo = new Map(
    hospitals.map((to) => [
      to.id,
      hospitals.map((from) => minutesBetween(from.position, to.position, 8, cnTransferRoads)),
    ]),
  )
  const cells = hospitals.flatMap(({ id, redCells }) => {
    const kept: Cell[] = []
    for (const component of ['red_cells', 'platelets'] as const)
      for (const abo of ['O', 'A', 'B', 'AB'] as const)
        for (const rhd of ['positive', 'negative'] as const) {
          const inAll = component === 'red_cells' ? redCells : redCells / 5
          const truePerDay = inAll * share[abo] * (rhd === 'negative' ? rhdNegative : 1 - rhdNegative)
          // RhD-negative blood and platelets are kept where there is some use of them; a dose of platelets a day.
          if (rhd === 'negative' && (component === 'platelets' || redCells < 8)) continue
          if (component === 'platelets' && redCells < 5) continue
          const { coverDays, floor } = kinds[component]
          const least = rhd === 'negative' ? 1 : floor[abo]
          kept.push({
            ...{ site: id, component, abo, rhd, truePerDay },
            target: Math.max(least, Math.ceil(truePerDay * coverDays)),
            asked: random.fork(`asked/${id}/${component}/${abo}/${rhd}`),
            delivered: random.fork(`delivered/${id}/${component}/${abo}/${rhd}`),
            ...{ stock: [], used: [], gone: [] },
          })
        }
    return kept
  })
  return { sites: hospitals.map(({ id }) => ({ id, boxes: null })), minutesTo, cells }
}

function freshBag({ site, component, abo, rhd, delivered }: Cell, id: string, midnight: number): Bag {
  const { uom, amount, lives } = kinds[component]
  const expiresAt = midnight + delivered.whole(lives[0], lives[1]) * day
  const facts = { lowTitre: false, treated: [], obstacle: null, wasMoved: false }
  return { id, site, component, group: { abo, rhd }, amount, uom, expiresAt, ...facts }
}

function problemOf(
  at: number,
  { sites, minutesTo, cells }: ReturnType<typeof drawHospitals>,
): RotationProblem {
  const levels = cells.map(({ site, component, abo, rhd, target, used, gone }): RotationLevel => {
    const { uom, amount } = kinds[component]
    const perDay = (of: readonly number[]) => (of.reduce((sum, one) => sum + one, 0) * amount) / historyDays
    const levels = {
      target: target * amount,
      minimum: (target >> 1) * amount,
      critical: (target >> 2) * amount,
    }
    const rates = { usedPerDay: perDay(used), perDay: perDay(used) + perDay(gone) }
    return { site, component, abo, rhd, uom, ...levels, booked: 0, ...rates }
  })
  const stock = cells.flatMap((cell) => cell.stock)
  const refill = { at: at + deliversAt - rotatesAt, everyMs: day }
  return { at, sites, minutesTo, stock, levels, refill, policy: cnTransfer, rotation: cnRotation }
}

function keyOf(
  site: string,
  of: { readonly component: string } & (Group | { readonly group: Group | null }),
) {
  const group = 'group' in of ? of.group : of
  return [site, of.component, group?.abo, group?.rhd].join()
}
type Group = { readonly abo: Abo; readonly rhd: Rhd }

/** Knuth: as many uniform draws as their product stays above e to the minus mean. */
export function drawPoisson(random: Random, mean: number): number {
  const least = Math.exp(-mean)
  let count = 0
  for (let product = random.next(); product > least; product *= random.next()) count++
  return count
}
