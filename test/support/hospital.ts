import { expect } from 'vitest'
import { everywhere } from '../../api/domain/rights.ts'
import { findPerson } from '../../api/stores/people.ts'
import { createPerson } from '../../api/usecases/create-person.ts'
import { BagDetail } from '../../schema/http/bags.ts'
import { Facility } from '../../schema/http/facilities.ts'
import { Children, Donation, Patient, ScanAnswer, TakeOut } from '../../schema/http/life.ts'
import { markers, type Role } from '../../schema/vocabulary.ts'
import type { Door } from '../api/http/door.ts'
import { aDevice, aMessage, aReading, noon } from './world.ts'

const day = 86_400_000
const iso = (at: number) => new Date(at).toISOString()

/** The bearer token of a person with one role, at one place or everywhere. */
export async function signedIn(
  { world, services }: Door,
  username: string,
  role: Role,
  facility: string | null,
): Promise<string> {
  const ctx = { ...world.ctx, grants: everywhere }
  await createPerson(ctx, { username, name: username, password: null, roles: [{ role, facility }] })
  const { id } = await findPerson(world.deps.database.db, username)
  return (await services.sessions.open(id, day)).token
}

/** Somebody with one role at one place, who asks over HTTP. */
export type Worker = {
  post(path: string, body?: unknown): Promise<Response>
  get(path: string): Promise<Response>
  put(path: string, body: unknown): Promise<Response>
}

