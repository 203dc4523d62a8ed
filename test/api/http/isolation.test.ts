import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { z } from 'zod'
import { hasRight, type Right, rights } from '../../../api/domain/rights.ts'
import { insertCases } from '../../../api/stores/alarms.ts'
import { insertDeadLetters } from '../../../api/stores/dead-letters.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import { findFacility } from '../../../api/stores/facilities.ts'
import { decideOnRejudgement } from '../../../api/usecases/decide-on-rejudgement.ts'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { proposeRejudgement } from '../../../api/usecases/propose-rejudgement.ts'
import { type Hl7Party, takeHl7 } from '../../../api/usecases/take-hl7.ts'
import { BagDetail } from '../../../schema/http/bags.ts'
import { Box } from '../../../schema/http/boxes.ts'
import { Facility } from '../../../schema/http/facilities.ts'
import { Patient, TakeOut } from '../../../schema/http/life.ts'
import { LoggerImport } from '../../../schema/http/loggers.ts'
import { NewWebhook } from '../../../schema/http/news.ts'
import { OfflineReceipt } from '../../../schema/http/offline.ts'
import { Order } from '../../../schema/http/orders.ts'
import { TransfusionRecord } from '../../../schema/http/patients.ts'
import { NewApiKey, Person } from '../../../schema/http/people.ts'
import { Recall } from '../../../schema/http/recalls.ts'
import { RejectedMessages } from '../../../schema/http/rejected-messages.ts'
import { Rejudged } from '../../../schema/http/rejudgements.ts'
import { NewContact, Roster } from '../../../schema/http/rosters.ts'
import { TransferPlan, TransferRequest } from '../../../schema/http/transfers.ts'
import { type Role, roles } from '../../../schema/vocabulary.ts'
import { aWorker, done, signedIn } from '../../support/hospital.ts'
import { printRuuvi } from '../../support/ruuvi.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'
import { type Door, iso, openDoor, test } from './door.ts'

/*
 * Every role, at one facility, against every route, for what is that facility's and for what is another's. The routes
 * are those the service says it has, each with the right it needs: a new one is in the matrix before anybody thinks of it.
 */

/** One of each thing a path or a body can name. */
type Place = {
  readonly code: string
  readonly device: string
  readonly bagId: string
  readonly tag: string
  readonly rejection: number
  readonly username: string
  readonly key: string
  readonly webhook: string
  readonly din: string
  readonly patient: string
  readonly takeOut: string
  readonly hold: number
  readonly deadLetter: number
  readonly alarm: number
  readonly contact: string
  readonly shift: number
  readonly loggerImport: number
  readonly rejudgement: number
  readonly box: string
  readonly recall: number
  readonly lookBack: number
  readonly sample: string
  readonly decision: string
  readonly order: string
  readonly refusal: number
  readonly request: string
  readonly plan: string
  readonly transfer: string
}

const doc = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ 'x-right': z.string().optional() }))),
})

/** Routes for whoever is known, or for all: they tell nothing of any facility. */
const forAll = new Set([
  'GET /health',
  'GET /ready',
  'GET /metrics',
  'POST /session',
  'POST /session/badge',
  'GET /session',
  'DELETE /session',
])

let drawn = 0

const aShift = (contact: string) => ({ step: 'ward', contact, weekdays: [1], from: '08:00', to: '20:00' })

const aRejudgement = {
  ...({ jurisdiction: 'CN', component: 'red_cells', phase: 'storage', version: 1 } as const),
  ...{ from: iso(noon - 86_400_000), to: iso(noon), reason: 'a limit was mistyped' },
}

/** Of a bag nobody knows, so that something speaks against it. */
const anOfflineDecision = () => ({
  ...({ decisionId: randomUUID(), occurredAt: iso(noon), uncertaintyMs: 0, list: null } as const),
  ...({ emergency: true, reason: 'haemorrhage', answer: 'GO', findings: [] } as const),
  scanned: { din: '=A99992699999800', productCode: 'E0336V00' },
  bagId: '00000000-0000-7000-8000-000000000007',
})

const anOrder = {
  ...{ component: 'red_cells', amount: 2, uom: 'U', indication: 'surgery', indicationText: 'hip' },
  ...{ urgency: 'routine', neededAt: iso(noon + 86_400_000) },
}

/** Of a component no other place has anything of: a plan names bags, wherever they are. */
const aTransferRequest = {
  ...{ urgency: 'emergency', deadline: iso(noon + 3_600_000) },
  lines: [{ component: 'granulocytes', amount: 1, uom: 'dose' }],
}

const anHl7Message = (code: string, type = 'ADT^A01') =>
  `MSH|^~\\&|HIS|${code}|||20200506120000||${type}|m-${++drawn}|P|2.5\rPID|||4711^^^MRN`

