import { expect } from 'vitest'
import { Recall as RecallView, Recipient } from '../../../../schema/http/recalls.ts'
import type { TransfusionVerb } from '../../../../schema/vocabulary.ts'
import { iso } from '../door.ts'
import { count, type Hospital, nowOf, type Recall, type Unit } from './account.ts'
import { act, adopt, compareBag, unitOf } from './bags.ts'
import { lastIssued } from './door.ts'
import { ask, newest, otherOf, signed, witnessed } from './hospital.ts'
import { labOf, nurseOf, patientOf } from './patients.ts'
import { isFree, isOver, isTooLongInHands, isUnheard } from './rules.ts'
import type { Kind, Step } from './steps.ts'

/* How the life of a bag ends: given, brought back, thrown away, or called back after that. */

const actions = {
  start_transfusion: 'transfusion_started',
  end_transfusion: 'transfusion_ended',
  interrupt_transfusion: 'transfusion_interrupted',
  report_reaction: 'reaction_reported',
  transfuse: 'transfused',
} as const satisfies Record<TransfusionVerb, string>

/** That it was given is never refused: what spoke against it is written down beside it. */
async function observe(hospital: Hospital, step: Step, verb: TransfusionVerb): Promise<void> {
  const unit = step.flag ? lastIssued(hospital, step) : unitOf(hospital, step)
  if (!unit) return
  // Seldom it is somebody else than whom it was handed out for.
  const patient = step.seldom
    ? null
    : (step.other ? unit.issues.at(-1)?.patient : null) || patientOf(hospital, step)
  const name = patient?.name ?? null
  const checkers = step.hand === 0 ? ['Ann', 'Ben'] : ['Ann', 'ann ']
  const at = nowOf(hospital)
  const isWhole = verb === 'transfuse'
  const same = unit.observed.some(
    (one) => one.verb === verb && one.at === at && one.patient === name && one.hand === step.hand,
  )
  const told = {
    ...(name === null ? {} : { patient: name }),
    ...(isWhole ? { startedAt: iso(at), reaction: false } : { occurredAt: iso(at), checkers }),
  }
  const path = `/bags/${unit.id}/${verb.replaceAll('_', '-')}`
  const by = nurseOf(step)
  if (same && !isWhole) {
    // Told again to the letter it is nothing new.
    const body = await ask(hospital, { what: 'told again', by, path, body: told, refusal: null })
    return compareBag(hospital, unit, body)
  }
  const against = spokeAgainst(hospital, unit, { verb, name, checkers })
  await act(hospital, unit, {
    ...{ what: verb, by, verb, action: actions[verb], to: 'transfused', body: told, refusal: null },
    after: () => {
      unit.kept = null
      unit.observed.push({ verb, at, patient: name, hand: step.hand })
      if (against.length > 0) unit.against.push(against)
      for (const one of against) count(`against ${one}`)
    },
  })
}

function spokeAgainst(
  hospital: Hospital,
  unit: Unit,
  told: {
    readonly verb: TransfusionVerb
    readonly name: string | null
    readonly checkers: readonly string[]
  },
): string[] {
  const { verb, name, checkers } = told
  const isBegun = verb === 'start_transfusion' || verb === 'transfuse'
  const isGiven = unit.state === 'transfused'
  const issuedFor = unit.issues.at(-1)?.patient?.name ?? null
  const others = unit.observed.filter(({ patient }) => patient !== null && patient !== name)
  const isAgreed = name === null || others.length === 0
  const people = new Set(checkers.map((one) => one.trim().toLowerCase())).size
  const spoke = {
    not_issued: unit.state !== 'issued' && !isOver(unit),
    another_patient: name !== null && issuedFor !== null && name !== issuedFor,
    held: unit.holds.length > 0 && (isBegun || !isGiven),
    expired: isBegun && nowOf(hospital) >= unit.expiresAt,
    fate_recorded: isOver(unit) && !(isGiven && isAgreed),
    unchecked: verb === 'start_transfusion' && people < hospital.land.checkers,
  }
  return Object.entries(spoke).flatMap(([fault, isSo]) => (isSo ? [fault] : []))
}

