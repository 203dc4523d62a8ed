import type { Context } from '../context.ts'
import type { Kept } from '../domain/bag.ts'
import { inForce } from '../domain/effective.ts'
import { exposureOf, phaseIn, type Span, speakersFor } from '../domain/exposure.ts'
import { isOutside, isReleased } from '../domain/ledger.ts'
import type { Limits } from '../domain/series.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { releasedOf } from '../stores/ledgers.ts'
import {
  type KeptFacts,
  keptBy,
  type Life,
  type PolicyVersion,
  type ProbeSummary,
  type Stay,
} from '../stores/scans.ts'
import { traceBag } from './trace-bag.ts'

/**
 * How a bag was kept, by its own component's policy: what its trace would tell. What was measured outside its limits is
 * never forgotten, and goes over to what is made of it; for what nobody measured a person vouches, so that counts since
 * the last time one did. On its way into the first container it was in hands: for as long as handling may last that is
 * uncontrolled, and beyond it nobody knows. What was seen of a tag before anybody said it was on this bag measures
 * nothing else than that way.
 *
 * Where no clock is or was in doubt the stays are what they were folded into, and need not be folded again.
 *
 * @param read tells readings as `keptBy` does; who asks of many bags in one device need not read the same ones again
 * @param released of which bags anything was released, where that was read before; else it is asked
 * @returns null where no policy speaks of it, or there is no such bag
 */
export async function howKept(
  ctx: Pick<Context, 'database' | 'now'>,
  facts: KeptFacts,
  read: typeof keptBy = keptBy,
  released?: ReadonlySet<string>,
): Promise<Kept | null> {
  const [own] = facts.lives
  if (!own || facts.lives.some(({ component }) => !facts.policies[component])) return null
  const now = ctx.now()
  const handlingMs = handlingMsOf(facts, now)
  const told = facts.hasClockMatters
    ? await asTraced(ctx, own.bagId, facts, now)
    : await asFolded(ctx.database.db, facts, now, read)
  const kept = keptOf(told, handlingMs)
  const isCalm = !kept.wasOutOfRange && kept.unverifiedMs === 0
  const isAsTold = released !== undefined && !facts.lives.some(({ bagId }) => released.has(bagId))
  return isCalm || isAsTold
    ? kept
    : keptOf(await butForReleased(ctx, own.bagId, facts, told, now), handlingMs)
}

function keptOf({ total, carriedMs }: Told, handlingMs: number): Kept {
  const handledMs = Math.min(carriedMs, handlingMs)
  return {
    wasOutOfRange: total.wasOutOfRange,
    unverifiedMs: total.unverifiedMs + carriedMs - handledMs,
    uncontrolledMs: total.uncontrolledMs + handledMs,
  }
}

/** What a person has released since, as it was and still is, counts no more; each for what it was counted as. */
async function butForReleased(
  { database: { db } }: Pick<Context, 'database'>,
  bagId: string,
  { jurisdiction, vouchedAt, lives }: KeptFacts,
  { total, carriedMs }: Told,
  asOf: number,
): Promise<Told> {
  const released = await releasedOf(db, bagId)
  if (released.length === 0) return { total, carriedMs }
  const { ledgers } = await traceBag({ database: { db }, now: () => asOf }, { bagId, jurisdiction })
  const counted = ledgers.map((entries) => entries.filter((entry) => !isReleased(entry, released)))
  const forgiven = ledgers.map((entries) => {
    const ms = { unverified: 0, carried: 0 }
    for (const entry of entries.filter((one) => !isOutside(one) && isReleased(one, released))) {
      const life = lives.find((one) => one.bagId === entry.bagId)
      if (!life) continue
      const { kind, to } = entry
      const from = Math.max(entry.from, life.from, vouchedAt)
      // What was seen before anybody spoke for its tags was counted as the way to the first container.
      const seenFrom = kind === 'unseen' ? to : Math.max(from, life.taggedAt ?? 0)
      ms.carried += Math.max(0, Math.min(to, seenFrom) - from)
      ms.unverified += Math.max(0, to - seenFrom)
    }
    return ms
  })
  const least = (kind: 'unverified' | 'carried') => Math.min(...forgiven.map((ms) => ms[kind]))
  return {
    total: {
      ...total,
      wasOutOfRange: counted.some((entries) => entries.some(isOutside)),
      unverifiedMs: Math.max(0, total.unverifiedMs - least('unverified')),
    },
    carriedMs: Math.max(0, carriedMs - least('carried')),
  }
}

