import type { StoredReading } from './readings.ts'

/*
 * Readings as bytes: each number as its difference from the same one of the reading before, zigzag, in sevens of bits,
 * the lowest first. Some nine bytes a reading; deflating them would save two more and take four times as long.
 */

const format = 1

/** The most bytes a safe integer takes, seven bits each. */
const longest = 8

export function packReadings(readings: readonly StoredReading[]): Buffer {
  const bytes = Buffer.allocUnsafe(1 + readings.length * 6 * longest)
  let end = 0
  bytes[end++] = format
  let last: StoredReading = { probeId: 0, at: 0, bootId: 0, seq: 0, centi: 0, humidity: null }

  function put(value: number): void {
    let rest = value < 0 ? -value * 2 - 1 : value * 2
    while (rest > 127) {
      bytes[end++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    bytes[end++] = rest
  }

  for (const reading of readings) {
    put(reading.probeId - last.probeId)
    put(reading.at - last.at)
    put(reading.bootId - last.bootId)
    put(reading.seq - last.seq)
    put(reading.centi - last.centi)
    put(reading.humidity === null ? 0 : reading.humidity + 1)
    last = reading
  }
  return bytes.subarray(0, end)
}

/** @throws RangeError where it is nothing `packReadings` made */
export function unpackReadings(bytes: Buffer): StoredReading[] {
  if (bytes[0] !== format) throw new RangeError('these bytes are no readings')
  const readings: StoredReading[] = []
  let last: StoredReading = { probeId: 0, at: 0, bootId: 0, seq: 0, centi: 0, humidity: null }
  let next = 1

  function take(): number {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[next++]
      if (byte === undefined) throw new RangeError('these bytes end within a reading')
      value += (byte % 128) * unit
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
  }

  while (next < bytes.length) {
    const probeId = last.probeId + take()
    const at = last.at + take()
    const bootId = last.bootId + take()
    const seq = last.seq + take()
    const centi = last.centi + take()
    const humidity = take()
    last = { probeId, at, bootId, seq, centi, humidity: humidity === 0 ? null : humidity - 1 }
    readings.push(last)
  }
  return readings
}
