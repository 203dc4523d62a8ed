import type { UnlockBody } from '../../schema/messages.ts'
import type { Finding } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import {
  type BagFacts,
  decide,
  type Patient,
  recipientOf,
  reservedFor,
  trusted,
  unknownPatient,
} from '../domain/bag.ts'
import { compatibilityOf } from '../domain/compatibility.ts'
import { inForce } from '../domain/effective.ts'
import { isRhdPositiveAllowed, type Seen } from '../domain/emergency.ts'
import { expiryOf } from '../domain/isbt128/date.ts'
import { Refusal } from '../domain/refusal.ts'
import { type ReturnClock, returnClock } from '../domain/return-clock.ts'
import {
  type Answer,
  type AnswerRule,
  answerTo,
  findingsOfScan,
  mayBreakGlass,
  rhdWaived,
} from '../domain/take-out.ts'
import { shownNumber, shownProduct } from '../domain/unit-id.ts'
import { cnAnswers } from '../policies/answers.ts'
import { emergencyRules } from '../policies/emergency.ts'
import { type Bag, factsOfAll, factsWith } from '../stores/bags.ts'
import type { DeviceCommand } from '../stores/commands.ts'
import type { Transaction } from '../stores/database.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import { findPatient } from '../stores/patients.ts'
import type { ShownSession, SignedIn } from '../stores/people.ts'
import { factsAndSession, type Label, type ScanFacts, scanFacts, waitForBag } from '../stores/scans.ts'
import {
  bagsInside,
  insertAnswer,
  insertTakeOut,
  issueAtScan,
  noTakeOut,
  rulesInForce,
  type Told,
} from '../stores/take-outs.ts'
import { issueCommand } from './command-device.ts'
import { demandRight, demandSomebody, reachDevice } from './demand.ts'
import { handlingMsOf, howKept } from './how-kept.ts'
import { clockRulesOf } from './read-return-clock.ts'
import { type ReadUnit, readUnit } from './read-unit.ts'
import { uuidv7 } from './register-bag.ts'

/** A door session lasts this long, ms. */
const sessionMs = 5 * 60_000

export type OpenInput = {
  readonly device: string
  /** The pseudonym; null in an emergency without one. */
  readonly patient: string | null
  readonly emergency: boolean
  readonly reason: string | null
  /** How the patient looks, for an emergency without a group. */
  readonly seen: Seen
}

export type Opened = {
  readonly id: string
  readonly expiresAt: number
  /** Another person must check before a scan is answered GO. */
  readonly checkNeeded: boolean
  /** The command that opens the door. */
  readonly unlock: DeviceCommand
  /** What may be taken, the best first: by fit, then what expires first. */
  readonly bags: readonly Suggestion[]
}

export type Suggestion = {
  readonly bag: Bag
  /** A physician must give their word for it. */
  readonly needsOverride: boolean
}

/**
 * Say whom bags are taken out for: which of those inside may be, the best first. The door is told to open; a scan does not
 * wait for it, for the door has a key too.
 *
 * @throws Refusal `invalid_request`, `not_found`, `forbidden`, `person_required`
 */
export async function openTakeOut(ctx: Context, input: OpenInput): Promise<Opened> {
  const now = ctx.now()
  if (input.patient === null && !input.emergency)
    throw new Refusal('invalid_request', 'patient: say for whom, or that it is an emergency')
  if (input.emergency && input.reason === null)
    throw new Refusal('invalid_request', 'reason: an emergency needs one')
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'bag.take_out')
    demandSomebody(ctx, 'a door is opened')
    if (device.revokedAt !== null)
      throw new Refusal('device_revoked', `device ${input.device} is revoked: nothing is taken out of it`)
    const { facilityId } = inForce(device.placements, now)
    const known = await patientOf(tx, facilityId, input.patient)
    const patient = known && trusted(known, input.emergency, now)
    const { secondChecker, telephone } = await rulesInForce(tx, facilityId)
    const rule = emergencyRules[await jurisdictionOf(tx, facilityId)]
    const rhdPositiveAllowed = input.emergency && isRhdPositiveAllowed(rule, known, input.seen)
    const checkNeeded = secondChecker && !input.emergency
    const id = uuidv7(now)
    const expiresAt = now + sessionMs
    const body: UnlockBody = { session: id }
    const unlock = await issueCommand(tx, ctx.actor, device, { kind: 'unlock', body }, now)
    await insertTakeOut(tx, ctx.actor, {
      id,
      deviceId: device.id,
      facilityId,
      pseudonym: input.patient,
      emergency: input.emergency,
      reason: input.reason,
      openedAt: now,
      expiresAt,
      unlockId: unlock.id,
      checkNeeded,
      telephone,
      rhdPositiveAllowed,
    })
    const place = { deviceId: device.id, facilityId }
    return {
      id,
      expiresAt,
      checkNeeded,
      unlock,
      bags: await suggestions(tx, place, { patient, rhdPositiveAllowed }, now),
    }
  })
}