const anHl7Party = (at: string): Hl7Party => ({
  ...{ application: 'HIS', facility: at, at, authority: 'MRN', addresses: [], products: {} },
  pseudonymKey: 'a key that hashes the numbers of patients',
})

const aRuuviFile = (at: number) => printRuuvi([{ at, celsius: 4, humidity: 40 }])

/** A body that would be taken, for every route that reads one. */
const bodies: Record<string, (place: Place) => unknown> = {
  'POST /facilities': () => ({ code: `F${++drawn}`, name: 'New', kind: 'hospital', timeZone: 'UTC' }),
  'POST /devices': ({ code }) => ({
    name: `new-${++drawn}`,
    kind: 'fridge',
    facility: code,
    profile: { low: 2, high: 6 },
  }),
  'PUT /devices/{name}/profile': () => ({ low: 2, high: 6 }),
  'PUT /devices/{name}/capacity': () => ({ capacity: 10 }),
  'POST /devices/{name}/commands': () => ({ kind: 'sound' }),
  'POST /devices/{name}/alarm-tests': () => ({
    kind: 'load_high',
    passed: true,
    comment: 'warmed the probe',
  }),
  'POST /devices/{name}/defrosts': () => {
    const from = noon + ++drawn * 86_400_000
    return { from: iso(from), to: iso(from + 600_000), reason: 'ice' }
  },
  'PUT /devices/{name}/label': () => ({ label: '手术室冰箱' }),
  // Where it stands already, so that the cells after this one find it there.
  'POST /devices/{name}/moves': ({ code }) => ({ facility: code, reason: 'moved' }),
  'POST /devices/{name}/secret': () => ({}),
  'POST /devices/{name}/revocation': () => ({ reason: 'lost' }),
  'POST /devices/{name}/offline-decisions': () => ({ decisions: [anOfflineDecision()] }),
  'POST /devices/{name}/offline-decisions/{decisionId}/reviews': () => ({ conclusion: 'a broken terminal' }),
  'POST /list-keys': () => ({}),
  'POST /devices/{name}/clock-facts': () => ({
    boot: 'boot-a',
    fromSeq: 0,
    offsetMs: 0,
    reason: 'compared',
  }),
  'POST /devices/{name}/logger-imports/preview': () => ({ file: aRuuviFile(noon - 30_000), probe: 'load' }),
  'POST /devices/{name}/logger-imports': () => ({ file: aRuuviFile(noon - 30_000), probe: 'load' }),
  'POST /devices/{name}/calibrations': () => ({
    probe: 'load',
    doneAt: '2020-05-01T00:00:00Z',
    validUntil: '2021-05-01T00:00:00Z',
    certificate: 'C-1',
    offset: 0.1,
    doneBy: 'a laboratory',
  }),
  'POST /devices/{name}/qualifications': () => ({
    stage: 'IQ',
    doneAt: '2020-05-01T00:00:00Z',
    result: 'passed',
  }),
  'POST /devices/{name}/maintenance': () => ({ what: 'the door seal', doneAt: '2020-05-01T00:00:00Z' }),
  'POST /devices/{name}/mappings': () => ({
    from: '2020-05-01T00:00:00Z',
    to: '2020-05-02T00:00:00Z',
    points: ['top', 'middle', 'bottom'].map((place) => ({ place, coldest: 3, warmest: 5 })),
    result: 'passed',
  }),
  'POST /devices/{name}/manual-readings': () => ({ celsius: 4.1 }),
  'POST /bags': ({ code }) => ({
    din: `=A999926${String(++drawn).padStart(6, '0')}00`,
    productCode: 'E0336V00',
    component: 'red_cells',
    expiresAt: '2026-12-01T00:00:00Z',
    facility: code,
  }),
  'POST /bags/{bagId}/tags': () => ({ tag: `new-${++drawn}` }),
  'POST /people': ({ code }) => ({
    username: `new-${++drawn}`,
    name: 'New',
    roles: [{ role: 'nurse', facility: code }],
  }),
  'POST /people/{username}/roles': ({ code }) => ({ role: 'courier', facility: code }),
  'PUT /people/{username}/password': () => ({ password: 'correct horse battery' }),
  'PUT /people/{username}/badge': () => ({ badge: `badge-${++drawn}`, pin: '274951' }),
  'POST /people/{username}/end': () => ({ reason: 'left' }),
  'POST /api-keys': ({ code }) => ({ name: `new-${++drawn}`, role: 'engineer', facility: code }),
  'POST /api-keys/{name}/revocation': () => ({ reason: 'lost' }),
  'POST /donations': ({ code }) => ({
    din: `=A999926${String(++drawn).padStart(6, '0')}00`,
    donor: 'donor-1',
    productCode: 'E0001V00',
    expiresAt: '2026-12-01T00:00:00Z',
    facility: code,
  }),
  'POST /imports/bags/preview': (place) => aLine('POST /bags', place),
  'POST /imports/bags': (place) => aLine('POST /bags', place),
  'POST /imports/donations/preview': (place) => aLine('POST /donations', place),
  'POST /imports/donations': (place) => aLine('POST /donations', place),
  'POST /donations/{din}/groupings': () => ({ abo: 'O', rhd: 'positive' }),
  'POST /donations/{din}/tests': () => ({ results: [{ marker: 'hiv', reactive: false }] }),
  'POST /donations/{din}/recall': () => ({ reason: 'ill' }),
  'POST /recalls': ({ code, bagId }) => ({ facility: code, scope: 'bag', of: bagId, reason: 'ill' }),
  'POST /recalls/drills': ({ code, bagId }) => ({ facility: code, scope: 'bag', of: bagId, reason: 'ill' }),
  'POST /recalls/{number}/close': () => ({ reason: 'all found' }),
  'POST /recalls/{number}/lift': () => ({ reason: 'not ill after all' }),
  'POST /bags/{bagId}/lots': () => ({ kind: 'bag_set', number: 'L-1' }),
  'POST /look-backs/{lookBack}/recipient': () => ({ reason: 'to tell them' }),
  'POST /bags/{bagId}/process': () => ({
    children: [{ productCode: 'E0336V00', component: 'red_cells', expiresAt: '2020-06-01T00:00:00Z' }],
  }),
  'POST /bags/{bagId}/holds': () => ({ kind: 'visual', reason: 'clots' }),
  'POST /bags/{bagId}/holds/{holdId}/lift': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/look-back': () => ({ conclusion: 'none' }),
  'POST /bags/{bagId}/test': () => ({}),
  'POST /bags/{bagId}/release': () => ({}),
  'POST /bags/{bagId}/reserve': ({ patient }) => ({ patient, until: '2020-06-01T00:00:00Z' }),
  'POST /bags/{bagId}/unreserve': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/distribute': () => ({ to: 'H1' }),
  'POST /bags/{bagId}/recall-shipment': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/depart': () => ({}),
  'POST /bags/{bagId}/arrive': () => ({}),
  'POST /bags/{bagId}/receive': () => ({}),
  'POST /bags/{bagId}/refuse': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/issue': ({ patient }) => ({ patient, reason: 'urgent' }),
  'POST /bags/{bagId}/cancel-issue': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/transfuse': () => ({ startedAt: '2020-05-06T00:00:00Z' }),
  'POST /bags/{bagId}/return': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/reinstate': () => ({ reason: 'none' }),
  'POST /bags/{bagId}/discard': ({ code }) => ({ reason: 'none', witness: `opener-${code}` }),
  'POST /bags/{bagId}/start-transfusion': () => ({ occurredAt: '2020-05-06T00:00:00Z' }),
  'POST /bags/{bagId}/end-transfusion': () => ({ occurredAt: '2020-05-06T00:10:00Z' }),
  'POST /bags/{bagId}/interrupt-transfusion': () => ({ occurredAt: '2020-05-06T00:10:00Z' }),
  'POST /bags/{bagId}/report-reaction': () => ({ occurredAt: '2020-05-06T00:10:00Z' }),
  'POST /bags/{bagId}/inspections': () => ({ occasion: 'stock', checks: { label: true } }),
  'POST /boxes': ({ code }) => ({ box: `new-${++drawn}`, facility: code, to: 'H1' }),
  'POST /boxes/{boxId}/pack': ({ bagId }) => ({ bags: [bagId] }),
  'POST /boxes/{boxId}/unpack': ({ bagId }) => ({ bags: [bagId] }),
  'POST /boxes/{boxId}/seal-checks': () => ({ seal: 'S-2' }),
  'POST /boxes/{boxId}/conclusion': () => ({ conclusion: 'misread' }),
  'PUT /facilities/{code}/barcode-profiles/{profile}': () => ({
    region: 'CN-3702',
    codes: [
      {
        fields: [
          { literal: 'Q' },
          { part: 'donation', characters: 'digits', length: 12 },
          { part: 'product', characters: 'digits', length: 5 },
        ],
      },
    ],
  }),
  'PUT /facilities/{code}/patients/{pseudonym}': () => ({ abo: 'O', rhd: 'positive' }),
  'POST /facilities/{code}/patients/{pseudonym}/samples': () => ({
    label: `new-${++drawn}`,
    collectedAt: iso(noon),
    collector: 'Ann',
  }),
  'POST /facilities/{code}/patients/{pseudonym}/samples/{sampleId}/rejection': () => ({ reason: 'clotted' }),
  'POST /facilities/{code}/patients/{pseudonym}/samples/{sampleId}/groupings': () => ({
    ...{ abo: 'O', rhd: 'positive', method: 'gel' },
  }),
  'POST /facilities/{code}/patients/{pseudonym}/samples/{sampleId}/screens': () => ({ positive: false }),
  'POST /facilities/{code}/patients/{pseudonym}/antibodies': () => ({ specificity: 'K' }),
  'POST /facilities/{code}/patients/{pseudonym}/requirements': () => ({
    requirement: 'irradiated',
    reason: 'transplant',
  }),
  'POST /bags/{bagId}/crossmatches': ({ patient, sample }) => ({
    ...{ patient, sample, method: 'serological', result: 'least_incompatible' },
  }),
  'POST /bags/{bagId}/traits': () => ({ traits: [{ trait: 'K', present: false }] }),
  'POST /facilities/{code}/patients/{pseudonym}/orders': () => anOrder,
  'POST /orders/{orderId}/approval': () => ({}),
  'POST /orders/{orderId}/rejection': () => ({ reason: 'not needed' }),
  'POST /orders/{orderId}/cancellation': () => ({ reason: 'not needed' }),
  'POST /imports/hl7': ({ code }) => ({ message: anHl7Message(code) }),
  'POST /hl7-refusals/{id}/conclusion': () => ({ conclusion: 'a test of theirs' }),
  'POST /facilities/{code}/pseudonyms': () => ({ number: '4711' }),
  'POST /take-outs': ({ device, patient }) => ({ device, patient }),
  'POST /take-outs/{takeOutId}/checks': () => ({}),
  'POST /bags/{bagId}/issue-reviews': () => ({
    physician: 'Dr Wang',
    justification: 'haemorrhage',
    crossmatch: 'compatible',
  }),
  'PUT /facilities/{code}/signature-rules': () => ({ acts: [] }),
  'PUT /facilities/{code}/take-out-rules': () => ({ secondChecker: false }),
  'POST /take-outs/{takeOutId}/scans': ({ din }) => ({ din: `=${din}00`, productCode: 'E0336V00' }),
  'POST /policies/proposals': () => ({
    jurisdiction: 'CN',
    component: 'red_cells',
    phase: 'storage',
    effectiveFrom: '2030-01-01T00:00:00Z',
    low: 2,
    high: 6,
    maxSilenceSeconds: 900,
    gapGraceSeconds: 86_400,
    source: 'a test',
    reason: 'a test',
  }),
  'POST /policies/proposals/{id}/opinions': () => ({ decision: 'approve', comment: 'read' }),
  'POST /policies/rejudgements': () => aRejudgement,
  'POST /policies/rejudgements/{id}/opinions': () => ({ decision: 'approve', comment: 'read' }),
  'POST /products/proposals': () => ({
    jurisdiction: 'CN',
    code: 'D0001',
    effectiveFrom: '2030-01-01T00:00:00Z',
    name: 'Red cells',
    component: 'red_cells',
    uom: 'U',
    shelfLife: { count: 35, unit: 'days' },
    countsFrom: 'collection',
    source: 'a test',
    reason: 'a test',
  }),
  'POST /products/proposals/{id}/opinions': () => ({ decision: 'approve', comment: 'read' }),
  'POST /modifications': ({ bagId }) => ({ process: 'split', bags: [bagId], children: [{}, {}] }),
  'POST /alarms/{id}/acknowledge': () => ({ comment: 'on my way' }),
  'POST /alarms/{id}/comment': () => ({ comment: 'looked at it' }),
  'POST /alarms/{id}/rescue': () => ({}),
  'POST /alarms/{id}/rescue/abandon': () => ({ reason: 'it cools again' }),
  'POST /alarms/{id}/close': () => ({ comment: 'the door was shut' }),
  'POST /facilities/{code}/contacts': () => ({ name: `new-${++drawn}`, url: 'https://sms.test/' }),
  'POST /facilities/{code}/contacts/{contact}/end': () => ({ reason: 'left' }),
  'POST /facilities/{code}/roster/shifts': ({ contact }) => aShift(contact),
  'POST /facilities/{code}/roster/shifts/{shiftId}/end': () => ({ reason: 'changed' }),
  'PUT /facilities/{code}/stock-levels': () => ({
    levels: [
      {
        ...{ component: 'red_cells', abo: 'O', rhd: 'positive', uom: 'U' },
        target: 3,
        minimum: 2,
        critical: 1,
      },
    ],
  }),
  'POST /facilities/{code}/transfer-requests': () => aTransferRequest,
  'POST /transfer-requests/{requestId}/cancellation': () => ({ reason: 'moved' }),
  'POST /transfer-plans': () => ({}),
  'POST /transfer-plans/{planId}/accept': () => ({}),
  'POST /transfers/{transferId}/approve': () => ({}),
  'POST /transfers/{transferId}/cancel': () => ({ reason: 'found nearer' }),
  'POST /rotation-proposals/{proposalId}/accept': () => ({}),
  'POST /webhooks': ({ code }) => ({ name: `new-${++drawn}`, url: 'https://his.test/', facility: code }),
  'POST /webhooks/{name}/end': () => ({ reason: 'moved' }),
}

