import { RejectedMessages } from '../../schema/http/rejected-messages.ts'
import type { BagState } from '../../schema/vocabulary.ts'
import { type Api, call } from '../api.ts'
import { eachOf, type Planned, provision } from '../provision.ts'
import { createRandom } from '../random.ts'
import { openBook } from './book.ts'
import { type Checked, checkTraces } from './check-traces.ts'
import type { CityClock, DrivenClock } from './clock.ts'
import { donate } from './donate.ts'
import type { City } from './draw-city.ts'
import { doubtfulUnits, type Fault, type FaultKind, habitsOf, planFaults, strike } from './faults.ts'
import { deliver, inspect, restock } from './go-rounds.ts'
import { inBoth } from './names.ts'
import { minute, type Plan, second } from './plan.ts'
import { hire, type Worker } from './staff.ts'
import { stockUp } from './stock-up.ts'
import { meetDemand } from './take-out.ts'
import type { Tally } from './tally.ts'
import { openUnits, type Units } from './units.ts'
import type { World } from './world.ts'

export type CityRun = {
  /** As the administrator, who lets everybody in. */
  readonly api: Api
  readonly url: string
  readonly city: City
  readonly plan: Plan
  readonly clock: CityClock | DrivenClock
  readonly tally: Tally
  readonly faults?: readonly FaultKind[]
  /** Names this run among all of its city: a boot and a request must never come back. */
  readonly run: string
  /** Whether who and what is known already gets new passwords and secrets. */
  readonly rotate?: boolean
  /** How often each device reports, in city time, ms. */
  readonly everyMs?: number
  /** Told once everybody is at work. */
  readonly onBegun?: (world: World) => void
}

export type Outcome = {
  readonly messages: { readonly sent: number; readonly acknowledged: number }
  readonly rejected: { readonly messages: number; readonly codes: readonly string[] }
  readonly bags: Partial<Record<BagState, number>>
  readonly answers: Tally['answers']
  readonly counts: Tally['counts']
  readonly traces: Checked
  readonly troubles: readonly string[]
}

const usualEveryMs = 5 * minute
/** Reports of the fleet are spread over moments so far apart. */
const gridMs = 10 * second

/** Let a city live: everybody does their day, and in the end what the service tells of it is compared with what was done. */
export async function runCity(given: CityRun): Promise<Outcome> {
  const { api, url, city, plan, clock, tally, run, faults: kinds = [], rotate = false } = given
  const { everyMs = usualEveryMs } = given
  const secrets = await makeKnown(api, city, clock, everyMs, rotate)
  const staff = await hire({ api, city, run, rotate })
  const book = openBook()
  const first = createRandom(`${city.seed}/${run}/din`).whole(0, 899_999)
  const year = new Date(clock.instant()).getUTCFullYear() % 100
  const numbered = (facility: string) => (number: number) =>
    `=${facility}${String(year).padStart(2, '0')}${String((first + number) % 1_000_000).padStart(6, '0')}00`
  // Test facilities of ICCBBA: one for what is collected here, one for what came from elsewhere.
  await stockUp({ city, clock, staff, book, dinOf: numbered('A9998') }, plan.stock)

  const units = openUnits({
    url,
    city,
    clock,
    run,
    secrets,
    tagsIn: (unit) => book.inside(unit).flatMap(({ tag }) => tag ?? []),
    habitsOf: () => habitsOf(kinds),
    onTrouble: (error) => tally.trouble(error),
  })
  try {
    await units.connected()
    if ('beforeLeaving' in clock) clock.beforeLeaving(() => units.settled())
    const random = createRandom(city.seed).fork('run')
    const world: World = {
      ...{ city, plan, clock, staff, units, book, tally, random },
      underWay: new Set(),
      dinOf: numbered('A9999'),
    }
    const faults = planFaults(city, kinds, plan)
    clock.begin()
    given.onBegun?.(world)
    live(world, faults, everyMs)
    await clock.ended()
    await units.drained()
    const reader = staff.one('regulator', 0)
    const doubtful = doubtfulUnits(faults)
    const { sent, acknowledged } = units.counts()
    return {
      messages: { sent, acknowledged },
      rejected: await rejectedOf(reader, units),
      bags: book.byState(),
      answers: tally.answers,
      counts: tally.counts,
      traces: await checkTraces({ reader, book, toldOf: units.toldOf, doubtful }),
      troubles: tally.troubles,
    }
  } finally {
    await units.close(5 * second)
  }
}

async function makeKnown(api: Api, city: City, clock: CityClock, everyMs: number, rotate: boolean) {
  await eachOf([city.centre, ...city.hospitals], async ({ code, name, kind }) => {
    const body = { code, name: inBoth(name), kind, timeZone: 'Asia/Shanghai' }
    await call(api, '/facilities', { body, also: [409] })
  })
  const everySeconds = everyMs / clock.speed / second
  const maxSilenceSeconds = Math.min(900, Math.max(30, Math.ceil(3 * everySeconds)))
  const planned = city.units.map(
    ({ name, facility, use }): Planned => ({
      name,
      facility,
      kind: use === 'box' ? 'box' : 'fridge',
      profile: { low: 2, high: 6, maxSilenceSeconds },
    }),
  )
  return provision(api, planned, { rotate })
}

/** Everything that happens, each at its time; the devices report for as long as somebody is at work. */
function live(world: World, faults: readonly Fault[], everyMs: number): void {
  const { clock, plan, units, tally } = world
  let open = 0
  const work = (errand: () => Promise<void>) => {
    open += 1
    clock.start(async () => {
      try {
        await errand()
      } finally {
        open -= 1
      }
    })
  }
  clock.start(async () => {
    for (const [index, device] of [...units.devices.values()].entries()) {
      const phaseMs = gridMs * (index % Math.max(1, Math.floor(everyMs / gridMs)))
      clock.start(async () => {
        device.tick()
        for (let wait = phaseMs || everyMs; clock.now() < plan.untilMs || open > 0; wait = everyMs) {
          await clock.sleep(wait)
          device.tick()
        }
      })
    }
    for (const fault of faults) work(() => strike(world, fault))
    for (const round of plan.inspections) work(() => inspect(world, round))
    for (const round of plan.restockings) work(() => restock(world, round))
    for (const [number, round] of plan.deliveries.entries()) work(() => deliver(world, round, number))
    for (const [number, donation] of plan.donations.entries()) work(() => donate(world, donation, number))
    for (const [number, demand] of plan.demands.entries()) work(() => meetDemand(world, demand, number))
    tally.note(clock.now(), 'the city is awake')
  })
}

/** Messages of this run that were acknowledged and not, or not wholly, accepted. */
async function rejectedOf(reader: Worker, { devices }: Units): Promise<Outcome['rejected']> {
  const boots = new Set([...devices].map(([name, device]) => `${name}/${device.boot()}`))
  const codes = new Set<string>()
  let messages = 0
  for (let before: number | null = null; ; ) {
    const from: string = before === null ? '' : `&before=${before}`
    const page = RejectedMessages.parse(
      await reader.get(`/rejected-messages?limit=100${from}`, RejectedMessages),
    )
    for (const { device, boot, code, elements } of page.rejectedMessages) {
      if (!boots.has(`${device}/${boot}`)) continue
      messages += 1
      for (const bad of elements ?? [{ code }]) codes.add(bad.code)
    }
    if (page.next === null) return { messages, codes: [...codes] }
    before = page.next
  }
}
