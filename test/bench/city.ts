import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuUsage } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../api/context.ts'
import { outboxBacklog } from '../../api/stores/outbox.ts'
import { packHours } from '../../api/usecases/pack-hours.ts'
import { day } from '../../devices-sim/city/plan.ts'
import { isSound } from '../../devices-sim/city/run-city.ts'
import { findInfluxd, runInfluxQl, startInfluxd } from '../../devices-sim/influxd.ts'
import { liveThrough } from '../support/city.ts'
import { compareStores } from '../support/compare-stores.ts'
import { benchDatabase } from './server.ts'

const hospitals = Number(process.env.BENCH_HOSPITALS ?? 43)
const fridges = Number(process.env.BENCH_FRIDGES ?? 400)
const days = Number(process.env.BENCH_DAYS ?? 1)
const seed = process.env.BENCH_SEED ?? '1'
/** The bar: a day of the whole city, s. */
const barSeconds = 600

/** So long what was stored may be on its way to InfluxDB after the day, ms. */
const patienceMs = 300_000

/** A city's day, as fast as it is worked through: the service shares the clock and the process of the city. */
export async function city(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  await using influxd = await benchInfluxd()
  console.error(`telemetry in ${influxd?.version ?? `the database alone: ${withoutInfluxd}`}`)
  const began = performance.now()
  const { outcome, deps, close } = await liveThrough({
    ...{ seed, hospitals, fridges },
    untilMs: days * day,
    databaseUrl: database.url,
    influx: influxd?.place,
  })
  const livedMs = performance.now() - began
  const compared = influxd && (await compareAll(deps, influxd.place))
  await close()
  const seconds = livedMs / 1_000
  const { user, system } = cpuUsage()
  const { messages, rejected, bags, answers, counts, traces, troubles } = outcome
  const differences = compared?.differences ?? []
  return {
    bench: 'city',
    ...{ seed, hospitals, fridges, days },
    seconds: round(seconds),
    cpuSeconds: round((user + system) / 1e6),
    timesOurs: round((days * day) / 1_000 / seconds),
    ...{ messages, rejected, bags, answers, counts },
    traces: { checked: traces.checked, incomplete: traces.incomplete.length },
    telemetry: compared
      ? { in: influxd?.version, ...compared, differences: differences.length }
      : { in: 'the database' },
    faults: [...troubles, ...traces.incomplete.map(({ bag, why }) => `${bag}: ${why}`), ...differences].slice(
      0,
      20,
    ),
    missed: seconds > barSeconds * days ? [`took ${round(seconds)} s, the bar is ${barSeconds * days}`] : [],
    ok: isSound(outcome) && differences.length === 0,
  }
}

/** Once nothing waits any more and the hours that are over are packed, both stores hold the same. */
async function compareAll(deps: Deps, influx: { readonly url: string; readonly database: string }) {
  const { db } = deps.database
  const began = performance.now()
  for (;;) {
    const { readings } = await outboxBacklog(db)
    if (readings === 0) break
    if (performance.now() - began > patienceMs)
      return { readings: 0, packed: 0, differences: [`${readings} readings still wait in the outbox`] }
    await sleep(50)
  }
  const drainedSeconds = round((performance.now() - began) / 1_000)
  await packHours(deps, new AbortController().signal)
  return { drainedSeconds, ...(await compareStores(db, influx)) }
}

const withoutInfluxd = 'no influxd of version 1 is on the PATH'

/** The influxd on the PATH with a database of its own, gone afterwards with its files; null where there is none. */
async function benchInfluxd() {
  const found = findInfluxd()
  if (!found?.version.startsWith('1.')) return null
  const home = await mkdtemp(join(tmpdir(), 'hemotrail-bench-influxd-'))
  const { url, stop } = await startInfluxd({ binary: found.binary, home })
  const place = { url, database: 'telemetry' }
  await runInfluxQl(url, `create database ${place.database}`)
  return {
    version: `InfluxDB ${found.version}`,
    place,
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

function round(number: number): number {
  return Math.round(number * 10) / 10
}
