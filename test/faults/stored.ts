import { createHash } from 'node:crypto'
import type pg from 'pg'
import { expect } from 'vitest'
import { offsetToleranceMs } from '../../api/domain/clock.ts'
import { compareReadings, derive, type Limits } from '../../api/domain/series.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import type { Account } from '../../devices-sim/journal.ts'
import type { Message } from '../../devices-sim/outbox.ts'
import type { BagsDelta, BagsInventory, ReadingElement } from '../../schema/messages.ts'
import { type Stored as StoredReading, storedReadings } from '../support/stored-readings.ts'

export type Stored = {
  readonly messages: number
  readonly readings: number
  /** Messages that were stored and whose acknowledgement never arrived. */
  readonly unacknowledged: number
}

/** What something is called, and what is known of it, as text that must be the same on both sides. */
export type Facts = ReadonlyMap<string, string>

/** All that is stored of one probe, packed or not. */
export type ProbeReadings = {
  readonly probeId: number
  readonly device: string
  readonly probe: string
  readonly readings: readonly StoredReading[]
}

/**
 * Hold a database against the journal of the load that had it for itself. Every message acknowledged is there, and
 * what it held, with its value; one that was sent and not acknowledged is there as a whole or not at all; there is
 * nothing else and nothing twice. What is derived is what all the readings say when they are folded afresh.
 *
 * @param latestMs how long a message had been made when it came, at most: no more may a clock be thought to be behind
 */
export async function expectWhatWasSent(
  database: OpenDatabase,
  account: Account,
  limits: Limits,
  latestMs = 0,
): Promise<Stored> {
  const { pool } = database
  const acknowledged = byIdentity(account.acknowledged)
  const outstanding = byIdentity(account.outstanding)
  const messages = await storedMessages(pool)
  const expected = new Map(acknowledged)
  for (const [identity, message] of outstanding) if (messages.has(identity)) expected.set(identity, message)

  expectSame('messages', messages, new Map([...expected].map(messageFact)))
  const probes = await readingsOf(database)
  const readings = unique(probes.flatMap(storedFacts))
  expectSame('readings', readings, new Map([...expected].flatMap(readingFacts)))
  expectSame('events', await storedEvents(pool), new Map([...expected].flatMap(eventFacts)))
  expectSame('sightings', await storedSightings(pool), new Map([...expected].flatMap(sightingFacts)))
  expectSame('inventories', await storedInventories(pool), new Map([...expected].flatMap(inventoryFacts)))
  const ofLateness = `kind = 'offset' and measured_offset_ms between ${offsetToleranceMs} and ${latestMs}`
  for (const table of [
    'rejected_message',
    'reading_conflict',
    `clock_fault where not (${ofLateness})`,
    `clock_fact where offset_ms <> 0`,
  ]) {
    expect(await rowsOf(pool, `select * from ${table} limit 3`), table).toEqual([])
  }
  await expectFreshFold(pool, probes, limits)
  return {
    messages: messages.size,
    readings: readings.size,
    unacknowledged: expected.size - acknowledged.size,
  }
}

