import { parseArgs } from 'node:util'
import { z } from 'zod'
import { maxElements } from '../schema/messages.ts'
import { Name } from '../schema/topics.ts'
import { probeKinds } from '../schema/vocabulary.ts'
import { usual } from './city/draw-city.ts'
import { faultKinds } from './city/faults.ts'

export const usage = `usage:
  npm run sim -- --url mqtt://HOST --fridges N [--rate R | --interval-seconds S] [--seed S] [--speed X]
                 [--api http://HOST --key KEY [--rotate]] [--secrets FILE.json] [--prefix P]
                 [--journal FILE] [--seconds S]
  npm run sim -- replay FILE.csv --device NAME [--url mqtt://HOST] [--secret SECRET] [--facility CODE]
                 [--probe air|load|ambient] [--speed X | --batch N] [--api http://HOST --key KEY]
  npm run sim -- city --url mqtt://HOST --api http://HOST --key KEY [--seed S] [--speed X] [--hospitals N]
                 [--fridges N] [--days D] [--from-hour H] [--faults ${faultKinds.join(',')}]
                 [--prefix P] [--rotate]
  npm run sim -- terminal --device NAME --directory DIR [--api http://HOST --secret SECRET]
                 [--uncertainty-seconds S]

  --rate       messages of readings a second, over the whole fleet; sets the interval
  --speed      fleet: how much faster than our time the fridges live; replay: send live, so much faster than recorded
  --api        fleet: makes the fridges known there; replay: asks there what was not accepted of the readings
  --secrets    a JSON object: device name to secret; with --api it is read if it is there, and kept up to date
  --rotate     replace the secrets of fridges that exist, and of people: whoever uses the old ones is cut off
  --prefix     begins the names of fridges and hospitals; sim if not given, of a city city
  --hospitals  of a city, with --fridges in all; each has a box besides
  --days       of a city, from --from-hour of the first one on; may be a part of one
  --faults     what goes wrong in a city, with commas between
  --journal    keep the outbox in a file, synced before anything is sent
  --seconds    stop after so long; without it, Ctrl-C stops
  --directory  where a terminal keeps its list and decisions; it reads scans from its input, a JSON object a line
  --uncertainty-seconds  by how much its clock may be wrong; 5 if not given
  HEMOTRAIL_KEY and HEMOTRAIL_DEVICE_SECRET stand in for --key and --secret`

const positive = z.coerce.number('must be a number').positive('must be more than 0').finite()
const count = z.coerce.number('must be a number').int('must be a whole number').min(1, 'must be 1 or more')
const url = (protocol: RegExp, like: string) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && protocol.test(new URL(text).protocol), `must be like ${like}`)
const broker = url(/^(mqtts?|wss?|tcp|ssl):$/, 'mqtt://127.0.0.1:1883').default('mqtt://127.0.0.1:1883')

const service = url(/^https?:$/, 'http://127.0.0.1:8080')
const api = service.optional()

const Fleet = z.object({
  url: broker,
  fridges: count.default(10),
  rate: positive.optional(),
  'interval-seconds': positive.optional(),
  seed: z.string().default('1'),
  speed: positive.default(1),
  secrets: z.string().optional(),
  api,
  key: z.string().optional(),
  rotate: z.boolean().default(false),
  prefix: Name.max(40, 'must be at most 40 characters').default('sim'),
  journal: z.string().optional(),
  seconds: positive.optional(),
})

const Replay = z.object({
  url: broker,
  device: Name,
  secret: z.string().default(''),
  facility: Name.default('replay'),
  probe: z.enum(probeKinds, `must be one of ${probeKinds.join(', ')}`).default('load'),
  speed: positive.optional(),
  batch: count.max(maxElements, `must be at most ${maxElements}`).optional(),
  api,
  key: z.string().optional(),
})

const City = z.object({
  url: broker,
  api: service,
  key: z.string().optional(),
  seed: z.string().default('1'),
  speed: positive.default(1),
  hospitals: count.default(usual.hospitals),
  fridges: count.default(usual.fridges),
  days: positive.default(1),
  'from-hour': z.coerce
    .number('must be a number')
    .min(0, 'must be 0 or more')
    .lt(24, 'must be less than 24')
    .default(0),
  faults: z
    .string()
    .default('')
    .transform((words) => words.split(',').filter(Boolean))
    .pipe(z.array(z.enum(faultKinds, `must be of ${faultKinds.join(', ')}`))),
  rotate: z.boolean().default(false),
  prefix: Name.max(20, 'must be at most 20 characters')
    .regex(/^[a-z0-9]/, 'must begin with a letter or digit')
    .default('city'),
})

const TerminalOptions = z.object({
  device: Name,
  directory: z.string(),
  api,
  secret: z.string().default(''),
  'uncertainty-seconds': z.coerce
    .number('must be a number')
    .min(0, 'must be 0 or more')
    .max(3_600)
    .default(5),
})

