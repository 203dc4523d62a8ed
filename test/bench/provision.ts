import { createMetrics } from '../../api/metrics.ts'
import { openDatabase } from '../../api/stores/database.ts'
import { migrate } from '../../api/stores/migrate.ts'
import { sqlTelemetry } from '../../api/stores/sql-telemetry.ts'
import { createFacility } from '../../api/usecases/create-facility.ts'
import { provisionDevice } from '../../api/usecases/provision-device.ts'

const silent = { info() {}, warn() {}, error() {} }

/** Make a fleet known to an empty database, without a service. */
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
    }
    const ctx = { ...deps, actor: { kind: 'job', id: 'bench' } as const }
    await createFacility(ctx, { code: prefix, name: 'Bench', kind: 'hospital', timeZone: 'Asia/Shanghai' })
    const profile = { low: 200, high: 600, maxSilenceMs: 300_000, physicalLow: -10_000, physicalHigh: 10_000 }
    const devices: { name: string; secret: string }[] = []
    for (let i = 0; i < count; i++) {
      const name = `${prefix}-${String(i).padStart(5, '0')}`
      const { secret } = await provisionDevice(ctx, {
        name,
        kind: 'fridge',
        facility: prefix,
        profile,
        inServiceFrom,
      })
      devices.push({ name, secret })
    }
    return devices
  } finally {
    await database.close()
  }
}