/** A file of one line, under a number that is the same each time: only who reads it, and where, makes a difference. */
function aLine(route: string, place: Place): string {
  const din = route === 'POST /bags' ? '=A99992690000000' : '=A99992690000100'
  const told = { ...(bodies[route]?.(place) as object), din, collectedAt: iso(noon) }
  return JSON.stringify(told)
}

/** These refuse a file, or answer of each of its rows: what is out of sight is told of the row. */
const byRow = /^POST \/imports\/(bags|donations)/

/** What a right for one facility never allows: it would touch all of them. */
const networkWide = new Set([
  'POST /rotation-proposals/{proposalId}/accept',
  'POST /list-keys',
  'POST /facilities',
  'POST /policies/proposals',
  'POST /policies/proposals/{id}/opinions',
  'POST /policies/rejudgements',
  'POST /policies/rejudgements/{id}/opinions',
  'POST /products/proposals',
  'POST /products/proposals/{id}/opinions',
])

const queries: Record<string, (place: Place) => string> = {
  'GET /stock/overview': ({ code }) => `?facility=${code}`,
  'GET /stock/nearest': ({ code }) => `?component=granulocytes&amount=1&uom=dose&to=${code}`,
  'GET /recalls/preview': ({ code, bagId }) => `?facility=${code}&scope=bag&of=${bagId}`,
  'DELETE /people/{username}/roles': ({ code }) => `?role=courier&facility=${code}`,
}

