import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { acknowledge, shownOf } from '../../../../api/domain/hl7/answer.ts'
import { createFrames, framed } from '../../../../api/domain/hl7/frames.ts'
import {
  escapeHl7,
  parseHl7,
  segmentsOf,
  unescapeHl7,
  usualDelimiters,
  valueAt,
} from '../../../../api/domain/hl7/message.ts'
import { type Hl7Event, headerOf, instantOf, readHl7 } from '../../../../api/domain/hl7/read.ts'
import { Refusal } from '../../../../api/domain/refusal.ts'
import { textOf } from '../../../../api/usecases/take-hl7.ts'
import { aMessageOf, anObx, anOrderMessage, aParty, aResultMessage } from '../../../support/hl7.ts'

const inShanghai = (local: {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
}) => Date.UTC(local.year, local.month - 1, local.day, local.hour - 8, local.minute, local.second)
const read = (text: string, changes = {}): Hl7Event => readHl7(parseHl7(text), aParty(changes), inShanghai)

describe('a frame', () => {
  const message = fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => bytes.filter((byte) => byte !== 0x0b && byte !== 0x1c))
  const noise = fc.uint8Array({ maxLength: 10 }).map((bytes) => bytes.filter((byte) => byte !== 0x0b))

  test('is found whatever stands around it and however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ noise, message }), { maxLength: 6 }),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 20 }),
        (sent, sizes) => {
          const stream = Buffer.concat(sent.flatMap((one) => [one.noise, framed(one.message)]))
          const frames = createFrames(1_000)
          const got: Uint8Array[] = []
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = (sizes[turn % sizes.length] as number) + 1
            got.push(...(frames.push(stream.subarray(at, at + size)) ?? []))
            at += size
          }
          expect(got.map((one) => Buffer.from(one).toString('hex'))).toEqual(
            sent.map((one) => Buffer.from(one.message).toString('hex')),
          )
        },
      ),
    )
  })

  test('that is longer than it may be, or never begins, is given up without being kept', () => {
    const frames = createFrames(100)
    expect(frames.push(Buffer.from('\u000bMSH'))).toEqual([])
    expect(frames.push(Buffer.alloc(100, 65))).toBeNull()
    expect(createFrames(100).push(Buffer.alloc(101, 65))).toBeNull()
    expect(createFrames(100).push(framed(Buffer.alloc(101, 65)))).toBeNull()
  })

  test('that begins anew gives up the one before', () => {
    const whole = createFrames(100).push(
      Buffer.concat([Buffer.from('\u000bcut off'), framed(Buffer.from('whole'))]),
    )
    expect(whole?.map((one) => Buffer.from(one).toString())).toEqual(['whole'])
  })
})