export const atEnds = {
  start: (hospital, step) => observe(hospital, step, 'start_transfusion'),
  end: (hospital, step) => observe(hospital, step, 'end_transfusion'),
  interrupt: (hospital, step) => observe(hospital, step, 'interrupt_transfusion'),
  react: (hospital, step) => observe(hospital, step, 'report_reaction'),
  transfuse: (hospital, step) => observe(hospital, step, 'transfuse'),
  async return(hospital, step) {
    const unit = lastIssued(hospital, step)
    if (!unit) return
    await act(hospital, unit, {
      ...{ what: 'return', by: nurseOf(step), verb: 'return', action: 'returned', to: 'returned' },
      ...{ body: { reason: 'drawn' }, refusal: unit.state === 'issued' ? null : 'illegal_move' },
    })
  },
  async reinstate(hospital, step) {
    const unit = hospital.units.find(({ state }) => state === 'returned') ?? unitOf(hospital, step)
    if (!unit) return
    const refusal = (() => {
      if (unit.state !== 'returned') return 'illegal_move'
      if (unit.holds.length > 0) return 'held'
      if (nowOf(hospital) >= unit.expiresAt) return 'expired'
      if (!hospital.land.returns) return 'no_return'
      return isUnheard(hospital, unit) || isTooLongInHands(hospital, unit) ? 'unverified' : null
    })()
    await act(hospital, unit, {
      ...{ what: 'reinstate', by: labOf(step), verb: 'reinstate', action: 'reinstated', to: 'available' },
      ...{ body: { reason: 'looks well' }, refusal },
      after: () => {
        // Whoever took it back vouches for what was before.
        unit.vouchedAt = nowOf(hospital)
      },
    })
  },
  async discard(hospital, step) {
    const unit = unitOf(hospital, step)
    // An end is drawn less often than a way on, or few would live long.
    if (!unit || (isFree(unit) && !step.other)) return
    const by = labOf(step)
    const witness = step.seldom ? by : step.flag ? otherOf(by) : null
    const isSigned = step.signing === 'theirs' && witness !== null && witness !== by
    const refusal = (() => {
      if (witness === by) return 'second_person'
      if (isOver(unit)) return 'illegal_move'
      if (witness === null) return hospital.land.isDiscardWitnessed ? 'second_person' : null
      return hospital.demands.has('witness_discard') && !isSigned ? 'signature_required' : null
    })()
    await act(hospital, unit, {
      ...{ what: 'discard', by, verb: 'discard', action: 'discarded', to: 'discarded', refusal },
      body: {
        ...{ reason: 'drawn', ...(witness === null ? {} : { witness }) },
        ...(isSigned && witness ? witnessed(witness) : {}),
      },
      after: () => {
        unit.kept = null
        if (isSigned) hospital.city.signatures += 1
      },
    })
  },
  /** The same again while it is open is the same, and nothing is held twice. */
  async recall(hospital, step) {
    const unit = unitOf(hospital, step)
    if (!unit) return
    const by = labOf(step)
    const { body: signature, refusal } = signed(hospital, 'recall', by, step.signing)
    const sought = { facility: hospital.code, scope: 'bag', of: unit.id, reason: 'drawn', ...signature }
    const body = await ask(hospital, { what: 'recall', by, path: '/recalls', body: sought, refusal })
    if (!body) return
    const told = RecallView.parse(body)
    const standing = hospital.recalls.find((one) => one.unit === unit && one.isOpen)
    expect(standing?.number ?? told.number).toBe(told.number)
    const recall: Recall = standing ?? {
      ...{ number: told.number, unit, by, isOpen: true, hold: null, told: [`recall.opened ${by}`] },
    }
    if (!standing) {
      hospital.recalls.push(recall)
      recall.hold = { ...(await adopt(hospital, unit, 'recall', by)), recall }
      unit.holds = [...unit.holds.slice(0, -1), recall.hold]
      if (step.signing === 'theirs') hospital.city.signatures += 1
    }
    const [reached] = told.bags
    if (unit.state === 'transfused' && !unit.lookBacks.some((one) => one.recall === recall))
      unit.lookBacks.push({ recall, number: reached?.lookBack as number, isOpen: true })
    const number = unit.lookBacks.find((one) => one.recall === recall)?.number ?? null
    const isHeld = recall.hold !== null && unit.holds.includes(recall.hold)
    const where = (() => {
      if (unit.state === 'transfused') return 'given'
      if (unit.state === 'discarded') return 'ended'
      return unit.state !== 'issued' && unit.stays.at(-1)?.isInside ? 'inside' : 'out'
    })()
    expect(told.bags).toMatchObject([{ bagId: unit.id, isHeld, where, lookBack: number }])
  },
  lift_recall: (hospital, step) => endRecall(hospital, step, 'lift'),
  close_recall: (hospital, step) => endRecall(hospital, step, 'close'),
  async identify(hospital, step) {
    const unit = hospital.units.find(({ lookBacks }) => lookBacks.length > 0)
    const found = unit && newest(unit.lookBacks, step.pick)
    if (!unit || !found) return
    const by = labOf(step)
    const body = await ask(hospital, {
      ...{ what: 'identify', by, path: `/look-backs/${found.number}/recipient`, body: { reason: 'drawn' } },
      refusal: found.isOpen ? null : 'conflict',
    })
    if (!body) return
    const patient = unit.observed.findLast((one) => one.patient !== null)?.patient ?? null
    expect(Recipient.parse(body)).toEqual({ patient, facility: hospital.code })
  },
  async close_look_back(hospital, step) {
    const unit = hospital.units.find(({ lookBacks }) => lookBacks.length > 0) ?? unitOf(hospital, step)
    if (!unit) return
    const refusal = unit.lookBacks.some(({ isOpen }) => isOpen) ? null : 'conflict'
    const path = `/bags/${unit.id}/look-back`
    const told = { conclusion: 'seen, and well' }
    const body = await ask(hospital, { what: 'close_look_back', by: labOf(step), path, body: told, refusal })
    if (body) for (const one of unit.lookBacks) one.isOpen = false
  },
} as const satisfies Partial<Record<Kind, (hospital: Hospital, step: Step) => Promise<void>>>

/** Closed, all stays held; lifted, nothing does. */
async function endRecall(hospital: Hospital, step: Step, verb: 'lift' | 'close'): Promise<void> {
  const recall = newest(hospital.recalls, step.pick)
  if (!recall) return
  const by = labOf(step)
  const body = await ask(hospital, {
    ...{ what: `${verb}_recall`, by, path: `/recalls/${recall.number}/${verb}`, body: { reason: 'drawn' } },
    refusal: !recall.isOpen ? 'conflict' : recall.by === by ? 'second_person' : null,
  })
  if (!body) return
  const { unit, hold } = recall
  recall.isOpen = false
  recall.told.push(`recall.${verb === 'lift' ? 'lifted' : 'closed'} ${by}`)
  if (verb === 'close' || hold === null || !unit.holds.includes(hold)) return
  unit.holds = unit.holds.filter((one) => one !== hold)
  unit.told.push(`bag.hold_lifted ${by}`)
}
