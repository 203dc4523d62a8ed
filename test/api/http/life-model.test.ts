import fc from 'fast-check'
import { expect } from 'vitest'
import type { z } from 'zod'
import { type BagFacts, type Command, decide, evolve, type Patient } from '../../../api/domain/bag.ts'
import { isFinal, moves } from '../../../api/domain/lifecycle.ts'
import { Refusal } from '../../../api/domain/refusal.ts'
import { everywhere } from '../../../api/domain/rights.ts'
import { rhdWaived } from '../../../api/domain/take-out.ts'
import { findFacility } from '../../../api/stores/facilities.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import {
  type Abo,
  abos,
  type BagState,
  type BagVerb,
  bagVerbs,
  type HoldKind,
  type Marker,
  markers,
  type Rhd,
  rhds,
  transfusionVerbs,
} from '../../../schema/vocabulary.ts'
import { serverUrl } from '../../support/database.ts'
import { signedIn } from '../../support/hospital.ts'
import { aDevice, aMessage, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

/*
 * Bags live random lives over HTTP while the pure functions live them too. Both must say the same: after every step what was
 * refused and with which word, or how the bag stands; and at the end of each life how it stands, whatever was refused.
 */

const minute = 60_000
const day = 86_400_000
const runs = Number(process.env.LIFE_RUNS ?? (serverUrl() === undefined ? 25 : 500))
const steps = 50

const places = ['C1', 'H1', 'H2'] as const
const workers = ['ann', 'ben', 'eva'] as const
type Worker = (typeof workers)[number]

const patients = {
  'P-o': { abo: 'O', rhd: 'positive', antiD: false },
  'P-ab-neg': { abo: 'AB', rhd: 'negative', antiD: false },
  'P-anti-d': { abo: 'A', rhd: 'negative', antiD: true },
} as const
type Pseudonym = keyof typeof patients

/** What a step draws; which of it counts depends on what it turns out to be. */
const Step = fc.record({
  kind: fc.constantFrom(
    'move',
    'move',
    'move',
    'move',
    'move',
    'any',
    'fridge',
    'fridge',
    'group',
    'marker',
    'markers',
    'hold',
    'lift',
    'lift',
    'see',
    'wait',
  ),
  pick: fc.nat(1_000),
  worker: fc.constantFrom(...workers),
  abo: fc.constantFrom(...abos, 'O', 'O', 'O'),
  rhd: fc.constantFrom(...rhds, 'positive', 'positive'),
  marker: fc.constantFrom(...markers),
  reactive: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
  patient: fc.constantFrom(...(Object.keys(patients) as Pseudonym[])),
  to: fc.constantFrom(...places),
  holdKind: fc.constantFrom<HoldKind>('recall', 'visual', 'other'),
  waitMs: fc.constantFrom(minute, 90 * minute, day, 20 * day),
  flag: fc.boolean(),
  isEnd: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
})
type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never

/** A bag as the model has it, with what only the test knows of it. */
type Model = {
  facts: BagFacts
  readonly din: string
  /** It has a donation here, which may be grouped and tested. */
  readonly isDonation: boolean
  groupings: { abo: Abo; rhd: Rhd; by: string }[]
  tests: { marker: Marker; reactive: boolean; by: string }[]
  /** Who placed each hold, by its number. */
  placedBy: Map<number, string>
  lastVerb: string
  /** Null while it is not inside. */
  insideSince: number | null
  issuedAt: number
  events: number
}

test(
  'a bag lives over HTTP as it lives in the model',
  async ({ door }) => {
    const city = await aCity(door)
    await walk(door, city)
    expect([...done].sort()).toEqual([...bagVerbs].sort())
    let drawn = 10_000
    await fc.assert(
      fc.asyncProperty(fc.array(Step, { minLength: steps, maxLength: steps + 5 }), async (drawnSteps) => {
        door.world.clock.now = noon
        let model = await born(door, city, ++drawn)
        for (const step of drawnSteps) {
          const isOver = isFinal(model.facts.state) && (step.isEnd || step.kind !== 'any')
          if (isOver) {
            await compare(door, model)
            model = await born(door, city, ++drawn)
          }
          await take(door, city, model, step)
        }
        await compare(door, model)
      }),
      // To shrink fifty steps takes longer than to read them: the seed draws them again.
      { numRuns: runs, endOnFailure: true },
    )
  },
  20 * minute,
)

/** The verbs that were done at least once. */
const done = new Set<BagVerb>()

/** Lives that are not drawn, so that each verb is done whatever is. */
async function walk(door: Door, city: City): Promise<void> {
  const lives: readonly (readonly (BagVerb | 'see')[])[] = [
    // biome-ignore format: a life is a line
    ['test', 'release', 'reserve', 'unreserve', 'distribute', 'recall_shipment', 'distribute', 'depart', 'arrive', 'receive',
      'see', 'issue', 'cancel_issue', 'issue', 'return', 'discard', 'transfuse'],
    ['test', 'release', 'distribute', 'depart', 'refuse', 'reinstate', 'issue', 'transfuse', 'transfuse'],
    ['test', 'end_transfusion', 'start_transfusion', 'report_reaction', 'interrupt_transfusion', 'transfuse'],
    ['process', 'transfuse', 'start_transfusion'],
  ]
  for (const [index, verbs] of lives.entries()) {
    door.world.clock.now = noon
    // Of a donor whose donation is grouped and tested, and of the patient's group.
    const model = await born(door, city, index * 12 + 4)
    for (const [number, verb] of verbs.entries()) {
      const step = { ...quiet, worker: workers[(number + 1) % workers.length] as Worker }
      if (verb === 'see') await take(door, city, model, { ...step, kind: 'see', flag: true })
      else await act(door, city, model, { ...step, flag: true }, verb)
    }
    await compare(door, model)
  }
}

/** A step that asks for nothing out of the way. */
const quiet: Step = {
  kind: 'move',
  pick: 0,
  worker: 'ann',
  abo: 'O',
  rhd: 'positive',
  marker: 'hiv',
  reactive: false,
  patient: 'P-o',
  to: 'H1',
  holdKind: 'other',
  waitMs: minute,
  flag: false,
  isEnd: false,
}

type City = {
  readonly keys: Record<Worker | 'lab', string>
  readonly ids: Record<(typeof places)[number], number>
  seq: number
}

async function aCity(door: Door): Promise<City> {
  const ctx = { ...door.world.ctx, grants: everywhere }
  const { db } = door.world.deps.database
  for (const code of ['C1', 'H2'])
    await createFacility(ctx, { code, name: code, kind: 'hospital', timeZone: 'Asia/Shanghai' })
  const ids: [string, number][] = []
  for (const code of places) {
    ids.push([code, (await findFacility(db, code)).id])
    for (const [pseudonym, facts] of Object.entries(patients))
      await door.ask(await patientSchema(), 'PUT', `/facilities/${code}/patients/${pseudonym}`, facts)
  }
  const keys: [string, string][] = []
  for (const name of workers) keys.push([name, await signedIn(door, name, 'centre', null)])
  keys.push(['lab', await signedIn(door, 'lab', 'transfusion_lab', null)])
  await aDevice(door.world, 'f1', {}, noon - day)
  return { ids: Object.fromEntries(ids), keys: Object.fromEntries(keys), seq: 0 } as City
}

async function patientSchema() {
  return (await import('../../../schema/http/life.ts')).Patient
}

async function post(door: Door, city: City, by: Worker | 'lab', path: string, body: unknown) {
  const response = await door.raw(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${city.keys[by]}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** One in three comes from a donor, one from a donor whose donation is known already, one with a label from elsewhere. */
async function born(door: Door, city: City, number: number): Promise<Model> {
  const din = `=A9999${26 + Math.floor(number / 1e6)}${String(number % 1e6).padStart(6, '0')}00`
  const expiresAt = door.world.clock.now + 35 * day
  const label = { din, facility: 'C1', productCode: 'E0001V00', expiresAt: iso(expiresAt) }
  const group = { abo: abos[number % abos.length] as Abo, rhd: rhds[number % 7 === 0 ? 1 : 0] as Rhd }
  const isLabelled = number % 3 === 0
  const { status, body } = isLabelled
    ? await post(door, city, 'ann', '/bags', {
        ...label,
        component: 'whole_blood',
        group,
      })
    : await post(door, city, 'ann', '/donations', { ...label, donor: 'donor' })
  expect(status, JSON.stringify(body)).toBe(201)
  const detail = BagDetail.parse(body)
  await door.ask(BagDetail, 'POST', `/bags/${detail.bagId}/tags`, { tag: `tag-${detail.bagId}` })
  const facts: BagFacts = {
    id: detail.bagId,
    label: `${detail.din} ${detail.productCode}`,
    component: 'whole_blood',
    state: isLabelled ? 'available' : 'collected',
    expiresAt,
    group: isLabelled ? group : null,
    lowTitre: false,
    isForAnybody: true,
    holderId: city.ids.C1,
    destinationId: null,
    reservation: null,
    holds: [],
  }
  const model: Model = {
    facts,
    din,
    isDonation: !isLabelled,
    groupings: [],
    tests: [],
    placedBy: new Map(),
    lastVerb: 'collect',
    insideSince: null,
    issuedAt: 0,
    events: 1,
  }
  if (number % 3 === 1) {
    const drawn = { ...group, marker: 'hiv', reactive: false, pick: 0, flag: false } as const
    for (const [kind, worker] of [
      ['group', 'ann'],
      ['group', 'ben'],
      ['markers', 'ben'],
    ] as const)
      await take(door, city, model, { ...(drawn as unknown as Step), kind, worker })
  }
  return model
}

async function take(door: Door, city: City, model: Model, step: Step): Promise<void> {
  const path = `/bags/${model.facts.id}`
  const donation = `/donations/${encodeURIComponent(model.din)}`
  switch (step.kind) {
    case 'wait':
      door.world.clock.now += step.waitMs
      return
    case 'group': {
      if (!model.isDonation) return
      const { abo, rhd, worker } = step
      expect((await post(door, city, worker, `${donation}/groupings`, { abo, rhd })).status).toBe(201)
      model.groupings.push({ abo, rhd, by: worker })
      if (model.groupings.some((old) => old.abo !== abo || old.rhd !== rhd))
        await adopt(door, model, worker, { kind: 'group_mismatch', reason: 'its groupings differ' })
      return
    }
    case 'marker':
    case 'markers': {
      if (!model.isDonation) return
      const { reactive, worker } = step
      const results = (step.kind === 'marker' ? [step.marker] : markers).map((marker) => ({
        marker,
        reactive,
      }))
      expect((await post(door, city, worker, `${donation}/tests`, { results })).status).toBe(201)
      for (const result of results) model.tests.push({ ...result, by: worker })
      const names = results.map(({ marker }) => marker).join(', ')
      if (reactive) await adopt(door, model, worker, { kind: 'test_reactive', reason: `${names} reactive` })
      return
    }
    case 'hold': {
      const { worker, holdKind: kind } = step
      const { status, body } = await post(door, city, worker, `${path}/holds`, { kind, reason: 'drawn' })
      expect(status).toBe(201)
      const id = Math.max(...BagDetail.parse(body).holds.map(({ holdId }) => holdId))
      model.facts = { ...model.facts, holds: [...model.facts.holds, { id, kind, reason: 'drawn' }] }
      model.placedBy.set(id, worker)
      return
    }
    case 'lift': {
      const hold = model.facts.holds[step.pick % Math.max(1, model.facts.holds.length)]
      const { status, body } = await post(
        door,
        city,
        step.worker,
        `${path}/holds/${hold?.id ?? 1_000_000}/lift`,
        {
          reason: 'drawn',
        },
      )
      if (!hold) expect(status).toBe(404)
      else if (model.placedBy.get(hold.id) === step.worker) expect(body.code).toBe('second_person')
      else {
        expect(status, JSON.stringify(body)).toBe(201)
        model.facts = { ...model.facts, holds: model.facts.holds.filter(({ id }) => id !== hold.id) }
        isAsTold(model, BagDetail.parse(body), step.worker)
      }
      return
    }
    case 'see': {
      // An observation: taken in whatever the bag's life says, which it does not change.
      const tag = `tag-${model.facts.id}`
      const at = door.world.clock.now
      const body = [{ at, added: step.flag ? [tag] : [], removed: step.flag ? [] : [tag] }]
      const seq = city.seq++
      await door.world.ingest.accept([
        aMessage({ device: 'f1', channel: 'bags', seq, uptimeMs: at - noon + seq, receivedAt: at, body }),
      ])
      if (!step.flag || model.insideSince === null) model.insideSince = step.flag ? at : null
      const { place } = await compare(door, model)
      expect(place).not.toBeNull()
      return
    }
    case 'fridge': {
      // What a nurse does, which few lives would come to by chance: out of the fridge, and in again.
      if (model.facts.state === 'issued')
        await act(door, city, model, step, model.insideSince === null ? 'return' : 'cancel_issue')
      else if (model.insideSince !== null) await act(door, city, model, step, 'issue')
      else await take(door, city, model, { ...step, kind: 'see', flag: true })
      return
    }
    case 'move':
    case 'any': {
      // An end is drawn less often than a way on, or few would live long.
      const legal = (Object.keys(moves[model.facts.state]) as BagVerb[]).filter(
        (verb) => step.isEnd || !isEnd(verb, model.facts.state),
      )
      const verbs = step.kind === 'move' && legal.length > 0 ? legal : bagVerbs
      const verb = verbs[step.pick % verbs.length] as BagVerb
      await act(door, city, model, step, verb)
    }
  }
}

function isEnd(verb: BagVerb, state: BagState): boolean {
  const isGiven = transfusionVerbs.some((one) => one === verb)
  return verb === 'discard' || verb === 'process' || (isGiven && state !== 'issued')
}

/** A hold that came of something else that was done. */
async function adopt(
  door: Door,
  model: Model,
  by: string,
  { kind, reason }: { readonly kind: HoldKind; readonly reason: string },
): Promise<void> {
  const { holds } = await door.ask(BagDetail, 'GET', `/bags/${model.facts.id}`)
  const [placed, ...more] = holds.filter(({ holdId }) => !model.facts.holds.some(({ id }) => id === holdId))
  expect([placed?.kind, placed?.reason, more]).toEqual([kind, reason, []])
  const id = placed?.holdId as number
  model.facts = { ...model.facts, holds: [...model.facts.holds, { id, kind, reason }] }
  model.placedBy.set(id, by)
}

const byLab = new Set<BagVerb>([
  'reserve',
  'unreserve',
  'issue',
  'cancel_issue',
  ...transfusionVerbs,
  'return',
])

async function act(door: Door, city: City, model: Model, step: Step, verb: BagVerb): Promise<void> {
  const { now } = door.world.clock
  const by = byLab.has(verb) ? 'lab' : step.worker
  const { command, body } = asked(city, model, step, verb, by, now)
  const answer = await post(door, city, by, `/bags/${model.facts.id}/${verb.replaceAll('_', '-')}`, body)
  const what = `${verb} of a bag that is ${model.facts.state}: ${JSON.stringify(answer.body)}`
  let event: ReturnType<typeof decide>
  try {
    event = decide(model.facts, command, now)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    expect(answer.body.code, what).toBe(error.code)
    return
  }
  expect(answer.status, what).toBe(201)
  model.facts = evolve(model.facts, event)
  model.lastVerb = verb
  if (verb === 'issue') model.issuedAt = now
  done.add(verb)
  model.events += 1
  // What was made of it is answered, and not what has become of it.
  if (verb === 'process') await compare(door, model)
  else isAsTold(model, BagDetail.parse(answer.body), by)
}

function patientOf(pseudonym: Pseudonym): Patient {
  const { abo, rhd, antiD } = patients[pseudonym]
  return { pseudonym, group: { abo, rhd }, antiD, sampleUntil: null }
}

let observedBefore = 0

/** The same asked of both: the command of the model, and the body of the request. */
function asked(
  city: City,
  { groupings, tests, lastVerb, insideSince, issuedAt }: Model,
  { patient: pseudonym, to, waitMs, flag, pick }: Step,
  verb: BagVerb,
  by: string,
  now: number,
): { command: Command; body: object } {
  const reason = 'drawn'
  const donation = { groupings, tests }
  const patient = patientOf(pseudonym)
  switch (verb) {
    case 'process': {
      const child = {
        productCode: ['E0336V00', 'E0382V00'][pick % 2],
        component: 'red_cells',
        expiresAt: iso(now + day),
      }
      return { command: { verb, children: [] }, body: { children: [child] } }
    }
    case 'test':
      return { command: { verb, donation }, body: {} }
    case 'release':
      return { command: { verb, donation, by }, body: {} }
    case 'reserve': {
      const until = flag ? now + waitMs : now
      return { command: { verb, patient, until }, body: { patient: pseudonym, until: iso(until) } }
    }
    case 'distribute':
      return { command: { verb, to: city.ids[to], box: null }, body: { to } }
    case 'cancel_issue': {
      const isInside = insideSince !== null && insideSince <= issuedAt
      return { command: { verb, reason, isInside }, body: { reason } }
    }
    case 'depart':
    case 'arrive':
      return { command: { verb }, body: {} }
    case 'receive':
      return { command: { verb, remark: null }, body: {} }
    case 'issue': {
      const override = pick % 2 === 0 ? 'Dr Wang' : null
      // In China cells of O positive go to whoever is not grouped, in an emergency.
      const waived = flag ? [] : rhdWaived
      const rest = { emergency: !flag, override, reason, takeOut: null, waived, glassBroken: null }
      return {
        command: { verb, patient: flag ? patient : null, ...rest },
        body: {
          ...(flag ? { patient: pseudonym } : { emergency: true }),
          ...(override === null ? {} : { override }),
          reason,
        },
      }
    }
    case 'transfuse':
      return {
        command: {
          verb,
          patient: pseudonym,
          issuedFor: null,
          givenTo: [],
          startedAt: now,
          endedAt: null,
          reaction: flag,
        },
        body: { patient: pseudonym, startedAt: iso(now), reaction: flag },
      }
    case 'start_transfusion':
    case 'end_transfusion':
    case 'interrupt_transfusion':
    case 'report_reaction': {
      // Each at an instant of its own, or it is one that was told before.
      const occurredAt = now - ++observedBefore
      const told = { occurredAt, patient: pseudonym, checkers: flag ? ['ann', 'Ben'] : ['ann', 'Ann '] }
      const known = { issuedFor: null, givenTo: [], checkersNeeded: 2, volumeMl: null, remark: null }
      return { command: { verb, ...told, ...known }, body: { ...told, occurredAt: iso(occurredAt) } }
    }
    case 'discard': {
      const witness = flag ? (by === 'ann' ? 'ben' : 'ann') : null
      return {
        command: { verb, reason, witness, needsWitness: true },
        body: witness === null ? { reason } : { reason, witness },
      }
    }
    case 'reinstate':
      return {
        command: {
          verb,
          reason,
          afterIssue: lastVerb === 'return',
          returns: 'none',
          kept: null,
          handlingMs: 0,
        },
        body: { reason },
      }
    default:
      return { command: { verb, reason }, body: { reason } }
  }
}

/**
 * The bag as a request has answered, beside the bag as the model has it: it need not be asked for once more. Whom it is kept
 * for is told to who may know the patients there, and to nobody of the centre.
 */
function isAsTold({ facts }: Model, told: z.output<typeof BagDetail>, by: Worker | 'lab' = 'lab'): void {
  const { reservation } = facts
  expect(told).toMatchObject({
    state: facts.state,
    group: facts.group,
    reservedFor: by === 'lab' ? (reservation?.patient ?? null) : null,
    reservedUntil: reservation ? iso(reservation.until) : null,
  })
  expect(told.holds.map(({ holdId }) => holdId)).toEqual(facts.holds.map(({ id }) => id))
}

/** The bag as it stands, whatever was refused of it: as many events as were told of it, and no more. */
async function compare(door: Door, model: Model) {
  const { facts, events } = model
  const told = await door.ask(BagDetail, 'GET', `/bags/${facts.id}`)
  isAsTold(model, told)
  const { rows } = await door.world.deps.database.pool.query(
    'select holder_id, destination_id, version from bag where id = $1',
    [facts.id],
  )
  expect(rows[0]).toEqual({
    holder_id: facts.holderId,
    destination_id: facts.destinationId,
    version: events,
  })
  return told
}
