import type {
  BagState,
  BagVerb,
  Component,
  DiscardMethod,
  DiscardReason,
  Finding,
  HoldKind,
  Marker,
  Process,
  ReturnPolicy,
  ReviewReason,
  TransfusionFault,
  TransfusionVerb,
} from '../../schema/vocabulary.ts'
import { markers, transfusionFaults } from '../../schema/vocabulary.ts'
import { type BloodGroup, compatibilityOf, type RecipientGroup } from './compatibility.ts'
import { handedOutElsewhere, isFinal, move } from './lifecycle.ts'
import type { GroupDoubt, PatientRecord } from './patient-record.ts'
import { Refusal } from './refusal.ts'
import type { Knew } from './turned-out.ts'

/** Until when a bag is kept for a patient, or for another facility: it is promised to a transfer there. */
export type Reservation = {
  /** Null where it is for a facility. */
  readonly patient: string | null
  readonly facilityId?: number | null
  readonly until: number
}

export type Hold = { readonly id: number; readonly kind: HoldKind; readonly reason: string }

/** What is known of a bag when something is to be done with it. Facilities are ids. */
export type BagFacts = {
  readonly id: string
  /** As people name it. */
  readonly label: string
  readonly component: Component
  readonly state: BagState
  /** Exclusive, ms UTC. */
  readonly expiresAt: number
  readonly group: BloodGroup | null
  readonly lowTitre: boolean
  /** For the shared pool, not labelled for one person, for research or to be thrown away (ISBT 128 collection type). */
  readonly isForAnybody: boolean
  readonly holderId: number | null
  readonly destinationId: number | null
  readonly reservation: Reservation | null
  readonly holds: readonly Hold[]
}

/** All that was found in a donation, and by whom. */
export type DonationFacts = {
  readonly groupings: readonly (BloodGroup & { readonly by: string })[]
  readonly tests: readonly { readonly marker: Marker; readonly reactive: boolean; readonly by: string }[]
}

export type Patient = {
  readonly pseudonym: string
  readonly group: RecipientGroup
  readonly antiD: boolean
  readonly sampleUntil: number | null
  /** Why the group is not relied on, though something of it is on record; it is not known then. */
  readonly doubt?: GroupDoubt | null
  /** Null or left out where nothing more is on record. */
  readonly record?: PatientRecord | null
}

export type Command =
  | {
      readonly verb: 'process'
      readonly children: readonly string[]
      /** How, and what was written down of it. */
      readonly process?: Process
      readonly modification?: string
    }
  | { readonly verb: 'test'; readonly donation: DonationFacts }
  | { readonly verb: 'release'; readonly donation: DonationFacts; readonly by: string }
  | {
      readonly verb: 'reserve'
      readonly patient: Patient
      readonly until: number
      /** The order it is kept for; left out where none was told. */
      readonly order?: string | null
    }
  /** Promise it to a transfer to another facility. */
  | { readonly verb: 'reserve'; readonly transfer: string; readonly to: number; readonly until: number }
  /** With its transfer, where that is cancelled. */
  | { readonly verb: 'unreserve'; readonly reason: string; readonly transfer?: string }
  | { readonly verb: 'distribute'; readonly to: number; readonly box: string | null }
  | { readonly verb: 'recall_shipment'; readonly reason: string; readonly transfer?: string }
  | { readonly verb: 'depart' | 'arrive' }
  | {
      readonly verb: 'receive'
      readonly remark: string | null
      /** The box it came in, and whether its seal was the right one (null where nobody read it); null where in none. */
      readonly box?: { readonly packing: string; readonly sealMatches: boolean | null } | null
    }
  | { readonly verb: 'refuse'; readonly reason: string }
  | {
      readonly verb: 'issue'
      /** Null in an emergency without one. */
      readonly patient: Patient | null
      readonly emergency: boolean
      /** A physician's word for what the group alone does not allow; null where none was given. */
      readonly override: string | null
      /** Why in an emergency, or although not all is verified; null where nobody had to say. */
      readonly reason: string | null
      /** What speaks against it and does not keep it from being issued: policy or a broken glass says so. */
      readonly waived: readonly Finding[]
      /** Why it was taken although somebody was to be called; null where nobody was. */
      readonly glassBroken: string | null
      readonly takeOut: string | null
      /** The order it fills; left out where none was told. */
      readonly order?: string | null
      /** What was known of bag and patient then; left out where nothing is on record of them. */
      readonly knew?: Knew | null
    }
  | {
      readonly verb: 'cancel_issue'
      readonly reason: string
      /** It is seen inside its container still, and never was seen to leave it. */
      readonly isInside: boolean
    }
  | {
      readonly verb: 'transfuse'
      readonly patient: string | null
      /** Whom it was issued for last; null where that was for nobody known, or it never was. */
      readonly issuedFor: string | null
      /** Whom it was given to by earlier word, where that was told. */
      readonly givenTo: readonly string[]
      readonly startedAt: number
      readonly endedAt: number | null
      readonly reaction: boolean
    }
  | {
      readonly verb: 'reinstate'
      readonly reason: string
      /** It was handed out for a patient and came back. */
      readonly afterIssue: boolean
      /** May what was handed out be used again, after somebody has inspected it? */
      readonly returns: ReturnPolicy
      /** How it was kept since it was received; null where no policy speaks of it. */
      readonly kept: Kept | null
      /** A bag may be in hands for so long, ms. */
      readonly handlingMs: number
    }
  | ObserveCommand
  | { readonly verb: 'return'; readonly reason: string }
  | {
      readonly verb: 'discard'
      readonly reason: string
      readonly code?: DiscardReason | null
      readonly method?: DiscardMethod | null
      /** Who else saw it, by id; null where nobody is named. */
      readonly witness?: string | null
      /** Must somebody else have seen it, where it is thrown away? */
      readonly needsWitness?: boolean
    }

