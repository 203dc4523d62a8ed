import type { Cause, CauseSign } from '../../../schema/vocabulary.ts'
import { doorSigns, openShare, stayed } from './door-signs.ts'
import type { CauseRule, Facts, NamedCause } from './facts.ts'
import { compressorSigns, powerSigns, stops } from './power-signs.ts'
import { probeFaults } from './probe-faults.ts'
import { type Rise, riseOf } from './rise.ts'
import type { Sample } from './sample.ts'

/**
 * Why a container is as its probes say. What decides is physics, asked in the order in which an answer makes the next
 * question worth asking.
 *
 * 1. Nothing heard for longer than `maxSilenceMs` is `silence`: no more can be said.
 * 2. What no container does is a `probe`: values beyond physics, steps faster than a probe can follow its surroundings,
 *    a flat line, a load that does not follow the air by any time constant.
 * 3. Without mains it is `power`, whatever else was done to it: nothing else helps before the mains are back.
 * 4. A closed container of heat capacity C, warmed through walls of G W/K, rises by at most G/C of what is between it and
 *    the room. This is also how fast it rises between two runs of its compressor, so each shows its own rate. An open
 *    door adds its own conductance, ten times the walls' and more. What was gained in less time than closed walls allow,
 *    and has not been lost since, is a leap; where it would be within the limit without its leaps, it is a `door`. Where a
 *    sensor tells of doors, one must have been open; and a leap that outlasts what a closed door mends was none.
 * 5. A rise beyond the usual highest that closed walls do explain, that goes on, that the load follows, and from which no
 *    thermostat called it back, is `cooling`: cold is no longer made, or not enough, or is not carried to the air. Too
 *    fast a rise behind a shut door, and one that has lasted longer than any opening, is too.
 *
 * All else is `unknown`: within the limits, too cold, between the two rates, cycling as ever but higher, or too little
 * known of what is usual. A wrong name is worse than none.
 */
export function causeOf(facts: Facts, rule: CauseRule): NamedCause {
  const known = upTo(facts, rule)
  const { air = [], load = [] } = known.readings
  const heard = Math.max(
    air.at(-1)?.at ?? Number.NEGATIVE_INFINITY,
    load.at(-1)?.at ?? Number.NEGATIVE_INFINITY,
  )
  if (facts.at - heard > facts.profile.maxSilenceMs) return named('silence', 'nothing_heard')
  const faults = probeFaults(known, rule)
  if (faults.length > 0) return named('probe', ...faults)

  const main = air.length > 0 ? air : load
  const room = known.readings.ambient?.at(-1)?.centi ?? rule.room
  const rise = riseOf(main, facts.profile.high, room, rule)
  const power = powerSigns(known.power, rise?.from ?? facts.at, facts.at)
  const unsettled = (...signs: CauseSign[]) =>
    power.length > 0 ? named('power', ...power) : named('unknown', ...signs)
  if (!rise) return unsettled('too_little_known')

  const outside = [air, load].some(
    (samples) => (samples.at(-1)?.centi ?? Number.NEGATIVE_INFINITY) > facts.profile.high,
  )
  if (!outside) {
    const cold = [air, load].some(
      (samples) => (samples.at(-1)?.centi ?? Number.POSITIVE_INFINITY) < facts.profile.low,
    )
    return unsettled(cold ? 'too_cold' : 'within_limits')
  }

  const margin = Math.max(rule.beyondUsual, rule.beyondNoise * rise.noise)
  const doors = doorSigns(known.doors, rise, rule)
  const shut = doors.includes('door_was_shut')
  const leapt = rise.byLeaps && !stayed(rise, known.doors, rule)
  const slowly = rise.beyond >= margin
  const lag = lagSigns(rise, load, air, rule)
  if (power.length > 0) return named('power', ...power, ...lag)
  if (leapt) {
    if (isSingle(main, rise, rule)) return named('unknown', 'fast_rise', 'one_reading')
    const closedSince = doors.length === 0 && rise.roseOnMs >= rule.settleMs
    const followed = lag.includes('load_follows') && rise.leapt < rule.followedShare
    if (!shut && (closedSince || followed)) return named('unknown', 'contradiction')
    if (!shut) return named('door', 'fast_rise', ...doors, ...lag)
  }
  if (openShare(known.doors, rise.beyondFrom, rise.to) >= rule.ajarShare)
    return named('door', 'slow_rise', ...doors)
  if (!slowly) return named('unknown', 'near_usual')
  if (isBroken(main, rise.beyondFrom, facts.profile.maxSilenceMs)) return named('unknown', 'too_little_known')
  if (rise.cycles > 1 || stops(known.power, rise.beyondFrom) > 1) return named('unknown', 'still_cycles')
  if (lag.includes('load_lags')) return named('unknown', 'load_lags')
  if (rise.fell) return named('unknown', 'recovering')
  const compressor = compressorSigns(known.power, facts.at, rule)
  const forMs = rise.to - rise.beyondFrom
  const explained =
    rise.unexplained <= Math.max(rule.turn, rule.leapNoise * rise.noise, rule.coolingShare * rise.beforeLeaps)
  const slow =
    forMs >= rule.longMs ||
    (explained && forMs >= (rise.rateKnown ? rule.slowMs : rule.recentMs)) ||
    (shut && forMs >= rule.slowMs)
  if (!slow && !compressor.includes('compressor_rests')) return named('unknown', 'contradiction')
  return named('cooling', 'slow_rise', ...lag, ...compressor)
}

