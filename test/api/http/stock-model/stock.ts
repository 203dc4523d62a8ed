import fc from 'fast-check'
import { expect } from 'vitest'
import type { z } from 'zod'
import type { BagFacts, Patient } from '../../../../api/domain/bag.ts'
import { isFinal } from '../../../../api/domain/lifecycle.ts'
import type { Parent } from '../../../../api/domain/modification.ts'
import { Refusal } from '../../../../api/domain/refusal.ts'
import { everywhere } from '../../../../api/domain/rights.ts'
import { seededProducts } from '../../../../api/policies/products.ts'
import { findFacility } from '../../../../api/stores/facilities.ts'
import { createFacility } from '../../../../api/usecases/create-facility.ts'
import { BagDetail } from '../../../../schema/http/bags.ts'
import { Patient as PatientView } from '../../../../schema/http/life.ts'
import { TransfusionRecord } from '../../../../schema/http/patients.ts'
import { abos, crossmatchResults, processes, rhds } from '../../../../schema/vocabulary.ts'
import { signedIn } from '../../../support/hospital.ts'
import { noon } from '../../../support/world.ts'
import { type Door, iso } from '../door.ts'

/* A stock as the model has it: what is drawn, what is kept of each bag, and how it is compared. */

export const minute = 60_000

export const hour = 60 * minute

export const day = 24 * hour

export const timeZone = 'Asia/Shanghai'

/** What labels say, of which something can be made. */
export const stocked = [
  'D9901',
  'D9902',
  'D9905',
  'D9907',
  'D9908',
  'D9908',
  'D9909',
  'D9912',
  'E0336',
] as const

export const catalogue = seededProducts.filter(({ jurisdiction }) => jurisdiction === 'CN')

export const known = (code: string) => catalogue.find((one) => one.code === code) ?? null

export const workers = ['ann', 'ben'] as const

export type Worker = (typeof workers)[number]

export const kinds = [
  ...([
    'born',
    'born',
    'make',
    'make',
    'make',
    'make',
    'any_make',
    'move',
    'move',
    'move',
    'send',
    'send',
  ] as const),
  ...(['hold', 'lift', 'lift', 'recall', 'end_recall', 'pack', 'unpack', 'expire', 'wait'] as const),
  ...(['crossmatch', 'crossmatch'] as const),
]

export const Step = fc.record({
  kind: fc.constantFrom(...kinds),
  pick: fc.nat(1_000),
  other: fc.nat(1_000),
  parts: fc.integer({ min: 1, max: 3 }),
  worker: fc.constantFrom(...workers),
  abo: fc.constantFrom(...abos, 'O', 'O', 'O', 'O'),
  rhd: fc.constantFrom(...rhds, 'positive'),
  process: fc.constantFrom(...processes),
  result: fc.constantFrom(...crossmatchResults, 'compatible'),
  waitMs: fc.constantFrom(minute, hour, 5 * hour, day, 6 * day),
  flag: fc.boolean(),
})

export type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never

/** A bag as the model has it: what it is, how it stands, and what it was made of. */
export type Unit = Omit<
  Parent,
  'label' | 'state' | 'holderId' | 'expiresAt' | 'group' | 'lowTitre' | 'component'
> & {
  facts: BagFacts
  readonly din: string
  readonly parents: readonly Unit[]
  /** Who placed each hold, by its number. */
  readonly placedBy: Map<number, string>
  box: Box | null
  lastVerb: string
  hasExpired: boolean
  /** Crossmatched for the patient, by the only sample there is. */
  isIncompatible: boolean
  events: number
}

export type Box = { readonly id: string; readonly name: string; readonly bags: Set<Unit> }

export type Called = {
  readonly number: number
  readonly root: Unit
  readonly holds: Map<Unit, number>
  by: Worker
}

export type Stock = {
  readonly door: Door
  readonly city: City
  readonly units: Unit[]
  readonly boxes: Box[]
  readonly recalls: Called[]
  readonly patient: string
  readonly sampleId: string
  readonly sampleUntil: number
}

export type City = {
  readonly keys: Readonly<Record<Worker | 'lab', string>>
  readonly ids: { readonly C1: number; readonly H1: number }
  drawn: number
}

/** What was done at least once, by its word. */
export const done = new Map<string, number>()

export const count = (word: string) => done.set(word, (done.get(word) ?? 0) + 1)

export async function aCity(door: Door): Promise<City> {
  const ctx = { ...door.world.ctx, grants: everywhere }
  const { db } = door.world.deps.database
  await createFacility(ctx, { code: 'C1', name: 'C1', kind: 'centre', timeZone })
  const idOf = async (code: string) => (await findFacility(db, code)).id
  const keys: [string, string][] = []
  for (const name of workers) keys.push([name, await signedIn(door, name, 'centre', null)])
  keys.push(['lab', await signedIn(door, 'lab', 'transfusion_lab', null)])
  return {
    keys: Object.fromEntries(keys) as City['keys'],
    ids: { C1: await idOf('C1'), H1: await idOf('H1') },
    drawn: 0,
  }
}