async function aPlace(door: Door, code: string): Promise<Place> {
  if (code !== 'H1')
    await door.ask(Facility, 'POST', '/facilities', {
      code,
      name: code,
      kind: 'hospital',
      timeZone: 'Asia/Shanghai',
    })
  const device = `fridge-of-${code}`
  await aDevice(door.world, device, {}, noon - 3_600_000)
  if (code !== 'H1') {
    // Test devices are provisioned at H1: this one was moved.
    const { id } = await findFacility(door.world.deps.database.db, code)
    await door.world.deps.database.pool.query(
      'update device_placement set facility_id = $1 where device_id = (select id from device where name = $2)',
      [id, device],
    )
  }
  const tag = `tag-of-${code}`
  await door.world.ingest.accept([
    aMessage({ device, seq: 0, body: [aReading(noon - 60_000, 4)] }),
    aMessage({ device, seq: 1, body: [{ ...aReading(noon, 4), celsius: 900 }] }),
    aMessage({
      device,
      seq: 2,
      channel: 'bags',
      body: [{ at: noon - 60_000, added: [`loose-${tag}`], removed: [] }],
    }),
  ])
  const { rejectedMessages } = await door.ask(RejectedMessages, 'GET', `/rejected-messages?device=${device}`)
  const { bagId } = await door.ask(BagDetail, 'POST', '/bags', bodies['POST /bags']?.({ code } as Place))
  await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag })
  const username = `person-of-${code.toLowerCase()}`
  await door.ask(Person, 'POST', '/people', {
    username,
    name: username,
    roles: [{ role: 'nurse', facility: code }],
  })
  const key = `key-of-${code}`
  await door.ask(NewApiKey, 'POST', '/api-keys', { name: key, role: 'engineer', facility: code })
  const webhook = `webhook-of-${code}`
  await door.ask(NewWebhook, 'POST', '/webhooks', { name: webhook, url: 'https://his.test/', facility: code })
  const din = (
    await door.ask(BagDetail, 'POST', '/donations', bodies['POST /donations']?.({ code } as Place))
  ).din.slice(0, 13)
  const patient = `patient-of-${code}`
  const sampleUntil = iso(noon + 86_400_000)
  await door.ask(Patient, 'PUT', `/facilities/${code}/patients/${patient}`, { sampleUntil })
  const sample = await aSample(door, code, patient)
  const session = { device, patient }
  const nurse = await aWorker(door, `opener-${code}`, 'nurse', code)
  const { takeOutId: takeOut } = await done(nurse.post('/take-outs', session), TakeOut)
  const deadLetter = await aDeadLetter(door, device)
  const file = aRuuviFile(noon - 20_000)
  const { id: loggerImport } = await door.ask(LoggerImport, 'POST', `/devices/${device}/logger-imports`, {
    file,
    probe: 'air',
  })
  const held = await door.ask(BagDetail, 'POST', `/bags/${bagId}/holds`, { kind: 'visual', reason: 'clots' })
  const box = { box: `box-of-${code}`, facility: code, to: code, seal: 'S-1' }
  const { boxId } = await door.ask(Box, 'POST', '/boxes', box)
  const recall = await aRecall(door, code, bagId)
  const contact = `contact-of-${code}`
  await door.ask(NewContact, 'POST', `/facilities/${code}/contacts`, {
    name: contact,
    url: 'https://sms.test/',
  })
  const shifts = `/facilities/${code}/roster/shifts`
  const shift = (await door.ask(Roster, 'POST', shifts, aShift(contact))).shifts[0]?.shiftId as number
  return {
    code,
    device,
    bagId,
    tag,
    rejection: rejectedMessages[0]?.id as number,
    username,
    key,
    webhook,
    din,
    patient,
    takeOut,
    hold: held.holds[0]?.holdId as number,
    deadLetter,
    alarm: await anAlarm(door, device, code),
    contact,
    shift,
    loggerImport,
    rejudgement: await aDoneRejudgement(door),
    box: boxId,
    recall,
    lookBack: await aLookBack(door, bagId, recall),
    sample,
    decision: await aTellingTerminal(door, device),
    order: (
      await door.ask(Order, 'POST', `/facilities/${code}/patients/${patient}/orders`, {
        // So much takes the word of the medical office, which is told of no other.
        ...{ ...anOrder, amount: 8, physician: `physician-of-${code}` },
      })
    ).orderId,
    refusal: await anHl7Refusal(door, code),
    ...(await aTransfer(door, code)),
  }
}

