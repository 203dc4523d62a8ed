import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../../api/stores/database.ts'
import { gathered } from '../../../api/stores/gather.ts'

const db = {} as Database

/** As the database says that a value cannot be stored. */
const refused = () => Object.assign(new Error('refused'), { code: '23514' })

describe('what is asked for together', () => {
  test('is told to whoever asked, and only what nobody could be told is refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ waits: fc.nat({ max: 3 }), isBad: fc.boolean() }), { maxLength: 30 }),
        async (asking) => {
          const ask = gathered<number, string>(async (given, asked) => {
            await turn()
            expect(given).toBe(db)
            if (asked.some((number) => asking[number]?.isBad)) throw refused()
            return asked.map((number) => `told ${number}`)
          })
          const told = await Promise.all(
            asking.map(async ({ waits }, number) => {
              for (let turns = 0; turns < waits; turns++) await turn()
              return ask(db, number).catch(() => 'refused')
            }),
          )
          expect(told).toEqual(asking.map(({ isBad }, number) => (isBad ? 'refused' : `told ${number}`)))
        },
      ),
    )
  })

  test('goes in one statement while four are under way, and alone where nobody else asks', async () => {
    const { statements, ask, answerNext, heard } = held()
    const asking: Promise<number>[] = []
    for (const number of [1, 2, 3, 4]) {
      asking.push(ask(db, number))
      await heard(number)
    }
    asking.push(ask(db, 5), ask(db, 6))
    answerNext()
    await heard(5)
    expect(statements).toEqual([[1], [2], [3], [4], [5, 6]])
    for (const _ of statements) answerNext()
    expect(await Promise.all(asking)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('is not held up for ever by a statement that is lost', async () => {
    const { statements, ask, heard } = held()
    for (const number of [1, 2, 3, 4, 5]) {
      void ask(db, number)
      await heard(number)
    }
    expect(statements).toEqual([[1], [2], [3], [4], [5]])
  })

  test('never goes with what is asked in another transaction', async () => {
    const { statements, ask, heard } = held()
    void ask(db, 1)
    void ask({} as Database, 2)
    await heard(2)
    expect(statements).toEqual([[1], [2]])
  })

  test('is told to all, however many there are, by statements of a hundred at most', async () => {
    const { statements, ask, answerNext, heard } = held()
    const numbers = Array.from({ length: 250 }, (_, number) => number)
    const asking = Promise.all(numbers.map((number) => ask(db, number)))
    for (const count of [1, 2, 3]) {
      await heard(count)
      answerNext()
    }
    expect(await asking).toEqual(numbers)
    expect(statements.map(({ length }) => length)).toEqual([100, 100, 50])
  })

  // It may have been written: asked again it would be written twice.
  test.each([
    ['the database is away', Object.assign(new Error('gone'), { code: '57P01' })],
    ['its answer cannot be read', new RangeError('too big for a number')],
  ])('is refused to all, and not asked again, where %s', async (_, failure) => {
    let times = 0
    const ask = gathered<number, number>(async () => {
      times++
      throw failure
    })
    const told = await Promise.allSettled([ask(db, 1), ask(db, 2)])
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(times).toBe(1)
  })
})

/** Statements that are answered when it is said. */
function held() {
  const statements: (readonly number[])[] = []
  const answers: (() => void)[] = []
  const listeners: (() => void)[] = []
  const ask = gathered<number, number>(async (_, asked) => {
    statements.push(asked)
    for (const listener of listeners) listener()
    await new Promise<void>((resolve) => answers.push(resolve))
    return asked
  })
  return {
    statements,
    ask,
    answerNext: () => answers.shift()?.(),
    heard: (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => statements.length >= count && resolve()
        listeners.push(look)
        look()
      }),
  }
}
