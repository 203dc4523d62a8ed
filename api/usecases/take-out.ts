import type { Finding } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { type BagFacts, decide, type Patient, reservedFor } from '../domain/bag.ts'
import { compatibilityOf } from '../domain/compatibility.ts'
import { inForce } from '../domain/effective.ts'
import { parseDin, parseProductCode } from '../domain/isbt128.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Answer, type AnswerRule, answerTo, findingsOfScan } from '../domain/take-out.ts'
import { cnAnswers, cnHandlingMs } from '../policies/answers.ts'
import { applyEvent, type Bag, factsOfAll, factsWith } from '../stores/bags.ts'
import type { Transaction } from '../stores/database.ts'
import { findPatient } from '../stores/patients.ts'
import { lockByLabel, type ScanFacts, scanFacts } from '../stores/scans.ts'
import { bagsInside, insertAnswer, insertTakeOut, noTakeOut } from '../stores/take-outs.ts'
import { demandRight, reachDevice } from './demand.ts'
import { howKept } from './how-kept.ts'
import { uuidv7 } from './register-bag.ts'

const jurisdiction = 'CN'

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
    const device = await reachDevice(ctx, tx, input.device, 'bag.take_out')
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
    return { id, expiresAt, bags: await suggestions(tx, { deviceId: device.id, facilityId }, patient, now) }
  })
}

/** At most so many are suggested. */
const mostSuggestions = 20

async function suggestions(
  tx: Transaction,
  place: { readonly deviceId: number; readonly facilityId: number },
  patient: Patient | null,
  now: number,
): Promise<Bag[]> {
  const ranked: { bag: Bag; rank: number }[] = []
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
    const bagId = await lockByLabel(tx, identifier, product)
    const known = await scanFacts(tx, { takeOutId: input.takeOutId, bagId, jurisdiction })
    if (!known) throw new Refusal('not_found', noTakeOut(input.takeOutId))
    const { session, patient } = known
    demandRight(ctx, 'bag.take_out', [session.facilityId], noTakeOut(input.takeOutId))
    if (session.expiresAt <= now) throw new Refusal('expired', 'the door session is over: open another')
    // What another facility holds is no bag of ours: nothing is told of it.
    const { bag } = known
    const facts = bag && factsWith(bag, known.holds)
    const findings = findingsOfScan({
      bag: facts,
      kept: bag && (await howKept(ctx, tx, { ...known, bagId: bag.id }, jurisdiction, cnHandlingMs)),
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
  readonly session: ScanFacts['session']
  readonly bag: Bag
  readonly facts: BagFacts
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
