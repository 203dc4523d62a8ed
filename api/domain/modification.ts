import type { BagState, Component, Process, UnitOfMeasure } from '../../schema/vocabulary.ts'
import type { BloodGroup } from './compatibility.ts'
import { endOf, type Making, onceOnly, oneOfOne, type ProductContent } from './product.ts'
import { Refusal } from './refusal.ts'

/** A bag that is to be made into others, locked. */
export type Parent = {
  readonly label: string
  readonly productCode: string
  readonly collectionType: string
  readonly division: string
  readonly component: Component
  readonly state: BagState
  readonly holderId: number | null
  readonly expiresAt: number
  /** At the latest. */
  readonly collectedAt: number
  readonly group: BloodGroup | null
  readonly lowTitre: boolean
  readonly bagCount: number
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
}

/** What somebody wants to make. What is not said follows from the catalogue and from what it is made of. */
export type Wanted = {
  readonly code?: string | undefined
  readonly division?: string | undefined
  /** As labelled, exclusive. */
  readonly expiresAt?: number | undefined
  readonly amount?: number | undefined
  readonly lowTitre?: boolean | undefined
}

/** A bag that comes of it. */
export type Made = {
  readonly productCode: string
  readonly division: string
  readonly component: Component
  readonly expiresAt: number
  readonly collectedAt: number
  readonly group: BloodGroup | null
  readonly lowTitre: boolean
  readonly bagCount: number
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
  readonly resetsExposure: boolean
}

type Known = {
  /** The catalogue, as it is in force. */
  readonly known: (code: string) => ProductContent | null
  readonly now: number
  readonly timeZone: string
}

const done: Readonly<Record<Process, string>> = {
  separate: 'separated',
  split: 'split',
  pool: 'pooled',
  wash: 'washed',
  irradiate: 'irradiated',
  thaw: 'thawed',
}

/**
 * What comes of making bags of bags. Each is checked by the catalogue; a part keeps its number and gets a division of
 * its own, and nothing outlasts what it is made of, whatever its label says, but for what whole blood is separated into,
 * which keeps by dates of its own.
 *
 * A pool is made of bags in stock of one product, one ABO group and one holder. Its RhD is positive where that of any is,
 * for it has cells of each; of low titre it is where all are.
 *
 * @throws Refusal `invalid_request`, `illegal_move`, `not_in_catalogue`, `incompatible`, `conflict`, `expired`
 */
export function planModification(
  process: Process,
  parents: readonly Parent[],
  wanted: readonly Wanted[],
  { known, now, timeZone }: Known,
): Made[] {
  const [first] = parents
  if (!first) throw new Refusal('invalid_request', 'bags: nothing is made of nothing')
  const from = productOf(process, first, known)
  mustBeSo(process, parents, wanted)
  const divisions = divisionsOf(process, first, wanted)
  const makings = wanted.map(({ code }) => makingOf(process, first, from, code))
  const isParted = process === 'separate' && first.component === 'whole_blood'
  const lasts = Math.min(...parents.map(({ expiresAt }) => expiresAt))
  const collectedAt = Math.min(...parents.map((parent) => parent.collectedAt))
  const made = wanted.map((asked, index): Made => {
    const making = makings[index] as Making
    const to = known(making.code)
    if (!to) throw new Refusal('not_in_catalogue', `the catalogue does not know ${making.code}`)
    if (making.within && now >= endOf(making.within, collectedAt, timeZone))
      throw new Refusal(
        'illegal_move',
        `bag ${first.label} is too old to be ${done[process]}: it was to be within ${making.within.count} ${making.within.unit} of its collection`,
      )
    const begins = to.countsFrom === 'collection' ? collectedAt : now
    const expiresAt = Math.min(
      asked.expiresAt ?? Number.POSITIVE_INFINITY,
      isParted ? Number.POSITIVE_INFINITY : lasts,
      endOf(to.shelfLife, begins, timeZone),
      making.shelfLife ? endOf(making.shelfLife, now, timeZone) : Number.POSITIVE_INFINITY,
    )
    if (expiresAt <= now)
      throw new Refusal('expired', `${making.code} of bag ${first.label} would have expired already`)
    return {
      productCode: making.code,
      division: divisions[index] as string,
      component: to.component,
      expiresAt,
      collectedAt,
      group: groupOf(parents),
      lowTitre: asked.lowTitre ?? parents.every(({ lowTitre }) => lowTitre),
      bagCount: parents.reduce((count, { bagCount }) => count + bagCount, 0),
      ...amountOf(process, parents, to, asked.amount, wanted.length),
      resetsExposure: making.resetsExposure,
    }
  })
  mustHold(parents, made)
  return made
}