/** A part of a transfusion as it was observed. */
export type ObserveCommand = {
  readonly verb: Exclude<TransfusionVerb, 'transfuse'>
  readonly occurredAt: number
  readonly patient: string | null
  readonly issuedFor: string | null
  readonly givenTo: readonly string[]
  /** Who checked bag and patient, by name, and how many must have at its start. */
  readonly checkers: readonly string[]
  readonly checkersNeeded: number
  readonly volumeMl: number | null
  readonly remark: string | null
}

/** How a bag was kept since somebody last vouched for it, by its own component's policy. */
export type Kept = {
  /** Was it ever measured outside its limits, be it by one reading before a silence that holds for no time at all? */
  readonly wasOutOfRange: boolean
  /** Not spoken for by any reading, or at an unknown place, ms. */
  readonly unverifiedMs: number
  /** In somebody's hands, ms. */
  readonly uncontrolledMs: number
}

/** The facts of a bag that an event changes. */
export type Changes = Partial<Pick<BagFacts, 'group' | 'holderId' | 'destinationId' | 'reservation'>>

export type BagEvent = {
  /** That a bag expired is noticed by the clock: nobody does it. */
  readonly verb: BagVerb | 'expire'
  readonly from: BagState
  readonly to: BagState
  readonly changes: Changes
  /** What else is to be known of it. */
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * May this be done with a bag, and what comes of it? A command goes by the server's clock and may be refused. That a
 * transfusion happened is not a command: it is written down whatever the rules say, with what they would have said.
 *
 * @throws Refusal `illegal_move`, `held`, `expired`, `reserved`, `incompatible`, `not_tested`, `second_person`,
 * `no_return`, `special_label`
 */
export function decide(bag: BagFacts, command: Command, now: number): BagEvent {
  const to = move(bag.state, command.verb, bag.label)
  const { changes = {}, data = {} } = consequences(bag, command, now)
  return { verb: command.verb, from: bag.state, to, changes, data }
}

/** That a bag was handed out while nobody could be asked, as it is told afterwards. */
export type HandedOut = Pick<
  Command & { verb: 'issue' },
  'emergency' | 'override' | 'reason' | 'waived' | 'glassBroken'
> & {
  /** The pseudonym; null in an emergency without one. */
  readonly patient: string | null
  /** By the terminal's clock, ms UTC. */
  readonly occurredAt: number
  /** Where the terminal stood then. */
  readonly facilityId: number
  /** Which decision of which terminal, on whose badge. */
  readonly offline: Readonly<Record<string, unknown>>
}

/**
 * What comes of it that a bag was handed out without the network: no command, so nothing refuses it. It is written down
 * wherever the bag was thought to be, and what spoke against it is told beside it (`domain/offline.ts`).
 *
 * @param enteredAt since when the bag is in its state, ms UTC
 */
export function observeIssue(bag: BagFacts, told: HandedOut, enteredAt: number): BagEvent {
  const { patient, emergency, override, reason, waived, glassBroken, occurredAt, facilityId, offline } = told
  const way = handedOutElsewhere[bag.state]
  const isNewer = way === 'issued' || (way === 'by_time' && enteredAt <= occurredAt)
  const review = reviewOf({ emergency, glassBroken })
  return {
    verb: 'issue',
    from: bag.state,
    to: isNewer ? 'issued' : bag.state,
    changes: isNewer
      ? {
          reservation: null,
          holderId: bag.destinationId === facilityId ? facilityId : bag.holderId,
          destinationId: null,
        }
      : {},
    data: {
      ...{ patient, emergency, override, reason, takeOut: null, occurredAt, offline },
      ...(glassBroken === null ? {} : { glassBroken, waived }),
      ...(review === null ? {} : { review }),
    },
  }
}

type Consequences = {
  readonly changes?: Changes
  readonly data?: Readonly<Record<string, unknown>>
}

function consequences(bag: BagFacts, command: Command, now: number): Consequences {
  switch (command.verb) {
    case 'process':
      mustBeFree(bag)
      mustBeInDate(bag, now)
      mustBeUnreserved(bag, null, now)
      return {
        data: { children: command.children, process: command.process, modification: command.modification },
      }
    case 'test': {
      const { group, reactive } = findingsOf(bag, command.donation)
      return { changes: { group }, data: { group, reactive } }
    }
    case 'release': {
      mustBeFree(bag)
      mustBeInDate(bag, now)
      const { group, reactive, workers } = findingsOf(bag, command.donation)
      if (reactive.length > 0)
        throw new Refusal('held', `bag ${bag.label} is not released: ${reactive.join(', ')} reactive`)
      if (workers.has(command.by))
        throw new Refusal(
          'second_person',
          `bag ${bag.label} is released by somebody who neither grouped nor tested it`,
        )
      return { changes: { group }, data: { group } }
    }
    case 'reserve': {
      mustBeFree(bag)
      mustBeInDate(bag, now)
      if ('transfer' in command) return promised(bag, command, now)
      mustBeUnreserved(bag, command.patient.pseudonym, now)
      mustFit(bag, command.patient)
      if (command.until <= now) throw new Refusal('invalid_request', 'until: is over already')
      const reservation = { patient: command.patient.pseudonym, until: command.until }
      return { changes: { reservation }, data: { ...reservation, ...forOrder(command) } }
    }
    case 'unreserve':
      if (!bag.reservation) throw new Refusal('conflict', `bag ${bag.label} is not reserved`)
      return {
        changes: { reservation: null },
        data: {
          ...toldOf(bag.reservation),
          reason: command.reason,
          ...withTransfer(command),
        },
      }
    case 'distribute':
      mustBeFree(bag)
      mustBeInDate(bag, now)
      if (keeperOf(bag, now)?.facilityId !== command.to) mustBeUnreserved(bag, null, now)
      if (command.to === bag.holderId)
        throw new Refusal('invalid_request', `to: bag ${bag.label} is there already`)
      return {
        changes: { destinationId: command.to, reservation: null },
        data: { to: command.to, box: command.box },
      }
    case 'recall_shipment':
      return {
        changes: { destinationId: null },
        data: { reason: command.reason, ...withTransfer(command) },
      }
    case 'depart':
    case 'arrive':
      return {}
    case 'receive':
      return {
        changes: { holderId: bag.destinationId, destinationId: null },
        data: { remark: command.remark, from: bag.holderId, ...(command.box ? { box: command.box } : {}) },
      }
    case 'refuse':
      return {
        changes: { holderId: bag.destinationId, destinationId: null },
        data: { reason: command.reason, from: bag.holderId },
      }
    case 'issue': {
      const { patient, emergency, override, reason, takeOut, waived, glassBroken, knew = null } = command
      mustBeFree(bag, waived)
      mustBeInDate(bag, now)
      if (!waived.includes('reserved_for_another')) mustBeUnreserved(bag, patient?.pseudonym ?? null, now)
      mustBeForAnybody(bag)
      const isAllowed = override !== null || waived.includes('rhd_override_missing')
      mustFit(bag, patient ? trusted(patient, emergency, now) : unknownPatient, isAllowed)
      const review = reviewOf(command)
      return {
        changes: { reservation: null },
        data: {
          ...{ patient: patient?.pseudonym ?? null, emergency, override, reason, takeOut },
          ...(glassBroken === null ? {} : { glassBroken, waived }),
          ...(review === null ? {} : { review }),
          ...(knew === null ? {} : { knew }),
          ...forOrder(command),
        },
      }
    }
    case 'cancel_issue':
      if (!command.isInside)
        throw new Refusal(
          'no_return',
          `bag ${bag.label} was not seen in its container all the while: return it`,
        )
      return { data: { reason: command.reason } }
    case 'return':
      return { data: { reason: command.reason } }
    case 'reinstate':
      mustBeFree(bag)
      mustBeInDate(bag, now)
      if (command.afterIssue) mustBeReturnable(bag, command)
      return { data: { reason: command.reason } }
    case 'transfuse': {
      const { patient, startedAt, endedAt, reaction } = command
      const discrepancies = againstGiving(bag, { ...command, beganAt: startedAt, isUnchecked: false })
      return { changes: whereGiven(bag), data: { patient, startedAt, endedAt, reaction, discrepancies } }
    }
    case 'start_transfusion':
    case 'end_transfusion':
    case 'interrupt_transfusion':
    case 'report_reaction': {
      const { verb, patient, occurredAt, checkers, checkersNeeded, volumeMl, remark } = command
      const isStart = verb === 'start_transfusion'
      const isUnchecked = isStart && new Set(checkers.map(personNamed)).size < checkersNeeded
      const discrepancies = againstGiving(bag, {
        ...command,
        beganAt: isStart ? occurredAt : null,
        isUnchecked,
      })
      return {
        changes: whereGiven(bag),
        data: { patient, occurredAt, checkers, volumeMl, remark, discrepancies },
      }
    }
    case 'discard': {
      const { reason, code = null, method = null, witness = null, needsWitness = false } = command
      if (needsWitness && witness === null)
        throw new Refusal(
          'second_person',
          `bag ${bag.label} is discarded before a witness: name who else has seen it (witness)`,
        )
      // Bags of which nobody was asked say no more than before.
      const said = { code, method, witness }
      const told = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null))
      return { changes: { destinationId: null, reservation: null }, data: { reason, ...told } }
    }
  }
}

