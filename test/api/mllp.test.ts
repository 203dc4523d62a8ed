import { describe, expect } from 'vitest'
import { framed } from '../../api/domain/hl7/frames.ts'
import { type MllpListener, startMllp } from '../../api/mllp.ts'
import type { Hl7Party } from '../../api/usecases/take-hl7.ts'
import { TransfusionRecord } from '../../schema/http/patients.ts'
import { aMessageOf, anObx, anOrderMessage, aParty, aResultMessage } from '../support/hl7.ts'
import { aCity } from '../support/hospital.ts'
import { aLine, told } from '../support/mllp.ts'
import { noon } from '../support/world.ts'
import { test as base, type Door, iso } from './http/door.ts'

type Mllp = MllpListener & { ask(text: string | Buffer): Promise<string[] | null> }

const test = base.extend<{ $test: { mllp: Mllp; start: (parties?: Hl7Party[]) => Promise<Mllp> } }>({
  start: async ({ door }, use) => {
    const opened: Mllp[] = []
    await aCity(door)
    await use(async (parties = [aParty()]) => {
      const listener = await startMllp(door.world.deps, { host: '127.0.0.1', port: 0, parties })
      const lines: ReturnType<typeof aLine>[] = []
      const made = {
        port: listener.port,
        async ask(text: string | Buffer) {
          const line = aLine(listener.port)
          lines.push(line)
          line.send(text)
          return told(await line.next())
        },
        async close() {
          for (const { socket } of lines) socket.destroy()
          await listener.close()
        },
      }
      opened.push(made)
      return made
    })
    for (const one of opened) await one.close()
  },
  mllp: async ({ start }, use) => {
    await use(await start())
  },
})

const rows = async ({ world }: Door, query: string) => (await world.deps.database.pool.query(query)).rows
const count = async (door: Door, table: string) =>
  (await rows(door, `select count(*)::integer as n from ${table}`))[0].n

