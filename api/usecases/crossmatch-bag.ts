import type { CrossmatchMethod, CrossmatchResult } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { keeperOf } from '../domain/bag.ts'
import { crossmatchUntil, obstaclesToElectronic } from '../domain/crossmatch.ts'
import { Refusal } from '../domain/refusal.ts'
import { isValidSample } from '../domain/sample.ts'
import { crossmatchRules, crossmatchRulesVersion } from '../policies/crossmatches.ts'
import { factsOf, findBag, lockBags, noBag } from '../stores/bags.ts'
import { fitsOf, insertCrossmatch } from '../stores/crossmatches.ts'
import { jurisdictionOf } from '../stores/facilities.ts'
import { lockRecord, noSample } from '../stores/patient-records.ts'
import { findPatient } from '../stores/patients.ts'
import { actOnBag } from './act-on-bag.ts'
import { demandRight } from './demand.ts'
import { commandToReserve } from './reserve-bag.ts'

export type CrossmatchInput = {
  readonly patient: string
  readonly sample: string
  readonly method: CrossmatchMethod
  readonly result?: CrossmatchResult | undefined
  readonly reserve: boolean
}

/**
 * Write down whether a bag fits a patient. What cells and serum showed is written down whatever it is; by what is on record
 * alone it is only where nothing is left in doubt. What fits is kept for the patient if that is asked for, and what does not
 * is kept for them no more.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict` where the sample may not be relied on, `unverified` naming what keeps
 * it from being crossmatched electronically, and what refuses to reserve the bag
 */
export async function crossmatchBag(ctx: Context, bagId: string, input: CrossmatchInput) {
  return ctx.database.db.transaction(async (tx) => {
    const now = ctx.now()
    // A scan that was decided without it comes to nothing: the bag's revision moves.
    await lockBags(tx, [bagId])
    const bag = await findBag(tx, bagId)
    const { holderId } = bag
    if (holderId === null) throw new Refusal('not_found', noBag(bagId))
    demandRight(ctx, 'crossmatch.record', [holderId], noBag(bagId))
    const key = { facilityId: holderId, pseudonym: input.patient }
    await lockRecord(tx, key, now)
    const patient = await findPatient(tx, holderId, input.patient)
    const { record } = patient
    const sample = record?.samples.find(({ id }) => id === input.sample)
    if (!record || !sample) throw new Refusal('not_found', noSample(input.sample))
    const jurisdiction = await jurisdictionOf(tx, holderId)
    const rule = crossmatchRules[jurisdiction]
    const facts = await factsOf(tx, bag)
    if (input.method === 'electronic') {
      const { crossmatches } = (await fitsOf(tx, key, [bagId], now))(bagId)
      const known = { rule, patient, record, sample, crossmatches, now }
      const obstacles = obstaclesToElectronic({ ...known, bag: facts, hasGroupDoubt: patient.doubt ?? null })
      if (obstacles.length > 0)
        throw new Refusal(
          'unverified',
          `bag ${facts.label} is not crossmatched electronically: ${obstacles.join(', ')}`,
        )
    }
    const result = input.result ?? 'compatible'
    // That it does not fit is to be known whatever the sample is worth.
    if (result !== 'incompatible' && !isValidSample(sample, record.exposedAt, now))
      throw new Refusal('conflict', 'the sample may not be relied on: crossmatch by another')
    const made = await insertCrossmatch(tx, ctx.actor, {
      ...{ ...key, bagId, sampleId: sample.id, method: input.method, result },
      until: crossmatchUntil(rule, sample, record.exposedAt, now),
      policies: { jurisdiction, crossmatches: crossmatchRulesVersion },
      at: now,
    })
    if (input.reserve && result === 'compatible')
      await actOnBag(ctx, tx, { bagId, verb: 'reserve' }, (locked, known) =>
        commandToReserve(tx, locked, known, { patient: input.patient, until: made.until }, now),
      )
    if (
      result === 'incompatible' &&
      bag.state === 'available' &&
      keeperOf(facts, now)?.patient === input.patient
    )
      await actOnBag(ctx, tx, { bagId, verb: 'unreserve' }, () => ({
        verb: 'unreserve',
        reason: 'crossmatch incompatible',
      }))
    return made
  })
}
