import type { Deps } from '../context.ts'
import { hourMs } from '../stores/packed-hour.ts'
import { devicesToPack, packDevice } from '../stores/packing.ts'
import { failureClass } from '../stores/sql-state.ts'

/**
 * How long an hour has been over before it is packed, ms. What comes late comes nearly always within minutes, once a
 * network is back within an hour or two: so most hours are packed once. Until then, and that is what is looked at most,
 * its readings are rows like any other.
 */
const settledMs = 2 * hourMs

const devicesAtOnce = 100

/**
 * Pack the readings of hours that are over, a little at a time, until there are none left or the signal ends it. Each
 * transaction holds one device for some milliseconds; one that is busy is left for the next time.
 *
 * @param rest is awaited after each transaction, so that others come first; it is told how long that took, ms
 * @returns how many readings were packed
 */
export async function packHours(
  { database: { db }, now, log }: Pick<Deps, 'database' | 'now' | 'log'>,
  signal: AbortSignal,
  rest: (tookMs: number) => Promise<void> = async () => {},
): Promise<number> {
  const before = Math.floor((now() - settledMs) / hourMs) * hourMs
  let packed = 0
  for (let after = 0; ; ) {
    const devices = await devicesToPack(db, { before, after, limit: devicesAtOnce })
    for (const id of devices) {
      let some = 0
      do {
        if (signal.aborted) return packed
        const begun = performance.now()
        try {
          some = await db.transaction((tx) => packDevice(tx, id, before))
        } catch (error) {
          if (failureClass(error) === 'away') throw error
          log.error({ err: error, device: id }, 'readings of a device could not be packed')
          some = 0
        }
        packed += some
        await rest(performance.now() - begun)
      } while (some > 0)
    }
    after = devices.at(-1) ?? after
    if (devices.length < devicesAtOnce) return packed
  }
}