/** Why a probe is missing whose device is heard: no history of the container says it better. */
export const oneProbeSilent: NamedCause = named('probe', 'one_probe_silent')

function named(cause: Cause, ...signs: readonly CauseSign[]): NamedCause {
  return { cause, signs: [...new Set(signs)] }
}

/** The facts as they stood at their instant, and no older than the rule looks back. */
function upTo(facts: Facts, rule: CauseRule): Facts {
  const cut = (samples: readonly Sample[] | undefined) =>
    samples?.filter(({ at }) => at <= facts.at && at >= facts.at - rule.lookbackMs) ?? []
  const { air, load, ambient } = facts.readings
  return {
    ...facts,
    readings: { air: cut(air), load: cut(load), ambient: cut(ambient) },
    doors:
      facts.doors
        ?.filter(({ from }) => from <= facts.at)
        .map(({ from, to }) => ({ from, to: to !== null && to > facts.at ? null : to })) ?? null,
    power: facts.power.filter(({ at }) => at <= facts.at),
  }
}

/** Has it been silent for too long since `from`? Whatever was then is not told. */
function isBroken(samples: readonly Sample[], from: number, maxSilenceMs: number): boolean {
  return samples.some(({ at }, index) => {
    const before = samples[index - 1]
    return before !== undefined && before.at >= from && at - before.at > maxSilenceMs
  })
}

/** A leap that one reading alone tells of, and that soon after the one before it, may be the probe's own. */
function isSingle(samples: readonly Sample[], rise: Rise, rule: CauseRule): boolean {
  const [before, last] = [samples.at(-2), samples.at(-1)]
  const leap = rise.leaps[0]
  if (!before || !last || !leap || last.at - before.at >= rule.singleMs) return false
  return leap.from === before.at
}

/** How the load took part in the air's rise. */
function lagSigns(
  rise: Rise,
  load: readonly Sample[],
  air: readonly Sample[],
  rule: CauseRule,
): readonly CauseSign[] {
  const from = rise.leaps.at(-1)?.from ?? rise.from
  const [airBefore, loadBefore] = [air, load].map(
    (samples) => samples.findLast(({ at }) => at <= from)?.centi,
  )
  const loadThen = load.findLast(({ at }) => at <= rise.to)?.centi
  if (airBefore === undefined || loadBefore === undefined || loadThen === undefined) return []
  const airThen = air.at(-1)?.centi ?? airBefore
  const share = (loadThen - loadBefore) / Math.max(1, airThen - airBefore)
  return share <= rule.lagShare ? ['load_lags'] : share >= rule.followShare ? ['load_follows'] : []
}
