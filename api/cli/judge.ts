import { parseRuuviCsv } from '../../schema/loggers/ruuvi-csv.ts'
import { judge } from '../domain/judge.ts'
import { toCelsius, toCenti } from '../domain/temperature.ts'
import { readAs } from './read-file.ts'
import { iso, numberOption, type Terminal, UsageError, words } from './terminal.ts'

const options = {
  low: { type: 'string' },
  high: { type: 'string' },
  'max-silence': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

export const usage = 'judge FILE.csv --low CELSIUS --high CELSIUS --max-silence SECONDS [--json]'

/** Hold a recorded logger against the domain functions alone: no service, no database. */
export async function judgeFile(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new UsageError('judge takes one file')
  const low = toCenti(numberOption('--low', values.low))
  const high = toCenti(numberOption('--high', values.high))
  const maxSilenceMs = Math.round(numberOption('--max-silence', values['max-silence']) * 1_000)
  if (low >= high) throw new UsageError(`--low ${values.low} is not below --high ${values.high}`)
  if (maxSilenceMs <= 0) throw new UsageError(`--max-silence ${values['max-silence']} is not a time`)

  const recorded = readAs(file, parseRuuviCsv).map(({ at, celsius }) => ({ at, centi: toCenti(celsius) }))
  const found = judge(recorded, { low, high, maxSilenceMs })
  const celsius = (centi: number | null) => (centi === null ? null : toCelsius(centi))
  const summary = {
    readings: found.readings,
    contradictions: found.contradictions,
    from: iso(found.from),
    to: iso(found.to),
    coldest: celsius(found.coldest),
    warmest: celsius(found.warmest),
    excursions: found.excursions.length,
    excursionMs: found.excursionMs,
    gaps: found.gaps.length,
    unverifiedMs: found.unverifiedMs,
  }
  const excursions = found.excursions.map(({ side, from, to, ended, coldest, warmest, readings }) => ({
    side,
    from: iso(from),
    to: iso(to),
    ended,
    coldest: celsius(coldest),
    warmest: celsius(warmest),
    readings,
  }))
  const gaps = found.gaps.map(({ from, to }) => ({ from: iso(from), to: iso(to), ms: to - from }))
  if (values.json) return print(JSON.stringify({ ...summary, excursionList: excursions, gapList: gaps }))
  for (const [name, value] of Object.entries(summary)) print(`${name.padEnd(16)}${value ?? '-'}`)
  for (const { side, from, to, coldest, warmest } of excursions) {
    print(`excursion ${side.padEnd(5)} ${from} to ${to ?? 'the last reading'}  ${coldest} to ${warmest} °C`)
  }
  for (const { from, to, ms } of gaps) print(`gap             ${from} to ${to}  ${ms / 1_000} s`)
}
