import { createRandom, type Random } from '../../devices-sim/random.ts'
import type { Component, DeviceKind, ProbeKind } from '../../schema/vocabulary.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export type WeekSize = {
  readonly devices: number
  readonly bags: number
  readonly days: number
}

/** A week of a city as it really was, and the messages that tell of it. All times are ms UTC. */
export type Week = {
  readonly start: number
  readonly end: number
  readonly devices: readonly DrawnDevice[]
  readonly policies: readonly DrawnPolicy[]
  readonly profiles: readonly DrawnProfile[]
  readonly bags: readonly DrawnBag[]
  /** By the time the server gets them. */
  readonly messages: readonly DrawnMessage[]
}

export type DrawnDevice = {
  readonly name: string
  readonly kind: DeviceKind
  readonly maxSilenceMs: number
  readonly low: number
  readonly high: number
}

/** Approved at `at`; what it changes is in force from `from` on. */
export type DrawnPolicy = {
  readonly at: number
  readonly from: number
  readonly component: Component
  readonly phase: 'storage' | 'transport'
  readonly low: number
  readonly high: number
  readonly maxSilenceMs: number
}

export type DrawnProfile = {
  readonly at: number
  readonly from: number
  readonly device: string
  readonly maxSilenceMs: number
}

export type DrawnBag = {
  readonly component: Component
  readonly tag: string
  readonly bornAt: number
  readonly taggedAt: number
  /** Since when it is said to be on the bag; undefined where nobody says. */
  readonly tagFrom: number | undefined
  /** Made into a bag with a tag of its own then. */
  readonly child: { readonly at: number; readonly tag: string; readonly component: Component } | null
  readonly discardAt: number | null
  readonly untagAt: number | null
}

export type DrawnMessage = {
  readonly device: string
  readonly channel: 'readings' | 'bags'
  readonly boot: string
  readonly seq: number
  readonly sentAt: number
  readonly uptimeMs: number
  /** When the broker got it, for what is sent as it is measured; else when it is handed over. */
  readonly receivedAt: number | null
  readonly dueAt: number
  readonly body: unknown
}

type Reading = { readonly at: number; readonly probe: ProbeKind; readonly celsius: number }
type Delta = { readonly at: number; readonly added: readonly string[]; readonly removed: readonly string[] }

/** A message that has no number yet. */
type Draft = Omit<DrawnMessage, 'seq' | 'boot' | 'uptimeMs'> & { readonly bootIndex: number }

const limitsOf = {
  red_cells: { storage: [200, 600], transport: [200, 1_000] },
  whole_blood: { storage: [200, 600], transport: [200, 1_000] },
  platelets: { storage: [2_000, 2_400], transport: [2_000, 2_400] },
} as const
type Kept = keyof typeof limitsOf
const kept = Object.keys(limitsOf) as readonly Kept[]

const pick = <T>(random: Random, from: readonly T[]): T => from[random.whole(0, from.length - 1)] as T

/** Whole seconds, of which the seventh of each minute is left to inventories: nobody could say what came first. */
function moment(at: number): number {
  const whole = Math.round(at / second) * second
  return whole % minute === 7 * second ? whole + second : whole
}

export function drawWeek(seed: string, start: number, size: WeekSize): Week {
  const random = createRandom(seed)
  const end = start + size.days * day
  const devices = drawDevices(random.fork('devices'), size.devices)
  const { bags, moves, inside } = drawBags(random.fork('bags'), devices, size.bags, start, end)
  const messages = devices.flatMap((device, index) => {
    const own = random.fork(`device ${index}`)
    const boots = [start - hour, ...drawTimes(own, own.whole(0, 3), start + hour, end - hour)]
    const late = lateness(own, start, end)
    const drafts = [
      ...drawReadings(own.fork('readings'), device, boots, late, start, end),
      ...drawSightings(own.fork('sightings'), device, boots, late, moves, inside, start, end),
    ]
    return numbered(drafts, boots)
  })
  return {
    start,
    end,
    devices,
    policies: drawPolicies(random.fork('policies'), start, end),
    profiles: drawTimes(random.fork('profiles'), 6, start, end - day).map((at, index) => ({
      at,
      from: moment(at + random.between(0, 12 * hour)),
      device: (devices[index % devices.length] as DrawnDevice).name,
      maxSilenceMs: random.whole(300, 1_000) * second,
    })),
    bags,
    messages: messages.sort((a, b) => a.dueAt - b.dueAt),
  }
}

