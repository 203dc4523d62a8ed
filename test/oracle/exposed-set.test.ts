import { describe, expect } from 'vitest'
import type { Context } from '../../api/context.ts'
import type { Actor } from '../../api/domain/actor.ts'
import { dinCheckCharacter } from '../../api/domain/isbt128/din.ts'
import { Refusal } from '../../api/domain/refusal.ts'
import { createDeviceReads, type DeviceReads } from '../../api/stores/device-reads.ts'
import { deleteDue, dueBags } from '../../api/stores/ledger-due.ts'
import { ledgersOf } from '../../api/stores/ledgers.ts'
import { policyVersions } from '../../api/stores/policies.ts'
import { saveFaults, type Underived } from '../../api/stores/probe-faults.ts'
import { refoldPlaces } from '../../api/stores/sightings.ts'
import { actOnBag } from '../../api/usecases/act-on-bag.ts'
import { decideOnPolicy } from '../../api/usecases/decide-on-policy.ts'
import { createFaultWatch } from '../../api/usecases/derive-faults.ts'
import type { Incoming } from '../../api/usecases/ingest/decode.ts'
import { judgeBag } from '../../api/usecases/judge-bag.ts'
import { judgeDue, noticeSilence } from '../../api/usecases/judge-due.ts'
import { processBag } from '../../api/usecases/process-bag.ts'
import { proposePolicy } from '../../api/usecases/propose-policy.ts'
import { provisionDevice } from '../../api/usecases/provision-device.ts'
import { registerBag } from '../../api/usecases/register-bag.ts'
import { setDeviceProfile } from '../../api/usecases/set-device-profile.ts'
import { tagBag } from '../../api/usecases/tag-bag.ts'
import { traceBag } from '../../api/usecases/trace-bag.ts'
import { untagBag } from '../../api/usecases/untag-bag.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import { bagPlace } from '../../schema/tables/bags.ts'
import type { Component } from '../../schema/vocabulary.ts'
import { serverUrl, test } from '../support/database.ts'
import { aMessage, aWorld, bloodFridge, noon, type World } from '../support/world.ts'
import { type DrawnBag, type DrawnMessage, drawWeek, type Week } from './draw-week.ts'
import {
  type Account,
  accountsOf,
  type RecordedBag,
  type RecordedSighting,
  type Recording,
} from './oracle.ts'

const hour = 3_600_000

/** Another week every day; `ORACLE_SEED` draws one again. */
const seed = process.env.ORACLE_SEED ?? new Date().toISOString().slice(0, 10)

/** Two days of a hospital where there is a server, or what is asked for; of a small one in memory. */
const size = serverUrl()
  ? {
      devices: Number(process.env.ORACLE_DEVICES ?? 10),
      bags: Number(process.env.ORACLE_BAGS ?? 180),
      days: Number(process.env.ORACLE_DAYS ?? 2),
    }
  : { devices: 8, bags: 100, days: 2 }

/** To judge and trace a thousand bags one by one takes minutes. */
const isLarge = size.bags > 500

/** What people do at a time, to one bag or to something else: of one subject one after the other. */
type Deed = { readonly at: number; readonly subject: string; do(ctx: Context): Promise<void> }

type Kept = { -readonly [key in keyof RecordedBag]: RecordedBag[key] } & {
  tags: { tag: string; from: number; to: number | null }[]
}

let donations = 0

type Fault = Recording['devices'][number]['faults'][number] & { readonly device: string }

/**
 * Some probes are not to be believed for a while, whatever they told: what makes a fault of a probe by itself is not asked
 * here. What was believed of such faults before is so no more. Where air and load contradict each other the service finds
 * out, and the oracle for itself.
 *
 * @returns all faults that were drawn, as are known now
 */