describe('a message', () => {
  test('of whatever bytes is read or refused, and nothing else', () => {
    const pieces = fc.constantFrom(
      'MSH',
      '|',
      '^',
      '~',
      '\\',
      '&',
      '\r',
      '\n',
      'PID',
      'OBX',
      'ORC',
      '""',
      'A',
      '\u0000',
      '型',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
      fc.array(pieces, { maxLength: 60 }).map((parts) => `MSH|^~\\&|${parts.join('')}`),
      fc.array(pieces, { maxLength: 60 }).map((parts) => aMessageOf([parts.join('')], { type: 'ORU^R01' })),
      fc
        .array(pieces, { maxLength: 60 })
        .map((parts) => aMessageOf([`ORC|NW|1\rOBR|${parts.join('')}`], { type: 'ORM^O01' })),
    )
    fc.assert(
      fc.property(text, (one) => {
        try {
          const message = parseHl7(one)
          headerOf(message)
          shownOf(message, () => null)
          readHl7(message, aParty(), inShanghai)
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseHl7(textOf(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }),
    )
  })

  test('gives back what was written into it with escapes', () => {
    const plain = fc
      .string({ unit: 'grapheme' })
      .filter((text) => text.trim() === text && !/\p{Cc}/u.test(text))
    fc.assert(
      fc.property(plain, (text) => {
        expect(unescapeHl7(escapeHl7(text), usualDelimiters)).toBe(text)
        if (text === '""') return
        const message = parseHl7(`MSH|^~\\&|a\rPID|${escapeHl7(text)}`)
        expect(valueAt(message, segmentsOf(message, 'PID')[0], { field: 1 })).toBe(text)
      }),
    )
  })

  test('is read by the delimiters it names, and in the characters it says', () => {
    const odd = parseHl7('MSH#*!%$#HIS#HOSP\rPID###1*2$3!4')
    const pid = segmentsOf(odd, 'PID')[0]
    expect(valueAt(odd, pid, { field: 3, component: 2, subcomponent: 2 })).toBe('3')
    expect(valueAt(odd, pid, { field: 3, repetition: 2 })).toBe('4')
    expect(headerOf(odd)).toMatchObject({ application: 'HIS', facility: 'HOSP' })
    // 阳 in GB 18030.
    const bytes = Buffer.concat([
      Buffer.from('MSH|^~\\&|a|b||||||||||||||GB18030\rOBX|'),
      Buffer.from([0xd1, 0xf4]),
    ])
    expect(textOf(bytes)).toContain('阳')
    expect(() => textOf(Buffer.from('MSH|^~\\&|a|b||||||||||||||ISO IR99\r'))).toThrow('MSH-18')
    expect(() => textOf(Buffer.from([...Buffer.from('MSH|^~\\&|'), 0xff]))).toThrow('UTF-8')
  })
})

describe('what a message says', () => {
  test('is who the patient is by the configured authority, and nothing else of them', () => {
    for (const type of ['ADT^A01', 'ADT^A04', 'ADT^A08'])
      expect(read(aMessageOf([], { type }))).toEqual({ kind: 'patient', number: 'P1' })
    const several = { patient: '77^^^SSN~P2^^^MRN~88' }
    expect(read(aMessageOf([], several))).toEqual({ kind: 'patient', number: 'P2' })
    for (const patient of ['P1', 'P1^^^SSN', '', 'P1^^^MRN~P2^^^MRN'])
      expect(() => read(aMessageOf([], { patient }))).toThrow('no one number of MRN')
    expect(() => read(aMessageOf([], { type: 'ADT^A40' }))).toThrow('not made one by a message')
    expect(() => read(aMessageOf([], { type: 'ADT^A99' }))).toThrow('MSH-9')
  })

  test('is an order, with its urgency, or that it is called off', () => {
    expect(read(anOrderMessage())).toEqual({
      ...{ kind: 'orders', number: 'P1' },
      orders: [
        {
          ...{
            control: 'new',
            placer: 'O-1',
            component: 'red_cells',
            amount: 2,
            uom: 'U',
            urgency: 'routine',
          },
          ...{ physician: 'dr-zhao', indication: 'surgery', indicationText: 'hip replacement' },
          neededAt: Date.UTC(2020, 4, 7),
        },
      ],
    })
    expect(read(anOrderMessage({ priority: 'S' }))).toMatchObject({ orders: [{ urgency: 'emergency' }] })
    expect(read(anOrderMessage({ control: 'CA' }))).toMatchObject({
      orders: [{ control: 'cancel', placer: 'O-1' }],
    })
    expect(() => read(anOrderMessage({ control: 'XO' }))).toThrow('ORC-1')
    expect(() => read(anOrderMessage({ priority: 'X' }))).toThrow('TQ1-9')
    const old = aMessageOf(
      [
        'ORC|NW|O-2|||||1.5&U^^^202005071200^^A|||||dr-zhao',
        'OBR|1|O-2||red_cells|||||||||||||||||||||||||||^bleeds',
      ],
      { type: 'ORM^O01' },
    )
    expect(read(old)).toMatchObject({
      orders: [
        { amount: 1.5, uom: 'U', urgency: 'urgent', indication: 'other', neededAt: Date.UTC(2020, 4, 7, 4) },
      ],
    })
    for (const [from, to, what] of [
      ['2^U', 'two^U', 'how much'],
      ['2^U', '2^L', 'unit'],
      ['RBC^', 'XYZ^', 'OBR-4'],
      ['dr-zhao', 'Zhao Wei', 'ORC-12'],
      ['surgery^hip replacement', '', 'OBR-31'],
      ['20200507080000+0800', '', 'TQ1-7'],
      ['20200507080000+0800', '20201332', 'no instant'],
      ['20200507080000+0800', '20200507080000+0860', 'no instant'],
      ['20200507080000+0800', '20200507080000+9900', 'no instant'],
    ] as const)
      expect(() => read(anOrderMessage().replace(from, to)), what).toThrow(what)
  })

  test('is all that it says: what would be left unread makes it refused', () => {
    const [msh, pid, orc, tq1, obr] = anOrderMessage().split('\r') as [string, string, string, string, string]
    const asked = (...segments: string[]) => read([msh, pid, ...segments].join('\r'))
    expect(asked(orc, tq1, obr)).toMatchObject({ orders: [{ amount: 2 }] })
    expect(() => asked(orc, tq1, tq1, obr)).toThrow('TQ1: stands twice below one ORC')
    expect(() => asked(orc, tq1, obr, obr.replace('RBC', 'plasma'))).toThrow('OBR: stands twice')
    expect(() => asked(obr, orc, tq1, obr)).toThrow('OBR: stands before any ORC')
    const twice = 'ORC|NW|O-2|||||1&U^^^202005071200~2&U^^^202005072200|||||dr-zhao'
    expect(() => asked(twice, obr)).toThrow('ORC-7: says more than one')
    const tubes = ['OBR|1|O-9|tube-1|GROUP', 'SPM|1|tube-1', 'SPM|2|tube-2', anObx('882-1', 'A POS')]
    expect(() => read(aMessageOf(tubes, { type: 'ORU^R01' }))).toThrow('SPM: stands twice')
    const early = [anObx('882-1', 'A POS'), 'OBR|1|O-9|tube-1|GROUP', anObx('890-4', 'NEG')]
    expect(() => read(aMessageOf(early, { type: 'ORU^R01' }))).toThrow('OBX: stands before any OBR')
  })

  test.each([
    [['883-9', 'A'], ['10331-7', 'POS'], { abo: 'A', rhd: 'positive' }],
    [['883-9', 'AB型'], ['10331-7', '阴性'], { abo: 'AB', rhd: 'negative' }],
    [['882-1', 'O Rh(D) negative'], null, { abo: 'O', rhd: 'negative' }],
    [['882-1', 'B+'], null, { abo: 'B', rhd: 'positive' }],
    [['882-1', 'A Pos'], ['10331-7', 'POS'], 'both at once'],
    [['883-9', 'A'], null, 'ABO and RhD'],
    [['883-9', 'A1'], ['10331-7', 'POS'], 'no ABO group'],
    [['883-9', 'O'], ['10331-7', 'weak'], 'neither positive nor negative'],
  ] as const)('is the group %j %j shows, or why it shows none', (one, other, expected) => {
    const obx = [one, other].flatMap((told) => (told ? [anObx(told[0], told[1])] : []))
    const asked = () => read(aResultMessage(obx))
    if (typeof expected === 'string') expect(asked).toThrow(/OBX-5/)
    else
      expect(asked()).toMatchObject({
        results: [{ sample: 'tube-1', group: { ...expected, method: 'gel' } }],
      })
  })

  test('is whether there are antibodies, of what is final, by a method that is told', () => {
    const screen = (value: string, more = {}) => read(aResultMessage([anObx('890-4', value, more)]))
    expect(screen('NEG', { observer: 'ann^Ann' })).toMatchObject({
      results: [{ group: null, screenPositive: false, observer: 'ann' }],
    })
    expect(screen('阳性')).toMatchObject({ results: [{ screenPositive: true }] })
    expect(() => screen('NEG', { status: 'P' })).toThrow('only what is final')
    const group = [anObx('882-1', 'A POS', { method: '' })]
    expect(() => read(aResultMessage(group))).toThrow('OBX-17')
    expect(read(aResultMessage(group), { method: 'automated' })).toMatchObject({
      results: [{ group: { method: 'automated' } }],
    })
    expect(() => read(aResultMessage(['OBX|1|ST|718-7^Hb^LN||120||||||F']))).toThrow('OBX-3')
    const twice = [anObx('882-1', 'A POS'), anObx('882-1', 'B POS')]
    expect(() => read(aResultMessage(twice))).toThrow('twice')
  })

  test('is when, with an offset or as clocks show it there, and only if there is such an instant', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1970-01-02'), max: new Date('2099-01-01'), noInvalidDate: true }),
        (date) => {
          const at = Math.floor(date.getTime() / 1_000) * 1_000
          const written = new Date(at).toISOString().replace(/[-:T]|\.000Z/g, '')
          expect(instantOf(`${written}+0000`, () => null)).toBe(at)
          expect(instantOf(written, inShanghai)).toBe(at - 8 * 3_600_000)
        },
      ),
    )
    for (const text of ['20200230120000+0000', '20200506', '202005062500', 'now', ''])
      expect(() => instantOf(text, inShanghai)).toThrow('no instant')
  })
})

