import type {
  AlarmClass,
  AlarmKind,
  AlarmVerb,
  EscalationStep,
  ProbeFaultKind,
  ProbeKind,
  Side,
} from '../../schema/vocabulary.ts'
import { Refusal } from './refusal.ts'
import type { Outlook } from './thermal/outlook.ts'

/** Something is wrong with a device or a bag, in event time; `to` is null while it lasts. */
export type Condition = {
  readonly kind: AlarmKind
  /** Which probe or door; empty where it is the device itself; the id of a bag; a journey. */
  readonly part: string
  readonly from: number
  readonly to: number | null
  readonly class: AlarmClass
  /** From when on it is worth an alarm: until then it may pass by itself. */
  readonly dueAt: number
  /** What is foretold, where that is all there is. */
  readonly outlook?: Outlook
}

/** How long what may last before it alarms, ms; hundredths of a degree Celsius; percent. */
export type AlarmRules = {
  readonly loadMs: number
  readonly airLow: number
  readonly airHigh: number
  readonly airMs: number
  readonly airActionMs: number
  readonly doorMs: number
  readonly agitatorMs: number
  readonly silenceActionMs: number
  readonly batteryLow: number
  readonly batteryEmpty: number
}

export type KnownExcursion = {
  readonly probe: ProbeKind
  readonly side: Side
  readonly from: number
  readonly to: number | null
  readonly coldest: number
  readonly warmest: number
}

/**
 * The condition an excursion is. The load alarms by the limits of its device, and asks for action. The air alarms once it
 * has been beyond limits of its own at any time of an excursion that has lasted so long: it is counted from where it left
 * those of the device, which is never later. Null where the probe alarms nobody, or the air was not that far out.
 */
export function conditionOf(
  { probe, side, from, to, coldest, warmest }: KnownExcursion,
  rules: AlarmRules,
  now: number,
): Condition | null {
  if (probe === 'ambient') return null
  const kind = `${probe}_${side}` as const
  const about = { kind, part: probe, from, to }
  if (probe === 'load') return { ...about, class: 'action', dueAt: from + rules.loadMs }
  const isFar = side === 'high' ? warmest > rules.airHigh : coldest < rules.airLow
  if (!isFar) return null
  const lastedMs = (to ?? now) - from
  return {
    ...about,
    class: lastedMs >= rules.airActionMs ? 'action' : 'alert',
    dueAt: from + rules.airMs,
  }
}

/** A condition is worth a case once it has lasted until it is due, and one that is over, if it did. */
function isDue({ dueAt, to }: Condition, now: number): boolean {
  return dueAt <= (to ?? now)
}

/** A probe, when it was heard last, and what else is heard of its device. Event time and server time, ms UTC. */
export type HeardProbe = {
  readonly probe: ProbeKind
  readonly lastAt: number
  readonly lastReceivedAt: number
  readonly maxSilenceMs: number
  /** When another probe of its device was heard last, server time; null where there is none. */
  readonly othersReceivedAt: number | null
  /** It is what speaks for the bags: the load probe, or that in the air where there is none. */
  readonly speaks: boolean
  /** It was told as a silence of its device, and has not been heard since. */
  readonly isToldSilent: boolean
}

/**
 * A probe that has not been heard for longer than it may be silent; null where it has. It is due only so long after the
 * service was ready, too: nobody is to be paged for what could not be heard.
 *
 * It is missing, rather than its device silent, where another probe of the device was heard for more than half of that
 * time after it: those that fall silent together are heard last within an interval of each other, and three make up that
 * time. What was told as a silence stays one until the probe is heard, so that nobody is told twice of the same. A missing
 * probe asks for action only where nothing else speaks for the bags.
 */
export function silenceOf(
  heard: HeardProbe,
  rules: AlarmRules,
  readySince: number,
  now: number,
): Condition | null {
  const { probe, lastAt, lastReceivedAt, maxSilenceMs, othersReceivedAt, speaks, isToldSilent } = heard
  if (now - lastReceivedAt <= maxSilenceMs) return null
  const dueAt = Math.max(lastReceivedAt, readySince) + maxSilenceMs
  const isMissing =
    !isToldSilent && othersReceivedAt !== null && othersReceivedAt - lastReceivedAt > maxSilenceMs / 2
  const isLong = now - dueAt >= rules.silenceActionMs
  return {
    kind: isMissing ? 'probe_missing' : 'silent',
    part: probe,
    from: lastAt,
    to: null,
    class: isLong && (speaks || !isMissing) ? 'action' : 'fault',
    dueAt,
  }
}

