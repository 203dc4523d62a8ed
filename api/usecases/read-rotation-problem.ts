import { type Component, components } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import { instantIn, wallClockIn } from '../domain/local-day.ts'
import { cellOf, type TransferBag } from '../domain/transfer/problem.ts'
import type { RotationLevel, RotationProblem } from '../domain/transfer/rotation-problem.ts'
import { hourAt } from '../domain/transfer/travel.ts'
import { cnRotation, rotationTimes } from '../policies/rotation.ts'
import { cnTransfer, transferUseDays } from '../policies/transfer.ts'
import { knownBefore } from '../stores/rotations.ts'
import {
  allSites,
  bagsToTransfer,
  inTurns,
  type Level,
  levelsOf,
  type Site,
  type Used,
  usedSince,
} from '../stores/transfer-facts.ts'
import { bagOf, levelsWith } from './read-transfer-facts.ts'

const dayMs = 86_400_000

/** What is moved at all: what is made for one patient is not. */
const moved: readonly Component[] = components.filter((component) => cnRotation.nearMs[component] > 0)

/** What nobody says of their time is taken for the usual. */
const usualTimeZone = 'Asia/Shanghai'

/**
 * The city as it is now, for a rotation. What a site uses of a kind of blood is what patients got of it in the last four
 * weeks, be it nothing: where bags came or went before that. Where none did nobody knows, and nothing is moved from there or
 * there; nor from a centre, for what it sends out was given to nobody there, and still is no waste.
 */
export async function readRotationProblem(
  { now: clock, travel, database: { db } }: Pick<Deps, 'now' | 'travel' | 'database'>,
  timeZone = usualTimeZone,
): Promise<{ readonly problem: RotationProblem; readonly sites: readonly Site[] }> {
  const now = clock()
  const since = now - transferUseDays * dayMs
  // One snapshot: a bag that is given meanwhile is in stock or used, never both or neither.
  const found = await db.transaction(
    async (tx) => ({
      sites: await allSites(tx, now),
      stock: await bagsToTransfer(tx, { components: moved }, now),
      levels: await levelsOf(tx, { components: moved }),
      used: await usedSince(tx, moved, since, now),
      known: await knownBefore(tx, since),
    }),
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
  const { sites, used } = found
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const stock = await inTurns(found.stock, (one) => bagOf(one, codes, now))
  const wanted = new Set(
    stock.flatMap((bag) =>
      bag.expiresAt - now <= cnRotation.nearMs[bag.component] && bag.group ? [kindOf(bag)] : [],
    ),
  )
  const goals = sites.filter(
    ({ id, kind }) =>
      kind !== 'ambulance' &&
      used.some(
        (one) => one.facilityId === id && one.given > 0 && wanted.has(kindOf({ ...one, group: one })),
      ),
  )
  const places = sites.map(({ code, position }) => ({ id: code, position }))
  const minutesTo = new Map<string, readonly (number | null)[]>()
  for (const { code, position, timeZone: zone } of goals) {
    const ways = await travel.minutesTo(places, { id: code, position }, hourAt(zone, now))
    minutesTo.set(
      code,
      ways.map(({ minutes }) => minutes),
    )
  }
  const problem: RotationProblem = {
    ...{ at: now, sites: sites.map(({ code }) => ({ id: code, boxes: null })), minutesTo, stock },
    levels: levelsFor(stock, { levels: found.levels, used, known: found.known, sites }),
    ...{ policy: cnTransfer, rotation: cnRotation },
    refill: { at: nextRefill(now, timeZone), everyMs: rotationTimes.refillEveryMs },
  }
  return { problem, sites }
}

/** Of all a site keeps, has or used: what patients used of it in a day; null where nobody knows. */
function levelsFor(
  stock: readonly TransferBag[],
  {
    levels,
    used,
    known,
    sites,
  }: {
    readonly levels: readonly Level[]
    readonly used: readonly Used[]
    readonly known: ReadonlySet<number>
    readonly sites: readonly Site[]
  },
): RotationLevel[] {
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const ids = new Map(sites.map(({ id, code }) => [code, id]))
  const centres = new Set(sites.flatMap(({ kind, code }) => (kind === 'centre' ? [code] : [])))
  const given = new Map(
    used.map((one) => [cellOf({ ...one, site: codes.get(one.facilityId) ?? '' }), one.given] as const),
  )
  const cells = new Map(levelsWith(levels, used, codes).map((level) => [cellOf(level), level] as const))
  for (const { site, component, group, uom } of stock) {
    if (!group || !uom) continue
    const nothing = { target: 0, minimum: 0, critical: 0, booked: 0, perDay: 0 }
    const level = { site, component, ...group, uom, ...nothing }
    if (!cells.has(cellOf(level))) cells.set(cellOf(level), level)
  }
  return [...cells].map(([cell, level]) => {
    const isKnown = known.has(ids.get(level.site) ?? -1) && !centres.has(level.site)
    return { ...level, usedPerDay: isKnown ? ((given.get(cell) ?? 0) * 100) / transferUseDays : null }
  })
}

/** When the centre fills the sites up next, by the clock on its wall. */
export function nextRefill(now: number, timeZone: string): number {
  const midnight = Math.floor(wallClockIn(timeZone)(now) / dayMs) * dayMs
  const instantOf = instantIn(timeZone)
  const at = (days: number) => instantOf(midnight + days * dayMs + rotationTimes.refillsAtHour * 3_600_000).at
  return at(0) > now ? at(0) : at(1)
}

function kindOf({ component, group, uom }: Pick<TransferBag, 'component' | 'group' | 'uom'>): string {
  return [component, group?.abo, group?.rhd, uom].join()
}
