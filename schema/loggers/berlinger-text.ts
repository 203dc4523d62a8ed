import { linesOf, malformed, quoted } from './malformed.ts'

/** How long a logger was beyond one of its own limits on one day. */
export type LoggedAlarm = {
  /** The limit as it is set, °C; null where none is. The file does not say whether it is a lower or an upper one. */
  readonly limitCelsius: number | null
  /** Beyond it for longer is an alarm, min; null where none is set. */
  readonly allowedMinutes: number | null
  /** Beyond it on this day, min. */
  readonly minutes: number
  /** When the alarm went off, HH:MM by the logger's clock; null where it did not. */
  readonly at: string | null
}

/**
 * What a logger keeps of a day instead of its readings. `HH:MM` is by its own clock; null is what it did not measure.
 * It says how cold and how warm it was, not when in between: no reading can be made of it.
 */
export type LoggedDay = {
  /** Where in the file it begins, from 1. */
  readonly line: number
  /** YYYY-MM-DD by the logger's clock. */
  readonly date: string
  /** °C, two decimals. */
  readonly coldest: number | null
  readonly coldestAt: string | null
  readonly warmest: number | null
  readonly warmestAt: string | null
  readonly mean: number | null
  /** In the order of the limits. */
  readonly alarms: readonly LoggedAlarm[]
  /** Without a value of the sensor inside, min; of the one on a cable too, null where there is none. */
  readonly timeoutMinutes: number
  readonly externalTimeoutMinutes: number | null
}

/** The text export of a Berlinger Fridge-tag. */
export type BerlingerLog = {
  readonly model: string
  readonly serial: string
  /** When the file was written, YYYY-MM-DD HH:MM by the logger's clock: the day of then is not over in it. */
  readonly reportedAt: string
  /** In the order of the file; days may be missing. */
  readonly days: readonly LoggedDay[]
  /** Keys of no meaning known here, as many as were read over. */
  readonly unknownKeys: number
}

/**
 * Read the text export of a Berlinger Fridge-tag: `key: value`, several to a line, sections by indentation. Degrees
 * Fahrenheit become Celsius. Throws `MalformedFile` at the first line that cannot be read. A file without its signature
 * is cut off and refused; whether the signature is right is not looked into.
 */
export function parseBerlingerText(text: string): BerlingerLog {
  const tally = { unknownKeys: 0 }
  const lines = linesOf(text)
  const file = readSection({ line: 1, name: 'the file', lines: outline(lines) }, keysOf.file, tally)
  const model = demand(file, 'Device')
  if (!/^[\x20-\x7e]{1,60}$/.test(model.text)) throw unlike(model, '1 to 60 plain characters')
  if (!file.pairs.has('Hist'))
    throw malformed(
      model.line,
      `a ${quoted(model.text)} that keeps no history by days (Hist) is not known here`,
    )
  demandSignature(file, lines.length)

  const conf = within(file, 'Conf', keysOf.configuration, tally)
  const serial = demand(conf, 'Serial')
  if (!/^[A-Za-z0-9._-]{1,40}$/.test(serial.text)) throw unlike(serial, 'a serial number')
  const unit = demand(conf, 'Temp unit')
  if (unit.text !== 'C' && unit.text !== 'F') throw unlike(unit, 'C or F')
  const scale: Scale = unit.text === 'F' ? fromFahrenheit : (degrees) => degrees
  const limits = readLimits(within(conf, 'Alarm', keysOf.numbered, tally), scale, tally)

  const hist = within(file, 'Hist', keysOf.history, tally)
  const reportedAt = moment(demand(hist, 'TS Report Creation'))
  const days = numbered(hist).map((key) =>
    readDay(within(hist, key, keysOf.day, tally), limits, scale, tally),
  )
  const dates = new Set<string>()
  for (const { line, date } of days) {
    if (dates.has(date)) throw malformed(line, `the day ${date} is told a second time`)
    dates.add(date)
  }
  return { model: model.text, serial: serial.text, reportedAt, days, ...tally }
}

/** A line and those indented under it. */
type Line = { readonly line: number; readonly text: string; readonly under: Line[] }

/** One `key: value`, or a key alone and what is under it. */
type Pair = {
  readonly line: number
  readonly key: string
  readonly text: string
  readonly under: readonly Line[]
}

type Section = { readonly line: number; readonly name: string; readonly pairs: ReadonlyMap<string, Pair> }

/** What stands in a section: keys, and perhaps entries by number. */
type Keys = { readonly known: ReadonlySet<string>; readonly isNumbered: boolean }

type Tally = { unknownKeys: number }

