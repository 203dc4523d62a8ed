import { createHash } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { KeptList } from '../../schema/offline-list.ts'
import type { Finding, OfflineConflict, Sex } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { observeIssue } from '../domain/bag.ts'
import { type Crossmatch, nothingKnown } from '../domain/crossmatch.ts'
import { inForce } from '../domain/effective.ts'
import { isRhdPositiveAllowed } from '../domain/emergency.ts'
import { expiryOf } from '../domain/isbt128/date.ts'
import { conflictsOf, decideOffline, type PatientFacts } from '../domain/offline.ts'
import { type KnownPatient, patientOf } from '../domain/patient-record.ts'
import type { ReadUnit } from '../domain/read-unit.ts'
import { Refusal } from '../domain/refusal.ts'
import { findingsOfScan, mayBreakGlass, rhdWaived } from '../domain/take-out.ts'
import { cnAnswers } from '../policies/answers.ts'
import { emergencyRules } from '../policies/emergency.ts'
import { cnOffline } from '../policies/offline.ts'
import { applyEvent, type Bag, concerned, factsWith, findBag, holdsOf, lockBags } from '../stores/bags.ts'
import { fitsOf } from '../stores/crossmatches.ts'
import type { Transaction } from '../stores/database.ts'
import { type Device, findDevice, noDevice } from '../stores/devices.ts'
import { rulesAt } from '../stores/facilities.ts'
import { bagsAmong, decisionsKnown, inStateSince, insertDecision } from '../stores/offline-decisions.ts'
import { findList } from '../stores/offline-lists.ts'
import { type Bounds, knownPatientAt } from '../stores/patients.ts'
import { rulesInForce } from '../stores/take-outs.ts'
import { crossmatchFor } from './crossmatch-needed.ts'
import { demandRight } from './demand.ts'
import { readUnit } from './read-unit.ts'

/** A decision as its terminal tells it. */
export type OfflineDecision = {
  readonly decisionId: string
  /** By its clock, and by how much that may be wrong, ms. */
  readonly occurredAt: number
  readonly uncertaintyMs: number
  /** The list it went by; null where it had none. */
  readonly list: { readonly seq: number; readonly sha256: string } | null
  /** As of when it was told of patients; null where it was not, undefined where it does not say. */
  readonly patientsAsOf?: number | null | undefined
  readonly badge?: string | undefined
  readonly checker?: string | undefined
  readonly patient?: string | undefined
  readonly emergency: boolean
  readonly sex?: Sex | undefined
  readonly ageYears?: number | undefined
  readonly reason?: string | undefined
  readonly override?: string | undefined
  readonly breakGlass?: string | undefined
  readonly scanned: { readonly din: string; readonly productCode?: string | undefined }
  readonly bagId: string | null
  readonly answer: 'GO' | 'STOP' | 'CALL'
  readonly findings: readonly Finding[]
}

export type Taken = {
  readonly decisionId: string
  readonly isNew: boolean
  readonly conflicts: readonly OfflineConflict[]
}

/**
 * Take what a terminal decided while it was cut off. Each is written down whatever speaks against it, and what was handed
 * out is issued, wherever it was thought to be; what speaks against it is kept with it, and is a task. The same decision
 * told again is nothing new; another one by its id is not taken, and named in `reused`.
 *
 * A bag that neither its facility has to do with, nor any list of ours named, moves on nobody's mere word.
 *
 * @throws Refusal `not_found`, `forbidden`
 */
export async function tellDecisions(
  ctx: Context,
  name: string,
  told: readonly OfflineDecision[],
): Promise<{
  readonly receivedAt: number
  readonly taken: readonly Taken[]
  readonly reused: readonly OfflineDecision[]
}> {
  const { db } = ctx.database
  return db.transaction(async (tx) => {
    const device = await reachTerminal(ctx, tx, name)
    const ordered = [...told].sort(
      (a, b) => a.occurredAt - b.occurredAt || (a.decisionId < b.decisionId ? -1 : 1),
    )
    const named = [...new Set(ordered.flatMap(({ bagId }) => bagId ?? []))]
    const locked = new Set(await lockBags(tx, await bagsAmong(tx, named)))
    const receivedAt = ctx.now()
    const ids = ordered.map(({ decisionId }) => decisionId)
    const known = await decisionsKnown(tx, device.id, ids)
    const taken: Taken[] = []
    const reused: OfflineDecision[] = []
    for (const decision of ordered) {
      const { decisionId } = decision
      const toldHash = hashOf(decision)
      const before = known.get(decisionId)
      if (before && before.toldHash !== toldHash) reused.push(decision)
      else if (before) {
        taken.push({ decisionId, isNew: false, conflicts: before.conflicts as OfflineConflict[] })
      } else {
        const bag = decision.bagId && locked.has(decision.bagId) ? await findBag(tx, decision.bagId) : null
        const conflicts = await takeOne({ ...ctx, database: { ...ctx.database, db: tx } }, tx, {
          ...{ device, decision, toldHash, bag, receivedAt },
        })
        known.set(decisionId, { toldHash, conflicts })
        taken.push({ decisionId, isNew: true, conflicts })
      }
    }
    return { receivedAt, taken, reused }
  })
}

