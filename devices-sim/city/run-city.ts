import { randomUUID } from 'node:crypto'
import type { CityArguments } from '../command-line.ts'
import { pacedClock } from './clock.ts'
import { drawCity } from './draw-city.ts'
import { type OpenCity, type Outcome, openCity } from './open-city.ts'
import { planCity } from './plan.ts'
import { openTally } from './tally.ts'
import { timeOfDay } from './time-of-day.ts'

const printEveryMs = 5_000
/** How long the last acknowledgements are waited for, ms. */
const graceMs = 5_000
const shownFaults = 10

/** A city against any service, at any speed: its instants are ours, and what would take an hour takes less. */
export async function runCity(given: CityArguments, signal: AbortSignal): Promise<void> {
  const city = drawCity(given)
  const plan = planCity(city, given)
  const tally = openTally()
  const { speed, faults, rotate, api, url, fromMs } = given
  const clock = pacedClock({ speed, from: fromMs, signal, onTrouble: (error) => tally.trouble(error) })
  const { hospitals, units, people, seed } = city
  console.log(
    `a city from seed ${seed}: ${hospitals.length} hospitals, ${units.length} fridges and boxes, ${people.length} people, ${plan.stock.length} bags`,
  )
  const run = randomUUID()
  const opened = await openCity({ api, url, city, plan, clock, tally, faults, rotate, run, signal }).catch(
    (error) => {
      if (!signal.aborted) throw error
      return null
    },
  )
  if (!opened) {
    console.error('stopped before the city was awake')
    process.exitCode = 130
    return
  }
  console.log(
    `awake from ${timeOfDay(plan.fromMs)} until ${timeOfDay(plan.untilMs)} and the last errand, ${speed} times as fast as we`,
  )
  for (const { kind, unit, at, forMs } of opened.faults)
    console.log(`fault: ${kind} at ${unit}, ${timeOfDay(at)} until ${timeOfDay(at + forMs)}`)
  const printing = setInterval(() => console.log(line(opened)), printEveryMs)
  try {
    await opened.live()
    const outcome = await opened.outcome()
    for (const sentence of summary(outcome)) console.log(sentence)
    if (!isSound(outcome)) process.exitCode = 1
  } finally {
    clearInterval(printing)
    await opened.close(graceMs)
  }
}

/** How it stands. */
function line({ world: { clock, units, book, tally } }: OpenCity): string {
  const { connected, acknowledged } = units.counts()
  const { GO, STOP, CALL } = tally.answers
  return [
    timeOfDay(clock.now()),
    `connected ${connected}/${units.devices.size}`,
    `acknowledged ${acknowledged}`,
    `GO ${GO} STOP ${STOP} CALL ${CALL}`,
    counted(book.byState()),
    ...(tally.troubles.length > 0 ? [`troubles ${tally.troubles.length}`] : []),
  ].join('  ')
}

/** Nothing was rejected, nothing failed, and every trace is whole. */
export function isSound({ messages, rejected, traces, troubles }: Outcome): boolean {
  return (
    messages.acknowledged > 0 &&
    rejected.messages === 0 &&
    traces.incomplete.length === 0 &&
    troubles.length === 0
  )
}

export function summary({ messages, rejected, bags, answers, counts, traces, troubles }: Outcome): string[] {
  const { GO, STOP, CALL } = answers
  const { checked, incomplete } = traces
  const codes = rejected.codes.length > 0 ? ` (${rejected.codes.join(', ')})` : ''
  return [
    `messages   sent ${messages.sent}, acknowledged ${messages.acknowledged}, rejected ${rejected.messages}${codes}`,
    `bags       ${counted(bags)}`,
    `answers    GO ${GO}, STOP ${STOP}, CALL ${CALL}`,
    `patients   ${counts.demands}, at the counter ${counts.atCounter}, unmet ${counts.unmet}`,
    `donations  ${counts.donations}; deliveries ${counts.deliveries}; faults ${counts.faults}`,
    `traces     checked ${checked}, incomplete ${incomplete.length}`,
    ...incomplete.slice(0, shownFaults).map(({ bag, why }) => `  ${bag}: ${why}`),
    ...(troubles.length > 0 ? [`troubles   ${troubles.length}`] : []),
    ...troubles.slice(0, shownFaults).map((trouble) => `  ${trouble}`),
  ]
}

function counted(counts: Partial<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
