import { expect } from 'vitest'
import { everywhere } from '../../../../api/domain/rights.ts'
import { findFacility } from '../../../../api/stores/facilities.ts'
import { createFacility } from '../../../../api/usecases/create-facility.ts'
import { Patient as PatientView, TakeOutRules } from '../../../../schema/http/life.ts'
import { Person as PersonView } from '../../../../schema/http/people.ts'
import { PolicyProposal } from '../../../../schema/http/policies.ts'
import { SignatureRules } from '../../../../schema/http/signatures.ts'
import { abos, rhds } from '../../../../schema/vocabulary.ts'
import { signedIn } from '../../../support/hospital.ts'
import { aDevice, aMessage, aReading, noon } from '../../../support/world.ts'
import { type Door, iso } from '../door.ts'
import {
  type City,
  count,
  day,
  type Hospital,
  lands,
  nowOf,
  type Patient,
  type Person,
  people,
  rolesOf,
  silenceMs,
} from './account.ts'
import type { Step } from './steps.ts'

/*
 * The hospitals of the model, and how they are spoken to: each walk has one of its own, so that a worklist of it is
 * of this walk alone.
 */

const pin = '274951'

/** Everybody, with badges; and policies by which a fridge need not be read every quarter of an hour. */
export async function aCity(door: Door): Promise<City> {
  const { clock } = door.world
  clock.now = noon - 2 * day
  const names = Object.keys(people) as Person[]
  const keys: [Person, string][] = []
  for (const name of names) keys.push([name, await signedIn(door, name, people[name], null)])
  const city = { door, keys: Object.fromEntries(keys) as City['keys'], drawn: 0, signatures: 0 }
  for (const name of names)
    for (const role of rolesOf(name).slice(1))
      await door.ask(PersonView, 'POST', `/people/${name}/roles`, { role, facility: null })
  for (const name of ['lab1', 'lab2', 'nurse1', 'nurse2'])
    await door.ask(PersonView, 'PUT', `/people/${name}/badge`, { badge: `badge-${name}`, pin })
  await seldomRead({ ...city, ids: {} as City['ids'] })
  const { rows } = await door.world.deps.database.pool.query('select id::text, username from person')
  const ids = Object.fromEntries(rows.map(({ id, username }) => [username, id])) as City['ids']
  return { ...city, ids }
}

async function seldomRead(city: City): Promise<void> {
  const third = await signedIn(city.door, 'expert', 'transfusion_lab', null)
  for (const [jurisdiction, returns] of [
    ['CN', 'none'],
    ['UK', 'timed'],
  ]) {
    const proposal = {
      ...{ jurisdiction, component: 'red_cells', phase: 'storage', effectiveFrom: iso(noon - day) },
      ...{ low: 2, high: 6, maxSilenceSeconds: silenceMs / 1_000, longestSeconds: null, occasions: null },
      ...{ gapGraceSeconds: 86_400, allowances: [], returns, source: 'the model', uncertain: [] },
      alarm: { loadSeconds: 0, airLow: 2, airHigh: 8, airSeconds: 600, airActionSeconds: 1_800 },
      reason: 'to read seldom',
    }
    const by = (key: string) => ({ keys: { ...city.keys, lab1: key }, door: city.door })
    const { body } = await send(by(third), 'lab1', '/policies/proposals', proposal)
    const path = `/policies/proposals/${PolicyProposal.parse(body).id}/opinions`
    for (const name of ['lab1', 'lab2'] as const) {
      const said = await send(city, name, path, { decision: 'approve', comment: 'read' })
      expect(said.status, JSON.stringify(said.body)).toBe(201)
    }
  }
}

export type Told = { readonly status: number; readonly body: Record<string, unknown> }

