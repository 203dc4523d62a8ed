import { onTestFinished } from 'vitest'
import type { Log } from '../../api/context.ts'
import { type Forwarding, type ForwardPatience, startForwarding } from '../../api/jobs/forward-telemetry.ts'
import { ensureBoots } from '../../api/stores/clocks.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { ensureProbes, findDevice } from '../../api/stores/devices.ts'
import type { InfluxPlace } from '../../api/stores/influx-http.ts'
import { influxTelemetry } from '../../api/stores/influx-telemetry.ts'
import { insertOutbox, outboxBacklog } from '../../api/stores/outbox.ts'
import type { StoredReading } from '../../api/stores/readings.ts'
import { type FakeInflux, say } from './fake-influx.ts'
import { until } from './outcomes.ts'
import { aWorld, noon, type World } from './world.ts'

export const minute = 60_000
export const hour = 60 * minute

export const quick: ForwardPatience = {
  lookMs: 10,
  takeOverMs: 20,
  firstPauseMs: 4,
  longestPauseMs: 16,
  failuresBeforeParting: 3,
}

type Line = {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** A world whose telemetry is kept in this InfluxDB. */
export function aForwardingWorld(
  database: OpenDatabase,
  place: InfluxPlace,
  writeMs = 15_000,
): Promise<World> {
  const factsOf = async (device: string) => (await findDevice(database.db, device)).clockFacts
  const store = influxTelemetry(place, factsOf, { writeMs })
  onTestFinished(() => store.close())
  return aWorld(database, 2_000, 'H1', store)
}

/** What forwards, until it is stopped, and what it has logged. */
export function forward(
  { deps }: World,
  patience: Partial<ForwardPatience> = {},
): Forwarding & { readonly said: Line[] } {
  const said: Line[] = []
  const note = (level: Line['level']) => (fields: object, message: string) =>
    void said.push({ level, fields: fields as Line['fields'], message })
  const log: Log = { info: note('info'), warn: note('warn'), error: note('error') }
  const forwarding = startForwarding({ ...deps, log }, { ...quick, ...patience })
  onTestFinished(() => forwarding.stop())
  return { ...forwarding, said }
}

/** How many readings wait in the outbox. */
export const waiting = async ({ deps }: World) => (await outboxBacklog(deps.database.db)).readings
/** Resolves once none wait. */
export const emptied = (world: World) => until(async () => (await waiting(world)) === 0)

/** Send everything that waits, and stop. */
export async function drain(world: World): Promise<void> {
  const { stop } = forward(world)
  await emptied(world)
  await stop()
}

/** Put readings into the outbox as they are, at these times and values. */
export async function enqueue(
  { deps }: World,
  device: string,
  told: readonly { at: number; centi: number }[],
): Promise<StoredReading[]> {
  const { db } = deps.database
  const { id: deviceId } = await findDevice(db, device)
  const [boot] = await ensureBoots(db, [{ deviceId, boot: 'boot-a' }])
  const [probe] = await ensureProbes(db, [{ deviceId, kind: 'load' }])
  const readings = told.map((one, seq) => ({
    ...one,
    probeId: probe?.id as number,
    bootId: boot?.id as number,
    seq,
    humidity: null,
  }))
  await db.transaction((tx) => insertOutbox(tx, readings, deps.now()))
  return readings
}

/** As many readings as that, a ms apart, each of another value. */
export const counted = (n: number) => Array.from({ length: n }, (_, i) => ({ at: noon + i, centi: i }))

/** The times of the readings a store holds of a device. */
export async function timesIn({ deps }: World, device: string): Promise<number[]> {
  const found = await deps.telemetry.raw({
    device,
    probe: 'load',
    from: 0,
    to: noon + 365 * 24 * hour,
    limit: 100_000,
  })
  return found.map(({ at }) => at)
}

/** Say of each reading that it was not taken. */
export const dropAll: FakeInflux['answer'] = (response, { lines }) =>
  say(response, 400, { error: `partial write: no dropped=${lines.length}` })