type Scale = (degrees: number) => number

function keys(known: readonly string[], isNumbered = false): Keys {
  return { known: new Set(known), isNumbered }
}

/** All that real files hold, read here or not. */
const keysOf = {
  file: keys([
    'Device',
    'Vers',
    'Fw Vers',
    'Sensor',
    'Ext Sensor',
    'Conf',
    'Errors',
    'Hist',
    'Data',
    'Cert',
    'Sig Cert',
    'Sig',
  ]),
  configuration: keys([
    'Serial',
    'PCB',
    'CID',
    'Lot',
    'Zone',
    'Measurement delay',
    'Moving Avrg',
    'User Alarm Config',
    'User Clock Config',
    'Alarm Indication',
    'Temp unit',
    'Alarm',
    'Ext Sensor',
    'Int Sensor',
    'Report history length',
    'Det Report',
    'Use ext devices',
    'Logging Interval',
    'Test Res',
    'Test TS',
  ]),
  numbered: keys([], true),
  limit: keys(['T AL', 't AL']),
  history: keys(['TS Actv', 'TS Report Creation'], true),
  day: keys([
    'Date',
    'Min T',
    'TS Min T',
    'Max T',
    'TS Max T',
    'Avrg T',
    'Alarm',
    'Ext Sensor timeout',
    'Int Sensor timeout',
    'Events',
    'Checked',
  ]),
  alarm: keys(['t Acc', 'TS A', 'T Amb', 'C A']),
  timeout: keys(['t AccST', 'TS ST']),
}

/** The lines of a file by their indentation, a character a step or more; blank ones are passed over. */
function outline(lines: readonly string[]): readonly Line[] {
  const root: Line[] = []
  const open: { readonly indent: number; readonly lines: Line[] }[] = [{ indent: 0, lines: root }]
  for (const [index, whole] of lines.entries()) {
    const text = whole.trim()
    if (text === '') continue
    const indent = whole.search(/\S/)
    while (indent < (open.at(-1)?.indent ?? 0)) open.pop()
    let level = open.at(-1)
    if (level && indent > level.indent) {
      const parent = level.lines.at(-1)
      if (!parent) throw malformed(index + 1, 'is indented under nothing')
      if (parent.under.length > 0) throw malformed(index + 1, 'is indented as nothing before it')
      level = { indent, lines: parent.under }
      open.push(level)
    }
    level?.lines.push({ line: index + 1, text, under: [] })
  }
  return root
}

/** The pairs of a section, each key once. What is under a key is not read yet. */
function readSection(
  { line, name, lines }: { readonly line: number; readonly name: string; readonly lines: readonly Line[] },
  { known, isNumbered }: Keys,
  tally: Tally,
): Section {
  const pairs = new Map<string, Pair>()
  for (const { line, text, under } of lines) {
    const told = pairsOf(line, text)
    for (const [key, value] of told) {
      if (!known.has(key) && !(isNumbered && isNumber(key))) {
        tally.unknownKeys++
        continue
      }
      if (pairs.has(key)) throw malformed(line, `${quoted(key)} stands twice in ${name}`)
      if (under[0] && (told.length > 1 || value !== ''))
        throw malformed(under[0].line, `is indented under ${quoted(text)}, which has a value`)
      pairs.set(key, { line, key, text: value, under })
    }
  }
  return { line, name, pairs }
}

/** A comma parts two pairs only where another key follows. */
function pairsOf(line: number, text: string): [key: string, value: string][] {
  const pairs: [string, string][] = []
  for (const part of text.split(',')) {
    const colon = part.indexOf(':')
    const last = pairs.at(-1)
    if (colon >= 0) pairs.push([part.slice(0, colon).trim(), part.slice(colon + 1).trim()])
    else if (last) last[1] += `,${part}`
    else throw malformed(line, `${quoted(text)} is not like "key: value"`)
  }
  return pairs
}

function isNumber(key: string): boolean {
  return /^\d{1,6}$/.test(key)
}

function numbered({ pairs }: Section): string[] {
  return [...pairs.keys()].filter(isNumber)
}

function demand({ line, name, pairs }: Section, key: string): Pair {
  const pair = pairs.get(key)
  if (!pair) throw malformed(line, `${name} has no ${quoted(key)}`)
  return pair
}

/** A section that must be there. */
function within(section: Section, key: string, keys: Keys, tally: Tally): Section {
  const pair = demand(section, key)
  if (pair.text !== '') throw unlike(pair, 'a section of its own')
  const name = isNumber(key) ? `${section.name} ${key}` : key
  return readSection({ line: pair.line, name, lines: pair.under }, keys, tally)
}

