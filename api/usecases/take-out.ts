import type { Finding } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { decide, type Patient } from '../domain/bag.ts'
import { compatibilityOf } from '../domain/compatibility.ts'
import { inForce } from '../domain/effective.ts'
import { parseDin, parseProductCode } from '../domain/isbt128.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Answer, type AnswerRule, answerTo, findingsOfScan, type Kept } from '../domain/take-out.ts'
import { cnAnswers, cnHandlingMs } from '../policies/answers.ts'
import { applyEvent, type Bag, bagByLabel, eventsOf, factsOf, findBag, lockBags } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { findPatient } from '../stores/patients.ts'
import {
  bagsInside,
  findTakeOut,
  insertAnswer,
  insertTakeOut,
  noTakeOut,
  type TakeOut,
} from '../stores/take-outs.ts'
import { demandRight, reachDevice } from './demand.ts'
import { uuidv7 } from './register-bag.ts'
import { traceBag } from './trace-bag.ts'

/** A door session lasts this long, ms. */
const sessionMs = 5 * 60_000

export type OpenInput = {
  readonly device: string
  /** The pseudonym; null in an emergency without one. */
  readonly patient: string | null
  readonly emergency: boolean
  readonly reason: string | null
}

export type Opened = {
  readonly id: string
  readonly expiresAt: number
  /** What may be taken, the best first: by fit, then what expires first. */
  readonly bags: readonly Bag[]
}

/**
 * Say whom bags are taken out for: which of those inside may be, the best first.
 *
 * @throws Refusal `invalid_request`, `not_found`, `forbidden`
 */
export async function openTakeOut(ctx: Context, input: OpenInput): Promise<Opened> {
  const now = ctx.now()
  if (input.patient === null && !input.emergency)
    throw new Refusal('invalid_request', 'patient: say for whom, or that it is an emergency')
  if (input.emergency && input.reason === null)
    throw new Refusal('invalid_request', 'reason: an emergency needs one')
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'bag.issue')
    const { facilityId } = inForce(device.placements, now)
    const patient = await patientOf(tx, facilityId, input.patient)
    const id = uuidv7(now)
    const expiresAt = now + sessionMs
    await insertTakeOut(tx, ctx.actor, {
      id,
      deviceId: device.id,
      facilityId,
      pseudonym: input.patient,
      emergency: input.emergency,
      reason: input.reason,
      openedAt: now,
      expiresAt,
    })
    return { id, expiresAt, bags: await suggestions(tx, device.id, patient, now) }
  })
}

/** At most so many are suggested. */
const mostSuggestions = 20

async function suggestions(
  tx: Transaction,
  deviceId: number,
  patient: Patient | null,
  now: number,
): Promise<Bag[]> {
  const ranked: { bag: Bag; rank: number }[] = []
  for (const bag of await bagsInside(tx, deviceId)) {
    const facts = await factsOf(tx, bag)
    if (!facts.group || facts.holds.length > 0 || bag.expiresAt <= now) continue
    const keeper = facts.reservation && facts.reservation.until > now ? facts.reservation.patient : null
    if (keeper !== null && keeper !== patient?.pseudonym) continue
    const { verdict, needs, rank } = compatibilityOf(
      bag.component,
      facts.group,
      patient?.group ?? { abo: null, rhd: null },
    )
    if (verdict === 'incompatible' || (needs.includes('low_titre') && !bag.lowTitre)) continue
    ranked.push({ bag, rank: keeper === null ? rank : -1 })
  }
  return ranked
    .sort((a, b) => a.rank - b.rank || a.bag.expiresAt - b.bag.expiresAt)
    .slice(0, mostSuggestions)
    .map(({ bag }) => bag)
}

export type ScanInput = {
  readonly takeOutId: string
  /** Donation and product as the scanner reads them from the label. */
  readonly din: string
  readonly productCode: string
  /** A physician's word for RhD-positive cells; null where none is given. */
  readonly override: string | null
}

export type Scanned = {
  readonly answer: Answer
  readonly rule: AnswerRule | null
  readonly findings: readonly Finding[]
  readonly bag: Bag | null
}