/** A request there, a plan for it, and a transfer within the place: what a transfer is about is another test's. */
async function aTransfer(door: Door, code: string) {
  const path = `/facilities/${code}/transfer-requests`
  const { requestId: request } = await door.ask(TransferRequest, 'POST', path, aTransferRequest)
  const { planId: plan } = await door.ask(TransferPlan, 'POST', '/transfer-plans', { requests: [request] })
  const transfer = randomUUID()
  const { id } = await findFacility(door.world.deps.database.db, code)
  await door.world.deps.database.pool.query(
    `insert into transfer (id, plan_id, from_id, to_id, until, needs_approval, at, actor)
     values ($1, $2, $3, $3, $4::bigint + 1, true, $4::bigint, '{"id":"ann"}')`,
    [transfer, plan, id, noon],
  )
  return { request, plan, transfer }
}

async function aSample(door: Door, code: string, patient: string): Promise<string> {
  const taken = { label: `tube-of-${code}`, collectedAt: iso(noon), collector: 'Ann' }
  const path = `/facilities/${code}/patients/${patient}/samples`
  const { samples } = await door.ask(TransfusionRecord, 'POST', path, taken)
  return samples[0]?.sampleId as string
}

/** Approved by two others than who proposed it. */
async function aDoneRejudgement({ world }: Door): Promise<number> {
  const as = (id: string) => ({ ...world.ctx, actor: { kind: 'person' as const, id } })
  // After what is registered at noon.
  world.clock.now = noon + 1_000
  const span = { from: noon - 86_400_000, to: world.clock.now }
  const { id } = await proposeRejudgement(as('ann'), { ...aRejudgement, ...span })
  for (const name of ['ben', 'eva'])
    await decideOnRejudgement(as(name), { id, decision: 'approve', comment: 'read' })
  world.clock.now = noon
  return id
}