function demandSignature(file: Section, lastLine: number): void {
  const [certified, signed] = [file.pairs.get('Sig Cert'), file.pairs.get('Sig')]
  if (!certified || !signed)
    throw malformed(lastLine, 'the file ends without its signature (Sig): it is cut off')
  for (const pair of [certified, signed])
    if (!/^([0-9a-f]{2})+$/i.test(pair.text)) throw unlike(pair, 'hexadecimal')
  if (signed.text.length !== certified.text.length)
    throw malformed(signed.line, `Sig ${quoted(signed.text)} is cut off, or longer than it can be`)
}

type Limit = Pick<LoggedAlarm, 'limitCelsius' | 'allowedMinutes'>

function readLimits(section: Section, scale: Scale, tally: Tally): ReadonlyMap<string, Limit> {
  return new Map(
    numbered(section).map((key) => {
      const limit = within(section, key, keysOf.limit, tally)
      const allowed = demand(limit, 't AL')
      const allowedMinutes = isMissing(allowed) ? null : minutes(allowed, 99_999)
      return [key, { limitCelsius: temperature(demand(limit, 'T AL'), scale), allowedMinutes }]
    }),
  )
}

function readDay(day: Section, limits: ReadonlyMap<string, Limit>, scale: Scale, tally: Tally): LoggedDay {
  const date = demand(day, 'Date')
  if (!isDate(date.text)) throw unlike(date, 'a day like 2020-05-05')
  const coldest = temperature(demand(day, 'Min T'), scale)
  const warm = demand(day, 'Max T')
  const warmest = temperature(warm, scale)
  if (coldest !== null && warmest !== null && coldest > warmest)
    throw malformed(warm.line, `Max T ${quoted(warm.text)} is below Min T`)

  const told = within(day, 'Alarm', keysOf.numbered, tally)
  const stray = numbered(told).find((key) => !limits.has(key))
  if (stray !== undefined) throw malformed(demand(told, stray).line, `no limit ${stray} is set under Conf`)
  const alarms = [...limits].map(([key, limit]): LoggedAlarm => {
    const alarm = within(told, key, keysOf.alarm, tally)
    return {
      ...limit,
      minutes: minutes(demand(alarm, 't Acc'), dayMinutes),
      at: time(alarm.pairs.get('TS A')),
    }
  })
  const timeout = (key: string) =>
    minutes(demand(within(day, key, keysOf.timeout, tally), 't AccST'), dayMinutes)
  return {
    line: day.line,
    date: date.text,
    coldest,
    coldestAt: time(demand(day, 'TS Min T')),
    warmest,
    warmestAt: time(demand(day, 'TS Max T')),
    mean: temperature(demand(day, 'Avrg T'), scale),
    alarms,
    timeoutMinutes: timeout('Int Sensor timeout'),
    externalTimeoutMinutes: day.pairs.has('Ext Sensor timeout') ? timeout('Ext Sensor timeout') : null,
  }
}

const dayMinutes = 1_440

function isMissing({ text }: Pair): boolean {
  return /^-[-.:]*-$/.test(text)
}

/** °C, two decimals; null where nothing was measured. */
function temperature(pair: Pair, scale: Scale): number | null {
  if (isMissing(pair)) return null
  if (!/^[+-]?\d{1,3}(\.\d{1,2})?$/.test(pair.text)) throw unlike(pair, 'a temperature like +3.2')
  return Math.round(scale(Number(pair.text)) * 100) / 100 + 0
}

function fromFahrenheit(degrees: number): number {
  return ((degrees - 32) * 5) / 9
}

function minutes(pair: Pair, most: number): number {
  const value = /^\d{1,5}$/.test(pair.text) ? Number(pair.text) : Number.NaN
  if (!(value <= most)) throw unlike(pair, `minutes, 0 to ${most}`)
  return value
}

function time(pair: Pair | undefined): string | null {
  if (!pair || isMissing(pair)) return null
  if (!isTime(pair.text)) throw unlike(pair, 'a time like 09:21')
  return pair.text
}

function moment(pair: Pair): string {
  const [date = '', time = '', ...rest] = pair.text.split(' ')
  if (!isDate(date) || !isTime(time) || rest.length > 0) throw unlike(pair, 'a moment like 2020-05-05 09:21')
  return pair.text
}

function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text)
}

/** A day of the calendar: Date.parse may roll 30 February over into March. */
function isDate(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

function unlike({ line, key, text }: Pair, what: string): Error {
  return malformed(line, `${key} ${quoted(text)} is not ${what}`)
}