describe('a message over MLLP', () => {
  test('makes a patient known under the number of their hospital, and stores nothing else of them', async ({
    door,
    mllp,
  }) => {
    expect(await mllp.ask(aMessageOf([]))).toEqual(['AA', 'M1'])
    expect(await rows(door, 'select pseudonym, abo, rhd from patient')).toEqual([
      { pseudonym: 'P1', abo: null, rhd: null },
    ])
    await mllp.ask(aMessageOf([], { type: 'ADT^A40', id: 'M2' }))
    for (const table of ['patient', 'hl7_message', 'hl7_refusal', 'audit_entry']) {
      const [{ all }] = await rows(
        door,
        `select coalesce(string_agg(t::text, ' '), '') as all from ${table} t`,
      )
      for (const secret of ['王', '小明', '19800101']) expect(all, table).not.toContain(secret)
    }
  })

  test('is done once, before and after a restart; another of its number is refused', async ({
    door,
    start,
  }) => {
    const first = await start()
    const order = anOrderMessage({ id: 'M7' })
    expect(await first.ask(order)).toEqual(['AA', 'M7'])
    expect(await first.ask(order)).toEqual(['AA', 'M7'])
    await first.close()
    const second = await start()
    expect(await second.ask(order)).toEqual(['AA', 'M7'])
    expect(await count(door, 'blood_order')).toBe(1)
    const other = anOrderMessage({ id: 'M7', placer: 'O-2' })
    expect(await second.ask(other)).toEqual(['AR', 'M7', expect.stringContaining('another message')])
    expect(await second.ask(anOrderMessage({ id: 'M8' }))).toEqual([
      ...['AE', 'M8', expect.stringContaining('of the number O-1 was placed already')],
    ])
    expect(await count(door, 'blood_order')).toBe(1)
    expect(await rows(door, 'select physician, approvals from blood_order')).toEqual([
      { physician: 'dr-zhao', approvals: ['senior_physician'] },
    ])
    const cancel = anOrderMessage({ id: 'M9', control: 'CA' })
    expect(await second.ask(anOrderMessage({ id: 'M10', control: 'CA', patient: 'P2^^^MRN' }))).toEqual([
      ...['AE', 'M10', 'ORC-2: no order of the patient has the number O-1'],
    ])
    expect(await second.ask(cancel)).toEqual(['AA', 'M9'])
    expect(await rows(door, 'select verb from blood_order_event')).toEqual([{ verb: 'cancel' }])
  })

  test('at once with itself is done once', async ({ door, mllp }) => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => mllp.ask(anOrderMessage())))
    expect(answers).toEqual(Array(6).fill(['AA', 'M1']))
    expect(await count(door, 'blood_order')).toBe(1)
  })

  test('that is bad is refused with a sentence and kept once, until it is sent again and done', async ({
    door,
    mllp,
  }) => {
    const result = aResultMessage([anObx('882-1', 'A POS'), anObx('890-4', 'NEG')], { id: 'R1' })
    for (let times = 0; times < 2; times++)
      expect(await mllp.ask(result)).toEqual([
        'AE',
        'R1',
        expect.stringContaining('tube-1: register it first'),
      ])
    expect(await rows(door, 'select type, times, concluded_at from hl7_refusal')).toEqual([
      { type: 'ORU^R01', times: 2, concluded_at: null },
    ])
    expect(await count(door, 'hl7_message')).toBe(0)
    await mllp.ask(aMessageOf([], { id: 'A1' }))
    await door.ask(TransfusionRecord, 'POST', '/facilities/H1/patients/P1/samples', {
      ...{ label: 'tube-1', collectedAt: iso(noon), collector: 'Ann' },
    })
    expect(await mllp.ask(result)).toEqual(['AA', 'R1'])
    expect(await mllp.ask(result)).toEqual(['AA', 'R1'])
    expect((await rows(door, 'select concluded_at from hl7_refusal'))[0].concluded_at).not.toBeNull()
    const record = await door.ask(TransfusionRecord, 'GET', '/facilities/H1/patients/P1/record')
    expect(record.samples).toMatchObject([
      {
        groupings: [{ abo: 'A', rhd: 'positive', method: 'gel', by: 'hl7/H1/HIS' }],
        screens: [{ positive: false }],
      },
    ])
    expect(record.samples[0]?.groupings).toHaveLength(1)
  })

  test('that cannot be read is refused by its number, and kept for those of its sender to look at', async ({
    door,
    mllp,
  }) => {
    const ofGbk = Buffer.from(aMessageOf([], { id: 'M2' }).replace('小明', '??'), 'utf8')
    ofGbk.set([0xd0, 0xd0], ofGbk.indexOf('??'))
    expect(await mllp.ask(ofGbk)).toEqual(['AR', 'M2', 'MSH-18: the bytes are not of UTF-8'])
    const noSegment = aMessageOf(['what is this'], { id: 'M3' })
    expect(await mllp.ask(noSegment)).toEqual(['AR', 'M3', 'has a line that is no segment'])
    const charset = aMessageOf([], { id: 'M4', header: 'P|2.5||||||constructor' })
    expect(await mllp.ask(charset)).toEqual(['AR', 'M4', 'MSH-18: constructor is not understood'])
    expect(await rows(door, 'select control_id, type from hl7_refusal order by control_id')).toEqual(
      ['M2', 'M3', 'M4'].map((id) => ({ control_id: id, type: 'ADT^A01' })),
    )
  })

  test('is answered though it is cut where a rare character stands', async ({ door, mllp }) => {
    // Outside the Basic Multilingual Plane, as in some names: two code units.
    const rare = '𠮷'
    const group = aResultMessage([anObx('882-1', `${'Z'.repeat(39)}${rare}`)], { id: 'R1' })
    expect(await mllp.ask(group)).toEqual(['AE', 'R1', expect.stringContaining('is no group')])
    const type = `ADT^A01${'x'.repeat(92)}${rare}`
    expect(await mllp.ask(aMessageOf([], { id: 'M2', type }))).toEqual(['AE', 'M2', expect.any(String)])
    const why = `surgery^${'x'.repeat(999)}${rare}`
    const order = anOrderMessage({ id: 'O1' }).replace('surgery^hip replacement', why)
    expect(await mllp.ask(order)).toEqual(['AA', 'O1'])
    const shown = anOrderMessage({ id: 'O2' }).replace(
      'surgery^hip replacement',
      `x^${'y'.repeat(197)}${rare}`,
    )
    expect(await mllp.ask(shown)).toEqual(['AE', 'O2', expect.stringContaining('placed already')])
    expect(await count(door, 'hl7_refusal')).toBe(3)
  })

  test('of endless repetitions, or an endless value, is refused and holds up nobody', async ({ mllp }) => {
    const numbers = Array(150_000).fill('1^^^X').join('~')
    expect(await mllp.ask(aMessageOf([], { patient: numbers }))).toEqual([
      ...['AE', 'M1', 'PID-3: has more than 200 numbers'],
    ])
    const group = aResultMessage([anObx('882-1', `A${','.repeat(900_000)}\u2028x`)], { id: 'R1' })
    expect(await mllp.ask(group)).toEqual(['AE', 'R1', expect.stringContaining('longer than 100')])
    const placer = 'x'.repeat(900_000)
    const cancel = anOrderMessage({ id: 'O1', control: 'CA', placer: 'PLACER' }).replace('PLACER', placer)
    const [code, id, why = ''] = (await mllp.ask(cancel)) ?? []
    expect([code, id, why.length]).toEqual(['AE', 'O1', 500])
  })

  test('groups a patient by two samples only where two people there answer for them', async ({
    door,
    mllp,
  }) => {
    await mllp.ask(aMessageOf([], { id: 'A1' }))
    for (const [label, ago] of [
      ['tube-1', 2],
      ['tube-2', 1],
    ] as const)
      await door.ask(TransfusionRecord, 'POST', '/facilities/H1/patients/P1/samples', {
        ...{ label, collectedAt: iso(noon - ago * 3_600_000), collector: 'Ann' },
      })
    const result = (label: string, observer: string, id: string) =>
      aResultMessage([anObx('882-1', 'O POS', { observer })], { id }).replaceAll('tube-1', label)
    const doubt = async () =>
      (await door.ask(TransfusionRecord, 'GET', '/facilities/H1/patients/P1/record')).doubt
    await mllp.ask(result('tube-1', 'ann', 'R1'))
    await mllp.ask(result('tube-2', 'ann', 'R2'))
    expect(await doubt()).toBe('unconfirmed')
    await mllp.ask(result('tube-2', 'bea', 'R3'))
    expect(await doubt()).toBeNull()
  })

  test('names patients by what cannot be undone where their numbers are hashed', async ({ door, start }) => {
    const mllp = await start([aParty({ pseudonymKey: 'a key that hashes the numbers of patients' })])
    expect(await mllp.ask(aMessageOf([]))).toEqual(['AA', 'M1'])
    const [{ pseudonym }] = await rows(door, 'select pseudonym from patient')
    expect(pseudonym).toMatch(/^p[0-9a-f]{24}$/)
    expect(await mllp.ask(aMessageOf([], { id: 'M2', type: 'ADT^A08' }))).toEqual(['AA', 'M2'])
    expect(await count(door, 'patient')).toBe(1)
  })
})