async function doubt({ deps, clock }: World, week: Week, random: Random): Promise<readonly Fault[]> {
  const watch = createFaultWatch(deps, { lagMs: 0 })
  while ((await watch.look()) > 0);
  const { rows } = await deps.database.pool.query<
    Omit<Underived, 'faultsTo' | 'other'>
  >(`select d.id as "deviceId", d.name as device, p.id as "probeId", p.kind as probe, s.version,
       s.first_at as "firstAt", s.last_at as "lastAt"
     from probe_state s join probe p on p.id = s.probe_id join device d on d.id = p.device_id order by p.id`)
  const known: Fault[] = []
  for (const row of rows) {
    const found = Array.from({ length: random.whole(0, 2) }, () => {
      const from = Math.round(random.between(week.start, clock.now) / 1_000) * 1_000
      return { kind: 'stuck' as const, from, to: from + random.whole(60, 20_000) * 1_000 }
    })
    const shown = { alone: { from: row.firstAt, found }, together: null }
    await deps.database.db.transaction((tx) => saveFaults(tx, { ...row, other: null }, shown, clock.now))
    known.push(...found.map(({ from, to }) => ({ device: row.device, probe: row.probe, from, to })))
  }
  return known
}

/** All that people do, at its time, and what came of it. */
function deedsOf(world: World, week: Week, bags: Kept[]): Deed[] {
  const bagDeeds = week.bags.flatMap((drawn) => deedsOn(drawn, bags))
  const policies = week.policies.map(({ at, from, component, phase, ...limits }) => ({
    at,
    subject: 'policies',
    async do(ctx: Context) {
      const by = (id: string) => ({ ...ctx, actor: { kind: 'person', id } satisfies Actor })
      const [standing] = await policyVersions(world.deps.database.db, 'CN', component, phase)
      if (!standing) throw new Error(`no policy speaks of ${component}`)
      const { version: _v, proposalId: _p, from: _f, ...content } = standing
      const told = { ...content, ...limits, effectiveFrom: from, allowances: [] }
      const { id } = await proposePolicy(by('ann'), { content: told, reason: 'a new edition' })
      for (const person of ['ben', 'eva'])
        await decideOnPolicy(by(person), { id, decision: 'approve', comment: 'read' })
    },
  }))
  const profiles = week.profiles.map(({ at, from, device, maxSilenceMs }) => ({
    at,
    subject: device,
    async do(ctx: Context) {
      const { low, high } = week.devices.find(({ name }) => name === device) ?? bloodFridge
      const profile = { ...bloodFridge, low, high, maxSilenceMs }
      await setDeviceProfile(ctx, { device, profile, from })
      world.ingest.forget(device)
    },
  }))
  return [...bagDeeds, ...policies, ...profiles].sort((a, b) => a.at - b.at)
}

/** Do these, each at its own time, some at once. */
async function doAll({ ctx }: World, deeds: readonly Deed[]): Promise<void> {
  const bySubject = new Map<string, Deed[]>()
  for (const deed of deeds) bySubject.set(deed.subject, [...(bySubject.get(deed.subject) ?? []), deed])
  await together([...bySubject.values()], async (own) => {
    for (const deed of own) await deed.do({ ...ctx, now: () => deed.at })
  })
}

/** Do something to each, to some at once. */
async function together<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values()
  const worker = async () => {
    for (const one of waiting) await work(one)
  }
  await Promise.all(Array.from({ length: 6 }, worker))
}