function drawTimes(random: Random, count: number, from: number, to: number): number[] {
  return Array.from({ length: count }, () => moment(random.between(from, to))).sort((a, b) => a - b)
}

function drawDevices(random: Random, count: number): DrawnDevice[] {
  return Array.from({ length: count }, (_, index) => {
    const kind: DeviceKind = index % 8 === 3 ? 'box' : index % 12 === 5 ? 'incubator' : 'fridge'
    const [low, high] = kind === 'incubator' ? [2_000, 2_400] : kind === 'box' ? [200, 1_000] : [200, 600]
    // Some alarm later than what is in them spoils.
    const slack = random.chance(0.2) ? 200 : 0
    return {
      name: `d${String(index).padStart(2, '0')}`,
      kind,
      maxSilenceMs: pick(random, [900, 900, 600, 450, 1_200]) * second,
      low: low - slack,
      high: high + slack,
    }
  })
}

function drawPolicies(random: Random, start: number, end: number): DrawnPolicy[] {
  return drawTimes(random, 10, start, end - day).map((at) => {
    const component = pick(random, kept)
    const phase = pick(random, ['storage', 'storage', 'transport'] as const)
    const [low, high] = limitsOf[component][phase]
    return {
      at,
      from: moment(at + second + random.between(0, 12 * hour)),
      component,
      phase,
      low: low + random.whole(-50, 70),
      high: high + random.whole(-70, 50),
      maxSilenceMs: random.whole(400, 1_200) * second,
    }
  })
}

/** How late what happened at a time is told: in time, or, from within an outage, when it is over or days later. */
function lateness(random: Random, start: number, end: number): (at: number) => number {
  const outages = drawTimes(random, random.whole(1, 4), start, end).map((from) => {
    const to = from + random.between(0.2, 20) * hour
    return { from, to, until: to + (random.chance(0.4) ? random.between(1, 60) * hour : 0) }
  })
  return (at) =>
    Math.max(at, ...outages.filter(({ from, to }) => at >= from && at < to).map((one) => one.until))
}

type Moved = {
  readonly at: number
  readonly device: number
  readonly tag: string
  readonly kind: 'added' | 'removed'
}
type Inside = { readonly device: number; readonly tag: string; readonly from: number; readonly to: number }

function drawBags(
  random: Random,
  devices: readonly DrawnDevice[],
  count: number,
  start: number,
  end: number,
) {
  const moves: Moved[] = []
  const inside: Inside[] = []
  const bags: DrawnBag[] = []
  const cold = devices.flatMap(({ kind }, index) => (kind === 'incubator' ? [] : [index]))
  const warm = devices.flatMap(({ kind }, index) => (kind === 'incubator' ? [index] : []))

  /** Where a tag goes: from container to container, by hand; readers miss some of it. */
  function carry(tag: string, component: Component, from: number, to: number): void {
    const fitting = component === 'platelets' && warm.length > 0 ? warm : cold
    for (let at = from; at < to; ) {
      const device = pick(random, random.chance(0.03) ? [...cold, ...warm] : fitting)
      const enters = moment(at + random.between(1, 40) * minute)
      const leaves = Math.min(to, moment(enters + random.waitMs(1 / (36 * hour)) + minute))
      if (enters >= leaves) return
      if (!random.chance(0.03)) moves.push({ at: enters, device, tag, kind: 'added' })
      inside.push({ device, tag, from: enters, to: leaves })
      if (leaves >= to) return
      if (!random.chance(0.06)) moves.push({ at: leaves, device, tag, kind: 'removed' })
      at = leaves
    }
  }

  while (bags.length < count) {
    const index = bags.length
    const component = pick(random, [
      'red_cells',
      'red_cells',
      'whole_blood',
      'whole_blood',
      'platelets',
    ] as const)
    const bornAt = moment(
      random.chance(0.5) ? start + random.between(1, 240) * minute : random.between(start, end - hour),
    )
    const tag = `tag-${index}`
    const later = (perHour: number) => moment(bornAt + minute + random.waitMs(1 / (perHour * hour)))
    const madeAt = random.chance(0.25) ? later(48) : end
    const discardAt = random.chance(0.06) ? later(72) : end
    const untagAt = random.chance(0.02) ? later(48) : end
    const isMade = madeAt < Math.min(end - hour, discardAt, untagAt)
    const child = isMade
      ? {
          at: madeAt,
          tag: `child-${index}`,
          component: component === 'whole_blood' ? ('red_cells' as const) : component,
        }
      : null
    const taggedAt = random.chance(0.1) ? Math.min(later(6), madeAt, discardAt, untagAt) - minute : bornAt
    bags.push({
      component,
      tag,
      bornAt,
      taggedAt: Math.max(bornAt, taggedAt),
      tagFrom: random.chance(0.2) ? undefined : bornAt,
      child,
      discardAt: discardAt < end && !isMade ? discardAt : null,
      untagAt: untagAt < Math.min(end, discardAt) && !isMade ? untagAt : null,
    })
    carry(tag, component, random.chance(0.1) ? Math.max(start, bornAt - hour) : bornAt, isMade ? madeAt : end)
    if (child) carry(child.tag, child.component, child.at, end)
  }
  return { bags, moves, inside }
}