describe('a line', () => {
  test('outlives garbage, and answers what comes after it', async ({ mllp }) => {
    const line = aLine(mllp.port)
    line.socket.write(Buffer.from([0x00, 0xff, 0x1c, 0x0d, 0x41]))
    line.send(Buffer.from([0xff, 0xfe, 0x00]))
    expect(told(await line.next())?.[0]).toBe('AR')
    line.send('MSH')
    expect(told(await line.next())?.[0]).toBe('AR')
    line.send(aMessageOf([]).replace('HOSP', 'ELSE'))
    expect(told(await line.next())).toEqual(['AR', 'M1', 'MSH-3, MSH-4: nobody is known as HIS of ELSE'])
    const bytes = framed(Buffer.from(aMessageOf([])))
    for (let at = 0; at < bytes.length; at += 7) line.socket.write(bytes.subarray(at, at + 7))
    expect(told(await line.next())).toEqual(['AA', 'M1'])
    line.socket.destroy()
  })

  test('answers several messages in the order they came, also where its sender says no more', async ({
    mllp,
  }) => {
    const line = aLine(mllp.port)
    const many = ['M1', 'M2', 'M3'].map((id) => framed(Buffer.from(aMessageOf([], { id }))))
    line.socket.end(Buffer.concat(many))
    const answers = [await line.next(), await line.next(), await line.next()]
    expect(answers.map((one) => told(one)?.[1])).toEqual(['M1', 'M2', 'M3'])
    expect(await line.next()).toBeNull()
  })

  test('ends where more comes than a message may have', async ({ mllp }) => {
    const line = aLine(mllp.port)
    line.send(Buffer.alloc(1_200_000, 65))
    expect(await line.next()).toBeNull()
    expect(await mllp.ask(aMessageOf([]))).toEqual(['AA', 'M1'])
  })

  test('from an address that is nobody’s is not answered', async ({ door, start }) => {
    const mllp = await start([aParty({ addresses: ['192.0.2.1'] })])
    expect(await mllp.ask(aMessageOf([]))).toBeNull()
    expect(await count(door, 'patient')).toBe(0)
  })

  test('is waited for only so long: a line on which nothing comes or goes is closed', async ({ door }) => {
    const where = { host: '127.0.0.1', port: 0, parties: [aParty()] }
    const { port, close } = await startMllp(door.world.deps, { ...where, idleMs: 50 })
    const [silent, broken] = [aLine(port), aLine(port)]
    broken.socket.write(framed(Buffer.from(aMessageOf([]))).subarray(0, 20))
    expect(await silent.next()).toBeNull()
    expect(await broken.next()).toBeNull()
    await close()
  })

  test('is taken of ten lines from one address at once, and of the next when one of them has ended', async ({
    mllp,
  }) => {
    const lines = Array.from({ length: 10 }, () => aLine(mllp.port))
    for (const [number, line] of lines.entries()) {
      line.send(aMessageOf([], { id: `M${number}` }))
      expect(told(await line.next())).toEqual(['AA', `M${number}`])
    }
    expect(await mllp.ask(aMessageOf([], { id: 'M10' }))).toBeNull()
    lines[0]?.socket.end()
    expect(await lines[0]?.next()).toBeNull()
    expect(await mllp.ask(aMessageOf([], { id: 'M10' }))).toEqual(['AA', 'M10'])
    for (const { socket } of lines) socket.destroy()
  })

  test('ends without an answer where the database is away, and what it sent is done when it is sent again', async ({
    door,
    start,
  }) => {
    const { deps } = door.world
    let isAway = true
    const away = Object.assign(new Error('connection terminated'), { code: 'ECONNREFUSED' })
    const db = new Proxy(deps.database.db, {
      get: (target, name, receiver) =>
        name === 'transaction' && isAway ? () => Promise.reject(away) : Reflect.get(target, name, receiver),
    })
    const parties = [aParty()]
    const listener = await startMllp(
      { ...deps, database: { ...deps.database, db } },
      { host: '127.0.0.1', port: 0, parties },
    )
    const line = aLine(listener.port)
    line.send(aMessageOf([]))
    expect(await line.next()).toBeNull()
    isAway = false
    await listener.close()
    const again = await start()
    expect(await again.ask(aMessageOf([]))).toEqual(['AA', 'M1'])
    expect(await count(door, 'patient')).toBe(1)
  })
})