async function aTellingTerminal(door: Door, device: string): Promise<string> {
  const decision = anOfflineDecision()
  await door.ask(OfflineReceipt, 'POST', `/devices/${device}/offline-decisions`, { decisions: [decision] })
  return decision.decisionId
}

async function aLookBack({ world }: Door, bagId: string, recall: number): Promise<number> {
  const { pool } = world.deps.database
  await pool.query(`alter table look_back alter column id restart with ${6_000 + recall}`)
  await pool.query('insert into look_back (bag_id, recall_id, opened_at) values ($1, $2, $3)', [
    bagId,
    recall,
    noon,
  ])
  return 6_000 + recall
}

async function aRecall(door: Door, code: string, bagId: string): Promise<number> {
  const { pool } = door.world.deps.database
  // Numbers nothing else has here: what is said of one must not be taken for another's.
  await pool.query(`alter table recall alter column id restart with ${code === 'H1' ? 5_001 : 5_501}`)
  const asked = { facility: code, scope: 'bag', of: bagId, kind: 'look_back', reason: 'ill' }
  return (await door.ask(Recall, 'POST', '/recalls', asked)).number
}

async function anHl7Refusal(door: Door, code: string): Promise<number> {
  // Numbers nothing else has here: what is said of one must not be taken for another's.
  const restart = code === 'H1' ? 9_001 : 9_501
  await door.world.deps.database.pool.query(`alter table hl7_refusal alter column id restart with ${restart}`)
  const message = Buffer.from(anHl7Message(code, 'ADT^A40'))
  expect((await takeHl7(door.world.deps, anHl7Party(code), message)).code).toBe('AE')
  return restart
}