describe('an answer', () => {
  test('is a message that names the one it answers, and says why not in one sentence', () => {
    const header = headerOf(parseHl7(anOrderMessage({ id: 'M-7' })))
    const asked = { id: 'x', now: Date.UTC(2020, 4, 6) }
    const done = parseHl7(acknowledge(header, { code: 'AA', refusal: null, ...asked }))
    expect(headerOf(done)).toMatchObject({ type: 'ACK^O01', controlId: 'x', processing: 'P' })
    const of = (message: typeof done, name: string, field: number) =>
      valueAt(message, segmentsOf(message, name)[0], { field })
    expect([of(done, 'MSH', 5), of(done, 'MSH', 6), of(done, 'MSA', 1), of(done, 'MSA', 2)]).toEqual([
      ...['HIS', 'HOSP', 'AA', 'M-7'],
    ])
    const refusal = new Refusal('not_found', 'no|such\rthing')
    const refused = parseHl7(acknowledge(header, { code: 'AE', refusal, ...asked }))
    expect([of(refused, 'MSA', 1), of(refused, 'ERR', 3), of(refused, 'ERR', 8)]).toEqual([
      ...['AE', '204', 'no|such thing'],
    ])
    expect(parseHl7(acknowledge(null, { code: 'AR', refusal, ...asked })).segments).toHaveLength(3)
  })

  test('what is kept of what was refused names nobody', () => {
    const said = aResultMessage([
      anObx('883-9', 'A'),
      'OBX|2|TX|TEXT||王小明 was here||||||F',
      'NK1|1|王^大明',
    ])
    const shown = shownOf(parseHl7(said), () => 'P1')
    expect(shown).toContain('PID|||P1\n')
    expect(shown).toContain('883-9')
    for (const secret of ['王', '明', '19800101']) expect(shown).not.toContain(secret)
  })
})
