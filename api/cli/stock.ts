import type { z } from 'zod'
import { BagDetail, type BloodGroup } from '../../schema/http/bags.ts'
import { Stock } from '../../schema/http/life.ts'
import { StockOverview } from '../../schema/http/stock.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import { ask, type Connection, connectionOptions } from './service.ts'
import { type Terminal, table, UsageError, words } from './terminal.ts'

export const stockUsage =
  'stock [--facility CODE] [--component NAME] [--abo O|A|B|AB] [--rhd positive|negative] [--issuable] ' +
  '[--url URL] [--key KEY] [--json]'
export const overviewUsage =
  'overview [--facility CODE] [--component NAME] [--phase red|amber|unknown|green] [--url URL] [--key KEY] [--json]'
export const holdsUsage = 'holds [--facility CODE] [--url URL] [--key KEY] [--json]'

const options = {
  ...connectionOptions,
  facility: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

const stockOptions = {
  ...options,
  component: { type: 'string' },
  abo: { type: 'string' },
  rhd: { type: 'string' },
  issuable: { type: 'boolean', default: false },
} as const

const overviewOptions = { ...options, component: { type: 'string' }, phase: { type: 'string' } } as const

/** What is where, and may be issued or why not. */
export async function listStock(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, stockOptions)
  if (positionals.length > 0) throw new UsageError(`stock takes options only: ${positionals.join(' ')}`)
  const { facility, component, abo, rhd, issuable } = values
  const stock = await askStock(values, {
    facility,
    component,
    abo,
    rhd,
    issuable: issuable ? 'true' : undefined,
  })
  if (values.json) print(JSON.stringify(stock))
  else for (const line of describeStock(stock)) print(line)
}

/** The stock at a glance: what could be handed out, how long it lasts and how short it is. */
export async function showOverview(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, overviewOptions)
  if (positionals.length > 0) throw new UsageError(`overview takes options only: ${positionals.join(' ')}`)
  const { facility, component, phase } = values
  const query = new URLSearchParams({ limit: String(most) })
  for (const [name, value] of Object.entries({ facility, component, phase }))
    if (value !== undefined) query.set(name, value)
  const overview = await ask(values, `/stock/overview?${query}`, StockOverview)
  if (values.json) print(JSON.stringify(overview))
  else for (const line of describeOverview(overview)) print(line)
}

/** What of the stock is held, and why. */
export async function listHolds(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  if (positionals.length > 0) throw new UsageError(`holds takes options only: ${positionals.join(' ')}`)
  const { bags, more } = await askStock(values, { facility: values.facility, issuable: 'false' })
  const held: z.infer<typeof BagDetail>[] = []
  for (const { bagId, whyNot } of bags) {
    if (!whyNot.some((finding) => tellsHold.has(finding))) continue
    const bag = await ask(values, `/bags/${bagId}`, BagDetail)
    // Meanwhile it may have been lifted.
    if (bag.holds.length > 0) held.push(bag)
  }
  if (values.json) print(JSON.stringify({ bags: held, more }))
  else for (const line of describeHolds(held, more)) print(line)
}

/** What the stock says of a bag that is held. */
const tellsHold: ReadonlySet<Finding> = new Set(['recalled', 'held', 'unverified'])

/** As many as the service tells at once. */
const most = 10_000

function askStock(connection: Connection, filter: Readonly<Record<string, string | undefined>>) {
  const query = new URLSearchParams({ limit: String(most) })
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value)
  return ask(connection, `/stock?${query}`, Stock)
}

const levelHeading = ['facility', 'component', 'group', 'first expiry (UTC)', 'bags', 'issuable']
const bagHeading = ['DIN', 'product', 'component', 'group', 'at', 'expires (UTC)', 'may be issued']
const holdHeading = ['DIN', 'product', 'at', 'kind', 'since (UTC)', 'reason']

/** The stock as lines for people: how much there is, then each bag, what expires first in front. */
export function describeStock({ levels, bags, more }: z.infer<typeof Stock>): string[] {
  if (bags.length === 0) return ['no such bag is in stock', ...cutShort(more)]
  const levelRows = levels.map((level) => [
    level.facility,
    level.component,
    groupName(level.group),
    level.firstExpiry,
    String(level.bags),
    String(level.issuable),
  ])
  const bagRows = bags.map((bag) => [
    bag.din,
    bag.productCode,
    bag.component,
    groupName(bag.group),
    [bag.holder ?? '-', ...(bag.device === null ? [] : [bag.device])].join('/'),
    bag.expiresAt,
    bag.issuable ? 'yes' : `no: ${bag.whyNot.join(', ')}`,
  ])
  return [
    ...table([levelHeading, ...levelRows], { words: 4 }),
    '',
    ...table([bagHeading, ...bagRows], { words: 7 }),
    ...cutShort(more),
  ].map((line) => line.trimEnd())
}

const overviewHeading = [
  'facility',
  'component',
  'group',
  'phase',
  'ready',
  'unit',
  'days',
  'bags, by expiry',
  'apart',
]

/** The overview as lines for people, what is shortest in front, and the city below. */
export function describeOverview({ cells, more, city }: z.infer<typeof StockOverview>): string[] {
  type Cell = NonNullable<typeof city>[number]
  const row = (facility: string, { component, group, uom, ready, bands, apart, coverDays, phase }: Cell) => [
    ...[facility, component, groupName(group), phase.phase, String(ready.amount), uom ?? '-'],
    coverDays === null ? '-' : String(coverDays),
    bands.flatMap(({ en, bags }) => (bags > 0 ? [`${bags} ${en}`] : [])).join(', ') || '-',
    apart.map(({ en, bags }) => `${bags} ${en}`).join(', '),
  ]
  const rows = [
    ...cells.map((cell) => row(cell.facility, cell)),
    ...(city ?? []).map((cell) => row('all', cell)),
  ]
  if (rows.length === 0) return ['nothing is in stock, kept or was used']
  return [...table([overviewHeading, ...rows], { words: 9 }).map((line) => line.trimEnd()), ...cutShort(more)]
}

/** Holds as lines for people, one each. */
export function describeHolds(bags: readonly z.infer<typeof BagDetail>[], more: boolean): string[] {
  if (bags.length === 0) return ['nothing in stock is held', ...cutShort(more)]
  const rows = bags.flatMap(({ din, productCode, holder, place, holds }) =>
    holds.map(({ kind, placedAt, reason }) => [
      din,
      productCode,
      [holder ?? '-', ...(place === null ? [] : [place.device])].join('/'),
      kind,
      placedAt,
      reason,
    ]),
  )
  return [...table([holdHeading, ...rows], { words: 6 }).map((line) => line.trimEnd()), ...cutShort(more)]
}

function cutShort(more: boolean): string[] {
  return more ? [`there is more in stock than the ${most} bags looked at: narrow it down`] : []
}

const rhdSigns = { positive: '+', negative: '-' } as const

function groupName(group: z.infer<typeof BloodGroup> | null): string {
  return group === null ? 'none' : `${group.abo}${rhdSigns[group.rhd]}`
}
