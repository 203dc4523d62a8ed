import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startService } from '../../api/compose.ts'
import { readConfig } from '../../api/config.ts'
import type { Deps } from '../../api/context.ts'
import { drivenClock } from '../../devices-sim/city/clock.ts'
import { type CityOptions, drawCity } from '../../devices-sim/city/draw-city.ts'
import type { Fault, FaultKind } from '../../devices-sim/city/faults.ts'
import { type Outcome, openCity } from '../../devices-sim/city/open-city.ts'
import { type PlanOptions, planCity } from '../../devices-sim/city/plan.ts'
import { openTally, type Tally } from '../../devices-sim/city/tally.ts'
import type { World } from '../../devices-sim/city/world.ts'
import { silent } from './world.ts'

const adminKey = 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg=='

/** A Monday of the city's first day begins. */
export const epoch = Date.parse('2026-03-02T00:00:00+08:00')

export type LivedCity = {
  readonly outcome: Outcome
  readonly tally: Tally
  readonly world: World
  readonly faults: readonly Fault[]
  /** What the service works with. */
  readonly deps: Deps
  /** Asks the service, which is still there, as the administrator. */
  ask(path: string): Promise<unknown>
  close(): Promise<void>
}

/**
 * Let a city live on a service of its own, whose clock is the city's: hours pass as fast as they are worked through, and
 * the service sees every instant as it would have been. Sessions alone go by our time.
 *
 * @param databaseUrl a migrated database on a server, or PGlite in a directory of its own
 * @param influx where telemetry is forwarded to, if it is
 */
export async function liveThrough(
  options: CityOptions &
    PlanOptions & {
      readonly faults?: readonly FaultKind[]
      readonly databaseUrl?: string | undefined
      readonly influx?: { readonly url: string; readonly database: string } | undefined
      readonly run?: string
      readonly everyMs?: number
    },
): Promise<LivedCity> {
  const { databaseUrl, influx, faults = [], run = randomUUID() } = options
  const directory = databaseUrl === undefined ? await mkdtemp(join(tmpdir(), 'hemotrail-city-')) : undefined
  const tally = openTally()
  const clock = drivenClock({
    epoch,
    from: options.fromMs ?? 0,
    onTrouble: (error) => tally.trouble(error),
  })
  const config = readConfig({
    ...(databaseUrl === undefined ? { HEMOTRAIL_DATA: directory } : { DATABASE_URL: databaseUrl }),
    ...(influx === undefined ? {} : { INFLUX_URL: influx.url, INFLUX_DATABASE: influx.database }),
    HEMOTRAIL_ADMIN_KEY: adminKey,
    HTTP_PORT: '0',
    MQTT_PORT: '0',
  })
  const service = await startService(config, { log: silent, now: () => clock.instant() })
  const close = async () => {
    await service.close()
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  }
  try {
    const city = drawCity(options)
    const plan = planCity(city, options)
    const opened = await openCity({
      ...{ city, plan, clock, tally, faults, run },
      ...(options.everyMs === undefined ? {} : { everyMs: options.everyMs }),
      api: { api: service.url, key: adminKey },
      url: service.broker.urls.mqtt as string,
    })
    await opened.live()
    const outcome = await opened.outcome().finally(() => opened.close(5_000))
    const ask = async (path: string) => {
      const response = await fetch(new URL(path, service.url), {
        headers: { authorization: `Bearer ${adminKey}` },
      })
      return response.json()
    }
    return { outcome, tally, world: opened.world, faults: opened.faults, deps: service.deps, ask, close }
  } catch (error) {
    await close()
    throw error
  }
}
