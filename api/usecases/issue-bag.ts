import type { Finding, ReturnPolicy } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { type BagFacts, type Command, decide, type Kept, type Patient } from '../domain/bag.ts'
import { nothingKnown } from '../domain/crossmatch.ts'
import { inForce } from '../domain/effective.ts'
import { isRhdPositiveAllowed, type Seen } from '../domain/emergency.ts'
import { Refusal } from '../domain/refusal.ts'
import { findingsOfScan, rhdWaived } from '../domain/take-out.ts'
import { knewOf } from '../domain/turned-out.ts'
import { emergencyRules } from '../policies/emergency.ts'
import type { Bag } from '../stores/bags.ts'
import { fitsOf } from '../stores/crossmatches.ts'
import type { Transaction } from '../stores/database.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import { lockPatient } from '../stores/patient-records.ts'
import { holdPatient, noPatient } from '../stores/patients.ts'
import { policyVersions } from '../stores/policies.ts'
import { keptFacts } from '../stores/scans.ts'
import { rulesInForce } from '../stores/take-outs.ts'
import { crossmatchFor } from './crossmatch-needed.ts'
import { handlingMsOf, howKept } from './how-kept.ts'
import { orderForBag } from './order-blood.ts'

/** What a nurse at a fridge would be told to call for: at the counter stands who is called, and may say why. */
const theirs: ReadonlySet<Finding> = new Set([
  'unverified',
  'uncontrolled_too_long',
  'no_valid_sample',
  'crossmatch_missing',
  'crossmatch_expired',
  'crossmatch_least_incompatible',
  'antigen_unknown',
  'requirement_unmet',
])

/**
 * Hand a bag out over the counter, by what a scan would find. What is a matter of group, hold, date or allocation the
 * bag's own rules refuse; what was measured outside its limits nobody hands out.
 *
 * @throws Refusal `not_found` for the patient, what `decide` refuses, `breached`, `unverified` where nobody says why all
 * the same
 */
export async function commandToIssue(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
  facts: BagFacts,
  input: {
    /** Null in an emergency without one. */
    readonly patient: string | null
    readonly emergency: boolean
    readonly override: string | null
    readonly reason: string | null
    /** The order it fills; left out where none was named. */
    readonly order?: string | null
    readonly seen: Seen
  },
): Promise<Command> {
  const now = ctx.now()
  const { emergency, override, reason, order = null } = input
  // Who only holds them could not lock them after that, where two do.
  if (order !== null && input.patient !== null && bag.holderId !== null)
    await lockPatient(tx, { facilityId: bag.holderId, pseudonym: input.patient })
  const patient = input.patient === null ? null : await patientAt(tx, bag.holderId, input.patient)
  const rule = emergencyRules[await jurisdictionOf(tx, bag.holderId)]
  const isRhdAllowed = emergency && isRhdPositiveAllowed(rule, patient, input.seen)
  const waived = isRhdAllowed ? rhdWaived : []
  const asked = { patient, emergency, override, reason, takeOut: null, order }
  const command: Command = { verb: 'issue', ...asked, waived, glassBroken: null }
  // What the bag's own rules refuse is said first.
  decide(facts, command, now)
  if (order !== null)
    await orderForBag(ctx, tx, bag, { order, patient: input.patient, isEmergency: emergency })
  const inTransaction = { ...ctx, database: { ...ctx.database, db: tx } }
  const known = await keptFacts(inTransaction.database, { bagId: bag.id, now })
  const kept = await howKept(inTransaction, known)
  const scan = { bag: facts, kept, patient, emergency, override: override !== null || isRhdAllowed, now }
  const fits =
    patient &&
    bag.holderId !== null &&
    (await fitsOf(tx, { facilityId: bag.holderId, pseudonym: patient.pseudonym }, [bag.id], now))
  const fit = fits ? fits(bag.id) : nothingKnown
  const rules = bag.holderId === null ? null : await rulesInForce(tx, bag.holderId)
  const findings = findingsOfScan({
    ...scan,
    handlingMs: handlingMsOf(known, now),
    isElsewhere: false,
    // Who stands at the counter is the second.
    isUnchecked: false,
    label: { group: null, expiresAt: null },
    fit,
    crossmatch: crossmatchFor(known.jurisdiction, patient, rules?.crossmatch ?? false),
  })
  if (findings.includes('crossmatch_incompatible'))
    throw new Refusal('incompatible', `bag ${facts.label} was crossmatched for the patient: incompatible`)
  // Who bleeds to death is not helped by waiting for what lacks an antigen: the physician's reason is on record.
  if (findings.includes('antigen_positive') && !emergency)
    throw new Refusal('incompatible', `bag ${facts.label} has an antigen the patient has an antibody against`)
  if (findings.includes('out_of_range'))
    throw new Refusal('breached', `bag ${facts.label} was measured outside its limits: see its trace`)
  const open = findings.filter((finding) => theirs.has(finding))
  if (open.length > 0 && reason === null)
    throw new Refusal(
      'unverified',
      `bag ${facts.label}: ${open.join(', ')}; see its trace, and say why it is issued all the same (reason)`,
    )
  return { ...command, knew: knewOf(facts, patient, fit, now) }
}

/** What is said at its holder's of bags that come back, and how this one was kept. */
export async function returnOf(
  ctx: Context,
  tx: Transaction,
  bag: Bag,
): Promise<{ returns: ReturnPolicy; kept: Kept | null; handlingMs: number }> {
  const now = ctx.now()
  const inTransaction = { ...ctx, database: { ...ctx.database, db: tx } }
  const known = await keptFacts(inTransaction.database, { bagId: bag.id, now })
  const versions = await policyVersions(tx, known.jurisdiction, bag.component, 'storage')
  return {
    returns: versions.length > 0 ? inForce(versions, now).returns : 'none',
    kept: await howKept(inTransaction, known),
    handlingMs: handlingMsOf(known, now),
  }
}

/**
 * A patient of the holder, in the words that are said of any it does not know. Until the end nobody writes into their
 * record; the bag must be locked before.
 *
 * @throws Refusal `not_found`
 */
export async function patientAt(
  tx: Transaction,
  holderId: number | null,
  pseudonym: string,
): Promise<Patient> {
  if (holderId === null) throw new Refusal('not_found', noPatient(pseudonym))
  return holdPatient(tx, holderId, pseudonym)
}