/** Its own terminal, or somebody who may take bags out of it. @throws Refusal `not_found`, `forbidden` */
export async function reachTerminal(ctx: Context, tx: Transaction, name: string): Promise<Device> {
  const device = await findDevice(tx, name)
  if (ctx.actor.kind === 'device' && ctx.actor.id !== name) throw new Refusal('not_found', noDevice(name))
  demandRight(ctx, 'bag.take_out', [inForce(device.placements, ctx.now()).facilityId], noDevice(name))
  return device
}

type One = {
  readonly device: Device
  readonly decision: OfflineDecision
  readonly toldHash: string
  readonly bag: Bag | null
  readonly receivedAt: number
}

async function takeOne(ctx: Context, tx: Transaction, one: One): Promise<readonly OfflineConflict[]> {
  const { device, decision, toldHash, bag, receivedAt } = one
  const { occurredAt, uncertaintyMs, answer, findings, breakGlass: glassBroken = null } = decision
  const { facilityId } = inForce(device.placements, occurredAt)
  const about = { facilityId, pseudonym: decision.patient, bag }
  const { patient, fit } = await patientAt(tx, about, receivedAt, { givenBy: occurredAt })
  const list = await listOf(tx, device, decision.list)
  const unit = await unitOf(tx, decision, occurredAt)
  const holds = bag ? await holdsOf(tx, bag.id) : []
  const stood = holds.filter(({ liftedAt }) => liftedAt === null || liftedAt > occurredAt)
  const isTheirs =
    bag !== null &&
    (bag.holderId === facilityId ||
      bag.destinationId === facilityId ||
      (list?.bags.some(({ id }) => id === bag.id) ?? false))
  const { jurisdiction } = await rulesAt(tx, facilityId)
  const { crossmatch: isForAll } = await rulesInForce(tx, facilityId, occurredAt)
  const { timeZone } = await rulesAt(tx, bag?.originId ?? bag?.holderId ?? facilityId)
  const seen = { sex: decision.sex ?? null, ageYears: decision.ageYears ?? null }
  const { emergency } = decision
  const isRhdAllowed = emergency && isRhdPositiveAllowed(emergencyRules[jurisdiction], patient, seen)
  const override = decision.override ?? null
  const expires = unit?.label.expires ?? null
  const found = bag
    ? findingsOfScan({
        bag: factsWith(bag, []),
        kept: { wasOutOfRange: false, unverifiedMs: 0, uncontrolledMs: 0 },
        ...{ patient, emergency, now: occurredAt, isElsewhere: false, isUnchecked: false },
        override: override !== null || isRhdAllowed,
        handlingMs: Number.POSITIVE_INFINITY,
        label: { group: unit?.label.group ?? null, expiresAt: expires && expiryOf(expires, timeZone) },
        fit,
        crossmatch: crossmatchFor(jurisdiction, patient, isForAll),
      })
    : null
  const conflicts = conflictsOf(
    { occurredAt, uncertaintyMs, answer, findings, glassBroken },
    {
      ...{ found, isTheirs, list, state: bag?.state ?? null },
      holds: stood.map(({ kind }) => kind),
      replayed: await replayOf(tx, about, decision, list, unit),
    },
    { rules: cnAnswers.rules, now: receivedAt, aheadMs: cnOffline.aheadMs },
  )
  let bagVersion: number | null = null
  if (answer === 'GO' && bag && isTheirs) {
    const isBroken = glassBroken !== null && mayBreakGlass(findings, cnAnswers.rules)
    const { badge = null, checker = null } = decision
    const event = observeIssue(
      factsWith(bag, []),
      {
        ...{ emergency, override, occurredAt, facilityId },
        patient: decision.patient ?? null,
        reason: decision.reason ?? null,
        waived: isBroken ? findings : isRhdAllowed ? rhdWaived : [],
        glassBroken: isBroken ? glassBroken : null,
        offline: { device: device.name, decisionId: decision.decisionId, badge, checker, conflicts },
      },
      await inStateSince(tx, bag.id),
    )
    bagVersion = (await applyEvent(tx, ctx.actor, bag, event, receivedAt)).version
  }
  await insertDecision(
    tx,
    ctx.actor,
    {
      ...{ deviceId: device.id, id: decision.decisionId, facilityId, occurredAt, uncertaintyMs, receivedAt },
      ...{ listSeq: decision.list?.seq ?? null, listHash: decision.list?.sha256 ?? null },
      ...{ badge: decision.badge ?? null, checker: decision.checker ?? null },
      ...{ pseudonym: decision.patient ?? null, emergency, answer, findings, conflicts },
      scanned: [decision.scanned.din, decision.scanned.productCode ?? ''].join(' ').trim(),
      ...{ bagId: bag?.id ?? null, bagVersion, told: decision, toldHash },
    },
    { device: device.name, facilityIds: [...new Set([facilityId, ...(bag ? concerned(bag) : [])])] },
  )
  return conflicts
}