async function send(
  { door, keys }: Pick<City, 'door' | 'keys'>,
  by: Person,
  path: string,
  body: unknown,
): Promise<Told> {
  const response = await door.raw(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys[by]}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/**
 * Ask for something: it must be refused with the word the model has for it, or done where it has none.
 *
 * @returns what was answered; null where it was refused
 */
export async function ask(
  { city }: Pick<Hospital, 'city'>,
  {
    what,
    by,
    path,
    body = {},
    refusal,
  }: {
    /** The verb, to be counted and to be read where the two differ. */
    readonly what: string
    readonly by: Person
    readonly path: string
    readonly body?: unknown
    readonly refusal: string | null
  },
): Promise<Record<string, unknown> | null> {
  const told = await send(city, by, path, body)
  const shown = `${what} by ${by} at ${path} of ${JSON.stringify(body)}: ${JSON.stringify(told.body)}`
  if (refusal !== null) {
    expect(told.body.code, shown).toBe(refusal)
    count(`${what}: ${refusal}`)
    return null
  }
  expect(told.status, shown).toBe(201)
  count(what)
  return told.body
}

/** What is told of something, to be compared with what the model has of it. */
export async function read({ city }: Pick<Hospital, 'city'>, path: string): Promise<unknown> {
  const response = await city.door.raw(path, { headers: { authorization: `Bearer ${city.keys.lab1}` } })
  const body: unknown = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body
}

/** A hospital with a fridge that is read, and two patients. Of whom something was said in a word, or nothing. */
export async function aHospital(
  city: City,
  land: keyof typeof lands,
  { secondChecker = false, words = [{}, {}] as readonly Partial<Patient>[] } = {},
): Promise<Hospital> {
  const { door } = city
  const { world } = door
  world.clock.now = noon
  const code = `H${100 + ++city.drawn}`
  const device = `fridge-${code.toLowerCase()}`
  const ctx = { ...world.ctx, grants: everywhere }
  await createFacility(ctx, {
    ...{ code, name: code, kind: 'hospital', timeZone: 'Asia/Shanghai', jurisdiction: land },
  })
  await aDevice(world, device, { maxSilenceMs: silenceMs }, noon - day, code)
  const { id } = await findFacility(world.deps.database.db, code)
  const patients = words.map((word, index): Patient => {
    const is = { abo: null, rhd: null, antiD: false, sampleUntil: null, ...word }
    return {
      ...{ ...is, name: `P${index + 1}`, hasRecord: false, samples: [] },
      ...{ antibodies: new Set(), needs: new Set(), told: ['patient.saved configured-key'] },
    }
  })
  const hospital: Hospital = {
    ...{ city, door, code, id, land: lands[land], device, patients },
    ...{ units: [], orders: [], sessions: [], recalls: [], demands: new Set(), silences: [] },
    ...{ rules: { secondChecker: false, crossmatch: false }, heardAt: noon, seq: 0 },
  }
  for (const { name, abo, rhd, antiD, sampleUntil } of patients)
    await door.ask(PatientView, 'PUT', `/facilities/${code}/patients/${name}`, {
      ...{ abo, rhd, antiD, ...(sampleUntil === null ? {} : { sampleUntil: iso(sampleUntil) }) },
    })
  if (secondChecker) await setRules(hospital, { secondChecker, crossmatch: false })
  await say(hospital, ['readings', [aReading(noon, 4)]])
  return hospital
}

/** What is drawn of patients before anything is done. */
export function wordOf({ abo, rhd, flag, other, seldom }: Step): Partial<Patient> {
  if (seldom) return { abo: abos[0], rhd: rhds[1], antiD: true }
  return { ...(other ? { abo, rhd } : {}), ...(flag ? { sampleUntil: noon + 3 * day } : {}) }
}

type Channel = 'readings' | 'bags' | 'replies'

/** What the fridge sends, all at once. */
export async function say(
  hospital: Hospital,
  ...messages: readonly (readonly [Channel, unknown])[]
): Promise<void> {
  const { world } = hospital.door
  const at = nowOf(hospital)
  await world.ingest.accept(
    messages.map(([channel, body]) =>
      aMessage({
        ...{ device: hospital.device, channel, seq: hospital.seq++, body, receivedAt: at },
        uptimeMs: at - noon + 3_600_000,
      }),
    ),
  )
}

/** Time passes, and the fridge is read all the while; or nothing is heard of it. */
export async function wait(hospital: Hospital, ms: number, isHeard: boolean): Promise<void> {
  const { clock } = hospital.door.world
  const until = clock.now + ms
  const instants: number[] = []
  for (let at = clock.now; at < until; ) {
    at = Math.min(at + silenceMs, until)
    instants.push(at)
  }
  clock.now = until
  count(isHeard ? 'wait' : 'unheard')
  if (!isHeard) return
  const [first = until] = instants
  const { heardAt, silences } = hospital
  if (first - heardAt > silenceMs) silences.push({ from: heardAt, to: first })
  await say(hospital, ['readings', instants.map((at) => aReading(at, 4))])
  hospital.heardAt = until
}

export async function setRules(hospital: Hospital, rules: Hospital['rules']): Promise<void> {
  hospital.rules = rules
  const told = { ...rules, telephone: null }
  await hospital.door.ask(TakeOutRules, 'PUT', `/facilities/${hospital.code}/take-out-rules`, told)
  count('rules')
}

/** From now on these are done with a signature only. */
export async function demand(hospital: Hospital, acts: readonly string[]): Promise<void> {
  hospital.demands = new Set(acts)
  await hospital.door.ask(SignatureRules, 'PUT', `/facilities/${hospital.code}/signature-rules`, { acts })
  count('demand')
}

const signature = (name: Person) => ({ badge: `badge-${name}`, secret: pin })
const another = { lab1: 'lab2', lab2: 'lab1', nurse1: 'nurse2', nurse2: 'nurse1' } as const
export type Hand = keyof typeof another

/** What is sent to sign an act, and by which word it is refused for it; null where it is not. */
export function signed(
  hospital: Hospital,
  act: string,
  by: Hand,
  signing: Step['signing'],
): { readonly body: object; readonly refusal: string | null } {
  if (signing === 'not') return { body: {}, refusal: hospital.demands.has(act) ? 'signature_required' : null }
  const name = signing === 'theirs' ? by : another[by]
  return { body: { signature: signature(name) }, refusal: signing === 'theirs' ? null : 'signature_wrong' }
}

export const witnessed = (name: Hand) => ({ witnessSignature: signature(name) })
export const otherOf = (name: Hand): Hand => another[name]

/** One of those there are; which, hangs on what was drawn. */
export const one = <T>(all: readonly T[], pick: number): T | undefined => all[pick % Math.max(1, all.length)]

/** The same, counted from the newest. */
export const newest = <T>(all: readonly T[], pick: number): T | undefined =>
  all[all.length - 1 - (pick % Math.max(1, all.length))]