/** Nothing yet, and a patient of the hospital whom red cells of any group suit, with a sample. */
export async function aStock(door: Door, city: City): Promise<Stock> {
  const patient = `P-${++city.drawn}`
  const path = `/facilities/H1/patients/${patient}`
  await door.ask(PatientView, 'PUT', path, { abo: 'AB', rhd: 'positive', antiD: false })
  const sample = { label: `tube-${city.drawn}`, collectedAt: iso(noon), collector: 'Ann' }
  const record = await door.ask(TransfusionRecord, 'POST', `${path}/samples`, sample)
  const [{ sampleId, until } = { sampleId: '', until: '' }] = record.samples
  const none = { units: [], boxes: [], recalls: [] }
  return { door, city, ...none, patient, sampleId, sampleUntil: Date.parse(until) }
}

export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

export async function post(
  { door, city }: Stock,
  by: Worker | 'lab',
  path: string,
  body: unknown,
): Promise<Answer> {
  const response = await door.raw(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${city.keys[by]}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

export const one = <T>(all: readonly T[], pick: number): T | undefined => all[pick % Math.max(1, all.length)]

/** What the pure functions say: what comes of it, or by which word they refuse. */
export function asked<T>(decision: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: decision() }
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code }
    throw error
  }
}

export const patientOf = ({ patient, sampleUntil }: Stock): Patient => ({
  pseudonym: patient,
  group: { abo: 'AB', rhd: 'positive' },
  antiD: false,
  sampleUntil,
})

/** Bags as they are told, beside the bags as the model has them. */
export async function compare({ door }: Stock, units: readonly Unit[]): Promise<void> {
  for (const unit of units) isAsTold(unit, await door.ask(BagDetail, 'GET', `/bags/${unit.facts.id}`))
}

/**
 * What a request has answered is the bag as it stands: it need not be asked for once more. Whom it is kept for is told to who
 * may know the patients there, and to nobody of the centre.
 */
export function isAsTold(unit: Unit, told: z.output<typeof BagDetail>, by: Worker | 'lab' = 'lab'): void {
  const { facts } = unit
  expect(told).toMatchObject({
    state: facts.state,
    component: facts.component,
    productCode: `${unit.productCode}${unit.collectionType}${unit.division}`,
    expiresAt: iso(facts.expiresAt),
    group: facts.group,
    bagCount: unit.bagCount,
    amount: unit.amount,
    uom: unit.uom,
    reservedFor: by === 'lab' ? (facts.reservation?.patient ?? null) : null,
    reservedUntil: facts.reservation ? iso(facts.reservation.until) : null,
  })
  expect(told.holds.map(({ holdId }) => holdId).sort()).toEqual(facts.holds.map(({ id }) => id).sort())
}

/**
 * All that is left of a stock is there: each bag with as many events as were told of it, made of what it was made of, in the
 * box it is in, held and kept as the model has it, whatever was refused of it; and what is over but not given or thrown away
 * lives on in what was made of it.
 */
export async function nothingIsLost({ door, units, boxes }: Stock): Promise<void> {
  const { pool } = door.world.deps.database
  const ids = units.map(({ facts }) => facts.id)
  const { rows } = await pool.query(
    `select b.id, b.version, b.state, b.holder_id, b.destination_id, b.reserved_for, b.reserved_until,
       array(select id from bag_hold h where h.bag_id = b.id and h.lifted_at is null order by 1) as holds,
       array(select parent_id::text from bag_lineage where child_id = b.id order by 1) as parents,
       (select packing_id::text from box_content c where c.bag_id = b.id and c.unpacked_at is null) as box
     from bag b where b.id = any($1)`,
    [ids],
  )
  const told = new Map(rows.map((row) => [row.id, row]))
  for (const unit of units) {
    const { facts, events, parents, box } = unit
    expect(told.get(facts.id)).toEqual({
      ...{ id: facts.id, version: events, holder_id: facts.holderId, destination_id: facts.destinationId },
      ...{ state: facts.state, holds: facts.holds.map(({ id }) => id).sort((a, b) => a - b) },
      reserved_for: facts.reservation?.patient ?? null,
      reserved_until: facts.reservation?.until ?? null,
      ...{ parents: parents.map((parent) => parent.facts.id).sort(), box: box?.id ?? null },
    })
    const children = units.filter((other) => other.parents.includes(unit))
    expect(children.length > 0).toBe(facts.state === 'processed')
    if (facts.state === 'processed' && children.every(({ division }) => division !== unit.division))
      expect(sum(children)).toBeLessThanOrEqual((unit.amount ?? Number.POSITIVE_INFINITY) + 1e-6)
    expect(isFinal(facts.state) || facts.holderId !== null).toBe(true)
  }
  const { rows: empty } = await pool.query(
    `select id::text, emptied_at is not null as empty from box_packing where id = any($1)`,
    [boxes.map(({ id }) => id)],
  )
  const isEmpty = new Map(empty.map((row) => [row.id, row.empty]))
  for (const { id, bags } of boxes) expect(isEmpty.get(id)).toBe(bags.size === 0)
}

export const sum = (units: readonly Unit[]) => units.reduce((all, { amount }) => all + (amount ?? 0), 0)
