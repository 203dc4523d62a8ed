import { expect } from 'vitest'
import { noticeAllExpired } from '../../../../api/jobs/notice-expired.ts'
import { BagDetail } from '../../../../schema/http/bags.ts'
import { Crossmatch } from '../../../../schema/http/crossmatches.ts'
import type { BagState } from '../../../../schema/vocabulary.ts'
import { aReading } from '../../../support/world.ts'
import { iso } from '../door.ts'
import {
  count,
  crossmatchMs,
  day,
  type Hospital,
  nowOf,
  type Person,
  silenceMs,
  type Unit,
} from './account.ts'
import { ask, newest, one, read, say, signed } from './hospital.ts'
import { orderOf } from './orders.ts'
import { labOf, patientOf } from './patients.ts'
import {
  fitOf,
  harmsOf,
  isElectronicAllowed,
  isFree,
  isValid,
  keeperOf,
  ofBag,
  toFill,
  until,
} from './rules.ts'
import type { Kind, Step } from './steps.ts'

/* What the lab does with a bag that is in stock. */

export const unitOf = ({ units }: Hospital, step: Step) => newest(units, step.unit)

/** Something was done to a bag: an event of it, and an entry of the audit trail. */
export function happened(
  hospital: Hospital,
  unit: Unit,
  {
    verb,
    by,
    to,
    action,
  }: { readonly verb: string; readonly by: string; readonly to?: BagState; readonly action: string },
): void {
  unit.version += 1
  if (to !== undefined && to !== unit.state) {
    if (to === 'transfused' || to === 'discarded') unit.overAt ??= nowOf(hospital)
    unit.state = to
    unit.since = nowOf(hospital)
  }
  if (verb !== 'expire') unit.lastVerb = verb
  unit.told.push(`bag.${action} ${by}`)
}

/** A bag as it is told, beside the bag as the model has it. */
export function compareBag(hospital: Hospital, unit: Unit, body: unknown): void {
  const told = BagDetail.parse(body)
  const { abo, rhd, kept } = unit
  expect(told, JSON.stringify(unit.told)).toMatchObject({
    ...{ state: unit.state, group: { abo, rhd }, expiresAt: iso(unit.expiresAt), holder: hospital.code },
    ...{ reservedFor: kept?.patient.name ?? null, reservedUntil: kept ? iso(kept.until) : null },
  })
  expect(told.holds.map(({ holdId }) => holdId).sort()).toEqual(unit.holds.map(({ id }) => id).sort())
  const stay = unit.stays.at(-1)
  expect(told.place).toMatchObject({
    state: stay?.isInside ? 'inside' : 'in_hand',
    from: iso(stay?.from ?? 0),
  })
}

export async function lookAt(hospital: Hospital, unit: Unit): Promise<void> {
  compareBag(hospital, unit, await read(hospital, `/bags/${unit.id}`))
}

/** A verb of a bag that is one request. */
export async function act(
  hospital: Hospital,
  unit: Unit,
  asked: {
    readonly what: string
    readonly by: Person
    readonly verb: string
    readonly action: string
    readonly to: BagState
    readonly body: object
    readonly refusal: string | null
    /** What else is so by then, before both are compared. */
    readonly after?: () => void
  },
): Promise<boolean> {
  const { what, by, verb, body: told, refusal, after } = asked
  const path = `/bags/${unit.id}/${verb.replaceAll('_', '-')}`
  const body = await ask(hospital, { what, by, path, body: told, refusal })
  if (!body) return false
  happened(hospital, unit, asked)
  after?.()
  compareBag(hospital, unit, body)
  return true
}

/** The hold that stands now and did not, whose number only the service knows. */
export async function adopt(hospital: Hospital, unit: Unit, kind: string, by: Person) {
  const { holds } = await hospital.door.ask(BagDetail, 'GET', `/bags/${unit.id}`)
  const [placed, ...more] = holds.filter(({ holdId }) => !unit.holds.some(({ id }) => id === holdId))
  expect([placed?.kind, more]).toEqual([kind, []])
  const hold = { id: placed?.holdId as number, kind, by, recall: null }
  unit.holds.push(hold)
  unit.told.push(`bag.hold_placed ${by}`)
  return hold
}

