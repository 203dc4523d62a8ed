import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, onTestFinished } from 'vitest'
import { createMailer } from '../../../api/jobs/send-mail.ts'
import { startNotices } from '../../../api/jobs/send-notices.ts'
import type { Patience } from '../../../api/jobs/try-once.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { Defrosts } from '../../../schema/http/defrosts.ts'
import { Contacts, NewContact, Notices, Roster } from '../../../schema/http/rosters.ts'
import { type EscalationStep, escalationSteps } from '../../../schema/vocabulary.ts'
import { aWorker, refusal } from '../../support/hospital.ts'
import { type MailServer, readMail, startMailServer } from '../../support/mail-server.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, noon, silent, type World } from '../../support/world.ts'
import { type Door, iso, openDoor, test } from '../http/door.ts'

const minute = 60_000
const day = 1_440 * minute
const everyDay = [1, 2, 3, 4, 5, 6, 7]

async function aMailServer(): Promise<MailServer> {
  const server = await startMailServer()
  onTestFinished(() => server.close())
  return server
}

type Call = { readonly headers: IncomingHttpHeaders; readonly body: string }

/** What sends messages to telephones: it keeps what it was told. */
async function aGateway(
  answer: (response: ServerResponse) => unknown = (response) => response.writeHead(204).end(),
) {
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    calls.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
    answer(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { calls, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/call` }
}

const quick: Partial<Patience> = { attemptMs: 1_000, firstPauseMs: 10, longestPauseMs: 40, lookMs: 20 }

/** What tells people, until it is stopped. */
function tellPeople({ world }: Door, mail: MailServer | null, patience: Partial<Patience> = {}) {
  const mailer = mail && createMailer({ url: mail.url, from: 'alarm@hospital.test' })
  const parts = { database: world.deps.database, log: silent, now: Date.now, mailer, tell() {} }
  const stop = startNotices(parts, { ...quick, ...patience })
  onTestFinished(stop)
  return stop
}

/** Somebody behind a step, at all times where nothing else is said. */
async function onDuty(
  door: Door,
  step: EscalationStep,
  name: string,
  reached: { readonly email?: string; readonly url?: string },
  shift: object = {},
): Promise<string | null> {
  const { secret } = await door.ask(NewContact, 'POST', '/facilities/H1/contacts', { name, ...reached })
  const always = { weekdays: everyDay, from: '00:00', to: '00:00' }
  await door.ask(Roster, 'POST', '/facilities/H1/roster/shifts', { step, contact: name, ...always, ...shift })
  return secret
}

/** A fridge at the hospital that is too warm, and has been looked at. @returns the number of its alarm */
async function anAlarm(door: Door, device = 'fridge-1'): Promise<number> {
  const { world } = door
  await aDevice(world, device, {}, noon - day)
  const reading = aReading(world.clock.now, 7)
  await world.ingest.accept([aMessage({ device, seq: 0, body: [reading], receivedAt: world.clock.now })])
  await look(door)
  return (await door.ask(Alarms, 'GET', '/alarms')).alarms[0]?.id as number
}

function look({ world }: Door, afterMs = 0): Promise<number> {
  world.clock.now += afterMs
  return watchAlarms(world.deps, { readySince: world.clock.now, since: 0 })
}

async function paging(door: Door, id: number) {
  const { events } = await door.ask(AlarmDetail, 'GET', `/alarms/${id}`)
  const told = events.filter(({ verb }) => /escalated|unstaffed|undelivered/.test(verb))
  return told.map(({ verb, data }) => `${verb} ${data.to ?? data.contact}`)
}

async function noticesOf(door: Door, id: number) {
  return (await door.ask(Notices, 'GET', `/alarms/${id}/notices`)).notices
}

describe('a step that is taken', () => {
  test('is told to who is on duty, by e-mail and by a signed call, and to nobody else', async ({ door }) => {
    const mail = await aMailServer()
    const gateway = await aGateway()
    const secret = await onDuty(door, 'ward', '夜班护士', { email: 'ward@hospital.test', url: gateway.url })
    await onDuty(door, 'ward', 'day-nurse', { email: 'day@hospital.test' }, { from: '08:00', to: '20:00' })
    await onDuty(door, 'transfusion_lab', 'lab', { email: 'lab@hospital.test' })
    tellPeople(door, mail)

    // 20:00 in Shanghai: the day nurse has just gone.
    const id = await anAlarm(door)
    await until(async () => (await noticesOf(door, id)).every(({ delivered }) => delivered === true))

    expect(await noticesOf(door, id)).toMatchObject([
      {
        to: '夜班护士',
        channel: 'email',
        step: 'ward',
        attempts: [{ attempt: 1, outcome: 'delivered', status: 250 }],
      },
      { to: '夜班护士', channel: 'webhook', attempts: [{ attempt: 1, outcome: 'delivered', status: 204 }] },
    ])
    expect(mail.received).toMatchObject([{ from: 'alarm@hospital.test', to: 'ward@hospital.test' }])
    const { subject, text } = readMail(mail.received[0]?.message as string)
    expect(subject).toBe(
      '血液温度过高：First Hospital fridge-1 (load) / The blood is too warm: First Hospital, fridge-1 (load)',
    )
    for (const said of ['2020-05-06 20:00', '紧急', 'act at once', 'Look at the device', `Alarm ${id}`])
      expect(text).toContain(said)
    const [call] = gateway.calls
    const { headers, body } = call as Call
    const signed = createHmac('sha256', secret as string).update(`${headers['hemotrail-timestamp']}.${body}`)
    expect(headers['hemotrail-signature']).toBe(`v1=${signed.digest('hex')}`)
    expect(JSON.parse(body)).toMatchObject({
      kind: 'alarm.notice',
      data: { to: '夜班护士', step: 'ward', class: 'action', devices: [{ alarm: id, device: 'fridge-1' }] },
    })

    await look(door, 5 * minute)
    await until(() => mail.received.length === 2)
    expect(mail.received[1]?.to).toBe('lab@hospital.test')
    expect(await look(door)).toBe(0)
  })

  test('that nobody is on duty for is said, and the next is taken at once', async ({ door }) => {
    const gateway = await aGateway()
    await onDuty(door, 'ward', 'day-nurse', { url: gateway.url }, { from: '08:00', to: '20:00' })
    await onDuty(door, 'duty_manager', 'manager', { url: gateway.url })
    const id = await anAlarm(door)
    expect(await paging(door, id)).toEqual([
      'unstaffed ward',
      'unstaffed transfusion_lab',
      'escalated duty_manager',
    ])
    expect(await noticesOf(door, id)).toMatchObject([
      { to: 'manager', step: 'duty_manager', delivered: null },
    ])
    expect(await look(door, 20 * minute - 1)).toBe(0)
    expect(await look(door, 1)).toBe(1)
    expect((await paging(door, id)).at(-1)).toBe('unstaffed blood_centre')
    expect(await look(door, day)).toBe(0)
  })

  test('is news alone where a facility keeps no roster', async ({ door }) => {
    const id = await anAlarm(door)
    expect(await paging(door, id)).toEqual(['escalated ward'])
    await look(door, 5 * minute)
    expect(await paging(door, id)).toEqual(['escalated ward', 'escalated transfusion_lab'])
    expect(await noticesOf(door, id)).toEqual([])
  })

  test('and told to nobody in the end goes to the next at once, and the case says so', async ({ door }) => {
    const mail = await aMailServer()
    const gateway = await aGateway((response) => response.writeHead(500).end())
    mail.answerTo = (address) => (address === 'gone@hospital.test' ? '550 no such mailbox' : '250 taken')
    await onDuty(door, 'ward', 'ward', { url: gateway.url })
    await onDuty(door, 'transfusion_lab', 'gone', { email: 'gone@hospital.test' })
    await onDuty(door, 'duty_manager', 'manager', { email: 'manager@hospital.test' })
    await onDuty(door, 'blood_centre', 'centre', { email: 'centre@hospital.test' })
    tellPeople(door, mail, { givesUpAfterMs: 100 })
    const id = await anAlarm(door)
    const settled = async () => (await noticesOf(door, id)).every(({ delivered }) => delivered !== null)
    for (const _ of escalationSteps) {
      await until(settled)
      await look(door)
    }
    expect(await paging(door, id)).toEqual([
      ...['escalated ward', 'undelivered ward'],
      ...['escalated transfusion_lab', 'undelivered gone', 'escalated duty_manager'],
    ])
    const [ward, lab, manager] = await noticesOf(door, id)
    expect(ward?.attempts.length).toBeGreaterThan(2)
    expect(ward?.attempts.at(-1)).toMatchObject({ outcome: 'given_up', status: 500 })
    // What a relay refuses for good is not tried again.
    expect(lab?.attempts).toMatchObject([{ outcome: 'given_up', status: 550 }])
    expect(manager).toMatchObject({ delivered: true })
    expect(await look(door, 20 * minute)).toBe(1)
  })

  test('reaches somebody where one of two ways does', async ({ door }) => {
    const gateway = await aGateway()
    await onDuty(door, 'ward', 'ward', { email: 'ward@hospital.test', url: gateway.url })
    await onDuty(door, 'transfusion_lab', 'lab', { url: gateway.url })
    // This process sends no e-mail.
    tellPeople(door, null)
    const id = await anAlarm(door)
    await until(async () => (await noticesOf(door, id)).every(({ delivered }) => delivered !== null))
    expect(await noticesOf(door, id)).toMatchObject([
      {
        channel: 'email',
        delivered: false,
        attempts: [{ outcome: 'given_up', error: expect.stringContaining('SMTP_URL') }],
      },
      { channel: 'webhook', delivered: true },
    ])
    expect(await look(door)).toBe(0)
    expect(await paging(door, id)).toEqual(['escalated ward', 'undelivered ward'])
  })

  test('is told again, and never less than once, where who told it stopped before writing that down', async ({
    door,
  }) => {
    const mail = await aMailServer()
    mail.answer = () => null
    await onDuty(door, 'ward', 'ward', { email: 'ward@hospital.test' })
    const stop = tellPeople(door, mail, { attemptMs: 20_000 })
    const id = await anAlarm(door)
    await until(() => mail.received.length === 1)
    await stop()
    expect(await noticesOf(door, id)).toMatchObject([{ delivered: null, attempts: [] }])
    mail.answer = () => '250 taken'
    tellPeople(door, mail)
    await until(async () => (await noticesOf(door, id))[0]?.delivered === true)
    expect(mail.received).toHaveLength(2)
    const [first, second] = mail.received.map(({ message }) => readMail(message).id)
    expect(first).toBe(second)
    expect((await noticesOf(door, id))[0]?.attempts).toHaveLength(1)
  })
})

test('a relay that asks for a password and speaks no TLS is not told it', async () => {
  const mail = await aMailServer()
  const url = mail.url.replace('//', '//user:password@')
  const mailer = createMailer({ url, from: 'alarm@hospital.test' })
  const aMail = { to: 'ward@hospital.test', subject: 's', text: 't', messageId: '<1@hemotrail>' }
  const { error } = await mailer(aMail, 5_000, new AbortController().signal)
  expect(error).toContain('STARTTLS')
  expect(mail.verbs).toContain('STAR')
  expect(mail.verbs).not.toContain('AUTH')
  expect(mail.received).toEqual([])
})

/** A fridge that loses the mains now. */
async function losesMains({ world }: Door, device: string): Promise<void> {
  await aDevice(world, device, {}, noon - day)
  const { now } = world.clock
  const body = [{ at: now, mains: false }]
  await world.ingest.accept([aMessage({ device, seq: 0, channel: 'power', body, receivedAt: now })])
}

/** Which devices each notice names, of all there were to the ward. */
async function namedToWard({ database }: World['deps']): Promise<string[][]> {
  const { rows } = await database.pool.query<{ devices: { device: string }[] }>(
    "select body->'devices' as devices from notice where step = 'ward' order by id",
  )
  return rows.map(({ devices }) => devices.map(({ device }) => device))
}

describe('the mains', () => {
  test('lost by several devices within a minute page once, each named and each with a record of its own', async ({
    door,
  }) => {
    const gateway = await aGateway()
    await onDuty(door, 'ward', 'ward', { url: gateway.url })
    await onDuty(door, 'transfusion_lab', 'lab', { url: gateway.url })
    const { clock } = door.world
    await losesMains(door, 'a')
    await losesMains(door, 'b')
    expect(await look(door)).toBe(2)
    clock.now += 59_999
    await losesMains(door, 'c')
    expect(await look(door)).toBe(1)
    expect(await look(door, 1)).toBe(3)
    await losesMains(door, 'd')
    expect(await look(door)).toBe(1)
    expect(await namedToWard(door.world.deps)).toEqual([['a', 'b', 'c']])
    expect(await look(door, minute)).toBe(1)
    expect(await namedToWard(door.world.deps)).toEqual([['a', 'b', 'c'], ['d']])

    const { alarms } = await door.ask(Alarms, 'GET', '/alarms?open=true')
    const idOf = (name: string) => alarms.find(({ device }) => device === name)?.id as number
    for (const name of ['a', 'b', 'c', 'd'])
      expect(await paging(door, idOf(name))).toEqual(['escalated ward'])
    expect(await noticesOf(door, idOf('a'))).toEqual(await noticesOf(door, idOf('c')))
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    await nurse.post(`/alarms/${idOf('a')}/acknowledge`, { comment: 'coming' })
    await look(door, 4 * minute)
    const { rows } = await door.world.deps.database.pool.query("select body from notice where step <> 'ward'")
    expect(rows).toMatchObject([{ body: { devices: [{ device: 'b' }, { device: 'c' }] } }])
    expect(await paging(door, idOf('a'))).toEqual(['escalated ward'])
  })

  test('lost by whichever devices, whenever, page for each of them once', async ({ door }) => {
    await onDuty(door, 'ward', 'ward', { url: 'https://sms.test/' })
    let number = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 8 }),
        async (waits) => {
          const { world } = door
          world.clock.now = noon + ++number * day
          const begun = world.clock.now
          const names: string[] = []
          for (const [n, seconds] of waits.entries()) {
            await look(door, seconds * 1_000)
            names.push(`fridge-${number}-${n}`)
            await losesMains(door, names.at(-1) as string)
            await look(door)
          }
          await look(door, minute)
          await look(door)
          const named = (await namedToWard(world.deps)).flat().filter((name) => names.includes(name))
          expect(named.sort()).toEqual(names.sort())
          const { rows } = await world.deps.database.pool.query(
            'select max(paged_from - raised_at)::integer as longest from alarm_case where raised_at >= $1',
            [begun],
          )
          expect(rows[0].longest).toBeLessThanOrEqual(minute)
          await world.deps.database.pool.query('update device set revoked_at = 1')
        },
      ),
      { numRuns: 15 },
    )
  })
})

describe('a declared defrost', () => {
  const declare = async (door: Door, body: object, name = 'engineer') => {
    const engineer = await aWorker(door, name, 'engineer', 'H1')
    return engineer.post('/devices/fridge-1/defrosts', { reason: 'ice', ...body })
  }

  test('mutes air that gets too warm, never the record, and what is still out when it ends is paged then', async ({
    door,
  }) => {
    await onDuty(door, 'ward', 'ward', { url: 'https://sms.test/' })
    await aDevice(door.world, 'fridge-1', {}, noon - day)
    const declared = await declare(door, { to: iso(noon + 30 * minute) })
    expect(Defrosts.parse(await declared.json()).defrosts).toMatchObject([
      { from: iso(noon), to: iso(noon + 30 * minute), reason: 'ice', by: { kind: 'person' } },
    ])
    let seq = 0
    const reads = (celsius: number) => {
      const { now } = door.world.clock
      const body = [aReading(now, celsius, 'air')]
      return door.world.ingest.accept([aMessage({ device: 'fridge-1', seq: seq++, body, receivedAt: now })])
    }
    await reads(9)
    expect(await look(door, 10 * minute - 1)).toBe(0)
    await reads(9)
    expect(await look(door, 1)).toBe(2)
    const [{ id } = { id: 0 }] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    const verbs = async () =>
      (await door.ask(AlarmDetail, 'GET', `/alarms/${id}`)).events.map(({ verb }) => verb)
    expect(await verbs()).toEqual(['raised', 'muted'])
    await reads(9)
    expect(await look(door, 10 * minute)).toBe(0)
    await reads(9)
    expect(await look(door, 10 * minute - 1)).toBe(0)
    expect(await noticesOf(door, id)).toEqual([])
    expect(await look(door, 1)).toBe(2)
    expect(await verbs()).toEqual(['raised', 'muted', 'worsened', 'escalated'])
    expect(await noticesOf(door, id)).toMatchObject([{ step: 'ward' }])
    expect(await look(door)).toBe(0)
  })

  test('pages nobody for what was over when it ended, until it begins again', async ({ door }) => {
    await onDuty(door, 'ward', 'ward', { url: 'https://sms.test/' })
    await aDevice(door.world, 'fridge-1', {}, noon - day)
    await declare(door, { from: iso(noon + minute), to: iso(noon + 20 * minute) })
    let seq = 0
    const reads = async (afterMs: number, celsius: number) => {
      door.world.clock.now += afterMs
      const { now } = door.world.clock
      const body = [aReading(now, celsius, 'air')]
      await door.world.ingest.accept([aMessage({ device: 'fridge-1', seq: seq++, body, receivedAt: now })])
      await look(door)
    }
    for (let minutes = 0; minutes <= 12; minutes += 3) await reads(3 * minute, 9)
    for (let minutes = 15; minutes < 30; minutes += 3) await reads(3 * minute, 4)
    const [{ id } = { id: 0 }] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    expect(await noticesOf(door, id)).toEqual([])
    for (let minutes = 0; minutes <= 12; minutes += 3) await reads(3 * minute, 9)
    expect(await noticesOf(door, id)).toMatchObject([{ step: 'ward' }])
  })

  test('stops a paging that had begun, which goes on after it whatever became of it', async ({ door }) => {
    await onDuty(door, 'ward', 'ward', { url: 'https://sms.test/' })
    await onDuty(door, 'transfusion_lab', 'lab', { url: 'https://sms.test/' })
    await aDevice(door.world, 'fridge-1', {}, noon - day)
    let seq = 0
    const reads = (celsius: number) => {
      const { now } = door.world.clock
      const body = [aReading(now, celsius, 'air')]
      return door.world.ingest.accept([aMessage({ device: 'fridge-1', seq: seq++, body, receivedAt: now })])
    }
    await reads(9)
    await look(door, 10 * minute)
    await reads(9)
    await look(door)
    const [{ id } = { id: 0 }] = (await door.ask(Alarms, 'GET', '/alarms')).alarms
    await declare(door, { to: iso(noon + 20 * minute) })
    await look(door, 5 * minute)
    await reads(4)
    await look(door, 5 * minute - 1)
    expect((await noticesOf(door, id)).map(({ step }) => step)).toEqual(['ward'])
    await look(door, 1)
    await look(door, 5 * minute)
    expect((await noticesOf(door, id)).map(({ step }) => step)).toEqual(['ward', 'ward', 'transfusion_lab'])
  })

  test('never mutes the load, nor another device', async ({ door }) => {
    await onDuty(door, 'ward', 'ward', { url: 'https://sms.test/' })
    await aDevice(door.world, 'fridge-1', {}, noon - day)
    await declare(door, { to: iso(noon + 30 * minute) })
    const body = [aReading(noon, 7)]
    await door.world.ingest.accept([aMessage({ device: 'fridge-1', seq: 0, body })])
    const other = await anAlarm(door, 'fridge-2')
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    expect(alarms.map(({ kind, steps }) => [kind, steps]).sort()).toEqual([
      ['load_high', 1],
      ['load_high', 1],
    ])
    expect(await noticesOf(door, other)).toHaveLength(1)
  })

  test('is half an hour at most, of the time to come, apart from others, and a person’s word', async ({
    door,
  }) => {
    await aDevice(door.world, 'fridge-1', {}, noon - day)
    const status = async (from: number, to: number, name: string) =>
      (await declare(door, { from: iso(noon + from * minute), to: iso(noon + to * minute) }, name)).status
    expect(await status(0, 31, 'e1')).toBe(400)
    expect(await status(-1, 10, 'e2')).toBe(400)
    expect(await status(10, 10, 'e3')).toBe(400)
    expect(await status(0, 30, 'e4')).toBe(201)
    expect(await status(59, 80, 'e5')).toBe(409)
    expect(await status(60, 80, 'e6')).toBe(201)
    const path = '/devices/fridge-1/defrosts'
    const asked = { to: iso(noon + 300 * minute), from: iso(noon + 290 * minute), reason: 'ice' }
    expect((await door.refused('POST', path, asked)).code).toBe('person_required')
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    expect((await nurse.post(path, asked)).status).toBe(403)
    expect((await door.ask(Defrosts, 'GET', path)).defrosts).toHaveLength(2)
  })
})

test('whatever is heard and however often it is looked, each step writes one notice for each on duty', async ({
  door,
}) => {
  for (const step of escalationSteps) await onDuty(door, step, step, { url: 'https://sms.test/' })
  const act = fc.oneof(
    fc.record({ celsius: fc.constantFrom(4, 7) }),
    fc.record({ minutes: fc.integer({ min: 1, max: 7 }) }),
    fc.constantFrom({ restart: true }, { look: true }),
  ) as fc.Arbitrary<{ celsius?: number; minutes?: number; restart?: true }>
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 30 }), async (acts) => {
      const { world } = door
      world.clock.now = noon + ++number * day
      const device = `fridge-${number}`
      const id = await anAlarm(door, device)
      let seq = 1
      for (const { celsius, minutes, restart } of acts) {
        if (celsius !== undefined) {
          const { now } = world.clock
          const body = [aReading(now, celsius)]
          await world.ingest.accept([aMessage({ device, seq: seq++, body, receivedAt: now })])
        }
        if (restart) world.restart()
        await look(door, (minutes ?? 0) * minute)
        await look(door)
      }
      const { events } = await door.ask(AlarmDetail, 'GET', `/alarms/${id}`)
      const steps = events.flatMap(({ verb, data }) => (verb === 'escalated' ? [data.to] : []))
      expect((await noticesOf(door, id)).map(({ step }) => step)).toEqual(steps)
      const begun = events.filter(({ verb }) => /raised|began_again|worsened/.test(verb)).length
      expect(steps.filter((step) => step === 'ward')).toHaveLength(begun)
      await world.deps.database.pool.query('update device set revoked_at = 1')
      await look(door)
    }),
    { numRuns: 15 },
  )
})

describe('a roster', () => {
  test('is kept by those who work there, and what was set stands in the audit', async ({
    door,
    database,
  }) => {
    const [lab, nurse] = await Promise.all([
      aWorker(door, 'lab', 'transfusion_lab', 'H1'),
      aWorker(door, 'nurse', 'nurse', 'H1'),
    ])
    const shift = { step: 'ward', contact: '王护士', weekdays: [5, 6], from: '20:00', to: '08:00' }
    const contact = { name: '王护士', email: 'wang@hospital.test', url: 'https://sms.test/' }
    expect(await refusal(nurse.post('/facilities/H1/contacts', contact))).toMatchObject({ status: 403 })
    const created = await lab.post('/facilities/H1/contacts', contact)
    const { secret } = NewContact.parse(await created.json())
    expect(await refusal(lab.post('/facilities/H1/contacts', contact))).toMatchObject({ status: 409 })
    expect(
      await refusal(lab.post('/facilities/H1/roster/shifts', { ...shift, contact: 'li' })),
    ).toMatchObject({
      status: 404,
    })
    const { shifts } = Roster.parse(await (await lab.post('/facilities/H1/roster/shifts', shift)).json())
    expect(shifts).toMatchObject([{ ...shift, onDuty: false, effectiveTo: null }])
    for (const wrong of [
      { from: '24:00' },
      { weekdays: [] },
      { weekdays: [1, 1] },
      { weekdays: [8] },
      { step: 'caretaker' },
      { effectiveTo: '2020-01-01T00:00:00Z' },
    ])
      expect(await refusal(lab.post('/facilities/H1/roster/shifts', { ...shift, ...wrong }))).toMatchObject({
        status: 400,
      })
    const path = `/facilities/H1/roster/shifts/${shifts[0]?.shiftId}/end`
    expect(Roster.parse(await (await lab.post(path, { reason: 'changed' })).json()).shifts).toEqual([])
    expect(await refusal(lab.post(path, { reason: 'changed' }))).toMatchObject({ status: 409 })
    const person = `/facilities/H1/contacts/${encodeURIComponent('王护士')}/end`
    expect((await lab.post(person, { reason: 'left' })).status).toBe(201)
    expect(await door.ask(Contacts, 'GET', '/facilities/H1/contacts')).toEqual({ contacts: [] })
    const { rows } = await database.pool.query(
      "select action, actor->>'kind' as who from audit_entry where subject_kind in ('contact', 'shift') order by id",
    )
    expect(rows).toEqual(
      ['contact.created', 'shift.created', 'shift.ended', 'contact.ended'].map((action) => ({
        action,
        who: 'person',
      })),
    )
    const audit = await database.pool.query('select * from audit_entry')
    expect(JSON.stringify(audit.rows)).not.toContain(secret)
  })

  test('takes no e-mail address where the service sends none, and no address nobody may call', async ({
    door,
  }) => {
    const mute = openDoor(door.world, { mayMail: false })
    const refused = (body: object) =>
      mute.refused('POST', '/facilities/H1/contacts', { name: 'ward', ...body })
    expect((await refused({ email: 'ward@hospital.test' })).detail).toContain('SMTP_URL')
    expect((await refused({ url: 'https://169.254.169.254/' })).code).toBe('invalid_request')
    expect((await refused({})).code).toBe('invalid_request')
    for (const email of [
      'ward',
      'ward@hospital.test, all@hospital.test',
      'ward@hospital.test\nBcc: all@h.test',
    ])
      expect((await door.refused('POST', '/facilities/H1/contacts', { name: 'ward', email })).code).toBe(
        'invalid_request',
      )
  })
})
