import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { runCity } from './city/run-city.ts'
import { type FleetArguments, parseCommandLine, type ReplayArguments, usage } from './command-line.ts'
import { drawFridges, type Fridge, startFleet, type Totals } from './fleet.ts'
import { openJournal } from './journal.ts'
import { provision } from './provision.ts'
import { createRandom } from './random.ts'
import { rejectedOf } from './rejections.ts'
import { type Replayed, readLogger, replay } from './replay.ts'
import { runTerminal } from './terminal/run-terminal.ts'

const printEveryMs = 5_000
/** How long the last acknowledgements are waited for. */
const graceMs = 5_000

async function main(): Promise<void> {
  const given = readArguments()
  if (!given) return
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  try {
    if (given.verb === 'replay') await runReplay(given, stop.signal)
    else if (given.verb === 'city') await runCity(given, stop.signal)
    else if (given.verb === 'terminal') await runTerminal(given, stop.signal)
    else await runFleet(given, stop.signal)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

function readArguments() {
  const words = process.argv.slice(2)
  if (words[0] === 'help' || words.some((word) => word === '--help' || word === '-h')) {
    console.log(usage)
    return null
  }
  try {
    return parseCommandLine(words, process.env)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exitCode = 2
    return null
  }
}

async function runReplay(given: ReplayArguments, signal: AbortSignal): Promise<void> {
  const { file, device, url, speed, api } = given
  const readings = await readLogger(file)
  // A wrong address or key shall show before the replay, not after it.
  if (api) await rejectedOf(api, device, '')
  if (speed !== undefined) {
    const minutes = ((readings.at(-1)?.at ?? 0) - (readings[0]?.at ?? 0)) / speed / 60_000
    console.log(`${device}: ${counted(readings.length, 'reading')}, it takes ${minutes.toFixed(1)} minutes`)
  }
  let progress = `${device}: nothing acknowledged yet`
  const onProgress = (acknowledged: number, messages: number) => {
    progress = `${device}: ${acknowledged} of ${counted(messages, 'message')} acknowledged`
  }
  const printing = setInterval(() => console.log(progress), printEveryMs)
  const onTrouble = (error: Error) => console.error(`${device} at ${url}: ${error.message}, trying again`)
  const random = createRandom(randomUUID())
  try {
    const done = await replay({ ...given, readings, random, signal, onTrouble, onProgress })
    console.log(
      `${device}: ${counted(done.readings, 'reading')} in ${counted(done.messages, 'message')}, all acknowledged (boot ${done.boot})`,
    )
    await tellAccepted(given, done)
  } catch (error) {
    if (!signal.aborted) throw error
    console.error(`${device}: stopped before everything was acknowledged`)
    process.exitCode = 130
  } finally {
    clearInterval(printing)
  }
}

/** A message is acknowledged once it is stored, be it among the rejected ones. */
async function tellAccepted({ api, device }: ReplayArguments, { readings, boot }: Replayed): Promise<void> {
  const question = `GET /rejected-messages?device=${device}`
  if (!api) return console.log(`acknowledged is not accepted: look at ${question}, or give --api and --key`)
  const rejected = await rejectedOf(api, device, boot)
  if (rejected.readings === 0) return console.log(`${device}: none was rejected`)
  console.error(
    `${device}: ${rejected.readings} of ${counted(readings, 'reading')} rejected (${rejected.codes.join(', ')}): look at ${question}`,
  )
  process.exitCode = 1
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

async function runFleet(given: FleetArguments, signal: AbortSignal): Promise<void> {
  const { url, seed, speed, intervalMs } = given
  const fridges = drawFridges(seed, given.fridges, given.prefix)
  const secrets = await secretsFor(fridges, given)
  const journal = given.journal === undefined ? undefined : await openJournal(given.journal)
  const run = randomUUID()
  const secretOf = (name: string) => secrets?.get(name) ?? ''
  const onRefused = (name: string, error: Error) =>
    console.error(`${url} does not want ${name}: ${error.message}; it goes on trying, slowly`)
  const onSound = (name: string) => console.log(`${name} sounds`)
  const fleet = startFleet({
    url,
    fridges,
    seed,
    run,
    speed,
    intervalMs,
    secretOf,
    journal,
    onRefused,
    onSound,
  })
  const begun = performance.now()
  console.log(
    `${counted(fridges.length, 'fridge')} from seed ${seed}, every ${Number((intervalMs / 1_000).toFixed(2))} s each, to ${url}`,
  )
  if (!secrets)
    console.log(`no --api and no --secrets: the fridges have empty secrets, which Hemotrail refuses`)

  const print = (totals: Totals) => console.log(line(totals, performance.now() - begun, fleet.lastTrouble()))
  const printing = setInterval(() => print(fleet.totals()), printEveryMs)
  if (given.seconds === undefined) await once(signal, 'abort').catch(() => {})
  else await sleep(given.seconds * 1_000, undefined, { signal }).catch(() => {})
  clearInterval(printing)

  const { connected } = fleet.totals()
  await fleet.close(graceMs)
  await journal?.close()
  const totals = fleet.totals()
  print({ ...totals, connected })
  if (totals.acknowledged > 0) return
  console.error(`nothing was acknowledged at ${url}: ${fleet.lastTrouble() ?? 'no answer came in time'}`)
  process.exitCode = 1
}

async function secretsFor(
  fridges: readonly Fridge[],
  { secrets: file, api, rotate, intervalMs }: FleetArguments,
): Promise<ReadonlyMap<string, string> | null> {
  if (api) {
    const secrets = file === undefined ? new Map<string, string>() : await readSecrets(file, true)
    // Before anything is made known: a file that cannot be written must not cost a secret.
    if (file !== undefined) await writeSecrets(file, secrets)
    const planned = fridges.map((fridge) => plan(fridge, intervalMs))
    try {
      return await provision(api, planned, { secrets, rotate })
    } finally {
      if (file !== undefined) await writeSecrets(file, secrets)
    }
  }
  if (file === undefined) return null
  const secrets = await readSecrets(file, false)
  const missing = fridges.find(({ name }) => !secrets.has(name))
  if (missing) throw new Error(`${file} has no secret for ${missing.name}`)
  return secrets
}

async function readSecrets(file: string, mayBeAbsent: boolean): Promise<Map<string, string>> {
  const text = await readFile(file, 'utf8').catch((error) => {
    if (mayBeAbsent && error.code === 'ENOENT') return '{}'
    throw error
  })
  try {
    return new Map(Object.entries(z.record(z.string(), z.string()).parse(JSON.parse(text))))
  } catch (error) {
    throw new Error(`${file} is not a JSON object of device names and secrets`, { cause: error })
  }
}

/** Whole or not at all: a secret that is lost is only had again by cutting somebody off. */
async function writeSecrets(file: string, secrets: ReadonlyMap<string, string>): Promise<void> {
  const draft = `${file}.draft`
  await mkdir(dirname(file), { recursive: true })
  await writeFile(draft, `${JSON.stringify(Object.fromEntries(secrets), null, 2)}\n`, { mode: 0o600 })
  await rename(draft, file)
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