/** What speaks against that a bag was given, as far as is known when that is told. */
function againstGiving(
  bag: BagFacts,
  {
    patient,
    issuedFor,
    givenTo,
    beganAt,
    isUnchecked,
  }: Pick<ObserveCommand, 'patient' | 'issuedFor' | 'givenTo'> & {
    /** Null where it is told that it ended, and not when it began. */
    readonly beganAt: number | null
    readonly isUnchecked: boolean
  },
): TransfusionFault[] {
  const isForAnother = patient !== null && issuedFor !== null && patient !== issuedFor
  const isAgreed = patient === null || givenTo.every((other) => other === patient)
  const isToldAgain = bag.state === 'transfused' && isAgreed
  const isNews = beganAt !== null || bag.state !== 'transfused'
  const spoke: Record<Exclude<TransfusionFault, 'other'>, boolean> = {
    not_issued: bag.state !== 'issued' && !isFinal(bag.state),
    another_patient: isForAnother,
    // What is held once it was given, as by a recall, did not speak against it.
    held: isNews && bag.holds.length > 0,
    expired: beganAt !== null && beganAt >= bag.expiresAt,
    fate_recorded: isFinal(bag.state) && !isToldAgain,
    unchecked: isUnchecked,
  }
  return transfusionFaults.filter((fault) => fault !== 'other' && spoke[fault])
}

