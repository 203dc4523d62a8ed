/*
 * What a person with the definitions, all records of a city and all the time in the world would find of every bag: no
 * intervals, no folds of intervals, but a walk through its life second by second. It knows nothing of the service, and
 * of when anything came or was found out: only when it happened. All times are whole seconds in ms UTC, temperatures
 * hundredths of a degree Celsius.
 */

export type Recording = {
  readonly from: number
  /** The moment of asking. */
  readonly asOf: number
  readonly devices: readonly RecordedDevice[]
  readonly readings: readonly RecordedReading[]
  readonly sightings: readonly RecordedSighting[]
  readonly policies: readonly RecordedPolicy[]
  readonly bags: readonly RecordedBag[]
}

export type RecordedDevice = {
  readonly name: string
  /** A box is a journey; every other device is storage. */
  readonly isBox: boolean
  readonly profiles: readonly {
    readonly from: number
    readonly low: number
    readonly high: number
    readonly maxSilenceMs: number
  }[]
  /** When a probe of it is not to be believed for what it shows by itself. */
  readonly faults: readonly {
    readonly probe: 'load' | 'air'
    readonly from: number
    readonly to: number
  }[]
}

/** As it was told, also where another value was told for the same device, probe, boot and time. */
export type RecordedReading = {
  readonly device: string
  readonly probe: 'load' | 'air'
  readonly boot: string
  readonly at: number
  readonly centi: number
}

/** An inventory names all tags that were read. */
export type RecordedSighting = {
  readonly device: string
  readonly at: number
  readonly kind: 'added' | 'removed' | 'inventory'
  readonly tags: readonly string[]
}

export type RecordedPolicy = {
  readonly component: string
  readonly phase: 'storage' | 'transport'
  readonly version: number
  readonly from: number
  readonly low: number
  readonly high: number
  readonly maxSilenceMs: number
}

export type RecordedBag = {
  readonly id: string
  readonly component: string
  /** It is answered for from then on. */
  readonly bornAt: number
  /** Its fate, or that of being made into others; null where it has none yet. */
  readonly endedAt: number | null
  readonly parents: readonly string[]
  readonly tags: readonly { readonly tag: string; readonly from: number; readonly to: number | null }[]
}

/** What became of a bag in its life and in the lives of what it was made of, ms. */
export type Account = {
  readonly belowMs: number
  readonly aboveMs: number
  readonly inRangeMs: number
  readonly unverifiedMs: number
  readonly uncontrolledMs: number
  /** Outside its limits for any time, or by any reading. */
  readonly isExposed: boolean
}

/** What is so of a bag in one second. */
const inRange = 0
const below = 1
const above = 2
const unverified = 3
const inHand = 4
const notYet = 5

/** Where a bag is in one second: the number of a device, or one of these. */
const nowhere = -1
const lost = -2
const carried = -3

/** What a probe says in a second in which it says nothing. */
const unheard = 100_000

/** Added to what is so in a second: a reading was taken in it that was outside. */
const outsideReading = 8

const second = 1_000

/** The accounts of all bags by their ids. */
export function accountsOf(recording: Recording): ReadonlyMap<string, Account> {
  const { from, asOf, devices, bags } = recording
  const seconds = (asOf - from) / second
  const numbers = new Map(devices.map(({ name }, index) => [name, index]))
  const said = sayEverySecond(recording, seconds)
  const { seen, inventories } = bySubject(recording, numbers)
  const own = new Map<string, Account>()
  const where = new Int16Array(seconds)
  for (const bag of bags) {
    walk(bag, recording, seen, inventories, where)
    const heard = said.get(bag.component) as readonly Uint8Array[]
    const counts = [0, 0, 0, 0, 0, 0]
    let isExposed = false
    const end = (Math.min(bag.endedAt ?? asOf, asOf) - from) / second
    const born = (bag.bornAt - from) / second
    for (let s = 0; s < end; s++) {
      const place = where[s] as number
      let is: number
      if (place >= 0) {
        const heardThere = (heard[place] as Uint8Array)[s] as number
        if (heardThere >= outsideReading) isExposed = true
        is = heardThere % outsideReading
      } else if (place === carried) is = inHand
      else if (place === lost) is = unverified
      else is = s < born ? notYet : unverified
      counts[is] = (counts[is] as number) + 1
    }
    const ms = (is: number) => (counts[is] as number) * second
    own.set(bag.id, {
      belowMs: ms(below),
      aboveMs: ms(above),
      inRangeMs: ms(inRange),
      unverifiedMs: ms(unverified),
      uncontrolledMs: ms(inHand),
      isExposed: isExposed || ms(below) + ms(above) > 0,
    })
  }
  const parents = new Map(bags.map((bag) => [bag.id, bag.parents]))
  return new Map(bags.map(({ id }) => [id, withInherited(id, own, parents)]))
}