export async function aWorker(door: Door, name: string, role: Role, facility: string): Promise<Worker> {
  const key = await signedIn(door, name, role, facility)
  const ask = (method: string) => async (path: string, body?: unknown) =>
    door.raw(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return { get: ask('GET'), put: ask('PUT'), post: (path, body = {}) => ask('POST')(path, body) }
}

export async function done<T>(response: Promise<Response>, schema: { parse(value: unknown): T }): Promise<T> {
  const answered = await response
  const text = await answered.text()
  expect(answered.status, text).toBeLessThan(300)
  return schema.parse(JSON.parse(text))
}

export async function refusal(
  response: Promise<Response>,
): Promise<{ status: number; code: string; detail: string }> {
  const problem = (await (await response).json()) as { status: number; code: string; detail: string }
  expect(problem.status, JSON.stringify(problem)).toBeGreaterThanOrEqual(400)
  return problem
}

/** A centre C1 and a hospital H1, and who works there. */
export async function aCity(door: Door) {
  await door.ask(Facility, 'POST', '/facilities', {
    code: 'C1',
    name: 'Blood Centre',
    kind: 'centre',
    timeZone: 'Asia/Shanghai',
  })
  const [collector, tester, second, courier, lab, nurse] = await Promise.all([
    aWorker(door, 'collector', 'centre', 'C1'),
    aWorker(door, 'tester', 'centre', 'C1'),
    aWorker(door, 'second', 'centre', 'C1'),
    aWorker(door, 'courier', 'courier', 'C1'),
    aWorker(door, 'lab', 'transfusion_lab', 'H1'),
    aWorker(door, 'nurse', 'nurse', 'H1'),
  ])
  return { collector, tester, second, courier, lab, nurse }
}
export type City = Awaited<ReturnType<typeof aCity>>

export type Group = { readonly abo: string; readonly rhd: string }
export const oPositive: Group = { abo: 'O', rhd: 'positive' }

/** A bag of red cells at the centre, collected and made, of a donation nobody has grouped yet. */
export async function aMadeBag({ collector }: City, number: number): Promise<{ din: string; bagId: string }> {
  const din = `=A999926${String(number).padStart(6, '0')}00`
  const whole = await done(
    collector.post('/donations', {
      din,
      donor: `donor-${number}`,
      facility: 'C1',
      productCode: 'E0001V00',
      expiresAt: iso(noon + 35 * day),
      collectedAt: iso(noon - 3_600_000),
    }),
    BagDetail,
  )
  const { children } = await done(
    collector.post(`/bags/${whole.bagId}/process`, {
      children: [{ productCode: 'E0336V00', component: 'red_cells', expiresAt: iso(noon + 35 * day) }],
    }),
    Children,
  )
  return { din, bagId: children[0]?.bagId as string }
}

/** Grouped by two and tested for everything. */
export async function test(city: City, din: string, group: Group = oPositive): Promise<void> {
  for (const worker of [city.collector, city.tester])
    await done(worker.post(`/donations/${encodeURIComponent(din)}/groupings`, group), Donation)
  const results = markers.map((marker) => ({ marker, reactive: false }))
  await done(city.tester.post(`/donations/${encodeURIComponent(din)}/tests`, { results }), Donation)
}

/** A bag of red cells in the hospital's stock. */
export async function aBagInStock(
  city: City,
  number: number,
  group: Group = oPositive,
): Promise<{ din: string; bagId: string }> {
  const made = await aMadeBag(city, number)
  await test(city, made.din, group)
  await step(city.collector, made.bagId, 'test')
  await step(city.second, made.bagId, 'release')
  await step(city.second, made.bagId, 'distribute', { to: 'H1' })
  await step(city.courier, made.bagId, 'depart')
  await step(city.lab, made.bagId, 'receive')
  return made
}

/** A bag of A RhD-positive in a cold fridge, and what a scan of it for P1 is answered. */
export async function aBagInFridge(door: Door, city: City, group: Group = { abo: 'A', rhd: 'positive' }) {
  const { din, bagId } = await aBagInStock(city, 1, group)
  const { clock } = door.world
  const fridge = await aDevice(door.world, 'fridge-or', {}, noon - day)
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: 'T1', from: iso(clock.now) })
  const say = (seq: number, channel: 'readings' | 'bags', body: unknown) =>
    door.world.ingest.accept([aMessage({ device: 'fridge-or', seq, channel, receivedAt: clock.now, body })])
  await say(0, 'readings', [aReading(clock.now, 4)])
  await say(1, 'bags', [{ at: clock.now, added: ['T1'], removed: [] }])
  const label = { din, productCode: 'E0336V00' }
  const open = (more: object = {}) =>
    done(city.nurse.post('/take-outs', { device: 'fridge-or', patient: 'P1', ...more }), TakeOut)
  const scan = async (more: object = {}) => {
    const { takeOutId } = await open(more)
    const { answer, findings } = await done(
      city.nurse.post(`/take-outs/${takeOutId}/scans`, label),
      ScanAnswer,
    )
    return [answer, ...findings]
  }
  return { bagId, label, fridge, open, scan }
}

/** Put bags into a new fridge of the hospital, cold since they came. */
export async function putInFridge(door: Door, device: string, bagIds: readonly string[]): Promise<void> {
  const { clock, ingest } = door.world
  const { now: receivedAt } = clock
  await aDevice(door.world, device, {}, noon - day)
  const tags = bagIds.map((bagId) => `of-${bagId}`)
  for (const [index, bagId] of bagIds.entries())
    await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: tags[index], from: iso(receivedAt) })
  await ingest.accept([
    aMessage({ device, seq: 0, channel: 'readings', receivedAt, body: [aReading(receivedAt, 4)] }),
    aMessage({
      ...{ device, seq: 1, channel: 'bags', receivedAt },
      body: [{ at: receivedAt, added: tags, removed: [] }],
    }),
  ])
}

export function step(worker: Worker, bagId: string, verb: string, body: unknown = {}) {
  return done(worker.post(`/bags/${bagId}/${verb}`, body), BagDetail)
}

export function aPatient({ lab }: City, pseudonym: string, changes: object = {}) {
  return done(
    lab.put(`/facilities/H1/patients/${pseudonym}`, {
      abo: 'O',
      rhd: 'positive',
      sampleUntil: iso(noon + 3 * day),
      ...changes,
    }),
    Patient,
  )
}