function whereGiven(bag: BagFacts): Changes {
  return { holderId: bag.destinationId ?? bag.holderId, destinationId: null, reservation: null }
}

/** One name, however it is written. */
function personNamed(name: string): string {
  return name.trim().toLowerCase()
}

/** Nothing is known of them: only what fits everybody fits them. */
export const unknownPatient: Patient = {
  pseudonym: '',
  group: { abo: null, rhd: null },
  antiD: false,
  sampleUntil: null,
}

/** What is recorded of a patient's group holds with a valid sample only; in an emergency without one nothing is known. */
export function trusted(patient: Patient, emergency: boolean, now: number): Patient {
  const isValid = (patient.sampleUntil ?? 0) > now
  return emergency && !isValid ? { ...patient, group: unknownPatient.group } : patient
}

/** As what a patient counts where a bag must fit: whoever has anti-D as RhD-negative, though typed positive (a partial D). */
export function recipientOf({ group, antiD }: Patient): RecipientGroup {
  return antiD ? { ...group, rhd: 'negative' } : group
}

/** The bag one event later. */
export function evolve(bag: BagFacts, event: BagEvent): BagFacts {
  return { ...bag, ...event.changes, state: event.to }
}

function withTransfer({ transfer }: { readonly transfer?: string }): { readonly transfer?: string } {
  return transfer === undefined ? {} : { transfer }
}