export type FleetArguments = ReturnType<typeof fleetArguments>
export type ReplayArguments = ReturnType<typeof replayArguments>
export type CityArguments = ReturnType<typeof cityArguments>
export type TerminalArguments = ReturnType<typeof terminalArguments>
type Environment = Readonly<Record<string, string | undefined>>

/** Read the words after `npm run sim --`. Throws with a sentence for the person who typed them. */
export function parseCommandLine(
  words: readonly string[],
  environment: Environment,
): FleetArguments | ReplayArguments | CityArguments | TerminalArguments {
  const [verb, ...rest] = words
  if (verb === 'replay') return replayArguments(rest, environment)
  if (verb === 'city') return cityArguments(rest, environment)
  if (verb === 'terminal') return terminalArguments(rest, environment)
  return fleetArguments(words, environment)
}

function terminalArguments(words: readonly string[], environment: Environment) {
  const { values } = options(TerminalOptions, words, false, { secret: environment.HEMOTRAIL_DEVICE_SECRET })
  const { 'uncertainty-seconds': uncertaintySeconds, ...rest } = values
  if (rest.api !== undefined && rest.secret === '')
    throw new Error('--api needs --secret or HEMOTRAIL_DEVICE_SECRET')
  return { verb: 'terminal' as const, ...rest, uncertaintySeconds }
}

function cityArguments(words: readonly string[], environment: Environment) {
  const { values } = options(City, words, false)
  const { days, hospitals, fridges, 'from-hour': fromHour, ...rest } = values
  const least = 2 * hospitals + 1
  if (fridges < least)
    throw new Error(`--fridges: ${hospitals} hospitals and a centre need ${least} at least`)
  const api = apiOf(values, environment)
  if (!api) throw new Error('--api is missing')
  const hourMs = 3_600_000
  const fromMs = Math.round(fromHour * hourMs)
  const untilMs = Math.round(fromMs + days * 24 * hourMs)
  return { verb: 'city' as const, ...rest, hospitals, fridges, fromMs, untilMs, api }
}

function fleetArguments(words: readonly string[], environment: Environment) {
  const { values } = options(Fleet, words, false)
  const { rate, 'interval-seconds': intervalSeconds, ...rest } = values
  if (rate !== undefined && intervalSeconds !== undefined) {
    throw new Error('--rate sets the interval: give one of --rate and --interval-seconds')
  }
  if (values.rotate && values.api === undefined) throw new Error('--rotate needs --api')
  return {
    verb: 'fleet' as const,
    ...rest,
    intervalMs: rate === undefined ? (intervalSeconds ?? 10) * 1_000 : (values.fridges / rate) * 1_000,
    api: apiOf(values, environment),
  }
}

function apiOf({ api, key = '' }: { api?: string | undefined; key?: string | undefined }, env: Environment) {
  if (api === undefined) return undefined
  const given = key || env.HEMOTRAIL_KEY
  if (!given) throw new Error('--api needs --key or HEMOTRAIL_KEY')
  return { api, key: given }
}

function replayArguments(words: readonly string[], environment: Environment) {
  const { values, positionals } = options(Replay, words, true, {
    secret: environment.HEMOTRAIL_DEVICE_SECRET,
  })
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0) throw new Error('replay plays one FILE.csv')
  if (values.speed !== undefined && values.batch !== undefined) {
    throw new Error('with --speed each reading is a message of its own: give one of --speed and --batch')
  }
  return { verb: 'replay' as const, file, ...values, api: apiOf(values, environment) }
}

/** Which options there are, the schema says; all but `--rotate` take a value. */
function options<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  words: readonly string[],
  allowPositionals: boolean,
  fallback: Environment = {},
) {
  const { values, positionals } = parseArgs({
    args: joined(words),
    options: Object.fromEntries(
      Object.keys(schema.shape).map((name) => [
        name,
        { type: name === 'rotate' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
    allowPositionals,
    strict: true,
  })
  const parsed = schema.safeParse({ ...fallback, ...values })
  if (parsed.success) return { values: parsed.data, positionals }
  const problems = parsed.error.issues.map(({ path: [name = ''], message }) =>
    String(name) in values ? `--${String(name)}: ${message}` : `--${String(name)} is missing`,
  )
  throw new Error(problems.join('\n'))
}

/** A secret may begin with a dash, which would be taken for an option. */
function joined(words: readonly string[]): string[] {
  const [word, next, ...rest] = words
  if (word === undefined) return []
  const isSecret = word === '--secret' || word === '--key'
  if (isSecret && next !== undefined) return [`${word}=${next}`, ...joined(rest)]
  return [word, ...joined(words.slice(1))]
}
