import type { Context, Deps, Log } from '../../api/context.ts'
import { everywhere } from '../../api/domain/rights.ts'
import { createMetrics } from '../../api/metrics.ts'
import { openPlanner } from '../../api/planner.ts'
import { clockFaultsOf } from '../../api/stores/clocks.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { findDevice, type Profile } from '../../api/stores/devices.ts'
import { sqlTelemetry } from '../../api/stores/sql-telemetry.ts'
import type { TelemetryStore } from '../../api/stores/telemetry.ts'
import { openTravel } from '../../api/travel.ts'
import { createFacility } from '../../api/usecases/create-facility.ts'
import type { Incoming } from '../../api/usecases/ingest/decode.ts'
import { createIngest, type Ingest } from '../../api/usecases/ingest-batch.ts'
import { provisionDevice } from '../../api/usecases/provision-device.ts'
import { readExcursions, readGaps } from '../../api/usecases/read-series.ts'
import { seedPolicies } from '../../api/usecases/seed-policies.ts'
import type { ProbeKind, UpChannel } from '../../schema/vocabulary.ts'

export const silent: Log = { info() {}, warn() {}, error() {} }

/** 2020-05-06T00:00:00Z: a server clock that stands still until a test moves it. */
export const noon = Date.parse('2020-05-06T12:00:00Z')

export type World = {
  readonly ctx: Context
  readonly deps: Deps
  readonly clock: { now: number }
  ingest: Ingest
  /** A fresh process: nothing remembered but what is stored. */
  restart(): void
}

/** A service without doors on a test's database, with one facility and the policies it comes with. */
export async function aWorld(
  database: OpenDatabase,
  holdMs = 2_000,
  code = 'H1',
  telemetry: TelemetryStore = sqlTelemetry(database),
): Promise<World> {
  const clock = { now: noon }
  const deps: Deps = {
    database,
    telemetry,
    now: () => clock.now,
    log: silent,
    metrics: createMetrics(),
    planTransfers: openPlanner().plan,
    travel: openTravel({}, { log: silent }),
  }
  const ctx: Context = { ...deps, actor: { kind: 'person', id: 'administrator' }, grants: everywhere }
  await createFacility(ctx, {
    code,
    name: 'First Hospital',
    kind: 'hospital',
    timeZone: 'Asia/Shanghai',
  })
  await seedPolicies(deps)
  const start = () => createIngest(deps, { holdMs })
  const world: World = {
    ctx,
    deps,
    clock,
    ingest: start(),
    restart() {
      world.ingest = start()
    },
  }
  return world
}

export const bloodFridge: Omit<Profile, 'from'> = {
  low: 200,
  high: 600,
  maxSilenceMs: 900_000,
  physicalLow: -10_000,
  physicalHigh: 10_000,
}

export async function aDevice(
  { ctx }: Pick<World, 'ctx'>,
  name: string,
  profile: Partial<Profile> = {},
  inServiceFrom = Date.parse('2020-01-01T00:00:00Z'),
  facility = 'H1',
): Promise<{ name: string; secret: string }> {
  const { secret } = await provisionDevice(ctx, {
    name,
    kind: 'fridge',
    facility,
    inServiceFrom,
    profile: { ...bloodFridge, ...profile },
  })
  return { name, secret }
}

export type MessageParts = {
  readonly device: string
  readonly channel?: UpChannel
  readonly boot?: string
  readonly seq: number
  readonly body: unknown
  readonly sentAt?: number
  readonly uptimeMs?: number
  readonly receivedAt?: number
}

/** A message as the broker hands it over, sent and received at the world's noon where nothing else is said. */
export function aMessage(parts: MessageParts): Incoming {
  const { device, channel = 'readings', boot = 'boot-a', seq, body, receivedAt = noon } = parts
  const { sentAt = receivedAt, uptimeMs = 3_600_000 } = parts
  const payload = Buffer.from(JSON.stringify({ v: 1, boot, seq, sentAt, uptimeMs, body }))
  const topic = `hemotrail/v1/H1/${device}/${channel}`
  return { device, topic, channel, payload, receivedAt, connection: 'one', will: false }
}

export function aReading(at: number, celsius: number, probe: ProbeKind = 'load') {
  return { at, probe, celsius }
}

/** What a person comparing with a recorded logger would count: bounded gaps and ended excursions up to `asOf`. */
export async function findingsOf(deps: Deps, device: string, asOf: number, probe: ProbeKind = 'load') {
  const { gaps } = await readGaps(deps, { device, probe, asOf })
  const { excursions } = await readExcursions(deps, { device, probe, asOf })
  return { gaps, excursions }
}

/** When the time of a device was not believed. */
export async function faultsOf({ deps }: Pick<World, 'deps'>, device: string) {
  const { db } = deps.database
  return clockFaultsOf(db, (await findDevice(db, device)).id)
}
