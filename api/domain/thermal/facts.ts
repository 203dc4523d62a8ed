import type { Cause, CauseSign, ProbeKind } from '../../../schema/vocabulary.ts'
import type { Sample } from './sample.ts'

/** A door stood open in [from, to); `to` is null where nobody has seen it closed. */
export type Opening = { readonly from: number; readonly to: number | null }

/** What a device told of its power at an instant; null for what it does not tell. It holds until the next. */
export type PowerFact = {
  readonly at: number
  readonly mains: boolean | null
  readonly compressorOn: boolean | null
  readonly batteryPercent: number | null
}

/** Hundredths of a degree; as in a device's profile. */
export type Profile = {
  readonly low: number
  readonly high: number
  readonly physicalLow: number
  readonly physicalHigh: number
  readonly maxSilenceMs: number
}

/** All that is known of a container when it is asked why it is too warm. What lies after `at` is not looked at. */
export type Facts = {
  /** Ms UTC. */
  readonly at: number
  /** In order of event time; the longer back the better, up to the rule's `lookbackMs`. */
  readonly readings: Readonly<Partial<Record<ProbeKind, readonly Sample[]>>>
  /** In order of time; null where the door has no sensor. */
  readonly doors: readonly Opening[] | null
  /** In order of time; none of a container that lives without mains, such as a box. */
  readonly power: readonly PowerFact[]
  readonly profile: Profile
}

export type NamedCause = { readonly cause: Cause; readonly signs: readonly CauseSign[] }

/** The thresholds the causes are told apart by: policy. Temperatures and differences in hundredths of a degree. */
export type CauseRule = {
  /** How far back readings count, ms; the older half of them shows what is usual. */
  readonly lookbackMs: number
  /** Less than this shows nothing usual, ms. */
  readonly leastUsualMs: number
  /** What is recent, ms: longer than a door is left open and the air has taken to come back from it. */
  readonly recentMs: number
  /** What the room is taken to be where no probe tells, and the warmest it ever is. */
  readonly room: number
  readonly hottestRoom: number
  /** No closed container warms to 63 % of the way to the room sooner than this, ms. */
  readonly closedTauMs: number
  /** So many times its usual rate a closed container may yet warm. */
  readonly closedRatio: number
  /** The air takes so long to come back from a door that was open, ms. */
  readonly settleMs: number
  /** A leap takes no longer than this, ms: what does is slow. */
  readonly longestLeapMs: number
  /** Of all the usual time, the share in which it must have been rising for its usual rate to be known. */
  readonly leastRising: number
  /** Of its distance beyond the usual: less is no leap, and more may not be unexplained of what is slow. */
  readonly doorShare: number
  readonly coolingShare: number
  /** No turn of the temperature smaller than this is one, and nothing nearer to the usual is beyond it. */
  readonly turn: number
  readonly beyondUsual: number
  /** What scatters more is not noise but swings that are read too seldom. */
  readonly noisiest: number
  /** So many deviations of the noise are no noise: in a level, and in the greatest of many differences. */
  readonly beyondNoise: number
  readonly leapNoise: number
  /** A fall of which such a share had leapt is the air settling, not a thermostat at work. */
  readonly leapShare: number
  /** A door and what it does to a probe may be told so far apart, ms. */
  readonly doorSlackMs: number
  /** A leap within this, ms, that only one reading tells of is not believed yet. */
  readonly singleMs: number
  /** Of a load's rise over the air's: less is lagging, more is following. */
  readonly lagShare: number
  readonly followShare: number
  /** A leap that a load has followed must account for such a share. */
  readonly followedShare: number
  /** For so long it must be beyond the usual before it is called slow, ms. */
  readonly slowMs: number
  /** What has been beyond the usual for so long no opening accounts for, ms. */
  readonly longMs: number
  /** What has come back by such a share of its way is recovering. */
  readonly fallenShare: number
  /** A door that was open for such a share of a slow rise has made it. */
  readonly ajarShare: number
  /** No probe follows faster than this, ms. */
  readonly fastestAirMs: number
  readonly fastestLoadMs: number
  /** No load follows the air slower than this, ms. */
  readonly slowestLoadMs: number
  /** How far below its usual lowest the coldest part of the container may be. */
  readonly coldestBelow: number
  /** Air and load that are further apart than this for so long, ms, contradict each other: neither is believed. */
  readonly apart: number
  readonly apartMs: number
  /**
   * It is a probe's doing where air and load differ by so much more than usual from what either could make of the other,
   * for so long, ms. This names a cause, and makes nobody doubt what was measured.
   */
  readonly disagreement: number
  readonly disagreementMs: number
  /** One value for so long is a flat line, ms, where it is so many times the longest one before. */
  readonly flatMs: number
  readonly flatRatio: number
  /** A compressor that rests so long while it is too warm has stopped, ms. */
  readonly restMs: number
}
