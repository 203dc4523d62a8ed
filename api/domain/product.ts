import type {
  Component,
  Jurisdiction,
  Process,
  ShelfLifeStart,
  ShelfLifeUnit,
  UnitOfMeasure,
} from '../../schema/vocabulary.ts'
import { daysIn, wallClockIn } from './local-day.ts'
import { Refusal } from './refusal.ts'

/** So many hours from a moment on, or to the end of the day that is so many days of the calendar later. */
export type ShelfLife = { readonly count: number; readonly unit: ShelfLifeUnit }

/** What may be made of a product by a process. */
export type Making = {
  readonly process: Process
  /** The product that is made, of the same scheme. */
  readonly code: string
  /** It keeps for so long after it was made, whatever else is said of it; null where only that counts. */
  readonly shelfLife: ShelfLife | null
  /** Only so soon after the donor gave; null where it does not matter. */
  readonly within: ShelfLife | null
  /** What it was kept at before does not count any more. */
  readonly resetsExposure: boolean
}

/** All that a version of an entry of the catalogue says. */
export type ProductContent = {
  readonly jurisdiction: Jurisdiction
  readonly scheme: string
  readonly code: string
  readonly effectiveFrom: number
  readonly name: string
  readonly component: Component
  readonly uom: UnitOfMeasure
  readonly amount: number | null
  readonly shelfLife: ShelfLife
  readonly countsFrom: ShelfLifeStart
  readonly agitated: boolean
  readonly isCollected: boolean
  readonly treatments: readonly Process[]
  readonly makes: readonly Making[]
  readonly source: string
  readonly uncertain: readonly string[]
}

/**
 * What each process can make of a component at all, whatever a catalogue says: nothing comes of what does not hold it,
 * what is frozen is thawed before anything else is done with it, and nothing is thawed that is not frozen.
 */
const becomes: Readonly<Record<Process, Readonly<Partial<Record<Component, readonly Component[]>>>>> = {
  separate: {
    whole_blood: ['red_cells', 'plasma', 'platelets', 'granulocytes'],
    plasma: ['cryoprecipitate', 'plasma'],
  },
  split: same(
    'red_cells',
    'plasma',
    'platelets',
    'whole_blood',
    'thawed_plasma',
    'granulocytes',
    'cryoprecipitate',
  ),
  pool: same('platelets', 'cryoprecipitate', 'thawed_cryoprecipitate', 'plasma', 'thawed_plasma'),
  wash: same('red_cells', 'platelets'),
  irradiate: same('red_cells', 'platelets', 'whole_blood', 'granulocytes'),
  thaw: {
    plasma: ['thawed_plasma'],
    cryoprecipitate: ['thawed_cryoprecipitate'],
    frozen_red_cells: ['red_cells'],
  },
}

function same(...components: Component[]): Partial<Record<Component, readonly Component[]>> {
  return Object.fromEntries(components.map((component) => [component, [component]]))
}

export function canBecome(process: Process, from: Component, to: Component): boolean {
  return becomes[process][from]?.includes(to) ?? false
}

/** Done once, these are not done again. */
export const onceOnly: ReadonlySet<Process> = new Set(['wash', 'irradiate', 'thaw', 'pool'])

/** Of one bag one bag, which stays what it was. */
export const oneOfOne: ReadonlySet<Process> = new Set(['wash', 'irradiate', 'thaw'])

/** When a shelf life that began at an instant is over, exclusive, ms UTC. @param timeZone where the days are counted */
export function endOf({ count, unit }: ShelfLife, from: number, timeZone: string): number {
  if (unit === 'hours') return from + count * 3_600_000
  const date = new Date(wallClockIn(timeZone)(from) + count * 86_400_000).toISOString().slice(0, 10)
  return daysIn(timeZone)(date).to
}

/**
 * When a bag of a product that was not made here expires at the latest: by its label, and by the catalogue counted from when it
 * was collected. Where nobody says when, or it was made later, it was at the latest now.
 */
export function expiryOf(
  { shelfLife, countsFrom }: Pick<ProductContent, 'shelfLife' | 'countsFrom'>,
  known: { readonly labelled: number; readonly collectedAt: number | null; readonly now: number },
  timeZone: string,
): number {
  const from = countsFrom === 'collection' ? (known.collectedAt ?? known.now) : known.now
  return Math.min(known.labelled, endOf(shelfLife, from, timeZone))
}

/**
 * @param known the entry of a product that may be made, of the same scheme; null where the catalogue has none
 * @throws Refusal `invalid_request` naming the rule that makes no sense, and why
 */
export function mustMakeSenseOf(content: ProductContent, known: (code: string) => Kind | null): void {
  if (content.isCollected && (content.treatments.length > 0 || content.countsFrom !== 'collection'))
    throw new Refusal('invalid_request', 'isCollected: nothing was done yet to what comes from a donor')
  content.makes.forEach(({ process, code }, index) => {
    const made = code === content.code ? content : known(code)
    const why = made ? whyNot(process, content, made) : 'the catalogue does not know it'
    if (why) throw new Refusal('invalid_request', `makes.${index}: ${code}: ${why}`)
  })
}

type Kind = Pick<ProductContent, 'component' | 'treatments'>

/** What speaks against making this of that; null where nothing does. */
function whyNot(process: Process, from: Kind, to: Kind): string | null {
  if (!canBecome(process, from.component, to.component))
    return `to ${process} ${from.component} does not make ${to.component}`
  const isOnce = onceOnly.has(process)
  if (isOnce && from.treatments.includes(process)) return `to ${process} twice is not allowed`
  if (isOnce && !to.treatments.includes(process)) return `its treatments must name ${process}`
  const forgotten = from.treatments.find((treatment) => !to.treatments.includes(treatment))
  return forgotten ? `its treatments must name ${forgotten}` : null
}