async function anAlarm({ world }: Door, device: string, code: string): Promise<number> {
  const { db, pool } = world.deps.database
  const { id: deviceId } = await findDevice(db, device)
  const { id: facilityId } = await findFacility(db, code)
  await pool.query(`alter table alarm_case alter column id restart with ${8_000 + deviceId}`)
  const about = { deviceId, facilityId, kind: 'door_open', part: 'front', class: 'alert' } as const
  const times = { conditionFrom: noon, raisedAt: noon, pagedFrom: noon, endedAt: noon, steps: 0 }
  await db.transaction((tx) => insertCases(tx, [{ ...about, ...times, device }]))
  return 8_000 + deviceId
}

async function aDeadLetter({ world }: Door, device: string): Promise<number> {
  const { db, pool } = world.deps.database
  const { id: deviceId } = await findDevice(db, device)
  // Numbers nothing else has here: what is said of one must not be taken for another's.
  await pool.query(`alter table telemetry_dead_letter alter column id restart with ${7_000 + deviceId}`)
  const readings = [{ probeId: 1, at: noon, bootId: 1, seq: 0, centi: 400, humidity: null }]
  const refused = [{ deviceId, device, readings, reason: 'field type conflict' }]
  await db.transaction((tx) => insertDeadLetters(tx, { kind: 'job', id: 'test' }, refused, noon))
  return 7_000 + deviceId
}

const nowhere: Place = {
  code: 'H9',
  device: 'fridge-of-H9',
  bagId: '00000000-0000-7000-8000-000000000000',
  tag: 'tag-of-H9',
  rejection: 2_000_000_000,
  username: 'person-of-h9',
  key: 'key-of-H9',
  webhook: 'webhook-of-H9',
  din: 'A999926999999',
  patient: 'patient-of-H9',
  takeOut: '00000000-0000-7000-8000-000000000009',
  hold: 2_000_000_001,
  deadLetter: 2_000_000_002,
  alarm: 2_000_000_003,
  contact: 'contact-of-H9',
  shift: 2_000_000_005,
  loggerImport: 2_000_000_004,
  rejudgement: 2_000_000_008,
  box: '00000000-0000-7000-8000-000000000008',
  recall: 2_000_000_006,
  lookBack: 2_000_000_007,
  sample: '00000000-0000-7000-8000-000000000007',
  decision: '00000000-0000-7000-8000-000000000006',
  order: '00000000-0000-7000-8000-000000000005',
  refusal: 2_000_000_010,
  request: '00000000-0000-7000-8000-000000000004',
  plan: '00000000-0000-7000-8000-000000000003',
  transfer: '00000000-0000-7000-8000-000000000002',
}

/** What {id} is, by the first word of a path; elsewhere it is a rejected message. */
const numbered: Record<string, (place: Place) => number> = {
  telemetry: ({ deadLetter }) => deadLetter,
  alarms: ({ alarm }) => alarm,
  policies: ({ rejudgement }) => rejudgement,
  'hl7-refusals': ({ refusal }) => refusal,
}

function fill(route: string, place: Place): string {
  const [, path = ''] = route.split(' ')
  const named = { '/api-keys': place.key, '/webhooks': place.webhook }
  const name = Object.entries(named).find(([room]) => path.startsWith(room))?.[1] ?? place.device
  const values: Record<string, string> = {
    code: place.code,
    name,
    bagId: place.bagId,
    tag: place.tag,
    id: String(numbered[path.split('/')[1] as string]?.(place) ?? place.rejection),
    username: place.username,
    din: `=${place.din}00`,
    pseudonym: place.patient,
    sampleId: place.sample,
    takeOutId: place.takeOut,
    profile: 'own-codes',
    holdId: String(place.hold),
    importId: String(place.loggerImport),
    boxId: place.box,
    number: String(place.recall),
    lookBack: String(place.lookBack),
    decisionId: place.decision,
    orderId: place.order,
    requestId: place.request,
    planId: place.plan,
    proposalId: place.plan,
    transferId: place.transfer,
    contact: place.contact,
    shiftId: String(place.shift),
  }
  const filled = path.replace(/\{(\w+)\}/g, (_, parameter: string) => {
    const value = values[parameter]
    if (value === undefined) throw new Error(`${route}: what is {${parameter}}? Say so in this test`)
    return encodeURIComponent(value)
  })
  return filled + (queries[route]?.(place) ?? '')
}

