import { everywhere } from '../../api/domain/rights.ts'
import { createMetrics } from '../../api/metrics.ts'
import { openPlanner } from '../../api/planner.ts'
import { openDatabase } from '../../api/stores/database.ts'
import { migrate } from '../../api/stores/migrate.ts'
import { sqlTelemetry } from '../../api/stores/sql-telemetry.ts'
import { openTravel } from '../../api/travel.ts'
import { createFacility } from '../../api/usecases/create-facility.ts'
import { provisionDevice } from '../../api/usecases/provision-device.ts'

const silent = { info() {}, warn() {}, error() {} }

/** What each of them is set to. */
export const benchProfile = {
  low: 200,
  high: 600,
  maxSilenceMs: 300_000,
  physicalLow: -10_000,
  physicalHigh: 10_000,
} as const

/** Transactions under way at once. */
const lots = 4

/**
 * Make a fleet known to a database, without a service. Each device is provisioned as anybody's is, audit entry and
 * all; only the commit is shared with the rest of its lot.
 */
export async function provisionDevices(
  url: string | undefined,
  count: number,
  options: { readonly directory?: string; readonly inServiceFrom?: number; readonly prefix?: string } = {},
): Promise<{ name: string; secret: string }[]> {
  const { directory, inServiceFrom, prefix = 'bench' } = options
  const database = await openDatabase({ url, directory })
  try {
    await migrate(database)
    const deps = {
      database,
      telemetry: sqlTelemetry(database),
      now: Date.now,
      log: silent,
      metrics: createMetrics(),
      planTransfers: openPlanner().plan,
      travel: openTravel({}, { log: silent }),
    }
    const ctx = { ...deps, actor: { kind: 'job', id: 'bench' } as const, grants: everywhere }
    await createFacility(ctx, { code: prefix, name: 'Bench', kind: 'hospital', timeZone: 'Asia/Shanghai' })
    const devices: { name: string; secret: string }[] = []
    const provisionLot = (lot: number) =>
      database.db.transaction(async (tx) => {
        const inLot = { ...ctx, database: { ...database, db: tx } }
        for (let i = lot; i < count; i += lots) {
          const name = `${prefix}-${String(i).padStart(5, '0')}`
          const { secret } = await provisionDevice(inLot, {
            name,
            kind: 'fridge',
            facility: prefix,
            profile: benchProfile,
            inServiceFrom,
          })
          devices[i] = { name, secret }
        }
      })
    await Promise.all(Array.from({ length: lots }, (_, lot) => provisionLot(lot)))
    return devices
  } finally {
    await database.close()
  }
}
