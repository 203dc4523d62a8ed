import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { findDevice } from '../../api/stores/devices.ts'
import { influxTelemetry } from '../../api/stores/influx-telemetry.ts'
import type { TelemetryStore } from '../../api/stores/telemetry.ts'
import { hasInfluxd, type Influxd, startInfluxd } from '../support/influxd.ts'

export const noInfluxd =
  "there is no influxd on the PATH, nor Debian's package influxdb within reach of apt-get"

/** An influxd of the bench's own, with one database. */
export type BenchInflux = {
  readonly influxd: Influxd
  readonly database: string
  /** Our store that speaks to it, as the service would make it with this database. */
  store(database: OpenDatabase): TelemetryStore
  /** Wait until it has nothing left to write or to compact. */
  settle(): Promise<void>
  /** What its data take on disk, write-ahead log and index and all. */
  bytes(): number
  close(): Promise<void>
}

/** Null, and said aloud, where there is no influxd. */
export async function openInflux(
  options: { readonly compactsAtOnce?: boolean } = {},
): Promise<BenchInflux | null> {
  if (!hasInfluxd()) {
    console.error(`InfluxDB is not measured: ${noInfluxd}`)
    return null
  }
  const influxd = await startInfluxd(options)
  const database = 'bench'
  await influxd.run(`create database ${database}`)
  const files = () => ['data', 'wal'].flatMap((part) => filesIn(join(influxd.directory, part)))
  return {
    influxd,
    database,
    store: ({ db }) =>
      influxTelemetry(
        { url: influxd.url, database },
        async (device) => (await findDevice(db, device)).clockFacts,
      ),
    settle: () => settle(files),
    bytes: () => files().reduce((sum, { bytes }) => sum + bytes, 0),
    close: () => influxd.remove(),
  }
}

type File = { readonly path: string; readonly bytes: number }

/** As many bytes as the disk gives up for them: files of the index begin as large holes. */
function filesIn(directory: string): File[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(directory, name)
    const found = statSync(path, { throwIfNoEntry: false })
    return found?.isFile() ? [{ path, bytes: found.blocks * 512 }] : []
  })
}

const quietMs = 5_000
const patienceMs = 900_000

/** Settled is when nothing is in the write-ahead log and no file has changed for a while. */
async function settle(files: () => File[]): Promise<void> {
  const spell = () =>
    files()
      .map(({ path, bytes }) => `${path} ${bytes}`)
      .join()
  const begun = performance.now()
  let [was, since] = [spell(), begun]
  while (performance.now() - begun < patienceMs) {
    await delay(500)
    const is = spell()
    if (is !== was) [was, since] = [is, performance.now()]
    const isLogEmpty = !files().some(({ path, bytes }) => path.endsWith('.wal') && bytes > 4_096)
    if (isLogEmpty && performance.now() - since > quietMs) return
  }
  throw new Error(`influxd does not settle within ${patienceMs / 1_000} s`)
}
