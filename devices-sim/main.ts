import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type FleetArguments, parseCommandLine, type ReplayArguments, usage } from './command-line.ts'
import { drawFridges, type Fridge, startFleet, type Totals } from './fleet.ts'
import { openJournal } from './journal.ts'
import { provision } from './provision.ts'
import { createRandom } from './random.ts'
import { readLogger, replay } from './replay.ts'

const totalsEveryMs = 5_000
/** How long the last acknowledgements are waited for. */
const graceMs = 5_000

async function main(): Promise<void> {
  const given = readArguments()
  if (!given) return
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  try {
    await (given.verb === 'replay' ? runReplay(given, stop.signal) : runFleet(given, stop.signal))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

function readArguments() {
  try {
    return parseCommandLine(process.argv.slice(2), process.env)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exitCode = 2
    return null
  }
}

async function runReplay(given: ReplayArguments, signal: AbortSignal): Promise<void> {
  const { file, device, url } = given
  const readings = await readLogger(file)
  const onTrouble = (error: Error) => console.error(`${url}: ${error.message}, trying again`)
  try {
    const done = await replay({ ...given, readings, random: createRandom(randomUUID()), signal, onTrouble })
    console.log(
      `${device}: ${done.readings} readings in ${done.messages} messages, all acknowledged (boot ${done.boot})`,
    )
  } catch (error) {
    if (!signal.aborted) throw error
    console.error(`${device}: stopped before everything was acknowledged`)
    process.exitCode = 130
  }
}

async function runFleet(given: FleetArguments, signal: AbortSignal): Promise<void> {
  const { url, seed, speed, intervalMs } = given
  const fridges = drawFridges(seed, given.fridges)
  const secrets = await secretsFor(fridges, given)
  const journal = given.journal === undefined ? undefined : await openJournal(given.journal)
  const run = randomUUID()
  const secretOf = (name: string) => secrets?.get(name) ?? ''
  const fleet = startFleet({ url, fridges, seed, run, speed, intervalMs, secretOf, journal })
  const begun = performance.now()
  console.log(`${fridges.length} fridges from seed ${seed}, every ${intervalMs / 1_000} s each, to ${url}`)
  if (!secrets) console.log('no --secrets and no --api: the fridges give their names and an empty secret')

  const print = (totals: Totals) => console.log(line(totals, performance.now() - begun, fleet.lastTrouble()))
  const printing = setInterval(() => print(fleet.totals()), totalsEveryMs)
  if (given.seconds === undefined) await once(signal, 'abort').catch(() => {})
  else await sleep(given.seconds * 1_000, undefined, { signal }).catch(() => {})
  clearInterval(printing)

  const { connected } = fleet.totals()
  await fleet.close(graceMs)
  await journal?.close()
  print({ ...fleet.totals(), connected })
}

async function secretsFor(
  fridges: readonly Fridge[],
  { secrets, api, intervalMs }: FleetArguments,
): Promise<ReadonlyMap<string, string> | null> {
  if (api)
    return provision(
      api,
      fridges.map((fridge) => plan(fridge, intervalMs)),
    )
  if (secrets === undefined) return null
  const known = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(secrets, 'utf8')))
  const missing = fridges.find(({ name }) => known[name] === undefined)
  if (missing) throw new Error(`${secrets} has no secret for ${missing.name}`)
  return new Map(Object.entries(known))
}

/** Three intervals may be silent, within reason. */
function plan({ name, facility }: Fridge, intervalMs: number) {
  const maxSilenceSeconds = Math.min(300, Math.max(30, Math.ceil((3 * intervalMs) / 1_000)))
  return { name, facility, kind: 'fridge', profile: { low: 2, high: 6, maxSilenceSeconds } } as const
}

function line(totals: Totals, afterMs: number, trouble: string | null): string {
  const { devices, connected, sent, acknowledged, reconnects, refusals, waiting } = totals
  const seconds = (afterMs / 1_000).toFixed(1)
  const rate = (acknowledged / (afterMs / 1_000)).toFixed(1)
  return [
    `${seconds} s`,
    `connected ${connected}/${devices}`,
    `sent ${sent}`,
    `acknowledged ${acknowledged} (${rate}/s)`,
    `readings waiting ${waiting}`,
    `reconnects ${reconnects}`,
    ...(refusals > 0 ? [`refused ${refusals}`] : []),
    ...(trouble && connected < devices ? [`last trouble ${trouble}`] : []),
  ].join('  ')
}

await main()
