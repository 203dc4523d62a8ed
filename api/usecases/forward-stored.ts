import type { Deps } from '../context.ts'
import { everyDevice, lockDevice, lockProbes } from '../stores/devices.ts'
import { insertOutbox } from '../stores/outbox.ts'
import { hourMs, hourOf } from '../stores/packed-hour.ts'
import { nextHour, rulingReadings } from '../stores/readings.ts'

/** So many hours of a probe are put on their way in one transaction, which holds up the device. */
const hoursAtOnce = 24

/**
 * Put readings that were stored before there was an InfluxDB on their way to it. They have the identity they had, so
 * whatever is there already stays as it is, and it may be done again at any time, from the beginning. Nothing anybody
 * is told changes by it, so it has no actor and leaves no audit entry.
 *
 * @param range of the devices' own times: [from, to), ms UTC; without bounds all, for a clock may run years ahead
 * @param told hears of each device that is done
 */
export async function forwardStored(
  { database: { db }, now }: Pick<Deps, 'database' | 'now'>,
  {
    from = 0,
    to = Number.POSITIVE_INFINITY,
  }: { readonly from?: number | undefined; readonly to?: number | undefined },
  told: (device: string, readings: number) => void = () => {},
): Promise<void> {
  for (const { id, name } of await everyDevice(db)) {
    let readings = 0
    for (const probe of await db.transaction((tx) => lockProbes(tx, id)))
      for (let hour: number | null = hourOf(from); hour !== null; ) {
        const begin = hour
        hour = await db.transaction(async (tx) => {
          // Nothing else is made to rule meanwhile: whatever is decided later is sent later, and so is what stays.
          await lockDevice(tx, id)
          const first = await nextHour(tx, probe.id, begin)
          if (first === null || first * hourMs >= to) return null
          const next = first + hoursAtOnce
          const span = { from: Math.max(from, first * hourMs), to: Math.min(to, next * hourMs) }
          const ruling = await rulingReadings(tx, probe.id, span)
          await insertOutbox(tx, ruling, now())
          readings += ruling.length
          return next
        })
      }
    told(name, readings)
  }
}