/** How warm a device is: near the middle of what it is for, and now and then not. Hundredths of a degree. */
function drawClimate(
  random: Random,
  { kind }: DrawnDevice,
  start: number,
  end: number,
): (at: number) => number {
  const middle = kind === 'incubator' ? 2_200 : kind === 'box' ? 500 : 400
  const excursions = drawTimes(random, random.whole(0, 2), start, end).map((from) => ({
    from,
    to: from + random.between(4, 90) * minute,
    by: random.chance(0.4)
      ? random.between(100, 220)
      : random.chance(0.7)
        ? random.between(220, 900)
        : -random.between(150, 600),
  }))
  return (at) => {
    const swing = 60 * Math.sin(at / (17 * minute)) + 25 * random.normal()
    const out = excursions
      .filter(({ from, to }) => at >= from && at < to)
      .reduce((sum, { by }) => sum + by, 0)
    return Math.round(middle + swing + out)
  }
}

/** How far the air is from the load while one of the two is lying: about or just as far as it may be, or much further. */
function drawApart(random: Random, start: number, end: number): (at: number) => number | null {
  const lies = drawTimes(random, random.whole(0, 5), start, end).map((from) => {
    const by = random.chance(0.5) ? pick(random, [300, 301]) : random.whole(280, 900)
    const to = from + random.between(10, 80) * minute
    return {
      from,
      to: random.chance(0.2) ? to + random.between(1, 10) * hour : to,
      by: random.chance(0.5) ? by : -by,
    }
  })
  return (at) => lies.find(({ from, to }) => at >= from && at < to)?.by ?? null
}

function drawReadings(
  random: Random,
  device: DrawnDevice,
  boots: readonly number[],
  late: (at: number) => number,
  start: number,
  end: number,
): Draft[] {
  const climate = drawClimate(random, device, start, end)
  const hasAir = random.chance(0.6)
  const loadFrom = !hasAir || random.chance(0.7) ? start : random.between(start, end + day)
  const silences = drawTimes(random, random.whole(1, 6), start, end).map((from) => ({
    from,
    to: from + random.between(5, 400) * minute,
  }))
  // One that is over at the end in some, and lasts in others.
  if (random.chance(0.3)) silences.push({ from: end - random.between(2, 300) * minute, to: end })
  const apart = drawApart(random.fork('apart'), start, end)
  const drafts: Draft[] = []
  let batch: Reading[] = []
  let wanted = 0
  let bootIndex = 0
  const send = () => {
    const at = batch.at(-1)?.at ?? 0
    if (batch.length === 0) return
    const dueAt = late(at) + random.between(1, 600) * second
    const body = notLive(batch)
    drafts.push({
      device: device.name,
      channel: 'readings',
      bootIndex,
      sentAt: at + second,
      receivedAt: null,
      dueAt,
      body,
    })
    // What was not acknowledged in time is sent again, among others, and a probe may have changed its mind.
    if (random.chance(0.03)) {
      const again = batch.map((one) =>
        random.chance(0.1) ? { ...one, celsius: (climate(one.at) + random.whole(-300, 300)) / 100 } : one,
      )
      drafts.push({
        ...{ device: device.name, channel: 'readings', bootIndex, receivedAt: null, body: notLive(again) },
        sentAt: at + 2 * second,
        dueAt: dueAt + random.between(0, 30) * hour,
      })
    }
    batch = []
  }
  for (let at = start + random.whole(1, 300) * second; at < end; ) {
    const boot = boots.findLastIndex((from) => from <= at)
    if (boot !== bootIndex) {
      send()
      bootIndex = boot
    }
    if (!silences.some(({ from, to }) => at >= from && at < to)) {
      const load = climate(at)
      const taken: Reading[] = []
      if (at >= loadFrom) taken.push({ at, probe: 'load', celsius: load / 100 })
      const usual = random.whole(-80, 80)
      if (hasAir) taken.push({ at, probe: 'air', celsius: (load + (apart(at) ?? usual)) / 100 })
      if (batch.length === 0 && late(at) === at && random.chance(0.05)) {
        // As it is measured: by this the clock is judged.
        const sentAt = at + random.whole(0, 900)
        const receivedAt = sentAt + random.whole(0, 20_000)
        drafts.push({
          ...{ device: device.name, channel: 'readings', bootIndex, sentAt, receivedAt, body: taken },
          dueAt: receivedAt + random.between(0, 2) * hour,
        })
      } else {
        if (batch.length === 0) wanted = random.whole(2, 30)
        batch.push(...taken)
        if (batch.length >= wanted) send()
      }
    }
    // Now and then just as long as may be, or a second longer.
    const edge = pick(random, [device.maxSilenceMs, 900 * second, 600 * second]) + random.whole(0, 1) * second
    at += random.chance(0.01) ? edge : random.whole(240, 340) * second
  }
  send()
  return drafts
}