/** A child begins with the account of its parent, a pool with the worst of each. */
function withInherited(
  id: string,
  own: ReadonlyMap<string, Account>,
  parents: ReadonlyMap<string, readonly string[]>,
): Account {
  const account = own.get(id) as Account
  const inherited = (parents.get(id) ?? []).map((parent) => withInherited(parent, own, parents))
  const worst = (pick: (one: Account) => number) => pick(account) + Math.max(0, ...inherited.map(pick))
  return {
    belowMs: worst((one) => one.belowMs),
    aboveMs: worst((one) => one.aboveMs),
    inRangeMs: worst((one) => one.inRangeMs),
    unverifiedMs: worst((one) => one.unverifiedMs),
    uncontrolledMs: worst((one) => one.uncontrolledMs),
    isExposed: account.isExposed || inherited.some((one) => one.isExposed),
  }
}

/** For each component and each device what its probes say, second by second, of a bag of that component in it. */
function sayEverySecond(recording: Recording, seconds: number): ReadonlyMap<string, readonly Uint8Array[]> {
  const components = [...new Set(recording.bags.map(({ component }) => component))]
  const told = recording.devices.map((device) => {
    const { load, air } = toldBy(device, recording.readings)
    return { load, air, doubts: whenApart(device, load, air, recording.from, seconds) }
  })
  return new Map(
    components.map((component) => [
      component,
      recording.devices.map((device, index) => {
        const { load, air, doubts } = told[index] as (typeof told)[number]
        const says = new Uint8Array(seconds).fill(unverified)
        const loadBegins = load[0]?.at ?? Number.POSITIVE_INFINITY
        // The load probe from its first reading on; until then the air.
        say(says, 'air', air, doubts, recording, device, component, recording.from, loadBegins)
        say(says, 'load', load, doubts, recording, device, component, loadBegins, recording.asOf)
        return says
      }),
    ]),
  )
}

/** What each probe of a device told, in order, one value for each time in a boot. */
function toldBy(
  { name, profiles }: RecordedDevice,
  readings: readonly RecordedReading[],
): Readonly<Record<'load' | 'air', readonly RecordedReading[]>> {
  const ruling = { load: new Map<string, RecordedReading>(), air: new Map<string, RecordedReading>() }
  for (const reading of readings) {
    if (reading.device !== name) continue
    const key = `${reading.boot}/${reading.at}`
    const other = ruling[reading.probe].get(key)
    const { low, high } = latest(profiles, reading.at)
    const middle = (low + high) / 2
    const further = ({ centi }: RecordedReading) => Math.abs(centi - middle)
    const isRuling =
      !other ||
      further(reading) > further(other) ||
      (further(reading) === further(other) && reading.centi > other.centi)
    if (isRuling) ruling[reading.probe].set(key, reading)
  }
  const inOrder = (one: ReadonlyMap<string, RecordedReading>) =>
    [...one.values()].sort((a, b) => a.at - b.at || (a.boot < b.boot ? -1 : 1))
  return { load: inOrder(ruling.load), air: inOrder(ruling.air) }
}

/**
 * The seconds in which air and load of a device are more than three degrees apart, of those times that last for half an
 * hour by the newest that either told. What was told newest stands until then.
 */
function whenApart(
  { profiles }: RecordedDevice,
  load: readonly RecordedReading[],
  air: readonly RecordedReading[],
  begin: number,
  seconds: number,
): Uint8Array {
  const apart = new Uint8Array(seconds)
  const newest = Math.max(load.at(-1)?.at ?? begin, air.at(-1)?.at ?? begin)
  const values = [load, air].map((readings) => {
    const says = new Int32Array(seconds).fill(unheard)
    readings.forEach(({ at, centi }, index) => {
      const next = readings[index + 1]?.at
      const isHeardOn = (next ?? newest) - at <= latest(profiles, at).maxSilenceMs
      const until = next ?? Number.POSITIVE_INFINITY
      for (let s = (at - begin) / second; isHeardOn && s < seconds && begin + s * second < until; s++)
        says[s] = centi
    })
    return says
  })
  const [loads, airs] = values as [Int32Array, Int32Array]
  const are = (s: number) =>
    loads[s] !== unheard && airs[s] !== unheard && Math.abs((loads[s] as number) - (airs[s] as number)) > 300
  for (let s = 0; s < seconds; ) {
    let end = s
    while (end < seconds && are(end)) end++
    const lasts = Math.min(end, (newest - begin) / second) - s
    if (lasts >= 1_800) apart.fill(1, s, end)
    s = end + 1
  }
  return apart
}

