import type { BerlingerLog, LoggedDay } from '../../../schema/loggers/berlinger-text.ts'
import { inForce } from '../../domain/effective.ts'
import { type DayOf, daysIn } from '../../domain/local-day.ts'
import { toCenti } from '../../domain/temperature.ts'
import type { Transaction } from '../../stores/database.ts'
import type { Device } from '../../stores/devices.ts'
import { findFacility } from '../../stores/facilities.ts'
import { daysTold, type LoggerDay, sayingOf } from '../../stores/logger-imports.ts'
import { timeFault, valueFault } from '../ingest/decode.ts'
import type { TakenRows } from './taken-rows.ts'

/**
 * Judge what a logger kept of each day. A day is by the logger's clock, taken to show the time of the facility the device
 * stood at. One that began before the device was in service is not the device's; one that has not begun cannot be true.
 *
 * @returns the good days too, not written down yet
 */
export async function takeLoggedDays(
  tx: Transaction,
  device: Device,
  { days, serial }: Pick<BerlingerLog, 'days' | 'serial'>,
  now: number,
): Promise<TakenRows & { readonly days: readonly LoggerDay[] }> {
  const dayAt = new Map<string, DayOf>()
  for (const { facility } of device.placements)
    dayAt.set(facility, daysIn((await findFacility(tx, facility)).timeZone))

  const good: LoggerDay[] = []
  const rejections: TakenRows['rejections'][number][] = []
  for (const day of days) {
    const { facility } = inForce(device.placements, Date.parse(`${day.date}T12:00:00Z`))
    const { from, to } = (dayAt.get(facility) as DayOf)(day.date)
    const fault = timeFault(from, device, now) ?? rangeFault(day, inForce(device.profiles, from))
    if (fault) rejections.push({ line: day.line, ...fault })
    else good.push({ ...stored(day), from, to })
  }
  const told = await daysTold(
    tx,
    device.id,
    good.map(({ date }) => date),
  )
  const sayings = new Set(told.map(sayingOf))
  const dates = new Set(told.filter((day) => day.serial === serial).map(({ date }) => date))
  const known = good.filter((day) => sayings.has(sayingOf({ ...day, serial })))
  const again = good.filter(({ date }) => dates.has(date))
  return {
    rows: days.length,
    rejections,
    known: known.length,
    differing: again.length - known.length,
    from: Math.min(...good.map(({ from }) => from)),
    to: Math.max(...good.map(({ to }) => to)),
    boot: null,
    fromSeq: null,
    toSeq: null,
    days: good,
  }
}

function rangeFault(
  { coldest, warmest, mean }: LoggedDay,
  limits: { readonly physicalLow: number; readonly physicalHigh: number },
) {
  for (const celsius of [coldest, warmest, mean]) {
    const fault = celsius === null ? null : valueFault(celsius, limits)
    if (fault) return fault
  }
  return null
}

function stored({ line: _line, alarms, ...day }: LoggedDay): Omit<LoggerDay, 'from' | 'to'> {
  const centi = (celsius: number | null) => (celsius === null ? null : toCenti(celsius))
  return {
    ...day,
    coldest: centi(day.coldest),
    warmest: centi(day.warmest),
    mean: centi(day.mean),
    alarms: alarms.map(({ limitCelsius, ...alarm }) => ({ limit: centi(limitCelsius), ...alarm })),
  }
}