function deedsOn(drawn: DrawnBag, bags: Kept[]): Deed[] {
  const { component, tag, bornAt, taggedAt, tagFrom, child, discardAt, untagAt } = drawn
  const expiresAt = noon + 30 * 24 * hour
  let kept: Kept | undefined
  const its = () => {
    if (!kept) throw new Error(`no bag ${tag} was registered yet`)
    return kept
  }
  const put = async (ctx: Context, on: Kept, name: string, from: number | undefined) => {
    await tagBag(ctx, { bagId: on.id, tag: name, from })
    on.tags.push({ tag: name, from: from ?? 0, to: null })
  }
  const take = async (ctx: Context, from: Kept) => {
    await untagBag(ctx, { bagId: from.id, tag })
    for (const on of from.tags) on.to = ctx.now()
  }
  const register: Deed = {
    at: bornAt,
    subject: tag,
    async do(ctx) {
      const number = `A999926${String(++donations).padStart(6, '0')}`
      const { id } = await registerBag(ctx, {
        din: number + dinCheckCharacter(number),
        productCode: codes[component]?.its as string,
        facility: 'H1',
        component,
        expiresAt,
      })
      kept = { id, component, bornAt, endedAt: null, parents: [], tags: [] }
      bags.push(kept)
    },
  }
  const deeds = [
    register,
    { at: taggedAt, subject: tag, do: (ctx: Context) => put(ctx, its(), tag, tagFrom) },
  ]
  if (untagAt !== null) deeds.push({ at: untagAt, subject: tag, do: (ctx) => take(ctx, its()) })
  if (discardAt !== null)
    deeds.push({
      at: discardAt,
      subject: tag,
      async do(ctx) {
        const { id: bagId } = its()
        const discard = { verb: 'discard', reason: 'it leaks' } as const
        await ctx.database.db.transaction((tx) =>
          actOnBag(ctx, tx, { bagId, verb: 'discard' }, () => discard),
        )
        its().endedAt = ctx.now()
      },
    })
  if (child)
    deeds.push({
      at: child.at,
      subject: tag,
      async do(ctx) {
        const productCode = codes[component]?.made as string
        const of = { productCode, component: child.component, lowTitre: false, expiresAt }
        const made = await processBag(ctx, { bagId: its().id, children: [of] }).catch((error) => {
          // What is held by then is not processed.
          if (error instanceof Refusal && error.code === 'held') return []
          throw error
        })
        for (const { id } of made) {
          its().endedAt = ctx.now()
          const born = { id, component: child.component, bornAt: ctx.now(), endedAt: null }
          const made = { ...born, parents: [its().id], tags: [] }
          bags.push(made)
          await take(ctx, its())
          await put(ctx, made, child.tag, ctx.now())
        }
      },
    })
  return deeds
}

/** What each component is labelled as, and what is made of it. */
const codes: Readonly<Partial<Record<Component, { readonly its: string; readonly made: string }>>> = {
  red_cells: { its: 'E0336V00', made: 'E0337V00' },
  whole_blood: { its: 'E0001V00', made: 'E0336V00' },
  platelets: { its: 'D9909V00', made: 'D9919V00' },
}

type Times = { delivery: number; deeds: number; judging: number; judged: number }

/** Let the week pass for the service: it hears late, in disorder and twice, is restarted, and judges in between. */
async function live(world: World, week: Week, random: Random, times: Times) {
  const bags: Kept[] = []
  const timed = async (what: 'delivery' | 'deeds' | 'judging', work: () => Promise<void>) => {
    const began = performance.now()
    await work()
    times[what] += performance.now() - began
  }
  const deeds = deedsOf(world, week, bags)
  let silent: ReadonlyMap<number, string> = new Map()
  const judge = () =>
    timed('judging', async () => {
      silent = await noticeSilence(world.deps, silent)
      for (let judged = 1; judged > 0; ) {
        judged = isLarge ? await judgeTogether(world) : (await judgeDue(world.deps)).judged
        times.judged += judged
      }
    })
  const waiting = [...week.messages]
  let [nextDeed, nextMessage] = [0, 0]
  let again: DrawnMessage[] = []
  let faults: readonly Fault[] = []
  for (let now = week.start; now < week.end; ) {
    now = Math.min(week.end, now + random.whole(5, random.chance(0.3) ? 40 : 720) * 60_000)
    const firstDeed = nextDeed
    while (nextDeed < deeds.length && (deeds[nextDeed] as Deed).at <= now) nextDeed++
    world.clock.now = now
    await timed('deeds', () => doAll(world, deeds.slice(firstDeed, nextDeed)))
    const due = [...again]
    const isLast = now === week.end
    for (; nextMessage < waiting.length; nextMessage++) {
      const message = waiting[nextMessage] as DrawnMessage
      if (message.dueAt > now && !isLast) break
      due.push(message)
    }
    again = due.filter(() => random.chance(0.03))
    const twice = due.filter(() => random.chance(0.03))
    const inOrder = random.chance(0.4)
    const shuffled = [...due, ...twice].map((message) => ({ message, turn: random.next() }))
    shuffled.sort((a, b) => (inOrder ? a.message.sentAt - b.message.sentAt : a.turn - b.turn))
    const messages = shuffled.map(({ message }) => incoming(message, now))
    await timed('delivery', async () => {
      for (let from = 0; from < messages.length; ) {
        const count = random.whole(1, 400)
        const unstored = await world.ingest.accept(messages.slice(from, from + count))
        expect(unstored.size).toBe(0)
        from += count
        if (random.chance(0.1)) world.restart()
      }
    })
    if (random.chance(isLarge ? 0.02 : 0.1) || isLast) faults = await doubt(world, week, random)
    if (random.chance(isLarge ? 0.03 : 0.15)) {
      await judge()
      for (let drawn = 0; drawn < 20 && bags.length > 0; drawn++) {
        const { id } = bags[random.whole(0, bags.length - 1)] as Kept
        const { ledger, trace } = await toldOf(world, id)
        const { inRangeMs: _, ...inLedger } = trace
        expect({ id, now, ...ledger }).toEqual({ id, now, ...inLedger })
      }
    }
  }
  await judge()
  return { bags, faults }
}

