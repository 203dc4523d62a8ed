import { z } from 'zod'
import { Bags, Trace } from '../../schema/http/bags.ts'
import { ask, type Connection, connectionOptions } from './service.ts'
import { type Terminal, UsageError, words } from './terminal.ts'

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

/** A trace as lines for people. */
export function describeTrace({ bag, asOf, policy, places, total }: z.infer<typeof Trace>): string[] {
  const columns = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, index) => (index < 4 ? String(cell).padEnd(widths[index] ?? 0) : String(cell).padStart(10)))
      .join(' ')
  const widths = [20, 25, 25, 10]
  const account = ({ minutes, coldest, warmest }: typeof total) => [
    minutes.inRange,
    minutes.below,
    minutes.above,
    minutes.unverified,
    minutes.uncontrolled,
    coldest === null ? '-' : `${coldest}..${warmest} °C`,
  ]
  return [
    `bag ${bag.din} ${bag.productCode} (${bag.component}), as of ${asOf}, ${policy.jurisdiction} ${policy.phase} policy v${policy.versions.join(', v') || '-'}`,
    columns([
      'place',
      'from',
      'to',
      'probe',
      'in range',
      'below',
      'above',
      'UNVERIFIED',
      'in hand',
      'measured',
    ]),
    ...places.map((place) =>
      columns([
        place.state === 'inside'
          ? `${place.facility}/${place.device}`
          : place.state === 'in_hand'
            ? 'in hand'
            : 'not known',
        place.from,
        place.ongoing ? 'still' : place.to,
        place.probe ?? '-',
        ...account(place),
      ]),
    ),
    columns(['total, minutes', '', '', '', ...account(total)]),
  ]
}