/**
 * Which process makes these of that, where nobody says: the only one by which the catalogue lets all of them be made. The
 * same code with another division is a part.
 *
 * @throws Refusal `not_in_catalogue`
 */
export function processOf(
  parent: Pick<Parent, 'label' | 'productCode'>,
  wanted: readonly Wanted[],
  known: Known['known'],
): Process {
  const from = known(parent.productCode)
  const ways = wanted.map(({ code }) =>
    (from?.makes ?? []).filter((making) => making.code === code).map(({ process }) => process),
  )
  const process = ways[0]?.find((way) => ways.every((others) => others.includes(way)))
  if (process) return process
  const codes = wanted.map(({ code }) => code).join(', ')
  throw new Refusal(
    'not_in_catalogue',
    `the catalogue does not allow to make ${codes} of bag ${parent.label}`,
  )
}

function productOf(process: Process, { label, productCode }: Parent, known: Known['known']): ProductContent {
  const product = known(productCode)
  if (!product) throw new Refusal('not_in_catalogue', `the catalogue does not know what bag ${label} is`)
  if (onceOnly.has(process) && product.treatments.includes(process))
    throw new Refusal('illegal_move', `bag ${label} is ${done[process]} already: that is done once only`)
  return product
}

function mustBeSo(process: Process, parents: readonly Parent[], wanted: readonly Wanted[]): void {
  const [first, ...others] = parents as [Parent, ...Parent[]]
  if (wanted.length === 0) throw new Refusal('invalid_request', 'children: say what is to be made')
  if ((oneOfOne.has(process) || process === 'pool') && wanted.length > 1)
    throw new Refusal('invalid_request', `children: to ${process} makes one bag`)
  if (process !== 'pool') {
    if (others.length > 0)
      throw new Refusal('invalid_request', `bags: to ${process} is done to one bag at a time`)
    return
  }
  if (others.length === 0) throw new Refusal('invalid_request', 'bags: a pool is made of several')
  for (const other of others) {
    if (other.productCode !== first.productCode || other.collectionType !== first.collectionType)
      throw new Refusal('conflict', `bags ${first.label} and ${other.label} are different products`)
    if (other.holderId !== first.holderId)
      throw new Refusal('conflict', `bags ${first.label} and ${other.label} are held by different facilities`)
  }
  for (const { label, state, group } of parents) {
    if (state !== 'available')
      throw new Refusal('illegal_move', `bag ${label} is ${state}: only what is released is pooled`)
    if (!group) throw new Refusal('incompatible', `the group of bag ${label} is not known`)
    if (group.abo !== first.group?.abo)
      throw new Refusal(
        'incompatible',
        `bag ${label} is ${group.abo} and not ${first.group?.abo}: not in one pool`,
      )
  }
}

function groupOf(parents: readonly Parent[]): BloodGroup | null {
  const group = parents[0]?.group ?? null
  const isPositive = parents.some((parent) => parent.group?.rhd === 'positive')
  return group && { abo: group.abo, rhd: isPositive ? 'positive' : 'negative' }
}