/** As `judgeDue` does, but some at once: nothing comes meanwhile, so all of them can share what is read. */
async function judgeTogether({ deps }: World): Promise<number> {
  const { db } = deps.database
  const { ids, bagIds } = await dueBags(db, deps.now())
  const shared = { reads: createDeviceReads(size.days * 24 * hour), asOf: deps.now() }
  await together(bagIds, async (bagId) => {
    await judgeBag(deps, bagId, shared)
  })
  await deleteDue(db, ids)
  return bagIds.length
}

function incoming({ receivedAt, dueAt: _, ...message }: DrawnMessage, now: number): Incoming {
  return aMessage({ ...message, receivedAt: receivedAt ?? now })
}

/** The week as the oracle is told of it. */
async function recordingOf(
  world: World,
  week: Week,
  bags: readonly RecordedBag[],
  faults: readonly Fault[],
): Promise<Recording> {
  const readings: Recording['readings'][number][] = []
  const sightings: RecordedSighting[] = []
  for (const { device, channel, boot, body } of week.messages) {
    if (channel === 'readings')
      for (const { at, probe, celsius } of body as { at: number; probe: 'load' | 'air'; celsius: number }[])
        readings.push({ device, probe, boot, at, centi: Math.round(celsius * 100) })
    else if (Array.isArray(body))
      for (const { at, added, removed } of body as { at: number; added: string[]; removed: string[] }[]) {
        sightings.push({ device, at, kind: 'added', tags: added })
        sightings.push({ device, at, kind: 'removed', tags: removed })
      }
    else {
      const { at, inventory } = body as { at: number; inventory: string[] }
      sightings.push({ device, at, kind: 'inventory', tags: inventory })
    }
  }
  const seeded = await Promise.all(
    (['red_cells', 'whole_blood', 'platelets'] satisfies Component[]).flatMap((component) =>
      (['storage', 'transport'] as const).map(async (phase) => {
        const versions = await policyVersions(world.deps.database.db, 'CN', component, phase)
        const [first] = versions.filter(({ version }) => version === 1)
        if (!first) throw new Error(`no policy speaks of ${component}`)
        return { ...first, phase }
      }),
    ),
  )
  return {
    from: week.start,
    asOf: week.end,
    devices: week.devices.map(({ name, kind, low, high, maxSilenceMs }) => ({
      name,
      isBox: kind === 'box',
      profiles: [
        { from: 0, low, high, maxSilenceMs },
        ...week.profiles.filter(({ device }) => device === name).map((one) => ({ ...one, low, high })),
      ],
      faults: faults.filter(({ device }) => device === name),
    })),
    readings,
    sightings,
    policies: [...seeded, ...week.policies.map((one, index) => ({ ...one, version: 2 + index }))],
    bags,
  }
}

/** What the service says of a bag: by its ledger, and by its trace. */
async function toldOf(
  world: World,
  bagId: string,
  reads?: DeviceReads,
): Promise<{ ledger: Partial<Account>; trace: Account }> {
  const { db } = world.deps.database
  const [ledger] = await ledgersOf(db, bagId)
  if (!ledger) throw new Error(`bag ${bagId} was never judged`)
  const ms = (...kinds: string[]) =>
    ledger.entries
      .filter(({ kind }) => kinds.includes(kind))
      .reduce((sum, { from, to }) => sum + (to ?? world.clock.now) - from, 0)
  const { total } = await traceBag({ ...world.deps, ...(reads && { reads }) }, { bagId, jurisdiction: 'CN' })
  const { belowMs, aboveMs, inRangeMs, unverifiedMs, uncontrolledMs, wasOutside } = total
  return {
    ledger: {
      belowMs: ms('low'),
      aboveMs: ms('high'),
      unverifiedMs: ms('unverified', 'probe_fault', 'unknown_place', 'unseen'),
      uncontrolledMs: ms('in_hand'),
      isExposed: ledger.entries.some(({ kind }) => kind === 'low' || kind === 'high'),
    },
    trace: { belowMs, aboveMs, inRangeMs, unverifiedMs, uncontrolledMs, isExposed: wasOutside },
  }
}

