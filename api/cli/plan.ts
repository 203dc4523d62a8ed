import { z } from 'zod'
import { TransferPlanInput, TransferProblemInput } from '../../schema/transfer-problem.ts'
import type { Arrival, Explained } from '../domain/transfer/explain.ts'
import type { TransferProblem } from '../domain/transfer/problem.ts'
import { movesNamed, scoreOf } from '../domain/transfer/score.ts'
import { openPlanner } from '../planner.ts'
import { cnTransferReasons, cnTransferRejections, cnTransferTiers } from '../policies/transfer.ts'
import { readTransferProblem } from '../usecases/read-transfer-problem.ts'
import { readAs } from './read-file.ts'
import { numberOption, type Terminal, table, UsageError, words } from './terminal.ts'

const options = {
  input: { type: 'string' },
  score: { type: 'string' },
  schema: { type: 'boolean', default: false },
  seconds: { type: 'string', default: '10' },
  json: { type: 'boolean', default: false },
} as const

export const usage = 'plan --input PROBLEM.json [--score PLAN.json] [--seconds S] [--json] | plan --schema'

/** Plan the transfers of a problem in a file, or score somebody's plan of them: no service, no database. */
export async function planFile(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  if (positionals.length > 0)
    throw new UsageError(`plan takes no ${positionals[0]}: name the file by --input`)
  if (values.schema) return terminal.print(JSON.stringify(problemSchema(), null, 2))
  if (!values.input) throw new UsageError('--input is missing')
  const seconds = numberOption('--seconds', values.seconds)
  if (seconds <= 0) throw new UsageError(`--seconds ${values.seconds} is not a time`)
  const problem = readTransferProblem(readJson(values.input, TransferProblemInput))
  if (values.score) return printScore(values.score, problem, values.json, terminal)
  const planner = openPlanner()
  try {
    const told = { limitMs: seconds * 1_000, secondBest: true, mostNamed: Number.POSITIVE_INFINITY }
    const { times, ...explained } = await planner.plan(problem, told)
    if (values.json) terminal.print(JSON.stringify(documentOf(explained, times)))
    else for (const line of linesOf(explained)) terminal.print(line)
  } finally {
    await planner.close()
  }
}

function problemSchema(): unknown {
  return z.toJSONSchema(TransferProblemInput, { io: 'input' })
}

function printScore(file: string, problem: TransferProblem, json: boolean, { print }: Terminal): void {
  const named = movesNamed(problem, readJson(file, TransferPlanInput).moves)
  const { tiers, violations: broken } = scoreOf(problem, named.moves)
  const violations = [...named.violations, ...broken]
  if (json) {
    print(JSON.stringify({ isAllowed: violations.length === 0, violations, tiers }))
    return
  }
  for (const violation of violations) print(`not allowed: ${violation}`)
  for (const { tier, value } of tiers) print(`${String(value).padStart(16)}  ${cnTransferTiers[tier].en}`)
}

/** Amounts as they are told: in their unit of measure. */
function documentOf(explained: Explained, times: object): unknown {
  const units = (amount: number) => amount / 100
  return {
    ...explained,
    moves: explained.moves.map((move) => ({ ...move, amount: units(move.amount) })),
    demands: explained.demands.map(({ asked, planned, missing, ...demand }) => ({
      ...demand,
      asked: units(asked),
      planned: units(planned),
      missing: units(missing),
    })),
    donors: explained.donors.map(({ before, after, level, bag, ...donor }) => ({
      ...donor,
      ...bag,
      before: units(before),
      after: units(after),
      target: level && units(level.target),
      minimum: level && units(level.minimum),
      critical: level && units(level.critical),
    })),
    times,
  }
}

function linesOf({ moves, demands, donors, tiers, isProved, gap, secondBest }: Explained): readonly string[] {
  const minutes = ({ p50, p80, p95 }: Arrival) => `${p80} min (${p50} to ${p95})`
  const sent = moves.map(({ bag, from, demand, arrival, reasons }) => [
    bag,
    from,
    demand,
    minutes(arrival),
    reasons.map((reason) => cnTransferReasons[reason].en).join('; '),
  ])
  const asked = demands.flatMap(({ id, asked, planned, missing, complete, rejected }) => [
    `${id}: asked ${asked / 100}, sent ${planned / 100}${complete ? `, whole in ${minutes(complete)}` : ''}` +
      (missing > 0 ? `, MISSING ${missing / 100}` : ''),
    ...rejected.map(({ reason, count }) => `  ${count} not: ${cnTransferRejections[reason].en}`),
  ])
  const given = donors.map(
    ({ site, bag, before, after, needsApproval }) =>
      `${site} ${bag.component} ${bag.group?.abo} ${bag.group?.rhd}: ${before / 100} before, ${after / 100} after` +
      (needsApproval ? ', from its reserve: to be approved there' : ''),
  )
  return [
    ...table([['bag', 'from', 'to', 'in hand', 'why'], ...sent], { words: 5 }),
    '',
    ...asked,
    '',
    ...given,
    '',
    ...tiers.map(({ tier, value, bound }) => {
      const open = value > bound ? ` (not below ${bound})` : ''
      return `${String(value).padStart(16)}  ${cnTransferTiers[tier].en}${open}`
    }),
    isProved
      ? 'there is no better plan'
      : `not proved: it could be better by ${(100 * gap).toFixed(1)} % at most`,
    secondBest
      ? `second best: ${secondBest.journeys.map(({ from, to, bags }) => `${bags} from ${from} to ${to}`).join(', ')}`
      : 'there is no second best',
  ]
}

/** @throws Error naming the file, and what in it is not understood */
function readJson<T extends z.ZodType>(file: string, schema: T): z.infer<T> {
  const read = schema.safeParse(readAs(file, JSON.parse))
  if (read.success) return read.data
  const [first, ...more] = read.error.issues
  const others = more.length > 0 ? ` (and ${more.length} more)` : ''
  throw new Error(`${file}: ${first?.path.join('.') || 'the whole'}: ${first?.message}${others}`)
}