/** Whom it was for, and which bag. */
type About = {
  readonly facilityId: number
  readonly pseudonym: string | undefined
  readonly bag: Bag | null
}

/** A patient as they were known, and what the bag is to them. Of whom nobody knows there nothing is on record. */
async function patientAt(
  tx: Transaction,
  { facilityId, pseudonym, bag }: About,
  now: number,
  bounds: Bounds,
) {
  if (pseudonym === undefined) return { known: null, patient: null, fit: nothingKnown }
  const nobody: KnownPatient = {
    ...{ pseudonym, word: { abo: null, rhd: null }, antiD: false, sampleUntil: null, record: null },
  }
  const known = await knownPatientAt(tx, facilityId, pseudonym, bounds)
  const fits = bag && (await fitsOf(tx, { facilityId, pseudonym }, [bag.id], now, bounds.knownAt))
  return { known, patient: patientOf(known ?? nobody), fit: fits && bag ? fits(bag.id) : nothingKnown }
}

/** The list it went by, if it is one of ours, to the byte. */
async function listOf(
  tx: Transaction,
  { id }: Device,
  told: OfflineDecision['list'],
): Promise<KeptList | null> {
  const found = told && (await findList(tx, id, told.seq))
  if (!found || found.payloadHash !== told.sha256) return null
  return KeptList.parse(JSON.parse(inflateRawSync(found.payload).toString()))
}

async function unitOf(tx: Transaction, { scanned }: OfflineDecision, at: number): Promise<ReadUnit | null> {
  try {
    return await readUnit(tx, scanned, at)
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

/**
 * What the list it went by answers to what it says it was asked, of the patient as known here when it was told of patients;
 * of another bag, no GO. What was found of them since is not the terminal's fault, and a conflict by its own name.
 */
async function replayOf(
  tx: Transaction,
  about: About,
  decision: OfflineDecision,
  list: KeptList | null,
  unit: ReadUnit | null,
): Promise<'GO' | 'STOP' | 'CALL' | null> {
  if (!list) return null
  if (!unit) return 'STOP'
  const { occurredAt, uncertaintyMs, emergency, badge, checker, patient, findings } = decision
  const { patientsAsOf = list.asOf } = decision
  const isTold = patientsAsOf !== null && !findings.includes('patient_unknown')
  const told = isTold ? await patientAt(tx, about, patientsAsOf, { knownAt: patientsAsOf }) : null
  const who = patient === undefined ? null : 'patient'
  const crossmatches = (told?.fit.crossmatches ?? []).map((one): Crossmatch & { bag: string } => ({
    ...one,
    bag: about.bag?.id ?? '',
  }))
  const patients: PatientFacts | null =
    patientsAsOf === null
      ? null
      : {
          facility: list.facility,
          asOf: patientsAsOf,
          validUntil: patientsAsOf + (list.validUntil - list.asOf),
          patients: who && told?.known ? [listed(told.known, who, crossmatches)] : [],
          leftOut: isTold ? 0 : 1,
        }
  // Whom a bag is kept for the list says by a hash that says nothing here, and is asked of what is known now.
  const bags = list.bags.map((bag) => ({ ...bag, reservation: null }))
  const { answer, bagId } = decideOffline(
    {
      ...{ list: { ...list, bags }, patients, handedOut: new Set(), exposed: new Map() },
      fallback: cnAnswers.rules,
    },
    {
      ...{ unit, emergency, uncertaintyMs, patient: who, at: occurredAt },
      seen: { sex: decision.sex ?? null, ageYears: decision.ageYears ?? null },
      override: decision.override !== undefined,
      isGlassBroken: decision.breakGlass !== undefined,
      isChecked: checker !== undefined && checker !== badge,
    },
  )
  return bagId === decision.bagId ? answer : 'STOP'
}

const listed = (
  { word, antiD, sampleUntil, record }: KnownPatient,
  who: string,
  crossmatches: PatientFacts['patients'][number]['crossmatches'],
) => ({ who, group: word, antiD, sampleUntil, record: record ?? undefined, crossmatches })

/** The same decision to the letter, however its fields were ordered. */
function hashOf(decision: OfflineDecision): string {
  const sorted = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, inner]) => [name, sorted(inner)]),
        )
      : value
  return createHash('sha256')
    .update(JSON.stringify(sorted(decision)))
    .digest('hex')
}
