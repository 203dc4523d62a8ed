import type { z } from 'zod'
import { Rescue, RescuePlan } from '../../schema/http/rescues.ts'
import { ask, connectionOptions } from './service.ts'
import { type Terminal, table, UsageError, words } from './terminal.ts'

export const usage = 'rescue ALARM [--accept] [--url URL] [--key KEY] [--json]'

const options = {
  ...connectionOptions,
  accept: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

/** Where the bags of a failing device go; with `--accept` they shall be carried there. */
export async function rescueBags(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  const [alarm = '', ...more] = positionals
  if (!/^\d+$/.test(alarm) || more.length > 0) throw new UsageError('rescue takes the number of one alarm')
  const path = `/alarms/${alarm}/rescue`
  if (values.accept) await ask(values, path, Rescue, { method: 'POST', body: {} })
  const plan = await ask(values, path, RescuePlan)
  if (values.json) print(JSON.stringify(plan))
  else for (const line of describePlan(plan)) print(line)
}

const moveHeading = ['bag', 'to', 'by', 'leave by (UTC)', 'why']
const stayHeading = ['bag', 'stays', 'what to do']
const acceptedHeading = ['bag', 'to', 'by', 'leave by (UTC)', 'accepted']

/** A plan as lines for people: what is to be planned yet, most urgent first, what stays, and what was accepted. */
export function describePlan({ device, moves, stays, accepted }: z.infer<typeof RescuePlan>): string[] {
  const block = (rows: readonly string[][], heading: readonly string[]) =>
    rows.length === 0 ? [] : ['', ...table([heading, ...rows], { words: heading.length })]
  const lines = [
    ...block(
      moves.map((move) => {
        const why = [...move.reasons.map(({ en }) => en), ...(move.isHeld ? ['it is held'] : [])]
        return [move.label, `${move.facility}/${move.to}`, move.by, move.leaveBy ?? '-', why.join('; ')]
      }),
      moveHeading,
    ),
    ...block(
      stays.map(({ label, reason, en, ask }) => {
        return [label, reason, ask.length > 0 ? `${en}; ask at ${ask.join(', ')}` : en]
      }),
      stayHeading,
    ),
    ...block(
      accepted.map(({ label, facility, to, by, leaveBy, state, isToInAlarm, isToGone }) => {
        const fails = isToGone ? 'was retired or moved away' : isToInAlarm ? 'is in alarm now' : null
        const told = state === 'intended' && fails ? `${state}, but that ${fails}` : state
        return [label, `${facility}/${to}`, by, leaveBy ?? '-', told]
      }),
      acceptedHeading,
    ),
  ]
  return lines.length === 0
    ? [`nothing is inside ${device}`]
    : [`out of ${device}`, ...lines].map((line) => line.trimEnd())
}