/**
 * The nurse scans the bag in her hand: GO, and it is issued in this very transaction, or STOP or CALL and nothing is. What
 * was known and what was said is written down either way.
 *
 * @throws Refusal `not_found`, `forbidden`, `expired` where the door session is over, `invalid_din`, `invalid_request`
 */
export async function scanBag(ctx: Context, input: ScanInput): Promise<Scanned> {
  const now = ctx.now()
  const identifier = parseDin(input.din)
  const product = parseProductCode(input.productCode)
  return ctx.database.db.transaction(async (tx) => {
    const session = await findTakeOut(tx, input.takeOutId)
    demandRight(ctx, 'bag.issue', [session.facilityId], noTakeOut(input.takeOutId))
    if (session.expiresAt <= now) throw new Refusal('expired', 'the door session is over: open another')
    const known = await bagByLabel(tx, identifier, product)
    if (known) await lockBags(tx, [known.id])
    // What another facility holds is no bag of ours: nothing is told of it.
    const found = known && (await findBag(tx, known.id))
    const bag = found && found.holderId === session.facilityId ? found : null
    const patient = await patientOf(tx, session.facilityId, session.pseudonym)
    const facts = bag && (await factsOf(tx, bag))
    const findings = findingsOfScan({
      bag: facts,
      kept: bag && (await howKept(ctx, tx, bag, now)),
      patient,
      emergency: session.emergency,
      override: input.override !== null,
      now,
      handlingMs: cnHandlingMs,
    })
    const { answer, rule } = answerTo(findings, cnAnswers)
    const scanned = `${identifier} ${input.productCode}`
    const told = { takeOutId: session.id, scanned, bagId: bag?.id ?? null, answer, findings, knownAt: now }
    await insertAnswer(tx, ctx.actor, told)
    if (answer !== 'GO' || !bag || !facts) return { answer, rule, findings, bag }
    return { answer, rule, findings, bag: await issue(ctx, tx, { session, bag, facts, patient, input }) }
  })
}

type Issue = {
  readonly session: TakeOut
  readonly bag: Bag
  readonly facts: Awaited<ReturnType<typeof factsOf>>
  readonly patient: Patient | null
  readonly input: ScanInput
}

function issue(ctx: Context, tx: Transaction, { session, bag, facts, patient, input }: Issue): Promise<Bag> {
  const now = ctx.now()
  const { emergency } = session
  const { override } = input
  const event = decide(facts, { verb: 'issue', patient, emergency, override, takeOut: session.id }, now)
  return applyEvent(tx, ctx.actor, bag, event, now)
}

function patientOf(tx: Transaction, facilityId: number, pseudonym: string | null): Promise<Patient | null> {
  return pseudonym === null ? Promise.resolve(null) : findPatient(tx, facilityId, pseudonym)
}

/** The verbs by which a person vouches for how a bag was kept until then. */
const vouching = new Set(['collect', 'register', 'release', 'receive', 'reinstate'])

/**
 * How a bag was kept since somebody last vouched for it. On its way into the first container it was in hands: for so long
 * as handling may last that is uncontrolled, beyond it nobody knows.
 */
async function howKept(ctx: Context, tx: Transaction, bag: Bag, now: number): Promise<Kept> {
  const events = await eventsOf(tx, bag.id)
  const since = events.findLast(({ verb }) => vouching.has(verb))?.at ?? bag.registeredAt
  const deps = { database: { ...ctx.database, db: tx }, now: ctx.now }
  const { total, beforeFirstSeen } = await traceBag(deps, {
    bagId: bag.id,
    jurisdiction: 'CN',
    asOf: now,
    since,
  })
  const carriedMs = beforeFirstSeen ? beforeFirstSeen.to - beforeFirstSeen.from : 0
  const handledMs = Math.min(carriedMs, cnHandlingMs)
  return {
    outOfRangeMs: total.belowMs + total.aboveMs,
    unverifiedMs: total.unverifiedMs - handledMs,
    uncontrolledMs: total.uncontrolledMs + handledMs,
  }
}
