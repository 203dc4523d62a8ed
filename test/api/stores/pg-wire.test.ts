import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutMessages, queryMessage, readOpening } from '../../../api/stores/pg-wire.ts'

const statement = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))

test('messages that come in any pieces are passed on whole, in order, and none is kept back', () => {
  fc.assert(
    fc.property(
      fc.array(statement),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      (statements, sizes) => {
        const messages = statements.map(queryMessage)
        const stream = Buffer.concat(messages)
        const ends = new Set([0])
        for (let at = 0; at < messages.length; at++) ends.add(Buffer.concat(messages.slice(0, at + 1)).length)

        let unread = Buffer.alloc(0)
        let passed = 0
        for (let at = 0; at < stream.length; ) {
          const size = sizes.next().value ?? 1
          unread = Buffer.concat([unread, stream.subarray(at, at + size)])
          at += size
          const { end, terminated } = cutMessages(unread)
          unread = unread.subarray(end)
          passed += end
          expect(terminated).toBe(false)
          expect(ends.has(passed)).toBe(true)
        }
        expect(passed).toBe(stream.length)
      },
    ),
  )
})

test('a Terminate ends what is passed on, and is not passed on itself', () => {
  const goodbye = Buffer.from([0x58, 0, 0, 0, 4])
  const query = queryMessage('select 1')
  expect(cutMessages(Buffer.concat([query, goodbye, query]))).toEqual({ end: query.length, terminated: true })
})

test('a length that cannot be is an error, not an endless wait', () => {
  expect(() => cutMessages(Buffer.from([0x51, 0, 0, 0, 3]))).toThrow('cannot be 3 bytes long')
  expect(() => readOpening(Buffer.alloc(8))).toThrow('cannot be 0 bytes long')
})

test('an opening is told from what it asks for, once it is all there', () => {
  const opening = (code: number, rest = 0) => {
    const bytes = Buffer.alloc(8 + rest)
    bytes.writeInt32BE(bytes.length, 0)
    bytes.writeInt32BE(code, 4)
    return bytes
  }
  expect(readOpening(opening(196_608, 20))).toEqual({ kind: 'startup', length: 28 })
  expect(readOpening(opening(196_608, 20).subarray(0, 27))).toEqual({ kind: 'partial' })
  expect(readOpening(opening(80_877_103))).toEqual({ kind: 'encryption', length: 8 })
  expect(readOpening(opening(80_877_102, 8))).toEqual({ kind: 'cancel', length: 16 })
})