export const ofBags = {
  async born(hospital, step) {
    const { city, code, units } = hospital
    if (units.length >= 8) return
    const now = nowOf(hospital)
    const number = String(++city.drawn).padStart(8, '0')
    const [din, tag] = [`=A9997${number}00`, `tag-${number}`]
    const product = step.flag ? 'E0336' : 'E0337'
    const expiresAt = now + (step.seldom ? 2 : 20) * day
    const { abo, rhd } = step
    const told = {
      din,
      productCode: `${product}V00`,
      component: 'red_cells',
      facility: code,
      group: { abo, rhd },
    }
    const instants = { expiresAt: iso(expiresAt), collectedAt: iso(now) }
    const by = labOf(step)
    const body = await ask(hospital, {
      ...{ what: 'born', by, path: '/bags', body: { ...told, ...instants }, refusal: null },
    })
    const { bagId: id, ...bag } = BagDetail.parse(body)
    await hospital.door.ask(BagDetail, 'POST', `/bags/${id}/tags`, { tag, from: iso(now) })
    hear(hospital)
    const seen = [{ at: now, added: [tag], removed: [] }]
    await say(hospital, ['readings', [aReading(now, 4)]], ['bags', seen])
    const unit: Unit = {
      ...{ id, din, code: product, abo, rhd, tag, expiresAt: Date.parse(bag.expiresAt) },
      ...{ state: 'available', version: 1, holds: [], kept: null, traits: new Map(), crossmatches: [] },
      ...{
        stays: [{ isInside: true, from: now, to: null }],
        vouchedAt: now,
        since: now,
        overAt: null,
        issues: [],
      },
      ...{ observed: [], against: [], hasExpired: false, lastVerb: 'register', lookBacks: [] },
      told: [`bag.registered ${by}`],
    }
    expect(unit.expiresAt).toBeLessThanOrEqual(expiresAt)
    units.push(unit)
  },
  async type(hospital, step) {
    const unit = unitOf(hospital, step)
    if (!unit) return
    const by = labOf(step)
    const trait = one(['K', 'E', 'cmv_antibody'] as const, step.pick) ?? 'K'
    const told = { traits: [{ trait, present: step.seldom }] }
    await ask(hospital, { what: 'type', by, path: `/bags/${unit.id}/traits`, body: told, refusal: null })
    // Found once is there.
    unit.traits.set(trait, unit.traits.get(trait) === true || step.seldom)
    unit.told.push(`bag.traits_recorded ${by}`)
  },
  async crossmatch(hospital, step) {
    const unit = unitOf(hospital, step)
    const patient = patientOf(hospital, step)
    const sample = newest(patient.samples, step.pick)
    if (!unit || !sample) return
    const by = labOf(step)
    const method = step.electronic ? 'electronic' : 'serological'
    const result = step.electronic ? 'compatible' : step.result
    const isToKeep = result === 'compatible' && step.flag
    const refusal = (() => {
      if (step.electronic && !isElectronicAllowed(hospital, unit, patient, sample)) return 'unverified'
      if (result !== 'incompatible' && !isValid(hospital, patient, sample)) return 'conflict'
      return null
    })()
    const made = { patient, sample, method, result, at: nowOf(hospital) } as const
    const mayLast = until(hospital, patient, sample, crossmatchMs)
    // What it comes to counts already where the bag is kept by it.
    if (refusal === null) unit.crossmatches.push({ ...made, until: mayLast })
    const ofKeeping = isToKeep && refusal === null ? reserveRefusal(hospital, unit, patient, mayLast) : null
    if (ofKeeping) unit.crossmatches.pop()
    const body = await ask(hospital, {
      ...{ what: `crossmatch ${method}`, by, path: `/bags/${unit.id}/crossmatches` },
      body: {
        ...{ patient: patient.name, sample: sample.id, method, reserve: step.flag },
        ...(step.electronic ? {} : { result }),
      },
      refusal: refusal ?? ofKeeping,
    })
    if (!body) return
    expect(Crossmatch.parse(body)).toMatchObject({ until: iso(mayLast), result })
    count(`crossmatch ${result}`)
    unit.told.push(`bag.crossmatched ${by}`)
    if (isToKeep) {
      happened(hospital, unit, { verb: 'reserve', by, action: 'reserved' })
      unit.kept = { patient, until: mayLast, order: null }
    }
    if (result === 'incompatible' && isFree(unit) && keeperOf(hospital, unit) === patient) {
      happened(hospital, unit, { verb: 'unreserve', by, action: 'unreserved' })
      unit.kept = null
    }
    await lookAt(hospital, unit)
  },
  async reserve(hospital, step) {
    const unit = unitOf(hospital, step)
    const patient = patientOf(hospital, step)
    if (!unit) return
    const order = orderOf(hospital, step)
    const until = nowOf(hospital) + (step.seldom ? 0 : step.waitMs)
    const ofOrder = order && toFill(hospital, order, patient, false)
    await act(hospital, unit, {
      ...{ what: 'reserve', by: labOf(step), verb: 'reserve', action: 'reserved', to: 'available' },
      body: { patient: patient.name, until: iso(until), ...(order ? { order: order.id } : {}) },
      refusal: ofOrder || reserveRefusal(hospital, unit, patient, until),
      after: () => {
        unit.kept = { patient, until, order }
      },
    })
  },
  async unreserve(hospital, step) {
    const unit = unitOf(hospital, step)
    if (!unit) return
    await act(hospital, unit, {
      ...{ what: 'unreserve', by: labOf(step), verb: 'unreserve', action: 'unreserved', to: 'available' },
      body: { reason: 'drawn' },
      refusal: !isFree(unit) ? 'illegal_move' : unit.kept === null ? 'conflict' : null,
      after: () => {
        unit.kept = null
      },
    })
  },
  async hold(hospital, step) {
    const unit = unitOf(hospital, step)
    if (!unit) return
    const by = labOf(step)
    const kind = step.flag ? 'other' : 'visual'
    const path = `/bags/${unit.id}/holds`
    await ask(hospital, { what: 'hold', by, path, body: { kind, reason: 'drawn' }, refusal: null })
    await adopt(hospital, unit, kind, by)
  },
  async lift(hospital, step) {
    const unit = newest(
      hospital.units.filter(({ holds }) => holds.length > 0),
      step.unit,
    )
    const hold = unit && one(unit.holds, step.pick)
    if (!unit || !hold) return
    const by = labOf(step)
    const { body: signature, refusal: ofSignature } = signed(hospital, 'lift_hold', by, step.signing)
    const body = await ask(hospital, {
      ...{ what: 'lift', by, path: `/bags/${unit.id}/holds/${hold.id}/lift` },
      body: { reason: 'drawn', ...signature },
      refusal: ofSignature ?? (hold.by === by ? 'second_person' : null),
    })
    if (!body) return
    if (step.signing === 'theirs') hospital.city.signatures += 1
    unit.holds = unit.holds.filter((other) => other !== hold)
    unit.told.push(`bag.hold_lifted ${by}`)
    compareBag(hospital, unit, body)
  },
  async inspect(hospital, step) {
    const unit = unitOf(hospital, step)
    if (!unit) return
    const by = labOf(step)
    const told = { occasion: 'stock', checks: { colour: true, leak: !step.seldom } }
    const path = `/bags/${unit.id}/inspections`
    await ask(hospital, { what: 'inspect', by, path, body: told, refusal: null })
    unit.told.push(`bag.inspected ${by}`)
    if (step.seldom) await adopt(hospital, unit, 'visual', by)
  },
  /** What the clock does, and nobody asks for. */
  async expire(hospital) {
    await noticeAllExpired(hospital.door.world.deps)
    for (const unit of hospital.units) {
      const isOnShelf = unit.state === 'available' || unit.state === 'returned'
      if (unit.hasExpired || !isOnShelf || nowOf(hospital) < unit.expiresAt) continue
      unit.hasExpired = true
      happened(hospital, unit, { verb: 'expire', by: 'expiry', action: 'expired' })
      count('expire')
    }
  },
} as const satisfies Partial<Record<Kind, (hospital: Hospital, step: Step) => Promise<void>>>

/** The fridge is heard now, so that a silence before is over. */
function hear(hospital: Hospital): void {
  const now = nowOf(hospital)
  if (now - hospital.heardAt > silenceMs) hospital.silences.push({ from: hospital.heardAt, to: now })
  hospital.heardAt = now
}

function reserveRefusal(
  hospital: Hospital,
  unit: Unit,
  patient: Hospital['patients'][number],
  untilThen: number,
): string | null {
  const said = ofBag(hospital, unit, patient)
  if (said) return said
  if (fitOf(hospital, unit, patient) !== 'fits') return 'incompatible'
  if (untilThen <= nowOf(hospital)) return 'invalid_request'
  return harmsOf(hospital, unit, patient).length > 0 ? 'incompatible' : null
}