function makingOf(
  process: Process,
  { label }: Parent,
  { code: from, makes }: ProductContent,
  code: string | undefined,
): Making {
  const ways = makes.filter((making) => making.process === process)
  const [only, ...others] = code === undefined ? ways : ways.filter((making) => making.code === code)
  if (only && others.length === 0) return only
  if (only)
    throw new Refusal('invalid_request', `children: say which of ${ways.map((way) => way.code).join(', ')}`)
  const possible = [...new Set(makes.map((making) => `${making.process} into ${making.code}`))]
  throw new Refusal(
    'not_in_catalogue',
    `the catalogue does not allow to ${process} bag ${label}${code === undefined ? '' : ` into ${code}`}; of ${from} it allows: ${possible.join(', ') || 'nothing'}`,
  )
}

/** ISBT 128 ST-001: `00` is undivided, `A0` its first part, `Aa` the first part of that; there is no third cut. */
function divisionsOf(
  process: Process,
  { label, division }: Parent,
  wanted: readonly Wanted[],
): readonly string[] {
  if (process === 'split') {
    const isGiven = wanted.every((part) => part.division !== undefined)
    const next = isGiven ? [] : partsOf(label, division, wanted.length)
    const all = wanted.map((part, index) => part.division ?? (next[index] as string))
    if (new Set([division, ...all]).size <= all.length)
      throw new Refusal('invalid_request', 'children: each part needs a division of its own')
    return all
  }
  const stays = process === 'pool' ? '00' : division
  const codes = wanted.map(({ code }) => code)
  if (new Set(codes).size < codes.length)
    throw new Refusal('invalid_request', 'children: two of one code are parts: split it afterwards')
  for (const part of wanted)
    if (part.division !== undefined && part.division !== stays)
      throw new Refusal(
        'invalid_request',
        `children: division ${part.division} is for parts; to ${process} keeps division ${stays}`,
      )
  return wanted.map(() => stays)
}

function partsOf(label: string, division: string, count: number): string[] {
  const letter = division.charAt(0)
  const isWhole = division === '00'
  if (!isWhole && !/^[A-Z]0$/.test(division))
    throw new Refusal('illegal_move', `bag ${label} is part of a part: it cannot be split again`)
  if (count > 26) throw new Refusal('invalid_request', 'children: there are letters for 26 parts only')
  return Array.from({ length: count }, (_, index) =>
    isWhole ? `${String.fromCharCode(65 + index)}0` : `${letter}${String.fromCharCode(97 + index)}`,
  )
}

/** Hundredths, so that thirds add up. */
const rounded = (amount: number) => Math.floor(amount * 100 + 1e-6) / 100

/** As said; or else equal parts of what it is made of, where that is counted alike; or else what is usual. */
function amountOf(
  process: Process,
  parents: readonly Parent[],
  { uom, amount: usual }: ProductContent,
  said: number | undefined,
  parts: number,
): Pick<Made, 'amount' | 'uom'> {
  const whole = process === 'separate' ? null : totalIn(parents, uom)
  const part = whole === null ? (process === 'split' ? null : usual) : rounded(whole / parts)
  const amount = said ?? (part === 0 ? null : part)
  return { amount, uom: amount === null ? null : uom }
}

/** Null where not all of them are counted so. */
function totalIn(parents: readonly Parent[], uom: UnitOfMeasure): number | null {
  if (parents.some((parent) => parent.uom !== uom || parent.amount === null)) return null
  return parents.reduce((sum, { amount }) => sum + (amount ?? 0), 0)
}

/** There is not more in the parts than was in the whole, of each kind of them: cells and plasma of one unit are a unit each. */
function mustHold(parents: readonly Parent[], made: readonly Made[]): void {
  for (const { component, uom } of made) {
    if (uom === null) continue
    const whole = totalIn(parents, uom)
    const alike = made.filter((one) => one.component === component && one.uom === uom)
    const parts = alike.reduce((sum, { amount }) => sum + (amount ?? 0), 0)
    if (whole !== null && parts > whole + 1e-6)
      throw new Refusal('invalid_request', `children: ${parts} ${uom} are not in ${whole} ${uom}`)
  }
}
