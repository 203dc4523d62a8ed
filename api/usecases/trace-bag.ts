import type { EntryKind, Jurisdiction, PlaceState, ProbeKind } from '../../schema/vocabulary.ts'
import { inForce } from '../domain/effective.ts'
import {
  type Exposure,
  extremesOf,
  nothing,
  phaseIn,
  type Span,
  type Stretch,
  sumOf,
  unspoken,
} from '../domain/exposure.ts'
import type { LedgerEntry } from '../domain/ledger.ts'
import { isFinal } from '../domain/lifecycle.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Bag } from '../stores/bags.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { createLoneReads, type DeviceReads, type TracedDevice } from '../stores/device-reads.ts'
import type { Device } from '../stores/devices.ts'
import { type Policy, policyBook } from '../stores/policies.ts'
import { type TracedLife, traceFacts } from '../stores/trace-facts.ts'
import { exposureInside, type Inside, type Summaries, summariesFor } from './exposure-inside.ts'
import { momentOf } from './read-series.ts'

/** Where to read: also a transaction, as of a moment of its own, and together with others. */
type Readers = {
  readonly database: { readonly db: Database | Transaction; readonly pool?: object }
  readonly reads?: DeviceReads
  now(): number
}

type ContainerPhase = ReturnType<typeof phaseIn>

export type TracedPlace = {
  readonly state: PlaceState
  readonly device: string
  readonly facility: string
  /** Whose limits it was judged by there; null where it was in no container. */
  readonly phase: ContainerPhase | null
  readonly from: number
  readonly to: number
  /** Still so at `asOf`. */
  readonly ongoing: boolean
  /** No clock in doubt has a say in it; otherwise what hangs on that clock is UNVERIFIED. */
  readonly timeVerified: boolean
  /** Which probe speaks for the bag: the load probe, or air only where the container has no load probe. */
  readonly probe: ProbeKind | null
  readonly exposure: Exposure
  /** In somebody's hands, where no probe can speak for it, ms. */
  readonly uncontrolledMs: number
}

export type Trace = {
  readonly bag: Bag
  readonly asOf: number
  /** The versions it was judged by, in each phase it was in. */
  readonly policy: { readonly jurisdiction: Jurisdiction } & Readonly<
    Record<ContainerPhase, readonly number[]>
  >
  readonly places: readonly TracedPlace[]
  /** Registered, but in no place yet: nobody knows where it was. Null where it was seen from the first. */
  readonly beforeFirstSeen: { readonly from: number; readonly to: number } | null
  /** What it was exposed to as a part of what it was made of; null where it was made of nothing. */
  readonly inherited: Account | null
  /** Of all places, of the time before the first, and of what it was made of. */
  readonly total: Account
  /** All that was not measured within limits, and its journeys, by ascending `from`: one account for each way it was made of others. */
  readonly ledgers: readonly (readonly LedgerEntry[])[]
}

export type Account = Exposure & {
  readonly uncontrolledMs: number
  /** Of what is UNVERIFIED, the time before it was seen in any place. */
  readonly unseenMs: number
}

/**
 * Where a bag was and how cold, by its own component's policy, never by the limits of the fridge it was in. What no
 * reading speaks for is UNVERIFIED: gaps, times when nobody knew the place (from its collection or registration on), times told by
 * a clock in doubt, be it that of the readings or that of whoever saw the bag come and go, and what a probe told that was stuck or
 * implausible then, but for what it told outside limits. What a bag was made of hands
 * its account down, unless the process starts it anew; with its own fate a bag's ends.
 *
 * @throws Refusal `not_found`, `invalid_request` for a moment still to come
 */