/**
 * A container must have a probe that speaks for the bags. One that tells of the room alone has its load probe missing, from
 * its first reading on: it has as long as it may be silent to tell of another.
 *
 * @param heard `firstAt` is event time, `createdAt` when the device was made known; ms UTC
 */
export function neverHeard(
  {
    firstAt,
    createdAt,
    maxSilenceMs,
  }: {
    readonly firstAt: number
    readonly createdAt: number
    readonly maxSilenceMs: number
  },
  rules: AlarmRules,
  readySince: number,
  now: number,
): Condition {
  const dueAt = Math.max(firstAt, createdAt, readySince) + maxSilenceMs
  const isLong = now - dueAt >= rules.silenceActionMs
  return {
    kind: 'probe_missing',
    part: 'load',
    from: firstAt,
    to: null,
    class: isLong ? 'action' : 'fault',
    dueAt,
  }
}

/**
 * A probe is not to be believed: it may be the blood that is not as it says. Of two that contradict each other nobody knows
 * which, so that is a matter of their device.
 */
export function faultCondition(
  kind: ProbeFaultKind,
  part: string,
  { from, to }: { readonly from: number; readonly to: number | null },
): Condition {
  const about = { from, to, class: 'fault', dueAt: from } as const
  if (kind === 'contradicted') return { ...about, kind: 'probes_disagree', part: '' }
  return { ...about, kind: `probe_${kind}`, part }
}

/** What is wrong with a device's power by its newest word, and since when it has said so. */
export function powerConditions(
  power: {
    readonly mains: boolean
    readonly batteryPercent?: number | undefined
    readonly agitatorOn?: boolean | undefined
    readonly since: number
  },
  rules: AlarmRules,
): Condition[] {
  const { mains, batteryPercent, agitatorOn, since } = power
  const about = { part: '', from: since, to: null }
  const conditions: Condition[] = []
  if (!mains) conditions.push({ ...about, kind: 'mains_lost', class: 'action', dueAt: since })
  if (batteryPercent !== undefined && batteryPercent < rules.batteryLow) {
    const isEmpty = batteryPercent < rules.batteryEmpty
    conditions.push({ ...about, kind: 'battery_low', class: isEmpty ? 'action' : 'alert', dueAt: since })
  }
  if (agitatorOn === false)
    conditions.push({ ...about, kind: 'agitator_stopped', class: 'alert', dueAt: since + rules.agitatorMs })
  return conditions
}

export function doorCondition(door: string, openSince: number, rules: AlarmRules): Condition {
  return {
    kind: 'door_open',
    part: door,
    from: openSince,
    to: null,
    class: 'alert',
    dueAt: openSince + rules.doorMs,
  }
}

/**
 * The condition of a load that is inside its limits still and foretold to leave them soon; null where it is not soon.
 *
 * @param since the newest reading by which it was foretold first, ms UTC
 */
export function foreseenCondition(
  outlook: Outlook,
  { withinMinutes, forMs }: { readonly withinMinutes: number; readonly forMs: number },
  since: number,
): Condition | null {
  if (outlook.early > withinMinutes) return null
  const { probe, side } = outlook
  return {
    kind: `load_${side}_soon`,
    part: probe,
    from: since,
    to: null,
    class: 'alert',
    dueAt: since + forMs,
    outlook,
  }
}

const gravity: Readonly<Record<AlarmClass, number>> = { alert: 0, fault: 1, action: 2 }

function isGraver(one: AlarmClass, than: AlarmClass): boolean {
  return gravity[one] > gravity[than]
}

/** A case as it stands. */
export type Case = {
  /** Whose people are told. */
  readonly facilityId: number
  readonly class: AlarmClass
  readonly conditionFrom: number
  readonly raisedAt: number
  readonly pagedFrom: number
  readonly steps: number
  /** Nobody is paged before; nor after while it does not last, if nobody was before. */
  readonly mutedUntil: number | null
  readonly acknowledgedAt: number | null
  readonly overSince: number | null
  readonly endedAt: number | null
  /** When its device was revoked while it lasted: nobody hears any more whether it is over, so it never ends. */
  readonly retiredAt: number | null
}

export type CaseNews = {
  readonly verb: Extract<
    AlarmVerb,
    | 'raised'
    | 'worsened'
    | 'ended'
    | 'began_again'
    | 'escalated'
    | 'unstaffed'
    | 'muted'
    | 'moved'
    | 'retired'
  >
  readonly data: object
}

/** A step that was taken now. */
export type Page = {
  readonly to: EscalationStep
  /** Which one it is since it is paged, from 1. */
  readonly ordinal: number
}

