import { type Hospital, nowOf, sessionMs } from './account.ts'
import { compareTasks } from './after.ts'
import { ofBags } from './bags.ts'
import { atDoors } from './door.ts'
import { atEnds } from './ends.ts'
import { demand, setRules, wait } from './hospital.ts'
import { ofOrders } from './orders.ts'
import { ofPatients, patientOf } from './patients.ts'
import type { Kind, Step } from './steps.ts'

type Taker = (hospital: Hospital, step: Step) => Promise<void>

const ofHospitals = {
  wait: (hospital, { waitMs }) => wait(hospital, waitMs, true),
  unheard: (hospital, { waitMs }) => wait(hospital, waitMs, false),
  demand: (hospital, { flag, other }) =>
    demand(hospital, [
      ...(flag ? ['emergency_release', 'recall'] : []),
      ...(other ? ['lift_hold', 'witness_discard'] : []),
    ]),
  rules: (hospital, { flag: secondChecker, seldom: crossmatch }) =>
    setRules(hospital, { secondChecker, crossmatch }),
  look: compareTasks,
} as const satisfies Partial<Record<Kind, Taker>>

/** Each kind of step, and what is done and asked in it. */
const takers: Record<Kind, Taker> = {
  ...{ ...ofHospitals, ...ofPatients, ...ofOrders, ...ofBags, ...atDoors, ...atEnds },
}

const ofSamples = new Set<Kind>(['reject_sample', 'group', 'screen', 'crossmatch'])
const withoutBags = new Set<Kind>([
  ...(Object.keys({ ...ofHospitals, ...ofPatients, ...ofOrders }) as Kind[]),
  ...(['open', 'unlock', 'check'] as const),
])

/** Of what there is none yet one is made instead, or most steps would come to nothing. */
function insteadOf(hospital: Hospital, step: Step): Kind {
  const { kind } = step
  const { units, orders, sessions } = hospital
  if (units.length === 0 && !withoutBags.has(kind)) return 'born'
  if (ofSamples.has(kind) && patientOf(hospital, step).samples.length === 0) return 'sample'
  if (orders.length === 0 && (kind === 'approve' || kind === 'reject' || kind === 'cancel')) return 'order'
  const isOpen = sessions.some(({ at }) => nowOf(hospital) < at + sessionMs)
  return kind === 'scan' && !isOpen && !step.seldom ? 'open' : kind
}

const ofIssued = new Set<Kind>([
  ...(['start', 'end', 'interrupt', 'react', 'transfuse', 'return', 'cancel_issue', 'review'] as const),
])

/** The same of a step that is drawn: seldom is something told of the bedside that cannot be, or few bags would live long. */
export function takeDrawn(hospital: Hospital, step: Step): Promise<void> {
  const isOut = hospital.units.some(({ state }) => state === 'issued')
  const isTooSoon = ofIssued.has(step.kind) && !isOut && step.pick !== 3
  return take(hospital, isTooSoon ? { ...step, kind: step.flag ? 'issue' : 'scan' } : step)
}

export function take(hospital: Hospital, step: Step): Promise<void> {
  return takers[insteadOf(hospital, step)](hospital, step)
}
