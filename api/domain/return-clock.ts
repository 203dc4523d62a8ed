import type { ReturnPolicy } from '../../schema/vocabulary.ts'

/**
 * How a bag warms at rest in a room: after so many ms its core has covered this share of the way from its own temperature
 * to the room's, by ascending time. Beyond the last point nothing is said.
 */
export type Warming = {
  readonly points: readonly { readonly afterMs: number; readonly share: number }[]
  /** What the room is taken to be where nothing measured it, hundredths of a degree Celsius. */
  readonly room: number
}

export type ClockRules = {
  /** May what was handed out be used for another? */
  readonly returns: ReturnPolicy
  /** A bag may be in hands for so long, ms; null where nothing bounds it. */
  readonly longestMs: number | null
  /** So long after it left controlled storage it has been given, ms. */
  readonly transfusionMs: number
  /** What its core must not exceed to come back, and how warm it may have been when it left: hundredths of a degree. */
  readonly limit: number
  readonly warmest: number
  /** Null of a component nobody has measured. */
  readonly warming: Warming | null
}

/** A bag out of controlled storage. */
export type Out = {
  /** ms UTC */
  readonly since: number
  /** In hands before, ms: that counts too. */
  readonly spentMs: number
  /** What its load probe showed when it left, and the room is at; null where nothing says. Hundredths of a degree. */
  readonly left: number | null
  readonly room: number | null
}

/** Instants are ms UTC. */
export type ReturnClock = {
  readonly outSince: number
  readonly returns: ReturnPolicy
  /** By the written rule; null where it bounds nothing. */
  readonly ruleBy: number | null
  /** When its core is likely to reach the limit; null where that never comes, or nobody can say. */
  readonly estimateBy: number | null
  /** The stricter of the two; null where neither says anything. */
  readonly by: number | null
  readonly governs: 'rule' | 'estimate' | null
  readonly transfuseBy: number
}

/**
 * Until when a bag that was handed out may be back in controlled storage. Minutes are a poor proxy of warmth and warmth a
 * poor one of minutes, so the stricter governs. That it is back in time does not make it another patient's: that is what
 * `returns` says.
 */
export function returnClock(rules: ClockRules, out: Out): ReturnClock {
  const { longestMs, returns, transfusionMs } = rules
  const ruleBy = longestMs === null ? null : out.since + Math.max(0, longestMs - out.spentMs)
  const warmMs = warmAfterMs(rules, out)
  const estimateBy = warmMs === null ? null : out.since + warmMs
  const isWarmFirst = estimateBy !== null && (ruleBy === null || estimateBy < ruleBy)
  const governs = isWarmFirst ? 'estimate' : ruleBy === null ? null : 'rule'
  return {
    outSince: out.since,
    returns,
    ruleBy,
    estimateBy,
    by: isWarmFirst ? estimateBy : ruleBy,
    governs,
    transfuseBy: out.since + transfusionMs,
  }
}

/** After how long at rest in the room its core reaches the limit, ms; null where it never does, or nobody can say. */
function warmAfterMs({ warming, limit, warmest }: ClockRules, { left, room }: Out): number | null {
  if (!warming) return null
  const start = left ?? warmest
  if (start >= limit) return 0
  const end = room ?? warming.room
  if (end <= limit) return null
  const wanted = (limit - start) / (end - start)
  let [beforeMs, before] = [0, 0]
  for (const { afterMs, share } of warming.points) {
    if (share >= wanted)
      return Math.floor(beforeMs + ((wanted - before) / (share - before)) * (afterMs - beforeMs))
    beforeMs = afterMs
    before = share
  }
  return null
}
