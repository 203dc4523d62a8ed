import type { LoggedReading } from '../../schema/loggers/ruuvi-csv.ts'

/** The CSV a RuuviTag logger in Berlin in summer would write. */
export function printRuuvi(readings: readonly LoggedReading[]): string {
  const lines = readings.map(({ at, celsius, humidity }) => {
    const local = new Date(at + 7_200_000).toISOString().replace('Z', '+0200')
    return `${local},${celsius},${humidity},-90`
  })
  return ['timestamp,temperature,humidity,rssi', ...lines, ''].join('\n')
}
