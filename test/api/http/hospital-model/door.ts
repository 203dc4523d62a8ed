import { expect } from 'vitest'
import { ScanAnswer, TakeOut } from '../../../../schema/http/life.ts'
import { iso } from '../door.ts'
import { count, type Hospital, type Issue, nowOf, type Session, sessionMs, type Unit } from './account.ts'
import { act, compareBag, happened, lookAt, unitOf } from './bags.ts'
import { ask, newest, otherOf, say, signed } from './hospital.ts'
import { orderOf } from './orders.ts'
import { labOf, nurseOf, patientOf } from './patients.ts'
import {
  answerTo,
  atCounter,
  findingsOf,
  findingsOfOrder,
  isRhdAllowed,
  standingThen,
  toFill,
} from './rules.ts'
import type { Kind, Step } from './steps.ts'

/* A bag is handed out: at the fridge, where scan, door and radio tags tell of it, or over the counter. */

const sessionOf = ({ sessions }: Hospital, step: Step) => newest(sessions, step.seldom ? 1 : 0)

/** A bag is looked for where it is likelier to be. */
const inside = ({ units }: Hospital, step: Step): Unit | undefined =>
  newest(
    units.filter(({ stays }) => stays.at(-1)?.isInside),
    step.unit,
  )

/** Somebody handed it out, and for whom. */
function issued(hospital: Hospital, unit: Unit, about: Omit<Issue, 'at' | 'observedBefore'>): void {
  unit.kept = null
  unit.issues.push({ at: nowOf(hospital), observedBefore: unit.observed.length, ...about })
}

