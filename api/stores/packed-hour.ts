import { crc32 } from 'node:zlib'

/*
 * The bytes of a packed hour. They are no part of the domain: nothing is decided here, and only the store reads them.
 */

export const hourMs = 3_600_000

/** The hour an instant lies in, counted from 1970. */
export function hourOf(at: number): number {
  return Math.floor(at / hourMs)
}

/** A reading of one probe and one boot. `at` is the device's own time; hundredths of a degree, and of a percent. */
export type HourReading = {
  readonly at: number
  readonly seq: number
  readonly centi: number
  readonly humidity: number | null
}

/** What one probe told of one boot within one hour, and what it comes to: long charts need no more than that. */
export type PackedHour = {
  readonly hour: number
  readonly count: number
  /** Hundredths of a degree Celsius. */
  readonly coldest: number
  readonly warmest: number
  readonly sum: number
  readonly body: Buffer
}

/** So many readings are packed into one row at most: their sum fits in an integer. */
export const mostInHour = 50_000

/** Its first byte: sealed by a checksum, which follows it, or one from before there was any. */
const sealed = 2
const unsealed = 1
const sealEnd = 5

/**
 * Pack the readings of one hour, by ascending time, no two of one time. Each kind of value is a column of differences
 * from the one before: a byte where it is small, up to six where it is not, and one for many where they are the same.
 * Times are told as differences from a regular beat, so only their jitter costs anything.
 *
 * @param readings at least one
 */
export function packHour(readings: readonly HourReading[]): PackedHour {
  const [first] = readings
  if (!first || readings.length > mostInHour) throw new Error(`cannot pack ${readings.length} readings`)
  const hour = hourOf(first.at)
  const start = hour * hourMs
  let [coldest, warmest, sum, last] = [first.centi, first.centi, 0, start - 1]
  for (const { at, centi } of readings) {
    if (at <= last || at >= start + hourMs) throw new Error(`cannot pack ${at} after ${last}`)
    last = at
    coldest = Math.min(coldest, centi)
    warmest = Math.max(warmest, centi)
    sum += centi
  }
  const beat = beatOf(readings)
  const bytes: number[] = []
  putNumber(bytes, readings.length)
  putNumber(bytes, beat)
  const column = (pick: (reading: HourReading, index: number) => number) =>
    putColumn(bytes, readings.map(pick))
  column(({ at }, index) => at - start - index * beat)
  column(({ centi }) => centi)
  column(({ seq }) => seq)
  column(({ humidity }) => shiftedHumidity(humidity))
  return { hour, count: readings.length, coldest, warmest, sum, body: seal(bytes) }
}

function seal(bytes: readonly number[]): Buffer {
  const body = Buffer.from([sealed, 0, 0, 0, 0, ...bytes])
  body.writeUInt32LE(crc32(body.subarray(sealEnd)), 1)
  return body
}

/** @throws Error where the bytes are not those of a packed hour */
export function unpackHour(hour: number, body: Buffer): HourReading[] {
  const isSealed = body[0] === sealed && body.length > sealEnd
  if (isSealed ? body.readUInt32LE(1) !== crc32(body.subarray(sealEnd)) : body[0] !== unsealed)
    throw damaged(hour)
  const from: Cursor = { body, position: isSealed ? sealEnd : 1 }
  const length = takeNumber(from)
  if (length > mostInHour) throw damaged(hour)
  const beat = takeNumber(from)
  const [times, centis, seqs, humidities] = [0, 1, 2, 3].map(() => takeColumn(from, length)) as Columns
  if (from.position !== body.length) throw damaged(hour)
  const start = hour * hourMs
  const readings: HourReading[] = new Array(length)
  for (let i = 0; i < length; i++)
    readings[i] = {
      at: start + i * beat + (times[i] as number),
      seq: seqs[i] as number,
      centi: centis[i] as number,
      humidity: unshiftedHumidity(humidities[i] as number),
    }
  return readings
}

/** Packed hours as JSON has them, the body in hexadecimal. */
export type PackedHours = readonly { readonly hour: number; readonly boot: string; readonly body: string }[]

export function unpackHours(hours: PackedHours): { at: number; boot: string; centi: number }[] {
  return hours.flatMap(({ hour, boot, body }) =>
    unpackHour(hour, Buffer.from(body, 'hex')).map(({ at, centi }) => ({ at, boot, centi })),
  )
}

type Columns = [Int32Array, Int32Array, Int32Array, Int32Array]

function damaged(hour: number): Error {
  return new Error(`the packed hour ${hour} is damaged`)
}

/** The median time between two readings, ms: a gap here and there does not move it. */
function beatOf(readings: readonly HourReading[]): number {
  const steps = readings.slice(1).map(({ at }, index) => at - (readings[index] as HourReading).at)
  steps.sort((a, b) => a - b)
  return steps[steps.length >> 1] ?? 0
}

/** Null is nought, so that a column without any costs next to nothing. */
function shiftedHumidity(humidity: number | null): number {
  if (humidity === null) return 0
  return humidity < 0 ? humidity : humidity + 1
}

function unshiftedHumidity(value: number): number | null {
  if (value === 0) return null
  return value < 0 ? value : value - 1
}

/** Differences, each with how many times in a row it comes where that is more than once. */
function putColumn(bytes: number[], values: readonly number[]): void {
  let last = 0
  for (let i = 0; i < values.length; ) {
    const step = (values[i] as number) - last
    let times = 1
    while (
      i + times < values.length &&
      (values[i + times] as number) - (values[i + times - 1] as number) === step
    )
      times++
    const folded = step < 0 ? -2 * step - 1 : 2 * step
    putNumber(bytes, 2 * folded + (times > 1 ? 1 : 0))
    if (times > 1) putNumber(bytes, times)
    i += times
    last += step * times
  }
}

type Cursor = { readonly body: Buffer; position: number }

function takeColumn(from: Cursor, length: number): Int32Array {
  const values = new Int32Array(length)
  let last = 0
  for (let i = 0; i < length; ) {
    const token = takeNumber(from)
    const folded = Math.floor(token / 2)
    const step = folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2
    const end = i + (token % 2 === 0 ? 1 : takeNumber(from))
    if (end > length || end === i) throw new Error('a column of a packed hour has another length')
    for (; i < end; i++) {
      last += step
      values[i] = last
    }
  }
  return values
}

/** Seven bits a byte, lowest first; the highest bit says that there is more. */
function putNumber(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

function takeNumber(from: Cursor): number {
  let value = 0
  for (let weight = 1; ; weight *= 128) {
    const byte = from.body[from.position++]
    if (byte === undefined) throw new Error('a packed hour ends too early')
    if (byte < 128) return value + byte * weight
    value += (byte - 128) * weight
  }
}