/** At most so many are suggested. */
const mostSuggestions = 20

async function suggestions(
  tx: Transaction,
  place: { readonly deviceId: number; readonly facilityId: number },
  { patient, rhdPositiveAllowed }: { readonly patient: Patient | null; readonly rhdPositiveAllowed: boolean },
  now: number,
): Promise<Suggestion[]> {
  const ranked: (Suggestion & { readonly rank: number })[] = []
  const inside = await bagsInside(tx, place)
  const known = await factsOfAll(tx, inside)
  for (const [index, bag] of inside.entries()) {
    const facts = known[index] as BagFacts
    if (!facts.group || !facts.isForAnybody || facts.holds.length > 0 || bag.expiresAt <= now) continue
    const keeper = reservedFor(facts, now)
    if (keeper !== null && keeper !== patient?.pseudonym) continue
    const { verdict, needs, rank } = compatibilityOf(
      bag.component,
      facts.group,
      recipientOf(patient ?? unknownPatient),
    )
    const needsOverride = needs.includes('rhd_override') && !rhdPositiveAllowed
    if (verdict === 'incompatible' || (needs.includes('low_titre') && !bag.lowTitre)) continue
    if (needs.includes('rhd_override') && patient?.antiD) continue
    ranked.push({ bag, needsOverride, rank: keeper === null ? rank : -1 })
  }
  return ranked
    .sort(
      (a, b) =>
        Number(a.needsOverride) - Number(b.needsOverride) ||
        a.rank - b.rank ||
        a.bag.expiresAt - b.bag.expiresAt,
    )
    .slice(0, mostSuggestions)
    .map(({ bag, needsOverride }) => ({ bag, needsOverride }))
}

export type ScanInput = {
  readonly takeOutId: string
  /** Donation and product as the scanner reads them from the label. */
  readonly din: string
  /** Not needed where what was scanned as `din` brings it along. */
  readonly productCode?: string | undefined
  /** A physician's word for RhD-positive cells; null where none is given. */
  readonly override: string | null
  /** Why it is taken although somebody is to be called; null where it is not. */
  readonly glassBroken: string | null
}

export type Scanned = {
  readonly answer: Answer
  readonly rule: AnswerRule | null
  readonly findings: readonly Finding[]
  readonly bag: Bag | null
  /** Where to call; null where nobody has said. */
  readonly telephone: string | null
  /** Of what was issued: until when it may be where it is. */
  readonly clock: ReturnClock | null
}

/** What a scan is decided by, as of `now`, ms UTC. */
export type ReadAhead = { readonly now: number; readonly facts: ScanFacts | null }

/**
 * Read what a scan is decided by together with who scans: a statement less for a nurse to wait for. Nothing of it may be
 * told unless they turn out to be somebody; what they may do is asked when it is decided.
 *
 * @returns who; null where the session has ended
 * @throws Refusal `invalid_din`, `invalid_request`
 */
export async function readAhead(
  { database, now: clock }: Pick<Context, 'database' | 'now'>,
  input: Omit<ScanInput, 'override' | 'glassBroken'>,
  shown: ShownSession,
): Promise<{ readonly who: SignedIn | null; readonly ahead: ReadAhead }> {
  const now = clock()
  const scan = { takeOutId: input.takeOutId, label: labelOf(await readUnit(database.db, input, now)), now }
  const { who, facts } = await factsAndSession(database, scan, shown)
  return { who, ahead: { now, facts } }
}

const labelOf = ({ scheme, identifier, product }: ReadUnit): Label => ({ scheme, identifier, ...product })

/** So often a scan is decided anew because something of the bag was changed in between. */
const mostTries = 10

/**
 * The nurse scans the bag in her hand: GO, and it is issued in the transaction that writes the answer, or STOP or CALL
 * and nothing is. What was known and what was said is written down either way.
 *
 * Nothing is locked while it is decided: the answer is written only if the bag is as it was when it was read.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `session_over`, `invalid_din`, `invalid_request`,
 * `conflict` where others kept changing the bag
 */