export async function traceBag(
  { reads = createLoneReads(), ...readers }: Readers,
  input: {
    readonly bagId: string
    readonly jurisdiction: Jurisdiction
    readonly asOf?: number | undefined
    /** Nothing before then is told of the bag, or of one it was made of, by id; otherwise all is. */
    readonly since?: ReadonlyMap<string, number> | undefined
  },
): Promise<Trace> {
  const { db, pool } = readers.database
  const facts = await traceFacts(db, input.bagId)
  const asOf = momentOf(input.asOf, readers.now())
  reads.know(facts.devices, pool ? await policyBook({ pool, db }, facts.newestPolicy) : null)
  const asked = { jurisdiction: input.jurisdiction, asOf, since: input.since }
  const lives = new Map<string, Lived>()
  for (const [id, life] of facts.lives) lives.set(id, await livedBy({ db, reads }, life, asked))
  const custodies = [...lives.values()].flatMap((life) => life.custodies)
  const summaries = await summariesFor(
    { db, reads },
    custodies.flatMap(({ whole, parts }) => [...(whole ? [whole] : []), ...parts]),
  )
  return traceLife({ db, reads, summaries, lives }, input.bagId, asked)
}

type Asked = {
  readonly jurisdiction: Jurisdiction
  readonly asOf: number
  readonly since: ReadonlyMap<string, number> | undefined
}

/** A bag's own life, as far as it is told. */
type Lived = TracedLife & {
  readonly since: number
  /** Its fate, or the moment asked for. */
  readonly until: number
  readonly isOver: boolean
  readonly versions: Readonly<Record<ContainerPhase, readonly Policy[]>>
  readonly custodies: readonly Custody[]
}

/** A place it was in, and what of that is told. */
type Custody = Span & {
  readonly place: TracedLife['places'][number]
  readonly device: TracedDevice
  readonly phase: ContainerPhase | null
  /** No clock in doubt has a say in this part. */
  readonly believed: Span
  /** Where the device stood meanwhile, in turn. */
  readonly stays: ReturnType<typeof staysOf>
  /** What probes are asked of, where it was in a container; and of each stay, where there are several. */
  readonly whole: Inside | null
  readonly parts: readonly Inside[]
}

async function livedBy(
  { db, reads }: Pick<Lives, 'db' | 'reads'>,
  life: TracedLife,
  { jurisdiction, asOf, ...asked }: Asked,
): Promise<Lived> {
  const { id, state, component } = life.bag
  const fateAt = isFinal(state) ? life.stateSince : null
  const until = Math.min(asOf, fateAt ?? asOf)
  const storage = await reads.policies(db, jurisdiction, component, 'storage')
  if (storage.length === 0)
    throw new Refusal('not_found', `no storage policy of ${jurisdiction} speaks of ${component}`)
  const journey = await reads.policies(db, jurisdiction, component, 'transport')
  // Where nothing is said of a journey it is no worse than storage.
  const versions = { storage, transport: journey.length > 0 ? journey : storage }
  const since = asked.since?.get(id) ?? Number.NEGATIVE_INFINITY
  const custodies: Custody[] = []
  for (const place of life.places) {
    const from = Math.max(place.from, since)
    const to = Math.min(place.to ?? until, until)
    if (from >= to) continue
    const device = await reads.device(db, place.device)
    const phase = place.state === 'inside' ? phaseIn(device.kind) : null
    const believed = {
      from: Math.min(Math.max(place.believed?.from ?? to, from), to),
      to: Math.max(from, Math.min(place.believed ? (place.believed.to ?? to) : to, to)),
    }
    const stays = staysOf(device.placements, { from, to })
    const inside = (custody: Span): Inside[] =>
      phase ? [{ device: place.device, custody, versions: versions[phase] }] : []
    custodies.push({
      ...{ from, to, place, device, phase, believed, stays },
      whole: inside(believed)[0] ?? null,
      parts: stays.length === 1 ? [] : stays.flatMap((stay) => inside(partOf(believed, stay))),
    })
  }
  return { ...life, since, until, isOver: fateAt !== null && fateAt <= asOf, versions, custodies }
}

/** All that is told by. */
type Lives = {
  readonly db: Database | Transaction
  readonly reads: DeviceReads
  readonly summaries: Summaries
  /** By the bag's id. */
  readonly lives: ReadonlyMap<string, Lived>
}

