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
import {
  doubtfulUnits,
  type Fault,
  type FaultKind,
  habitsOf,
  planFaults,
  strike,
  wrongClock,
} from './faults.ts'
import { deliver, inspect, patrol, restock } from './go-rounds.ts'
import { inBoth } from './names.ts'
import { minute, type Plan, second } from './plan.ts'
import { hire, type Worker } from './staff.ts'
import { stockUp, takeStock } from './stock-up.ts'
import { meetDemand, sampledBefore } from './take-out.ts'
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
  /** Whether what is in stock at its places is discarded first: its fridges begin with bags of their own. */
  readonly takesStock?: boolean
  /** How often each device reports, in city time, ms. */
  readonly everyMs?: number
  /** Ends it while it is made ready. Its clock ends it later. */
  readonly signal?: AbortSignal
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
const gridMs = 30 * second

export type OpenCity = {
  readonly world: World
  readonly faults: readonly Fault[]
  /** Everybody does their day; resolves when the last is done. */
  live(): Promise<void>
  /** What the service tells of it in the end is compared with what was done. */
  outcome(): Promise<Outcome>
  /** Wait so long for the last acknowledgements, ms of ours, and leave. */
  close(graceMs?: number): Promise<void>
}

/** Make a city known to a service: its places, its devices, its people and what is in their fridges. */
export async function openCity(given: CityRun): Promise<OpenCity> {
  const { api, url, city, plan, clock, tally, run, faults: kinds = [], rotate = false, signal } = given
  const { everyMs = usualEveryMs } = given
  const faults = planFaults(city, kinds, plan)
  const secrets = await makeKnown(given, faults, everyMs)
  signal?.throwIfAborted()
  const staff = await hire({ api, city, run, rotate })
  signal?.throwIfAborted()
  if (given.takesStock) await takeStock(city, staff)
  const book = openBook()
  const first = createRandom(`${city.seed}/${run}/din`).whole(0, 999_999)
  const year = new Date(clock.instant()).getUTCFullYear() % 100
  const numbered = (facility: string) => (number: number) =>
    `=${facility}${String(year).padStart(2, '0')}${String((first + number) % 1_000_000).padStart(6, '0')}00`
  // Test facilities of ICCBBA: one for what is collected here, one for what came from elsewhere.
  await stockUp({ city, clock, staff, book, dinOf: numbered('A9998') }, plan.stock)
  signal?.throwIfAborted()

  const units = openUnits({
    ...{ url, city, clock, run, secrets },
    tagsIn: (unit) => book.inside(unit).flatMap(({ tag }) => tag ?? []),
    habitsOf: () => habitsOf(kinds),
    onTrouble: (error) => tally.trouble(error),
  })
  const random = createRandom(city.seed).fork('run')
  const world: World = {
    ...{ city, plan, clock, staff, units, book, tally, random },
    underWay: new Set(),
    dinOf: numbered('A9999'),
  }
  return {
    world,
    faults,
    async live() {
      await units.connected(signal)
      if ('onLeaving' in clock) clock.onLeaving(() => units.settled())
      clock.begin()
      live(world, faults, everyMs)
      await clock.ended()
    },
    async outcome() {
      await units.drained()
      // Counted before anything else is waited for: the service goes on telling its terminals, and they answer.
      const { sent, acknowledged } = units.counts()
      const reader = staff.one('regulator', 0)
      return {
        messages: { sent, acknowledged },
        rejected: await rejectedOf(reader, units),
        bags: book.byState(),
        answers: tally.answers,
        counts: tally.counts,
        traces: await checkTraces({ reader, book, toldOf: units.toldOf, doubtful: doubtfulUnits(faults) }),
        troubles: tally.troubles,
      }
    },
    close: (graceMs) => units.close(graceMs),
  }
}

async function makeKnown(
  { api, city, clock, rotate = false }: CityRun,
  faults: readonly Fault[],
  everyMs: number,
) {
  await eachOf([city.centre, ...city.hospitals], async ({ code, name, kind }) => {
    const body = { code, name: inBoth(name), kind, timeZone: 'Asia/Shanghai' }
    await call(api, '/facilities', { body, also: [409] })
  })
  const everySeconds = everyMs / clock.speed / second
  const maxSilenceSeconds = Math.min(900, Math.max(30, Math.ceil(3 * everySeconds)))
  // However fast the city lives, a clock that is set back must not get to where nothing is believed yet.
  const setBack = new Set(
    faults.filter(({ clockMs, kind }) => kind === 'clock' && clockMs < 0).map(({ unit }) => unit),
  )
  const inServiceFrom = new Date(clock.instant() - wrongClock.most).toISOString()
  const planned = city.units.map(
    ({ name, facility, use }): Planned => ({
      name,
      facility,
      kind: use === 'box' ? 'box' : 'fridge',
      profile: { low: 2, high: 6, maxSilenceSeconds },
      ...(setBack.has(name) ? { inServiceFrom } : {}),
    }),
  )
  return provision(api, planned, { rotate })
}

/** Everything that happens, each at its time; the devices report for as long as somebody is at work. */
function live(world: World, faults: readonly Fault[], everyMs: number): void {
  const { clock, plan, units, tally, city } = world
  let open = 0
  const isOver = () => clock.now() >= plan.untilMs && open === 0
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
        for (let wait = phaseMs || everyMs; !isOver(); wait = everyMs) {
          await clock.sleep(wait)
          device.tick()
        }
      })
    }
    for (const unit of city.units)
      if (unit.use === 'ambulance') clock.start(() => patrol(world, unit, isOver))
    for (const fault of faults) work(() => strike(world, fault))
    /** Nobody sets out before it is time. */
    const each = <T extends { readonly at: number }>(
      planned: readonly T[],
      errand: (one: T, number: number) => Promise<void>,
      leadMs = 0,
    ) =>
      clock.start(async () => {
        for (const [number, one] of planned.entries()) {
          await clock.sleep(one.at - leadMs - clock.now())
          work(() => errand(one, number))
        }
      })
    each(plan.inspections, (round) => inspect(world, round))
    each(plan.restockings, (round) => restock(world, round))
    each(plan.deliveries, (round, number) => deliver(world, round, number))
    each(plan.donations, (donation, number) => donate(world, donation, number))
    each(plan.demands, (demand, number) => meetDemand(world, demand, number), sampledBefore)
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