/** Events that fill no order say nothing of one. */
function forOrder({ order = null }: { readonly order?: string | null }): { readonly order?: string } {
  return order === null ? {} : { order }
}

/** The reservation that still holds. */
export function keeperOf({ reservation }: Pick<BagFacts, 'reservation'>, now: number): Reservation | null {
  return reservation && reservation.until > now ? reservation : null
}

/** Is it kept for somebody else than this patient? What is promised to a facility is. */
export function isKeptFrom(
  bag: Pick<BagFacts, 'reservation'>,
  patient: string | null | undefined,
  now: number,
): boolean {
  const keeper = keeperOf(bag, now)
  return keeper !== null && (keeper.patient === null || keeper.patient !== patient)
}

/** As its events tell it. */
function toldOf({ patient, facilityId = null, until }: Reservation): Readonly<Record<string, unknown>> {
  return facilityId === null ? { patient, until } : { to: facilityId, until }
}

/** Only what nobody has been promised is promised, for a time that is not over. */
function promised(
  bag: BagFacts,
  command: Extract<Command, { readonly verb: 'reserve'; readonly to: number }>,
  now: number,
): Consequences {
  if (keeperOf(bag, now)) throw new Refusal('reserved', `bag ${bag.label} is reserved already`)
  if (command.until <= now) throw new Refusal('invalid_request', 'until: is over already')
  const reservation = { patient: null, facilityId: command.to, until: command.until }
  return { changes: { reservation }, data: { ...toldOf(reservation), transfer: command.transfer } }
}

/** Why the issue is to be looked at afterwards; null where it need not be. */
function reviewOf({
  emergency,
  glassBroken,
}: Pick<Command & { verb: 'issue' }, 'emergency' | 'glassBroken'>): ReviewReason | null {
  if (glassBroken !== null) return 'glass_broken'
  return emergency ? 'emergency_release' : null
}

/** What a hold says at a scan. */
export function findingOfHold(kind: HoldKind): Finding {
  if (kind === 'recall' || kind === 'look_back') return 'recalled'
  if (kind === 'unknown_product') return 'unknown_product'
  return kind === 'unverified_gap' ? 'unverified' : 'held'
}

function mustBeFree({ label, holds }: BagFacts, waived: readonly Finding[] = []): void {
  const hold = holds.find(({ kind }) => !waived.includes(findingOfHold(kind)))
  if (hold) throw new Refusal('held', `bag ${label} is held: ${hold.kind}, ${hold.reason}`)
}

function mustBeInDate({ label, expiresAt }: BagFacts, now: number): void {
  if (now >= expiresAt)
    throw new Refusal('expired', `bag ${label} expired at ${new Date(expiresAt).toISOString()}: discard it`)
}

function mustBeForAnybody({ label, isForAnybody }: BagFacts): void {
  if (!isForAnybody) throw new Refusal('special_label', `bag ${label} is labelled for a special use`)
}