/** How many places of bags are believed, or were: to fold all that was seen of them again must add none. */
async function placesOf({ deps }: World): Promise<number> {
  return deps.database.db.$count(bagPlace)
}

describe('the bags that were exposed', () => {
  test('are those an oracle finds that walks through a week of a city second by second', async ({
    database,
  }) => {
    // A batch may take its time: what stands still here is the clock it would be given up by.
    const world = await aWorld(database, 600_000)
    const times: Times = { delivery: 0, deeds: 0, judging: 0, judged: 0 }
    const week = drawWeek(seed, noon, size)
    world.clock.now = noon
    for (const { name, kind, low, high, maxSilenceMs } of week.devices)
      await provisionDevice(world.ctx, {
        ...{ name, kind, facility: 'H1', inServiceFrom: noon - 2 * hour },
        profile: { ...bloodFridge, low, high, maxSilenceMs },
      })
    const { bags, faults } = await live(world, week, createRandom(`${seed}/service`), times)
    const placesBefore = await placesOf(world)
    const ids = bags.map(({ id }) => id)
    await database.db.transaction((tx) => refoldPlaces(tx, ids, world.clock.now))
    expect(await placesOf(world)).toBe(placesBefore)

    let began = performance.now()
    const accounts = accountsOf(await recordingOf(world, week, bags, faults))
    const oracleMs = performance.now() - began
    began = performance.now()
    const differing: object[] = []
    const exposed = { both: 0, missing: 0, extra: 0 }
    let unverified = 0
    const reads = createDeviceReads(size.days * 24 * hour)
    await together(bags, async (bag) => {
      const expected = accounts.get(bag.id) as Account
      const { ledger, trace } = await toldOf(world, bag.id, reads)
      const { inRangeMs: _, ...inLedger } = expected
      if (JSON.stringify(inOrder(ledger)) !== JSON.stringify(inOrder(inLedger)))
        differing.push({ bag, by: 'ledger', ledger, expected })
      if (JSON.stringify(inOrder(trace)) !== JSON.stringify(inOrder(expected)))
        differing.push({ bag, by: 'trace', trace, expected })
      if (expected.isExposed && ledger.isExposed) exposed.both++
      else if (expected.isExposed) exposed.missing++
      else if (ledger.isExposed) exposed.extra++
      if (expected.unverifiedMs > 0) unverified++
    })
    const comparingMs = performance.now() - began
    const s = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
    process.stdout.write(
      `exposed set (ORACLE_SEED=${seed}): ${bags.length} bags, ${bags.filter(({ parents }) => parents.length > 0).length} of them made of others, ${week.devices.length} devices, ${week.messages.length} messages, ${faults.length} faults of probes and ${await contradicted(world)} between two; ` +
        `${exposed.both} exposed, ${exposed.missing} missing, ${exposed.extra} extra, ${unverified} not verified all the while; ` +
        `people ${s(times.deeds)}, delivery ${s(times.delivery)}, ${times.judged} judgements ${s(times.judging)}, oracle ${s(oracleMs)}, comparing ${s(comparingMs)}\n`,
    )
    expect(differing.slice(0, 5)).toEqual([])
    expect({ ...exposed, both: undefined }).toEqual({ both: undefined, missing: 0, extra: 0 })
    expect(exposed.both).toBeGreaterThan(0)
  }, 3_600_000)
})

/** How often air and load are believed to have contradicted each other. */
async function contradicted({ deps }: World): Promise<number> {
  const { rows } = await deps.database.pool.query(
    `select from probe_fault where kind = 'contradicted' and known_to is null`,
  )
  return rows.length
}

function inOrder(account: Partial<Account>): unknown {
  return Object.entries(account).sort(([a], [b]) => (a < b ? -1 : 1))
}