test('of every route every role gets what it may have of its own facility, and nothing of another', async ({
  door: { world, services },
}) => {
  // Telemetry is kept elsewhere, so that there is somewhere to send it to again.
  const door = openDoor(world, {
    telemetry: { ...services.telemetry, isElsewhere: true },
    hl7: ['H1', 'H2', 'H9'].map(anHl7Party),
  })
  const own = await aPlace(door, 'H1')
  // What is judged anew is judged for all, the bags of both: nothing of it is another's, and neither names the other's.
  const other = { ...(await aPlace(door, 'H2')), rejudgement: 2_000_000_009 }
  while ((await judgeDue(world.deps)).judged > 0);
  const rejudged = await door.ask(Rejudged, 'GET', `/policies/rejudgements/${own.rejudgement}/results`)
  expect(rejudged.bags.map(({ bagId }) => bagId)).toEqual(expect.arrayContaining([own.bagId, other.bagId]))
  const { paths } = doc.parse(await (await door.raw('/openapi.json')).json())
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { 'x-right': right }]) => ({
      route: `${method.toUpperCase()} ${path}`,
      right: right as Right | undefined,
    })),
  )
  const unguarded = routes.filter(({ right }) => right === undefined).map(({ route }) => route)
  expect(unguarded.filter((route) => !forAll.has(route))).toEqual([])
  expect(new Set(routes.flatMap(({ right }) => right ?? []))).toEqual(new Set(rights))

  const keys = new Map<Role, string>()
  for (const role of roles) keys.set(role, await signedIn(door, `as-${role}`, role, 'H1'))
  // What ends things comes last, so that they are there for the cells before.
  const last = (route: string) => Number(/DELETE|\/end|revocation|\/secret|discard/.test(route))
  routes.sort((a, b) => last(a.route) - last(b.route))

  let cells = 0
  async function cell(role: Role, route: string, place: Place) {
    cells++
    const [method = ''] = route.split(' ')
    const reads = method === 'POST' || method === 'PUT'
    const body = bodies[route]?.(place)
    if (reads && body === undefined && !/\/(readmission|resend)$/.test(route))
      throw new Error(`${route} reads a body this test does not know: give it one`)
    const response = await door.raw(fill(route, place), {
      method,
      headers: {
        authorization: `Bearer ${keys.get(role)}`,
        'content-type': typeof body === 'string' ? 'application/x-ndjson' : 'application/json',
        // With a key a POST is one transaction: on PGlite, what goes past it waits for itself and fails here.
        'idempotency-key': `cell-${cells}`,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const isEndless = response.headers.get('content-type') === 'text/event-stream'
    if (isEndless) await response.body?.cancel()
    const text = isEndless ? '' : await response.text()
    return {
      status: response.status,
      text,
      what: `${role}: ${route} of ${place.code}: ${text.slice(0, 300)}`,
    }
  }

  // Longest first: a short value may stand in a longer one.
  const byLength = (place: Place) =>
    Object.entries(place).sort(([, a], [, b]) => String(b).length - String(a).length)
  const names = ({ code: _, rejection: __, ...rest }: Place) =>
    Object.values(rest).filter((value) => typeof value === 'string')
  const plain = (text: string, place: Place) => {
    let said = text.replace(/"requestId":"[^"]*"/, '')
    for (const [key, value] of byLength(place)) said = said.replaceAll(String(value), `<${key}>`)
    return said
  }

  for (const { route, right } of routes) {
    if (right === undefined) continue
    for (const role of roles) {
      const mine = await cell(role, route, own)
      if (!hasRight(role, right) || networkWide.has(route)) {
        expect(mine.status, mine.what).toBe(403)
        const theirs = await cell(role, route, other)
        expect(theirs.status, theirs.what).toBe(403)
        continue
      }
      // What has been ended by another role's cell is in the way of this one's, and says so.
      const isGone = mine.status === 409 || (mine.status === 404 && /^DELETE|lift$/.test(route))
      expect(isGone || mine.status < 300, mine.what).toBe(true)
      for (const name of names(other)) expect(mine.text, mine.what).not.toContain(name)

      const namesSomething =
        /\{/.test(route) ||
        byRow.test(route) ||
        route.startsWith('GET /stock/') ||
        /"facility"|"bags"/.test(JSON.stringify(bodies[route]?.(other) ?? {}))
      if (!namesSomething) continue
      const theirs = await cell(role, route, other)
      if (byRow.test(route)) expect(theirs.text, theirs.what).toContain('no facility has the code')
      else expect(theirs.status, theirs.what).toBe(404)
      const nobodys = await cell(role, route, nowhere)
      expect(plain(theirs.text, other), theirs.what).toBe(plain(nobodys.text, nowhere))
    }
  }
  expect(cells).toBeGreaterThan(400)
  expect(iso(noon)).toBeDefined()
}, 120_000)