/** Let one probe speak in [from, to). What it says is well while it is not to be believed verifies nothing. */
function say(
  says: Uint8Array,
  probe: 'load' | 'air',
  readings: readonly RecordedReading[],
  doubts: Uint8Array,
  { from: begin, asOf, policies }: Recording,
  device: RecordedDevice,
  component: string,
  from: number,
  to: number,
): void {
  const versions = policies.filter(
    (one) => one.component === component && one.phase === (device.isBox ? 'transport' : 'storage'),
  )
  const holds = (reading: RecordedReading, next: number) => {
    const version = latest(versions, reading.at)
    const longest = Math.min(version.maxSilenceMs, latest(device.profiles, reading.at).maxSilenceMs)
    return next - reading.at <= longest ? judge(reading, version) : unverified
  }
  let heard = 0
  let is = unverified
  for (let s = 0; s < says.length; s++) {
    const now = begin + s * second
    let isOutsideNow = false
    for (; heard < readings.length && (readings[heard] as RecordedReading).at <= now; heard++) {
      const reading = readings[heard] as RecordedReading
      if (reading.at === now && judge(reading, latest(versions, now)) !== inRange) isOutsideNow = true
      is = holds(reading, readings[heard + 1]?.at ?? asOf)
    }
    const isBelieved =
      doubts[s] === 0 && !device.faults.some((one) => one.probe === probe && one.from <= now && now < one.to)
    const said = is === inRange && !isBelieved ? unverified : is
    if (now >= from && now < to) says[s] = said + (isOutsideNow ? outsideReading : 0)
  }
}

function judge({ centi }: RecordedReading, limits: { readonly low: number; readonly high: number }): number {
  if (centi < limits.low) return below
  return centi > limits.high ? above : inRange
}

/** Of versions the one in force: that which began last; of two that began together the later one. */
function latest<T extends { readonly from: number; readonly version?: number }>(
  versions: readonly T[],
  at: number,
): T {
  let newest: T | undefined
  for (const one of versions) {
    if (one.from > at) continue
    const isNewer =
      !newest ||
      one.from > newest.from ||
      (one.from === newest.from && (one.version ?? 0) > (newest.version ?? 0))
    if (isNewer) newest = one
  }
  if (!newest) throw new Error('nothing was in force')
  return newest
}

/** One thing seen of a tag, or of a device that lacks it. */
type Seen = {
  readonly at: number
  readonly device: number
  readonly kind: 'in' | 'out' | 'missing' | 'no tag'
}
type Inventory = { readonly at: number; readonly tags: ReadonlySet<string> }

function bySubject({ sightings }: Recording, numbers: ReadonlyMap<string, number>) {
  const seen = new Map<string, Seen[]>()
  const inventories = new Map<number, Inventory[]>()
  for (const { device: name, at, kind, tags } of sightings) {
    const device = numbers.get(name) as number
    for (const tag of tags) {
      const one = { at, device, kind: kind === 'removed' ? ('out' as const) : ('in' as const) }
      seen.set(tag, [...(seen.get(tag) ?? []), one])
    }
    if (kind === 'inventory')
      inventories.set(device, [...(inventories.get(device) ?? []), { at, tags: new Set(tags) }])
  }
  return { seen, inventories }
}

/**
 * Walk through a bag's life, and write down where it was in every second. Who finds it elsewhere, or not where it was,
 * goes back and crosses out all since it was last seen there.
 */
function walk(
  bag: RecordedBag,
  { from, asOf }: Recording,
  seen: ReadonlyMap<string, readonly Seen[]>,
  inventories: ReadonlyMap<number, readonly Inventory[]>,
  where: Int16Array,
): void {
  const events: Seen[] = []
  const carriesAt = (at: number, tag?: string) =>
    bag.tags.filter((on) => (!tag || on.tag === tag) && on.from <= at && (on.to === null || at < on.to))
  for (const tag of new Set(bag.tags.map((on) => on.tag)))
    events.push(...(seen.get(tag) ?? []).filter(({ at }) => carriesAt(at, tag).length > 0))
  for (const device of new Set(events.map((event) => event.device)))
    for (const { at, tags } of inventories.get(device) ?? []) {
      const carried = carriesAt(at)
      if (carried.length > 0 && !carried.some(({ tag }) => tags.has(tag)))
        events.push({ at, device, kind: 'missing' })
    }
  for (const { to } of bag.tags)
    if (to !== null && carriesAt(to).length === 0) events.push({ at: to, device: -1, kind: 'no tag' })
  events.sort((a, b) => a.at - b.at)

  let is = nowhere
  let lastSeen = 0
  let next = 0
  for (let s = 0; s < where.length; s++) {
    for (; next < events.length && (events[next] as Seen).at <= from + s * second; next++) {
      const { device, kind } = events[next] as Seen
      const isHere = is === device
      if (is >= 0 && (kind === 'missing' ? isHere : !isHere && kind !== 'no tag')) {
        where.fill(lost, lastSeen, s)
        is = lost
      }
      if (kind === 'in') is = device
      else if (kind === 'out') is = carried
      else if (kind === 'no tag' && is !== nowhere) is = lost
      if (kind === 'in') lastSeen = s
    }
    where[s] = is
  }
  if ((events[next]?.at ?? 0) > asOf) throw new Error('something was seen after the moment of asking')
}