export type Paging = {
  /** What is over for so long has ended, ms. */
  readonly settleMs: number
  /** Who is paged how long after it was raised, ascending. */
  readonly steps: readonly { readonly afterMs: number; readonly to: EscalationStep }[]
  /** From when the steps are counted of what is raised, gets worse or begins again now, ms UTC. */
  readonly from: number
  /** Until when nobody is to be paged, for the device is being defrosted; null where it is not. */
  readonly mutedUntil: number | null
  /** Is anybody on duty for it? */
  readonly isStaffed: (to: EscalationStep) => boolean
  /** Nobody could be told of the step that was taken last. */
  readonly isUnheard: boolean
  /** Whose people are to be told from now on. */
  readonly facilityId: number
  /** That its device was revoked, and whether bags are inside still; null where it was not, or there is none. */
  readonly retired: Retired | null
}

export type Retired = { readonly at: number; readonly holdsBags: boolean }

/**
 * Where a case is told: what lasts goes with its device, what is over stays where it was when it ended. What lasted when
 * its device was revoked lasts by all that is known.
 *
 * @param standsAt where its device stands now, and whether it is revoked
 */
export function toldAt(
  before: Case,
  found: readonly Condition[],
  { standsAt, isRetired }: { readonly standsAt: number; readonly isRetired: boolean },
): number {
  const isLasting = found.some(({ to }) => to === null) || (isRetired && before.overSince === null)
  return isLasting ? standsAt : before.facilityId
}

/**
 * What becomes of the case of one thing by what was found of it now: raised where something is due and there is no case,
 * graver where that is, over and ended where nothing lasts, begun again where it had ended; and who is paged. Who had
 * acknowledged it acknowledged what was: what is graver, or begins again, pages from the first on. A step takes its turn
 * by the clock, or at once where the one before it reaches nobody. What is muted pages nobody, and once that is over
 * from the first on, if it lasts or had paged before. What lasts while its device is moved pages from the first on where
 * that stands. What lasts when its device is revoked ends no more: that it is over nobody would hear; it pages on only
 * while bags are inside. Looked at twice, nothing is new.
 *
 * @param before null where no case is open
 * @param found the conditions of this thing, in any order
 * @returns null where there is no case and need be none
 */
export function lookAtCase(
  before: Case | null,
  found: readonly Condition[],
  paging: Paging,
  now: number,
): { readonly after: Case; readonly news: readonly CaseNews[]; readonly pages: readonly Page[] } | null {
  const due = found.filter((condition) => isDue(condition, now))
  const [worst] = [...due].sort((a, b) => gravity[b.class] - gravity[a.class] || a.from - b.from)
  const lasting = found.find(({ to }) => to === null)
  const news: CaseNews[] = []
  const pages: Page[] = []
  let after = before
  if (!after) {
    if (!worst) return null
    const { from, class: graveness } = worst
    const paged = { pagedFrom: paging.from, steps: 0, mutedUntil: null, acknowledgedAt: null }
    const lasts = { overSince: null, endedAt: null, retiredAt: null }
    const { facilityId } = paging
    after = { facilityId, class: graveness, conditionFrom: from, raisedAt: now, ...paged, ...lasts }
    news.push({ verb: 'raised', data: aboutOf(worst) })
  } else if (worst && worst.to === null && isGraver(worst.class, after.class)) {
    after = { ...after, class: worst.class, acknowledgedAt: null, pagedFrom: paging.from, steps: 0 }
    news.push({ verb: 'worsened', data: aboutOf(worst) })
  }
  if (after.facilityId !== paging.facilityId) {
    after = {
      ...after,
      facilityId: paging.facilityId,
      acknowledgedAt: null,
      pagedFrom: paging.from,
      steps: 0,
    }
    news.push({ verb: 'moved', data: {} })
  }
  if (lasting) {
    if (after.endedAt !== null) {
      after = { ...after, endedAt: null, acknowledgedAt: null, pagedFrom: paging.from, steps: 0 }
      news.push({ verb: 'began_again', data: aboutOf(lasting) })
    }
    after = { ...after, overSince: null }
  } else if (!paging.retired || after.overSince !== null) {
    const overSince = after.overSince ?? Math.min(now, ...found.map(({ to }) => to ?? now))
    const hasEnded = now - overSince >= paging.settleMs
    if (hasEnded && after.endedAt === null) news.push({ verb: 'ended', data: {} })
    after = { ...after, overSince, endedAt: hasEnded ? (after.endedAt ?? now) : null }
  }
  if (paging.retired && after.retiredAt === null && after.overSince === null) {
    after = { ...after, retiredAt: paging.retired.at }
    news.push({ verb: 'retired', data: { at: instant(paging.retired.at) } })
  }
  const isEmpty = paging.retired?.holdsBags === false
  if (after.acknowledgedAt === null && !isEmpty) {
    const { mutedUntil } = paging
    const hasMore = lasting !== undefined || after.steps < paging.steps.length
    if (mutedUntil !== null && mutedUntil !== after.mutedUntil && hasMore) {
      after = { ...after, mutedUntil }
      news.push({ verb: 'muted', data: { until: instant(mutedUntil) } })
    }
    if (after.mutedUntil !== null) {
      // Of what somebody was told before, they are told again: it was not the defrost's.
      const isOut = lasting !== undefined || after.steps > 0
      if (now < after.mutedUntil || !isOut) return { after, news, pages }
      after = { ...after, mutedUntil: null, pagedFrom: now, steps: 0 }
    }
    const taken = stepsTaken(after, paging, now)
    for (const { to } of taken)
      news.push({ verb: paging.isStaffed(to) ? 'escalated' : 'unstaffed', data: { to } })
    pages.push(...taken.filter(({ to }) => paging.isStaffed(to)))
    after = { ...after, steps: after.steps + taken.length }
  }
  return { after, news, pages }
}

