import { z } from 'zod'
import { Bags, Trace } from '../../schema/http/bags.ts'
import { ask, type Connection, connectionOptions } from './service.ts'
import { type Terminal, table, UsageError, words } from './terminal.ts'

export const usage =
  'trace BAG [--as-of INSTANT] [--url URL] [--key KEY] [--json]   (BAG: its id, or its DIN with check character)'

const options = {
  ...connectionOptions,
  'as-of': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** Where a bag was and how cold, asked of the running service. A DIN names a donation: each of its bags is traced. */
export async function traceBag(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  if (positionals.length === 0) throw new UsageError('trace takes a bag: its id or its DIN')
  const asOf = values['as-of']
  const query = asOf === undefined ? '' : `?asOf=${encodeURIComponent(asOf)}`
  for (const id of await bagIds(values, positionals.join(' '))) {
    const trace = await ask(values, `/bags/${id}/trace${query}`, Trace)
    if (values.json) print(JSON.stringify(trace))
    else for (const line of describeTrace(trace)) print(line)
  }
}

async function bagIds(connection: Connection, bag: string): Promise<string[]> {
  if (z.uuid().safeParse(bag).success) return [bag]
  const { bags } = await ask(connection, `/bags?din=${encodeURIComponent(bag)}`, Bags)
  if (bags.length === 0) throw new Error(`no bag carries the DIN ${bag}`)
  return bags.map(({ bagId }) => bagId)
}

const heading = [
  'place',
  'from (UTC)',
  'to (UTC)',
  'probe',
  'in range',
  'below',
  'above',
  'UNVERIFIED',
  'in hand',
  'measured',
]

/** A trace as lines for people. */
export function describeTrace(trace: z.infer<typeof Trace>): string[] {
  const { bag, asOf, policy, places, beforeFirstSeen, inherited, total } = trace
  const about = `bag ${bag.din} ${bag.productCode} (${bag.component}), as of ${asOf}`
  const { unverified } = total.minutes
  const unverifiedLine =
    unverified > 0
      ? [`UNVERIFIED for ${unverified} min: no reading whose time is believed speaks for them`]
      : []
  if (places.length === 0 && !inherited) return [`${about}: never seen in any container`, ...unverifiedLine]
  const rows = places.map((place) => [
    nameOf(place),
    place.from,
    place.ongoing ? 'still' : place.to,
    place.probe ?? '-',
    ...account(place),
  ])
  const unseen = beforeFirstSeen
    ? [['not seen yet', beforeFirstSeen.from, beforeFirstSeen.to, '-', ...unseenAccount(beforeFirstSeen)]]
    : []
  const handedDown = inherited ? [['before it was made', '', '', '-', ...account(inherited)]] : []
  return [
    `${about}, ${policy.jurisdiction} ${versionsOf(policy)}`,
    ...table(
      [heading, ...handedDown, ...unseen, ...rows, ['total, minutes', '', '', '', ...account(total)]],
      {
        words: 4,
      },
    ),
    ...unverifiedLine,
  ]
}

/** By which versions of which policies it was judged. */
function versionsOf({ storage, transport }: z.infer<typeof Trace>['policy']): string {
  const said = (phase: string, versions: readonly number[]) =>
    versions.length > 0 ? [`${phase} policy v${versions.join(', v')}`] : []
  return [...said('storage', storage), ...said('transport', transport)].join(', ')
}

function unseenAccount({ from, to }: { readonly from: string; readonly to: string }): string[] {
  const unverified = Math.round((Date.parse(to) - Date.parse(from)) / 600) / 100
  const minutes = { inRange: 0, below: 0, above: 0, unverified, uncontrolled: 0 }
  return account({ minutes, coldest: null, warmest: null })
}

function nameOf({ state, facility, device, timeVerified }: z.infer<typeof Trace>['places'][number]): string {
  const name = state === 'inside' ? `${facility}/${device}` : state === 'in_hand' ? 'in hand' : 'not known'
  return timeVerified ? name : `${name}, time in doubt`
}

function account({
  minutes,
  coldest,
  warmest,
}: Pick<z.infer<typeof Trace>['total'], 'minutes' | 'coldest' | 'warmest'>): string[] {
  const { inRange, below, above, unverified, uncontrolled } = minutes
  return [
    ...[inRange, below, above, unverified, uncontrolled].map(String),
    coldest === null ? '-' : `${coldest}..${warmest} °C`,
  ]
}