/** The gaps and excursions of every probe that are believed now. */
async function expectFreshFold(
  pool: pg.Pool,
  probes: readonly ProbeReadings[],
  limits: Limits,
): Promise<void> {
  const states = await rowsOf<{
    probe: number
    first_at: number
    at: number
    boot: string
    centi: number
    open_from: number | null
    open: string | null
  }>(
    pool,
    `select probe_id as probe, first_at, last_at as at, last_boot as boot, last_centi as centi, open_from,
       concat_ws('/', open_side, open_from, open_coldest, open_warmest, open_readings) as open
     from probe_state`,
  )
  const gaps = await byProbe<{ from: number; to: number }>(
    pool,
    'select probe_id as probe, "from", "to" from gap where known_to is null order by "from"',
  )
  const excursions = await byProbe<{ from: number; to: number | null; what: string }>(
    pool,
    `select probe_id as probe, "from", "to", concat_ws('/', side, ended, coldest, warmest, readings) as what
     from excursion where known_to is null order by "from", "to"`,
  )
  const readings = new Map(
    probes.map(({ probeId, readings }) => [
      probeId,
      readings.map(({ at, boot, centi }) => ({ at, boot, centi })),
    ]),
  )
  expect(states.length).toBe(readings.size)
  for (const { probe, first_at, at, boot, centi, open_from, open } of states) {
    const inOrder = [...(readings.get(probe) ?? [])].sort(compareReadings)
    const fresh = derive(null, inOrder, () => limits)
    const last = fresh.state?.open
    const derived = {
      firstAt: first_at,
      last: { at, boot, centi },
      open: open_from === null ? null : open,
      gaps: gaps.get(probe) ?? [],
      ended: (excursions.get(probe) ?? []).filter(({ to }) => to !== null),
      begun: (excursions.get(probe) ?? []).filter(({ to }) => to === null).map(({ from }) => from),
    }
    expect(derived, `probe ${probe}`).toEqual({
      firstAt: fresh.state?.firstAt,
      last: inOrder.at(-1),
      open: last ? [last.side, last.from, last.coldest, last.warmest, last.readings].join('/') : null,
      gaps: fresh.gaps,
      ended: fresh.excursions
        .filter((excursion) => excursion.to !== null)
        .map(({ side, from, to, ended, coldest, warmest, readings }) => ({
          from,
          to,
          what: [side, ended, coldest, warmest, readings].join('/'),
        })),
      begun: last ? [last.from] : [],
    })
  }
}

function byIdentity(messages: ReadonlyMap<string, readonly Message[]>): Map<string, Message> {
  return new Map(
    [...messages].flatMap(([device, theirs]) =>
      theirs.map((message) => [`${device}/${message.boot}/${message.seq}`, message] as const),
    ),
  )
}

function messageFact([identity, { channel, payload }]: [string, Message]): [string, string] {
  return [identity, `${channel}/${createHash('sha256').update(payload).digest('hex')}`]
}

async function storedMessages(pool: pg.Pool): Promise<Facts> {
  return facts(
    pool,
    `select concat_ws('/', device.name, boot.boot, seq) as identity,
       concat_ws('/', channel, encode(payload_hash, 'hex')) as value
     from message join boot on boot.id = boot_id join device on device.id = boot.device_id`,
  )
}

function readingFacts([identity, { channel, boot, payload }]: [string, Message]): [string, string][] {
  if (channel !== 'readings') return []
  const [device] = identity.split('/')
  return bodyOf<ReadingElement[]>(payload).map(({ at, probe, celsius, humidity }) => [
    [device, probe, boot, at].join('/'),
    `${(celsius as number).toFixed(2)} at ${humidity ?? 'unknown'}`,
  ])
}

/** Of every probe that has reported. @throws Error where a reading stands in two places */
async function readingsOf({ db, pool }: OpenDatabase): Promise<ProbeReadings[]> {
  const probes = await rowsOf<{ id: number; device: string; probe: string }>(
    pool,
    'select probe.id, device.name as device, probe.kind as probe from probe join device on device.id = device_id',
  )
  const all: ProbeReadings[] = []
  for (const { id: probeId, ...named } of probes)
    all.push({ probeId, ...named, readings: (await storedReadings(db, probeId)).readings })
  return all.filter(({ readings }) => readings.length > 0)
}

function storedFacts({ device, probe, readings }: ProbeReadings): [string, string][] {
  return readings.map(({ at, boot, centi, humidity }) => [
    [device, probe, boot, at].join('/'),
    `${(centi / 100).toFixed(2)} at ${humidity === null ? 'unknown' : humidity / 100}`,
  ])
}

function eventFacts([identity, { channel, payload }]: [string, Message]): [string, string][] {
  if (channel !== 'door' && channel !== 'power') return []
  return bodyOf<{ at: number }[]>(payload).map((element, index) => [
    `${identity}/${index}`,
    `${channel} ${element.at} ${sorted(element)}`,
  ])
}