async function traceLife(deps: Lives, bagId: string, asked: Asked): Promise<Trace> {
  const { asOf, jurisdiction } = asked
  const life = deps.lives.get(bagId) as Lived
  const { bag, parents, until, isOver, since, versions } = life
  const places: TracedPlace[] = []
  const entries: LedgerEntry[] = []
  for (const custody of life.custodies) {
    const { place, device, phase, from, to, believed, stays } = custody
    const { state } = place
    const { facility } = inForce(device.placements, from)
    const believedMs = believed.to - believed.from
    const doubtfulMs = to - from - believedMs
    const seen = {
      state,
      device: device.name,
      facility,
      phase,
      from,
      to,
      ongoing: !isOver && (place.to === null || place.to > asOf),
      timeVerified: doubtfulMs === 0,
    }
    const enter = (kind: EntryKind, probe: ProbeKind | null, stretches: readonly Stretch[]) => {
      for (const { kind: _, ...stretch } of stretches) {
        const ongoing = seen.ongoing && stretch.to === to
        entries.push({ ...stretch, kind, bagId: bag.id, phase, device: device.name, probe, ongoing })
      }
    }
    const spans = (...all: [number, number][]) => all.filter(([a, b]) => a < b).map((one) => unspoken(...one))
    const doubtful = spans([from, believed.from], [believed.to, to])
    if (custody.whole) {
      const { probe, exposure, stretches } = await exposureInside(deps, custody.whole, asOf)
      for (const [index, stay] of stays.entries()) {
        const part = custody.parts[index]
        const told = part ? await exposureInside(deps, part, asOf) : { probe, exposure }
        const { from: begins, to: ends } = part?.custody ?? believed
        const doubtMs = stay.to - stay.from - (ends - begins)
        const unverifiedMs = told.exposure.unverifiedMs + doubtMs
        const ongoing = seen.ongoing && stay.to === to
        const at = { ...seen, ...stay, ongoing, timeVerified: doubtMs === 0, probe: told.probe }
        places.push({ ...at, exposure: { ...told.exposure, unverifiedMs }, uncontrolledMs: 0 })
      }
      for (const { by, ...stretch } of stretches) enter(stretch.kind, by, [stretch])
      enter('unverified', null, doubtful)
    } else {
      const unverifiedMs = state === 'unknown' ? to - from : doubtfulMs
      const uncontrolledMs = to - from - unverifiedMs
      places.push({ ...seen, probe: null, exposure: { ...nothing, unverifiedMs }, uncontrolledMs })
      if (state === 'unknown') enter('unknown_place', null, spans([from, to]))
      else {
        enter('in_hand', null, spans([believed.from, believed.to]))
        enter('unverified', null, doubtful)
      }
    }
  }
  entries.push(...journeysIn(places).map((journey) => ({ ...journey, bagId: bag.id })))
  const placesIn = (phase: ContainerPhase) => places.filter((place) => place.phase === phase)
  const firstSeen = places[0]?.from ?? until
  const isGiven = life.donatedAt !== null && parents.length === 0
  const born = isGiven ? (life.donatedAt as number) : bag.registeredAt
  const known = Math.max(Math.min(born, until), since)
  const beforeFirstSeen = known < firstSeen ? { from: known, to: firstSeen } : null
  const unseenMs = beforeFirstSeen ? beforeFirstSeen.to - beforeFirstSeen.from : 0
  const own = places.map(({ exposure, uncontrolledMs }) => ({ ...exposure, uncontrolledMs, unseenMs: 0 }))
  own.push({ ...nothing, uncontrolledMs: 0, unseenMs, unverifiedMs: unseenMs })
  if (beforeFirstSeen) {
    const nowhere = { phase: null, device: null, probe: null, coldest: null, warmest: null }
    const ongoing = !isOver && firstSeen === until
    entries.push({ ...beforeFirstSeen, ...nowhere, kind: 'unseen', bagId: bag.id, ongoing })
  }
  entries.sort((a, b) => a.from - b.from || a.to - b.to)
  const kept = parents.filter(({ resetsExposure }) => !resetsExposure).map(({ id }) => id)
  const { inherited, ledgers } = await inheritance(deps, kept, asked)
  return {
    bag,
    asOf,
    policy: {
      jurisdiction,
      storage: versionsUsed(versions.storage, placesIn('storage')),
      transport: versionsUsed(versions.transport, placesIn('transport')),
    },
    places,
    beforeFirstSeen,
    inherited,
    total: sum(inherited ? [...own, inherited] : own),
    ledgers: ledgers.map((before) => [...before, ...entries]),
  }
}