export const atDoors = {
  async open(hospital, step) {
    const { emergency, flag } = step
    const patient = emergency && flag ? null : patientOf(hospital, step)
    const order = orderOf(hospital, step)
    const by = nurseOf(step)
    const { body: signature, refusal: ofSignature } = emergency
      ? signed(hospital, 'emergency_release', by, step.signing)
      : { body: {}, refusal: null }
    const ofOrder = order && toFill(hospital, order, patient, emergency)
    const isMan = emergency && step.other
    const body = await ask(hospital, {
      ...{ what: emergency ? 'open in an emergency' : 'open', by, path: '/take-outs' },
      body: {
        ...{ device: hospital.device, emergency, ...signature },
        ...(patient ? { patient: patient.name } : {}),
        ...(emergency ? { reason: 'bleeding' } : {}),
        ...(order ? { order: order.id } : {}),
        ...(isMan ? { sex: 'male', ageYears: 40 } : {}),
      },
      refusal: ofOrder ?? ofSignature,
    })
    if (!body) return
    if (emergency && step.signing === 'theirs') hospital.city.signatures += 1
    const told = TakeOut.parse(body)
    const isCheckNeeded = hospital.rules.secondChecker && !emergency
    expect(told).toMatchObject({ checkNeeded: isCheckNeeded, expiresAt: iso(nowOf(hospital) + sessionMs) })
    hospital.sessions.push({
      ...{ id: told.takeOutId, at: nowOf(hospital), by, patient, emergency, order, isCheckNeeded },
      isRhdAllowed: emergency && isRhdAllowed(hospital, patient, isMan),
      isCrossmatchNeeded: hospital.rules.crossmatch && !emergency,
      ...{ isChecked: false, unlock: told.unlock.commandId, reply: null, answers: [] },
      told: [`take_out.opened ${by}`],
    })
    // Seldom the door says nothing.
    if (!step.seldom) await reply(hospital, hospital.sessions.at(-1) as Session, 'done')
  },
  /** What the door answers of itself, be it late. */
  async unlock(hospital, step) {
    const session = sessionOf(hospital, step)
    if (session && session.reply === null) await reply(hospital, session, step.flag ? 'done' : 'failed')
  },
  async check(hospital, step) {
    const session = sessionOf(hospital, step)
    if (!session) return
    const by = step.flag ? otherOf(session.by as 'nurse1') : nurseOf(step)
    const isOver = !session.isChecked && nowOf(hospital) >= session.at + sessionMs
    const refusal = by === session.by ? 'second_person' : isOver ? 'session_over' : null
    const body = await ask(hospital, { what: 'check', by, path: `/take-outs/${session.id}/checks`, refusal })
    if (!body) return
    if (!session.isChecked) session.told.push(`take_out.checked ${by}`)
    session.isChecked = true
  },
  async scan(hospital, step) {
    const session = sessionOf(hospital, step)
    const unit = step.flag ? inside(hospital, step) : unitOf(hospital, step)
    if (!session || !unit) return
    const { patient, emergency } = session
    const by = nurseOf(step)
    const isGlassBroken = step.pick === 3
    const isOver = nowOf(hospital) >= session.at + sessionMs
    const body = await ask(hospital, {
      ...{ what: 'scan', by, path: `/take-outs/${session.id}/scans` },
      body: {
        ...{ din: unit.din, productCode: `${unit.code}V00` },
        ...(step.other ? { override: 'Dr Wang' } : {}),
        ...(isGlassBroken ? { breakGlass: 'bleeding, and nobody answers' } : {}),
      },
      refusal: isOver ? 'session_over' : null,
    })
    if (!body) return
    const ofBag = findingsOf(hospital, unit, {
      ...{ patient, emergency, hasWord: step.other || session.isRhdAllowed },
      isUnchecked: session.isCheckNeeded && !session.isChecked,
      isCrossmatchNeeded: session.isCrossmatchNeeded,
    })
    const ofOrder = session.order && !emergency ? findingsOfOrder(hospital, session.order) : []
    const found = [...ofBag, ...ofOrder].sort()
    const { answer, reason } = answerTo(found, isGlassBroken)
    const told = ScanAnswer.parse(body)
    const what = `scan of ${unit.told.join(', ')} for ${patient?.name}`
    expect([told.answer, told.reason?.code ?? null, told.findings.toSorted()], what).toEqual([
      ...[answer, reason, found],
    ])
    expect(told.bagId).toBe(unit.id)
    count(answer)
    for (const one of found) count(`finding ${one}`)
    const stood = standingThen(hospital, unit, patient)
    session.answers.push(answer)
    // With GO it is the issue that stands in the audit trail.
    if (answer !== 'GO') session.told.push(`take_out.answered ${by}`)
    if (answer === 'GO') {
      const isBroken = isGlassBroken && found.length > 0
      if (isBroken) count('glass broken')
      const review = isBroken ? 'glass_broken' : emergency ? 'emergency_release' : null
      happened(hospital, unit, { verb: 'issue', by, to: 'issued', action: 'issued' })
      const hasWord = step.other || (isBroken && found.includes('rhd_override_missing'))
      issued(hospital, unit, {
        ...{ patient, order: session.order, session, by, review, emergency, hasWord, ...stood },
      })
    }
    if (answer === 'GO') await lookAt(hospital, unit)
  },
  /** It leaves the fridge, as its radio tag shows. */
  async take(hospital, step) {
    const unit = inside(hospital, step)
    if (unit) await carry(hospital, unit, false)
  },
  async put(hospital, step) {
    const unit = newest(
      hospital.units.filter(({ stays }) => !stays.at(-1)?.isInside),
      step.unit,
    )
    if (unit) await carry(hospital, unit, true)
  },
  async cancel_issue(hospital, step) {
    const unit = lastIssued(hospital, step)
    if (!unit) return
    const stay = unit.stays.at(-1)
    const wasInside = stay?.isInside === true && stay.from <= (unit.issues.at(-1)?.at ?? 0)
    await act(hospital, unit, {
      ...{ what: 'cancel_issue', by: nurseOf(step), verb: 'cancel_issue', action: 'issue_cancelled' },
      ...{ to: 'available', body: { reason: 'drawn' } },
      refusal: unit.state !== 'issued' ? 'illegal_move' : wasInside ? null : 'no_return',
    })
  },
  async issue(hospital, step) {
    const unit = unitOf(hospital, step)
    if (!unit) return
    const { emergency, flag, other } = step
    const patient = emergency && flag ? null : patientOf(hospital, step)
    const order = step.pick === 2 ? orderOf(hospital, { ...step, other: true }) : null
    const by = labOf(step)
    const isMan = emergency && other
    const hasReason = emergency || flag
    const ofIssue = atCounter(hospital, unit, {
      ...{ patient, emergency, order, hasReason, isUnchecked: false },
      hasWord: other || (emergency && isRhdAllowed(hospital, patient, isMan)),
      isCrossmatchNeeded: hospital.rules.crossmatch,
    })
    const stood = standingThen(hospital, unit, patient)
    const { body: signature, refusal: ofSignature } = emergency
      ? signed(hospital, 'emergency_release', by, step.signing)
      : { body: {}, refusal: null }
    await act(hospital, unit, {
      ...{ what: emergency ? 'issue in an emergency' : 'issue', by, verb: 'issue', action: 'issued' },
      to: 'issued',
      body: {
        ...{ emergency, ...signature },
        ...(patient ? { patient: patient.name } : {}),
        ...(hasReason ? { reason: 'drawn' } : {}),
        ...(order ? { order: order.id } : {}),
        ...(other ? { override: 'Dr Wang' } : {}),
        ...(isMan ? { sex: 'male', ageYears: 40 } : {}),
      },
      refusal: ofIssue ?? ofSignature,
      after: () => {
        if (emergency && step.signing === 'theirs') hospital.city.signatures += 1
        const review = emergency ? 'emergency_release' : null
        issued(hospital, unit, {
          ...{ patient, order, session: null, by, review, emergency, hasWord: other, ...stood },
        })
      },
    })
  },
  /** Somebody looks afterwards at what was handed out in an emergency, or through broken glass. */
  async review(hospital, step) {
    const unit =
      hospital.units.find(({ issues }) => issues.some(({ review }) => review !== null)) ??
      unitOf(hospital, step)
    if (!unit) return
    const issue = unit.issues.find(({ review }) => review !== null)
    const by = labOf(step)
    const body = await ask(hospital, {
      ...{ what: 'review', by, path: `/bags/${unit.id}/issue-reviews` },
      body: { physician: 'Dr Wang', justification: 'bleeding', crossmatch: 'compatible' },
      refusal: !issue ? 'conflict' : issue.by === by ? 'second_person' : null,
    })
    if (!body || !issue) return
    issue.review = null
    unit.told.push(`bag.issue_reviewed ${by}`)
    compareBag(hospital, unit, body)
  },
} as const satisfies Partial<Record<Kind, (hospital: Hospital, step: Step) => Promise<void>>>

/** One that was handed out, or any where none is. */
export const lastIssued = (hospital: Hospital, step: Step): Unit | undefined =>
  newest(
    hospital.units.filter(({ state }) => state === 'issued'),
    step.unit,
  ) ?? unitOf(hospital, step)

async function reply(hospital: Hospital, session: Session, state: 'done' | 'failed'): Promise<void> {
  session.reply = { state, at: nowOf(hospital) }
  await say(hospital, ['replies', { command: session.unlock, state }])
  count(`unlock ${state}`)
}

async function carry(hospital: Hospital, unit: Unit, isIn: boolean): Promise<void> {
  hospital.door.world.clock.now += 1_000
  const at = nowOf(hospital)
  const tags = { added: isIn ? [unit.tag] : [], removed: isIn ? [] : [unit.tag] }
  await say(hospital, ['bags', [{ at, ...tags }]])
  const stay = unit.stays.at(-1)
  if (stay) stay.to = at
  unit.stays.push({ isInside: isIn, from: at, to: null })
  count(isIn ? 'put' : 'take')
}