async function storedEvents(pool: pg.Pool): Promise<Facts> {
  const rows = await rowsOf<{ identity: string; channel: string; at: number; body: object }>(
    pool,
    `select concat_ws('/', device.name, boot.boot, seq, element) as identity, channel, at, body
     from device_event join boot on boot.id = boot_id
     join device on device.id = boot.device_id and device.id = device_event.device_id`,
  )
  return unique(rows.map(({ identity, channel, at, body }) => [identity, `${channel} ${at} ${sorted(body)}`]))
}

function sightingFacts([identity, { channel, payload }]: [string, Message]): [string, string][] {
  if (channel !== 'bags') return []
  const body = bodyOf<BagsInventory | BagsDelta[]>(payload)
  const elements = Array.isArray(body) ? body : [body]
  return elements.flatMap((element, index) => {
    const seen = (kind: string, tags: readonly string[]): [string, string][] =>
      tags.map((tag) => [`${identity}/${index}/${tag}/${kind}`, String(element.at)])
    if ('inventory' in element) return seen('seen', element.inventory)
    return [...seen('added', element.added), ...seen('removed', element.removed)]
  })
}

async function storedSightings(pool: pg.Pool): Promise<Facts> {
  return facts(
    pool,
    `select concat_ws('/', device.name, boot.boot, seq, element, tag, sighting.kind) as identity, at::text as value
     from sighting join boot on boot.id = boot_id
     join device on device.id = boot.device_id and device.id = sighting.device_id`,
  )
}

function inventoryFacts([identity, { channel, payload }]: [string, Message]): [string, string][] {
  if (channel !== 'bags') return []
  const body = bodyOf<BagsInventory | BagsDelta[]>(payload)
  return Array.isArray(body) ? [] : [[identity, String(body.at)]]
}

async function storedInventories(pool: pg.Pool): Promise<Facts> {
  return facts(
    pool,
    `select concat_ws('/', device.name, boot.boot, seq) as identity, at::text as value
     from inventory join boot on boot.id = boot_id
     join device on device.id = boot.device_id and device.id = inventory.device_id`,
  )
}

function bodyOf<T>(payload: string): T {
  return JSON.parse(payload).body
}

/** jsonb does not keep the order of keys. */
function sorted(body: object): string {
  return JSON.stringify(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function rowsOf<Row>(pool: pg.Pool, query: string): Promise<Row[]> {
  return (await pool.query(query)).rows
}

async function facts(pool: pg.Pool, query: string): Promise<Facts> {
  const rows = await rowsOf<{ identity: string; value: string }>(pool, query)
  return unique(rows.map(({ identity, value }) => [identity, value]))
}

function unique(entries: [string, string][]): Facts {
  const map = new Map(entries)
  expect(map.size, 'something is stored twice').toBe(entries.length)
  return map
}

async function byProbe<Row extends object>(pool: pg.Pool, query: string): Promise<Map<number, Row[]>> {
  const groups = new Map<number, Row[]>()
  for (const { probe, ...row } of await rowsOf<Row & { probe: number }>(pool, query)) {
    const group = groups.get(probe)
    if (group) group.push(row as unknown as Row)
    else groups.set(probe, [row as unknown as Row])
  }
  return groups
}

function expectSame(what: string, stored: Facts, expected: Facts): void {
  const missing = [...expected.keys()].filter((identity) => !stored.has(identity))
  const foreign = [...stored.keys()].filter((identity) => !expected.has(identity))
  const changed = [...expected]
    .filter(([identity, value]) => stored.has(identity) && stored.get(identity) !== value)
    .map(([identity, value]) => `${identity}: sent ${value}, stored ${stored.get(identity)}`)
  const few = (list: readonly string[]) => ({ count: list.length, first: list.slice(0, 5) })
  const none = few([])
  expect({ missing: few(missing), foreign: few(foreign), changed: few(changed) }, what).toEqual({
    missing: none,
    foreign: none,
    changed: none,
  })
}