export async function scanBag(ctx: Context, input: ScanInput, ahead?: ReadAhead): Promise<Scanned> {
  const unit = await readUnit(ctx.database.db, input, ahead?.now ?? ctx.now())
  for (let tries = 1; tries <= mostTries; tries++) {
    const scanned = await tryScan(ctx, input, unit, tries === 1 ? ahead : undefined)
    if (scanned) return scanned
    await waitForBag(ctx.database.db, labelOf(unit))
  }
  throw new Refusal(
    'conflict',
    `bag ${shownNumber(unit.identifier)} is being changed by others: scan it again`,
  )
}

/** @returns null where somebody else was first */
async function tryScan(
  ctx: Context,
  input: ScanInput,
  unit: ReadUnit,
  ahead: ReadAhead | undefined,
): Promise<Scanned | null> {
  const label = labelOf(unit)
  const now = ahead?.now ?? ctx.now()
  const { db } = ctx.database
  const known = ahead
    ? ahead.facts
    : await scanFacts(ctx.database, { takeOutId: input.takeOutId, label, now })
  if (!known) throw new Refusal('not_found', noTakeOut(input.takeOutId))
  const { session, patient } = known
  demandRight(ctx, 'bag.take_out', [session.facilityId], noTakeOut(input.takeOutId))
  demandSomebody(ctx, 'a bag is taken out')
  if (session.expiresAt <= now) throw new Refusal('session_over', 'the door session is over: open another')
  // What another facility holds is no bag of ours: nothing is told of it.
  const { bag } = known
  const facts = bag && factsWith(bag, known.holds)
  const { emergency, telephone, rhdPositiveAllowed } = session
  const { override, glassBroken } = input
  const kept = bag && (await howKept(ctx, { ...known, bagId: bag.id }))
  const findings = findingsOfScan({
    bag: facts,
    kept,
    patient,
    emergency,
    override: override !== null || rhdPositiveAllowed,
    now,
    handlingMs: handlingMsOf(known, now),
    isElsewhere: isElsewhere(known),
    isUnchecked: session.checkNeeded && session.checkedBy === null,
    label: {
      group: unit.label.group,
      expiresAt: unit.label.expires && expiryOf(unit.label.expires, known.timeZone ?? 'UTC'),
    },
  })
  const isBroken = glassBroken !== null && mayBreakGlass(findings, cnAnswers.rules)
  const { answer, rule } = isBroken ? allowed : answerTo(findings, cnAnswers.rules)
  const told: Told = {
    takeOutId: session.id,
    scanned: `${label.identifier} ${shownProduct(label.identifier, label)}`,
    bagId: bag?.id ?? null,
    answer,
    findings,
    override,
    glassBroken: isBroken ? glassBroken : null,
    policies: bag ? versionsUsed(known, now) : { answers: cnAnswers.version },
    knownAt: now,
  }
  if (answer !== 'GO' || !bag || !facts) {
    await insertAnswer(db, ctx.actor, told)
    return { answer, rule, findings, bag, telephone, clock: null }
  }
  const { reason } = session
  const waived = isBroken ? findings : rhdPositiveAllowed ? rhdWaived : []
  const asked = { patient, emergency, override, reason, takeOut: session.id }
  const event = decide(facts, { verb: 'issue', ...asked, waived, glassBroken: told.glassBroken }, now)
  const issued = await issueAtScan(db, ctx.actor, bag, event, told)
  const spentMs = kept?.uncontrolledMs ?? 0
  const clock = returnClock(clockRulesOf(known, bag.component, now), {
    since: now,
    spentMs,
    left: null,
    room: null,
  })
  return issued && { answer, rule, findings, bag: issued, telephone, clock }
}

const allowed = { answer: 'GO', rule: null } as const

/** Is it believed to be inside another device than the one it is being taken out of? */
function isElsewhere({ session, lives: [own] }: ScanFacts): boolean {
  const last = own?.stays.at(-1)
  return last?.state === 'inside' && last.to === null && last.deviceId !== session.deviceId
}

/** Which versions were applied: of the answers, and of what is said of each component. */
function versionsUsed({ policies, lives, jurisdiction, handling }: ScanFacts, now: number): Told['policies'] {
  const first = Math.min(...lives.map(({ from }) => from))
  const storage = Object.entries(policies).map(([component, { storage: versions }]) => {
    const oldest = inForce(versions, first)
    const used = versions.filter(
      (version) => version === oldest || (version.from > first && version.from <= now),
    )
    return [component, used.map(({ version }) => version)] as const
  })
  const inHand = handling.length > 0 ? inForce(handling, now).version : null
  return { jurisdiction, answers: cnAnswers.version, storage: Object.fromEntries(storage), inHand }
}

function patientOf(tx: Transaction, facilityId: number, pseudonym: string | null): Promise<Patient | null> {
  return pseudonym === null ? Promise.resolve(null) : findPatient(tx, facilityId, pseudonym)
}