/** How long a bag may be in hands at a time, ms; not at all where no policy says so. */
export function handlingMsOf({ handling }: Pick<KeptFacts, 'handling'>, now: number): number {
  if (handling.length === 0) return 0
  return inForce(handling, now).longestMs ?? Number.POSITIVE_INFINITY
}

/** Of the containers it was in, and the time before the first. */
type Told = { readonly total: Kept; readonly carriedMs: number }

async function asTraced(
  ctx: Pick<Context, 'database' | 'now'>,
  bagId: string,
  { vouchedAt, lives, jurisdiction }: KeptFacts,
  asOf: number,
): Promise<Told> {
  const { total: life } = await traceBag(ctx, { bagId, jurisdiction, asOf })
  const sinceOf = ({ taggedAt }: Life) => Math.max(vouchedAt, taggedAt ?? 0)
  const since = new Map(lives.map((life) => [life.bagId, sinceOf(life)]))
  const { total } = await traceBag(ctx, { bagId, jurisdiction, asOf, since })
  const beforeTags = worstLine(lives, (life) => {
    const { from, until } = life
    const carriedMs = Math.max(0, Math.min(sinceOf(life), until ?? asOf) - Math.max(vouchedAt, from))
    return { total: unharmed, carriedMs }
  })
  const { uncontrolledMs, unseenMs } = total
  return {
    total: { wasOutOfRange: life.wasOutside, unverifiedMs: total.unverifiedMs - unseenMs, uncontrolledMs },
    carriedMs: unseenMs + beforeTags.carriedMs,
  }
}

/** What was told of a bag and of what it was made of, along its line: of several parents the worst of each. */
function worstLine(lives: readonly Life[], toldOf: (life: Life) => Told): Told {
  const of = (life: Life): Told => {
    const own = toldOf(life)
    const before = lives.filter(({ childId }) => childId === life.bagId)
    // Of two lives of one ancestor each is a way of its own, with the child it is of.
    const ways = [...new Map(before.map((one) => [one.bagId, one])).values()].map(of)
    const most = (pick: (told: Told) => number) => pick(own) + Math.max(0, ...ways.map(pick))
    return {
      total: {
        wasOutOfRange: own.total.wasOutOfRange || ways.some(({ total }) => total.wasOutOfRange),
        unverifiedMs: most(({ total }) => total.unverifiedMs),
        uncontrolledMs: most(({ total }) => total.uncontrolledMs),
      },
      carriedMs: most((told) => told.carriedMs),
    }
  }
  const subject = lives.find(({ childId }) => childId === null)
  return subject ? of(subject) : { total: unharmed, carriedMs: 0 }
}

const unharmed: Kept = { wasOutOfRange: false, unverifiedMs: 0, uncontrolledMs: 0 }

