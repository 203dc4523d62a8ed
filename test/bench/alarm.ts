import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { AlarmResult } from './alarm-fleet.ts'
import { ask } from './ask.ts'
import { median, startProcess, stopProcess } from './load.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const fleetSize = Number(process.env.BENCH_CONNECTIONS ?? 5_000)
const measureMs = Number(process.env.BENCH_SECONDS ?? 30) * 1_000
const seed = process.env.BENCH_SEED ?? String(Date.now())
const everyMs = 10_000
const oneIn = 50

/** The bars: somebody who follows hears this soon, and this many times what an acknowledgement takes, at most. */
const barMs = 1_000
const barRatio = 2

/** A fleet reports; now and then a fridge is too warm. How soon after its reading is that heard of? */
export async function alarm(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  const devices = await provisionDevices(database.url, fleetSize)
  const key = randomBytes(32).toString('hex')
  const results: AlarmResult[] = []
  const faults: string[] = []
  const sql = new pg.Client(database.url)
  await sql.connect()
  try {
    for (let round = 1; round <= rounds; round++) {
      const server = await startProcess<{ port: number; url: string }>('./servers/hemotrail.ts', {
        DATABASE_URL: database.url,
        HEMOTRAIL_ADMIN_KEY: key,
      })
      const { child } = await startProcess('./alarm-fleet.ts')
      const { port, url } = server.ready
      const load = {
        host: '127.0.0.1',
        port,
        url,
        key,
        devices,
        everyMs,
        measureMs,
        warmUpMs: everyMs,
        oneIn,
      }
      const result = await ask<AlarmResult>(child, { ...load, seed: `${seed}/${round}` })
      await stopProcess(child)
      await stopProcess(server.child)
      results.push(result)
      faults.push(...(await faultsOf(result, sql)).map((fault) => `round ${round}: ${fault}`))
      const { puback, alarm } = result
      console.log(
        `round ${round} ${result.acknowledged} acknowledged, PUBACK p50 ${puback.p50Ms.toFixed(1)} ms, p99 ` +
          `${puback.p99Ms.toFixed(1)} ms; ${alarm.count} excursions heard of, p50 ${alarm.p50Ms.toFixed(1)} ms, p99 ` +
          `${alarm.p99Ms.toFixed(1)} ms`,
      )
    }
  } finally {
    await sql.end()
  }
  const of = (pick: (result: AlarmResult) => number) => median(results.map(pick))
  const p99Ms = of(({ alarm }) => alarm.p99Ms)
  const ratioToPuback = of(({ alarm, puback }) => alarm.p99Ms / puback.p99Ms)
  const missed: string[] = []
  if (!(p99Ms <= barMs)) missed.push(`p99 ${p99Ms} ms`)
  if (!(ratioToPuback <= barRatio)) missed.push(`ratioToPuback ${ratioToPuback}`)
  return {
    bench: 'alarm',
    ok: faults.length === 0 && missed.length === 0,
    faults,
    missed,
    ...{ devices: fleetSize, everyMs, rounds, seed },
    excursions: of(({ alarm }) => alarm.count),
    p50Ms: of(({ alarm }) => alarm.p50Ms),
    p99Ms,
    puback: { p50Ms: of(({ puback }) => puback.p50Ms), p99Ms: of(({ puback }) => puback.p99Ms) },
    ratioToPuback,
  }
}

/** Each reading out of range that was acknowledged must be a committed excursion, and have been heard of once. */
async function faultsOf({ failed, outside, heard }: AlarmResult, sql: pg.Client): Promise<string[]> {
  const faults: string[] = []
  if (failed > 0) faults.push(`${failed} devices lost their connection`)
  const told = new Map<string, number>()
  for (const one of heard) told.set(one, (told.get(one) ?? 0) + 1)
  const unheard = outside.filter((one) => told.get(one) !== 1)
  if (unheard.length > 0) faults.push(`${unheard.length} excursions not heard of once, such as ${unheard[0]}`)
  if (told.size > outside.length) faults.push(`${told.size - outside.length} heard of that were not sent`)
  if (outside.length === 0) faults.push('nothing was out of range')
  const { rows } = await sql.query<{ key: string }>(
    `select d.name || '/' || x."from" as key from excursion x
     join probe p on p.id = x.probe_id join device d on d.id = p.device_id where x.known_to is null`,
  )
  const stored = new Set(rows.map(({ key }) => key))
  const lost = outside.filter((one) => !stored.has(one))
  if (lost.length > 0) faults.push(`${lost.length} excursions not stored, such as ${lost[0]}`)
  return faults
}
