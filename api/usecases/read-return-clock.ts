import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { outSince } from '../domain/bag-timer.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import { type ClockRules, type ReturnClock, returnClock } from '../domain/return-clock.ts'
import { bagTimer } from '../policies/alarms.ts'
import { returnLimit, warmings } from '../policies/warming.ts'
import { type Bag, labelOf } from '../stores/bags.ts'
import { lastIssueOf } from '../stores/bags-out.ts'
import { type KeptFacts, keptBy, keptFacts } from '../stores/scans.ts'
import { reachBag } from './demand.ts'
import { howKept } from './how-kept.ts'

/**
 * Until when a bag that is out of controlled storage may be back in it, and until when it has been given.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where it is not out of it
 */
export async function readReturnClock(ctx: Context, bagId: string): Promise<ReturnClock> {
  const { db } = ctx.database
  const bag = await reachBag(ctx, db, bagId, 'bag.read')
  const now = ctx.now()
  const known = await keptFacts(ctx.database, { bagId, now })
  const since = await outSinceOf(ctx, bag, known)
  if (since === null)
    throw new Refusal('conflict', `bag ${labelOf(bag)} is not out of controlled storage: it is ${bag.state}`)
  const before = await howKept({ ...ctx, now: () => since }, known)
  const shown = await shownAt(ctx, known, since, now)
  return returnClock(clockRulesOf(known, bag.component, now), {
    since,
    spentMs: before?.uncontrolledMs ?? 0,
    ...shown,
  })
}

/** What is said of a component where a bag is, as of `now`. */
export function clockRulesOf(
  { policies, handling }: KeptFacts,
  component: Component,
  now: number,
): ClockRules {
  const storage = policies[component]?.storage
  const version = storage && inForce(storage, now)
  return {
    returns: version?.returns ?? 'none',
    longestMs: handling.length > 0 ? inForce(handling, now).longestMs : 0,
    transfusionMs: bagTimer.transfusionMs,
    limit: returnLimit,
    warmest: version?.high ?? returnLimit,
    warming: warmings[component] ?? null,
  }
}

async function outSinceOf(ctx: Context, bag: Bag, { lives, vouchedAt }: KeptFacts): Promise<number | null> {
  const { state } = bag
  if (state !== 'available' && state !== 'distributed' && state !== 'issued') return null
  const last = lives[0]?.stays.at(-1)
  const place = last && last.to === null ? { state: last.state, from: last.from } : null
  const issuedAt = await lastIssueOf(ctx.database.db, bag.id)
  return outSince({ state, place, issuedAt, vouchedAt })
}

/** A probe speaks for so long before or after, ms. */
const nearMs = 15 * 60_000

/** What the probes of the container it left showed then, and its surroundings show now, as far as they were heard. */
async function shownAt(ctx: Context, { lives }: KeptFacts, since: number, now: number) {
  const { db } = ctx.database
  const left = lives[0]?.stays.findLast(({ state, from }) => state === 'inside' && from <= since)
  if (!left) return { left: null, room: null }
  const lastOf = async (kind: 'load' | 'ambient', at: number) => {
    const readings = await keptBy(db, { deviceId: left.deviceId, kind, from: at - nearMs, to: at + 1 })
    const heard = readings.filter((one) => one.at >= at - nearMs && one.at <= at)
    return (
      heard.reduce<(typeof heard)[number] | null>((a, b) => (a && a.at > b.at ? a : b), null)?.centi ?? null
    )
  }
  return { left: await lastOf('load', since), room: await lastOf('ambient', now) }
}