/** The steps whose turn has come since the last one was taken. */
function stepsTaken({ pagedFrom, steps }: Case, paging: Paging, now: number): Page[] {
  const taken: Page[] = []
  let isHurried = paging.isUnheard && steps > 0
  for (const [index, { afterMs, to }] of paging.steps.entries()) {
    if (index < steps) continue
    if (!isHurried && pagedFrom + afterMs > now) break
    taken.push({ to, ordinal: index + 1 })
    isHurried = !paging.isStaffed(to)
  }
  return taken
}

function instant(at: number): string {
  return new Date(at).toISOString()
}

function aboutOf({ from, to, class: graveness, outlook }: Condition): object {
  return {
    class: graveness,
    from: instant(from),
    to: to === null ? null : instant(to),
    ...(outlook ? { outlook: { ...outlook, at: instant(outlook.at) } } : {}),
  }
}

export type CaseFacts = {
  readonly acknowledgedAt: number | null
  readonly endedAt: number | null
  readonly closedAt: number | null
  readonly retiredAt: number | null
  /** How many bags are inside its device by all that was seen. */
  readonly bagsInside: number
}

/**
 * May this be done about a case? A case latches: that the condition is over closes nothing. It is closed by a person, once
 * somebody has acknowledged it and the condition is over; where its device is revoked, once no bag is inside any more.
 *
 * @throws Refusal `conflict`
 */
export function mustAllow(
  { acknowledgedAt, endedAt, closedAt, retiredAt, bagsInside }: CaseFacts,
  verb: 'acknowledged' | 'commented' | 'closed',
  id: number,
): void {
  if (closedAt !== null && verb !== 'commented')
    throw new Refusal('conflict', `alarm ${id} is closed already`)
  if (verb === 'acknowledged' && acknowledgedAt !== null)
    throw new Refusal('conflict', `alarm ${id} is acknowledged already`)
  if (verb !== 'closed') return
  if (acknowledgedAt === null) throw new Refusal('conflict', `alarm ${id} is not acknowledged: do that first`)
  if (endedAt !== null) return
  if (retiredAt === null) throw new Refusal('conflict', `what alarm ${id} is about lasts still`)
  if (bagsInside > 0) {
    const bags = bagsInside === 1 ? '1 bag is' : `${bagsInside} bags are`
    throw new Refusal(
      'conflict',
      `${bags} inside the device alarm ${id} is about, which is revoked: see to that first`,
    )
  }
}

/** Bags are carried away from a device that asks for action, and while its case is open. @throws Refusal `conflict` */
export function mustAskForAction<
  Asked extends Pick<CaseFacts, 'closedAt'> & {
    readonly class: AlarmClass
    readonly deviceId: number | null
    readonly device: string | null
  },
>(asked: Asked, id: number): asserts asked is Asked & { readonly deviceId: number; readonly device: string } {
  const { class: graveness, closedAt, deviceId, device } = asked
  if (deviceId === null || device === null)
    throw new Refusal('conflict', `alarm ${id} is about no device: nothing is carried away for it`)
  if (closedAt !== null)
    throw new Refusal('conflict', `alarm ${id} is closed: nothing is carried away for it`)
  if (graveness !== 'action')
    throw new Refusal('conflict', `alarm ${id} does not ask for action: nothing is carried away for it`)
}
