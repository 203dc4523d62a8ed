import type { Finding } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { decide } from '../domain/bag.ts'
import { nothingKnown } from '../domain/crossmatch.ts'
import { inForce } from '../domain/effective.ts'
import { expiryOf } from '../domain/isbt128/date.ts'
import type { ReadUnit } from '../domain/read-unit.ts'
import { Refusal } from '../domain/refusal.ts'
import { type ReturnClock, returnClock } from '../domain/return-clock.ts'
import { type Answer, type AnswerRule, findingsOfScan, rhdWaived, verdictOn } from '../domain/take-out.ts'
import { knewOf } from '../domain/turned-out.ts'
import { shownNumber, shownProduct } from '../domain/unit-id.ts'
import { cnAnswers } from '../policies/answers.ts'
import { crossmatchRulesVersion } from '../policies/crossmatches.ts'
import { type Bag, factsWith } from '../stores/bags.ts'
import type { ShownSession, SignedIn } from '../stores/people.ts'
import { factsAndSession, type Label, type ScanFacts, scanFacts, waitForScan } from '../stores/scans.ts'
import { insertAnswer, issueAtScan, noTakeOut, type Told } from '../stores/take-outs.ts'
import { crossmatchFor } from './crossmatch-needed.ts'
import { demandRight, demandSomebody } from './demand.ts'
import { handlingMsOf, howKept } from './how-kept.ts'
import { clockRulesOf } from './read-return-clock.ts'
import { readUnit } from './read-unit.ts'

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

/** What was scanned, and what that is decided by, as of `now`, ms UTC. */
export type ReadAhead = { readonly now: number; readonly unit: ReadUnit; readonly facts: ScanFacts | null }

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
  const unit = await readUnit(database.db, input, now)
  const scan = { takeOutId: input.takeOutId, label: labelOf(unit), now }
  const { who, facts } = await factsAndSession(database, scan, shown)
  return { who, ahead: { now, unit, facts } }
}

const labelOf = ({ scheme, identifier, product }: ReadUnit): Label => ({ scheme, identifier, ...product })

/** So often a scan is decided anew because something of the bag was changed in between. */
const mostTries = 10

/**
 * The nurse scans the bag in her hand: GO, and it is issued in the transaction that writes the answer, or STOP or CALL
 * and nothing is. What was known and what was said is written down either way.
 *
 * Nothing is locked while it is decided: the answer is written only if the bag, and what is on record of the patient, are as
 * they were when they were read.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `session_over`, `invalid_din`, `invalid_request`,
 * `conflict` where others kept changing the bag or the record
 */
export async function scanBag(ctx: Context, input: ScanInput, ahead?: ReadAhead): Promise<Scanned> {
  const unit = ahead?.unit ?? (await readUnit(ctx.database.db, input, ctx.now()))
  for (let tries = 1; tries <= mostTries; tries++) {
    const scanned = await tryScan(ctx, input, unit, tries === 1 ? ahead : undefined)
    if (scanned) return scanned
    await waitForScan(ctx.database.db, labelOf(unit), input.takeOutId)
  }
  throw new Refusal(
    'conflict',
    `bag ${shownNumber(unit.identifier)}, or the record of its patient, is being changed by others: scan it again`,
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
  const kept = bag && (await howKept(ctx, known))
  const fit = known.fit ?? nothingKnown
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
    fit,
    order: known.order,
    crossmatch: crossmatchFor(known.jurisdiction, patient, session.crossmatchNeeded),
  })
  const { answer, rule, isBroken } = verdictOn(findings, cnAnswers.rules, glassBroken !== null)
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
  const asked = { patient, emergency, override, reason, takeOut: session.id, order: session.orderId }
  const knew = knewOf(facts, patient, fit, now)
  const event = decide(facts, { verb: 'issue', ...asked, waived, knew, glassBroken: told.glassBroken }, now)
  const whom = { patient: readOf(known), orderId: session.orderId }
  const issued = await issueAtScan(db, ctx.actor, bag, event, told, whom)
  const spentMs = kept?.uncontrolledMs ?? 0
  const clock = returnClock(clockRulesOf(known, bag.component, now), {
    since: now,
    spentMs,
    left: null,
    room: null,
  })
  return issued && { answer, rule, findings, bag: issued, telephone, clock }
}

/** Whom it is for as they were read: what is found of them meanwhile voids the answer. */
const readOf = ({ session: { facilityId, pseudonym }, patientRevision }: ScanFacts) =>
  pseudonym === null ? null : { facilityId, pseudonym, revision: patientRevision }

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
  return {
    ...{ jurisdiction, answers: cnAnswers.version, storage: Object.fromEntries(storage), inHand },
    crossmatches: crossmatchRulesVersion,
  }
}