async function asFolded(
  db: Database | Transaction,
  { vouchedAt, lives, policies }: Pick<KeptFacts, 'vouchedAt' | 'lives' | 'policies'>,
  now: number,
  read: typeof keptBy,
): Promise<Told> {
  const told = new Map<Life, Told>()
  for (const life of lives) {
    const { component, from, until, taggedAt, stays } = life
    const total = { ...unharmed }
    const end = Math.min(until ?? now, now)
    const since = Math.max(vouchedAt, taggedAt ?? 0)
    let firstSeen = Math.max(from, end)
    for (const stay of stays) {
      const to = Math.min(stay.to ?? end, end)
      if (stay.from >= to) continue
      const counted = { from: Math.max(stay.from, since), to }
      const countedMs = Math.max(0, counted.to - counted.from)
      if (countedMs > 0) firstSeen = Math.min(firstSeen, counted.from)
      if (stay.state === 'unknown') total.unverifiedMs += countedMs
      else if (stay.state === 'in_hand') total.uncontrolledMs += countedMs
      else {
        const versions = policies[component]?.[phaseIn(stay.kind)] ?? []
        const found = await inside(db, stay, counted, versions, now, read)
        total.wasOutOfRange ||= found.wasOutside
        total.unverifiedMs += found.unverifiedMs
      }
    }
    told.set(life, { total, carriedMs: Math.max(0, firstSeen - Math.max(vouchedAt, from)) })
  }
  return worstLine(lives, (life) => told.get(life) as Told)
}

/** Was it outside its limits in all of the stay, and how long did nothing speak for the part that counts, ms? */
async function inside(
  db: Database | Transaction,
  stay: Stay,
  counted: Span,
  policies: readonly PolicyVersion[],
  now: number,
  read: typeof keptBy,
): Promise<{ readonly wasOutside: boolean; readonly unverifiedMs: number }> {
  const limitsAt = (at: number): Limits => {
    const limits = inForce(policies, at)
    return { ...limits, maxSilenceMs: Math.min(limits.maxSilenceMs, inForce(stay.profiles, at).maxSilenceMs) }
  }
  const [load, air] = (['load', 'air'] as const).map((kind) => stay.probes.find((one) => one.kind === kind))
  let wasOutside = false
  let unverifiedMs = 0
  for (const { probe, ...part } of speakersFor(load, air, { from: stay.from, to: counted.to })) {
    const counts = { from: Math.max(part.from, counted.from), to: part.to }
    const countedMs = Math.max(0, counts.to - counts.from)
    if (!probe) unverifiedMs += countedMs
    else if (!isCalm(stay.profiles, probe, counts, policies, now)) {
      const faults = probe.faults.map(({ from, to }) => ({ from, to: to ?? Number.POSITIVE_INFINITY }))
      const { deviceId } = stay
      const readings = await read(db, { deviceId, kind: probe.kind, ...part })
      const timed = readings
        .filter(({ at }) => at <= now)
        .map((reading) => ({ ...reading, timeVerified: true }))
      wasOutside ||= exposureOf(timed, part, limitsAt, now).wasOutside
      if (countedMs > 0) unverifiedMs += exposureOf(timed, counts, limitsAt, now, faults).unverifiedMs
    }
  }
  return { wasOutside, unverifiedMs }
}

/**
 * Is it plain from the findings about the device that no reading in the stay was outside the bag's limits, and that one
 * spoke for it all the while? So it is where the device was in no excursion and no gap, and the probe to be believed, by limits of its own that were
 * always at least as strict as the bag's. False says only that the readings must be looked at.
 */
function isCalm(
  profiles: Stay['profiles'],
  { firstAt, lastAt, isTroubled, faults }: ProbeSummary,
  counted: Span,
  policies: readonly PolicyVersion[],
  now: number,
): boolean {
  if (isTroubled || faults.length > 0 || firstAt > counted.from || lastAt > now) return false
  const upToNow = <T extends { readonly from: number }>(versions: readonly T[]) =>
    versions.filter((version, index) => index === 0 || version.from <= now)
  const isAsStrict = upToNow(profiles).every((own) =>
    upToNow(policies).every(
      (limits) => own.low >= limits.low && own.high <= limits.high && own.maxSilenceMs <= limits.maxSilenceMs,
    ),
  )
  return isAsStrict && (lastAt >= counted.to || now - lastAt <= inForce(profiles, lastAt).maxSilenceMs)
}
