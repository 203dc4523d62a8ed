import { cpuUsage } from 'node:process'
import { day } from '../../devices-sim/city/plan.ts'
import { isSound } from '../../devices-sim/city/run-city.ts'
import { liveThrough } from '../support/city.ts'
import { benchDatabase } from './server.ts'

const hospitals = Number(process.env.BENCH_HOSPITALS ?? 43)
const fridges = Number(process.env.BENCH_FRIDGES ?? 400)
const days = Number(process.env.BENCH_DAYS ?? 1)
const seed = process.env.BENCH_SEED ?? '1'
/** The bar: a day of the whole city, s. */
const barSeconds = 600

/** A city's day, as fast as it is worked through: the service shares the clock and the process of the city. */
export async function city(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  const began = performance.now()
  const { outcome, close } = await liveThrough({
    ...{ seed, hospitals, fridges },
    untilMs: days * day,
    databaseUrl: database.url,
  })
  const seconds = (performance.now() - began) / 1_000
  await close()
  const { user, system } = cpuUsage()
  const { messages, rejected, bags, answers, counts, traces, troubles } = outcome
  const round = (number: number) => Math.round(number * 10) / 10
  return {
    bench: 'city',
    ...{ seed, hospitals, fridges, days },
    seconds: round(seconds),
    cpuSeconds: round((user + system) / 1e6),
    timesOurs: round((days * day) / 1_000 / seconds),
    ...{ messages, rejected, bags, answers, counts },
    traces: { checked: traces.checked, incomplete: traces.incomplete.length },
    faults: [...troubles, ...traces.incomplete.map(({ bag, why }) => `${bag}: ${why}`)].slice(0, 20),
    missed: seconds > barSeconds * days ? [`took ${round(seconds)} s, the bar is ${barSeconds * days}`] : [],
    ok: isSound(outcome),
  }
}