/**
 * `none`: what was issued is never used for another, as in China (临床输血技术规范 2000). `timed`: it is, where it was in
 * hands for no longer than it may be. `temperature_proven`: it is, where a reading spoke for it all the while, as for
 * reissue in the US. What was measured outside its limits never is.
 *
 * @throws Refusal `no_return`, `breached`, `unverified`
 */
function mustBeReturnable(
  { label }: BagFacts,
  { returns, kept, handlingMs }: Command & { verb: 'reinstate' },
): void {
  if (returns === 'none')
    throw new Refusal('no_return', `bag ${label} was issued, and what was issued is not used again`)
  if (kept?.wasOutOfRange) throw new Refusal('breached', `bag ${label} was measured outside its limits`)
  const isShown = kept !== null && kept.unverifiedMs === 0
  const longestMs = returns === 'timed' ? handlingMs : 0
  if (!isShown || kept.uncontrolledMs > longestMs)
    throw new Refusal(
      'unverified',
      `bag ${label} was issued, and nothing shows that it was kept as it must be since: see its trace`,
    )
}

function mustBeUnreserved(bag: BagFacts, patient: string | null, now: number): void {
  if (!isKeptFrom(bag, patient, now)) return
  const whom = keeperOf(bag, now)?.patient === null ? 'a transfer to another facility' : 'another patient'
  throw new Refusal('reserved', `bag ${bag.label} is reserved for ${whom}`)
}

const misfits = {
  known: 'does not fit the patient',
  discrepancy: 'does not fit everybody: the groupings of the patient differ',
  unconfirmed: 'does not fit everybody: the group of the patient is not confirmed by a second sample',
} as const

/** @param hasOverride a physician has given their word for what the group alone does not allow */
function mustFit(bag: BagFacts, patient: Patient, hasOverride = false): void {
  const { antiD } = patient
  if (!bag.group) throw new Refusal('incompatible', `the group of bag ${bag.label} is not known`)
  const { verdict, needs } = compatibilityOf(bag.component, bag.group, recipientOf(patient))
  const shown = `${bag.group.abo} RhD ${bag.group.rhd}`
  if (verdict === 'incompatible')
    throw new Refusal(
      'incompatible',
      `bag ${bag.label} is ${shown}, which ${misfits[patient.doubt ?? 'known']}`,
    )
  if (needs.includes('low_titre') && !bag.lowTitre)
    throw new Refusal('incompatible', `bag ${bag.label} is ${shown} and not labelled as of low titre`)
  if (needs.includes('rhd_override') && (antiD || !hasOverride))
    throw new Refusal(
      'incompatible',
      antiD
        ? `bag ${bag.label} is ${shown} and the patient has anti-D`
        : `bag ${bag.label} is ${shown}: for this patient a physician must give their word`,
    )
}

/**
 * Two groupings that agree, each by another, make a group; one that differs unmakes it, whatever the others say.
 *
 * @throws Refusal `not_tested` saying what is missing
 */
function findingsOf(
  { label }: BagFacts,
  { groupings, tests }: DonationFacts,
): { group: BloodGroup; reactive: Marker[]; workers: ReadonlySet<string> } {
  const [first] = groupings
  const isAgreed = groupings.every(({ abo, rhd }) => abo === first?.abo && rhd === first.rhd)
  if (first && !isAgreed)
    throw new Refusal('not_tested', `the groupings of bag ${label} differ: group it again from a new sample`)
  if (!first || new Set(groupings.map(({ by }) => by)).size < 2)
    throw new Refusal('not_tested', `bag ${label} is not grouped by two who agree`)
  const missing = markers.filter((marker) => !tests.some((test) => test.marker === marker))
  if (missing.length > 0)
    throw new Refusal('not_tested', `bag ${label} is not tested for ${missing.join(', ')}`)
  return {
    group: { abo: first.abo, rhd: first.rhd },
    // Once reactive is reactive: a later result is another opinion, not an undoing.
    reactive: markers.filter((marker) => tests.some((test) => test.marker === marker && test.reactive)),
    workers: new Set([...groupings, ...tests].map(({ by }) => by)),
  }
}
