import type { z } from 'zod'
import { Devices } from '../../schema/http/devices.ts'
import { ask, connectionOptions } from './service.ts'
import { type Terminal, table, UsageError, words } from './terminal.ts'

export const usage = 'devices [--url URL] [--key KEY] [--json]'

const options = { ...connectionOptions, json: { type: 'boolean', default: false } } as const

type Summary = z.infer<typeof Devices>['devices'][number]

/** Every device by name, and what was last heard of it. */
export async function listDevices(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  if (positionals.length > 0) throw new UsageError(`devices takes options only: ${positionals.join(' ')}`)
  const devices: Summary[] = []
  let after: string | null = null
  do {
    const query = new URLSearchParams({ limit: '1000', ...(after === null ? {} : { after }) })
    const page: z.infer<typeof Devices> = await ask(values, `/devices?${query}`, Devices)
    devices.push(...page.devices)
    after = page.next
  } while (after !== null)
  if (values.json) print(JSON.stringify({ devices }))
  else for (const line of describeDevices(devices)) print(line)
}

const heading = ['name', 'kind', 'facility', 'status', 'last heard (UTC)', 'newest readings (UTC)']

/** Devices as lines for people. */
export function describeDevices(devices: readonly Summary[]): string[] {
  if (devices.length === 0) return ['no devices']
  const rows = devices.map(({ name, label, kind, facility, revokedAt, status, lastReceivedAt, readings }) => [
    label === null ? name : `${name} (${label})`,
    kind,
    facility,
    revokedAt === null ? (status ?? '-') : 'revoked',
    lastReceivedAt ?? 'never',
    readings.map(({ probe, at, celsius }) => `${probe} ${celsius.toFixed(2)} °C at ${at}`).join(', ') ||
      'none',
  ])
  return table([heading, ...rows], { words: heading.length }).map((line) => line.trimEnd())
}