/** One element of each probe would be what was sent as it was measured. */
function notLive(batch: readonly Reading[]): readonly Reading[] {
  return new Set(batch.map(({ probe }) => probe)).size === batch.length ? [...batch, ...batch] : batch
}

function drawSightings(
  random: Random,
  device: DrawnDevice,
  boots: readonly number[],
  late: (at: number) => number,
  moves: readonly Moved[],
  inside: readonly Inside[],
  start: number,
  end: number,
): Draft[] {
  const number = Number(device.name.slice(1))
  const mine = moves.filter((move) => move.device === number).sort((a, b) => a.at - b.at)
  const drafts: Draft[] = []
  const bootAt = (at: number) => boots.findLastIndex((from) => from <= at)
  let batch: Delta[] = []
  let wanted = 1
  const send = () => {
    const last = batch.at(-1)
    if (last) {
      const dueAt = late(last.at) + random.between(1, 60) * second
      const base = {
        device: device.name,
        channel: 'bags' as const,
        bootIndex: bootAt(last.at),
        receivedAt: null,
      }
      drafts.push({ ...base, sentAt: last.at + second, dueAt, body: batch })
    }
    batch = []
    wanted = random.whole(1, 12)
  }
  for (const { at, tag, kind } of mine) {
    if (batch.length >= wanted || (batch[0] && bootAt(batch[0].at) !== bootAt(at))) send()
    batch.push({ at, added: kind === 'added' ? [tag] : [], removed: kind === 'removed' ? [tag] : [] })
  }
  send()
  for (let at = start + random.between(0, 1) * day; at < end - minute; at += random.between(20, 60) * hour) {
    const read = Math.floor(at / minute) * minute + 7 * second
    if (read < start) continue
    const there = inside.filter((stay) => stay.device === number && stay.from <= read && read < stay.to)
    const inventory = [...new Set(there.map(({ tag }) => tag))].filter(() => !random.chance(0.02))
    drafts.push({
      ...{ device: device.name, channel: 'bags', bootIndex: bootAt(read), receivedAt: null },
      sentAt: read + second,
      dueAt: late(read) + random.between(1, 60) * second,
      body: { at: read, inventory },
    })
  }
  return drafts
}

/** Each boot counts what it sends. */
function numbered(drafts: readonly Draft[], boots: readonly number[]): DrawnMessage[] {
  const counts = boots.map(() => 0)
  return [...drafts]
    .sort((a, b) => a.sentAt - b.sentAt)
    .map(({ bootIndex, ...draft }) => {
      const seq = counts[bootIndex] as number
      counts[bootIndex] = seq + 1
      // Named so that they do not sort as they began.
      const boot = `b${(bootIndex * 7) % 5}`
      return { ...draft, boot, seq, uptimeMs: Math.max(0, draft.sentAt - (boots[bootIndex] as number)) }
    })
}