/** Where a device stood in a span, in turn: a bag inside of it that is moved is in another place from then on. */
function staysOf(
  placements: Device['placements'],
  { from, to }: Span,
): (Span & { readonly facility: string })[] {
  const moves = placements.map((placement) => placement.from).filter((at) => at > from && at < to)
  const begins = [from, ...moves]
  return begins.map((begin, index) => {
    const { facility } = inForce(placements, begin)
    return { from: begin, to: begins[index + 1] ?? to, facility }
  })
}

/** What a stay has of a span. */
function partOf(span: Span, { from, to }: Span): Span {
  const within = (at: number) => Math.min(Math.max(at, from), to)
  return { from: within(span.from), to: within(span.to) }
}

/** From the first box to the last one, without storage between. */
function journeysIn(places: readonly TracedPlace[]): Omit<LedgerEntry, 'bagId'>[] {
  const journeys: Omit<LedgerEntry, 'bagId'>[] = []
  let isUnderWay = false
  for (const { phase, from, to, device, ongoing } of places) {
    if (phase === 'transport') {
      const begun = isUnderWay ? journeys.pop() : undefined
      const unmeasured = { probe: null, coldest: null, warmest: null }
      journeys.push({ kind: 'journey', phase, device, ...unmeasured, from: begun?.from ?? from, to, ongoing })
    }
    if (phase !== null) isUnderWay = phase === 'transport'
  }
  return journeys
}

/** The account of what a bag was made of, which ended with that; of several the worst of each. */
async function inheritance(
  deps: Lives,
  parents: readonly string[],
  asked: Asked,
): Promise<{ readonly inherited: Account | null; readonly ledgers: Trace['ledgers'] }> {
  const accounts: Account[] = []
  const told: (readonly LedgerEntry[])[] = []
  for (const bagId of parents) {
    const { total, ledgers } = await traceLife(deps, bagId, asked)
    accounts.push(total)
    told.push(...ledgers)
  }
  if (accounts.length === 0) return { inherited: null, ledgers: [[]] }
  const most = (pick: (account: Account) => number) => Math.max(...accounts.map(pick))
  const inherited = {
    inRangeMs: most(({ inRangeMs }) => inRangeMs),
    belowMs: most(({ belowMs }) => belowMs),
    aboveMs: most(({ aboveMs }) => aboveMs),
    unverifiedMs: most(({ unverifiedMs }) => unverifiedMs),
    uncontrolledMs: most(({ uncontrolledMs }) => uncontrolledMs),
    unseenMs: most(({ unseenMs }) => unseenMs),
    wasOutside: accounts.some(({ wasOutside }) => wasOutside),
    ...extremesOf(accounts),
  }
  return { inherited, ledgers: told }
}

function versionsUsed(versions: readonly Policy[], places: readonly TracedPlace[]): number[] {
  const first = places[0]
  const last = places.at(-1)
  if (!first || !last) return []
  const oldest = inForce(versions, first.from)
  return versions
    .filter((version) => version === oldest || (version.from > first.from && version.from < last.to))
    .map(({ version }) => version)
}

function sum(accounts: readonly Account[]): Account {
  const total = (pick: (account: Account) => number) =>
    accounts.reduce((ms, account) => ms + pick(account), 0)
  return {
    ...sumOf(accounts),
    uncontrolledMs: total(({ uncontrolledMs }) => uncontrolledMs),
    unseenMs: total(({ unseenMs }) => unseenMs),
  }
}
