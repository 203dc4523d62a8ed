import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createGate } from '../../broker/gate.ts'

const roomy = { maxBatch: 500, heavyBytes: 100, maxPendingMessages: 50_000, maxPendingBytes: 1_000_000 }

/** A gate whose commits are ended by hand. */
function openGate(limits: Partial<typeof roomy> = {}) {
  const batches: string[][] = []
  const ends: { resolve(left?: ReadonlySet<string>): void; reject(reason: unknown): void }[] = []
  const answers: string[] = []
  const gate = createGate<string>({
    ...roomy,
    ...limits,
    senderOf: (item) => item.slice(0, 1),
    accept(batch) {
      batches.push([...batch])
      return new Promise((resolve, reject) => ends.push({ resolve: (left) => resolve(left), reject }))
    },
  })
  const add = (item: string, bytes = 1) =>
    gate.add(item, bytes, (error) => answers.push(error ? `${item}: ${error.message}` : item))
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { gate, add, batches, ends, answers, turn }
}

test('what piles up during a commit is the next batch, and there is one commit at a time', async () => {
  const { add, batches, ends, answers, turn } = openGate()

  add('a')
  add('b')
  await turn()
  add('c')
  add('d')
  await turn()
  expect(batches).toEqual([['a', 'b']])
  expect(answers).toEqual([])
  ends[0]?.resolve()
  await turn()
  await turn()

  expect(answers).toEqual(['a', 'b'])
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('a commit that fails is the failure of its own batch only', async () => {
  const { gate, add, ends, answers, turn } = openGate({ maxBatch: 2 })

  for (const item of ['a', 'b', 'c']) add(item)
  await turn()
  ends[0]?.reject(new Error('no'))
  await turn()
  await turn()
  ends[1]?.resolve()
  await gate.drain()

  expect(answers).toEqual(['a: no', 'b: no', 'c'])
})

test('what a commit leaves out fails alone', async () => {
  const { gate, add, ends, answers, turn } = openGate()

  for (const item of ['a', 'b', 'c']) add(item)
  await turn()
  ends[0]?.resolve(new Set(['b']))
  await gate.drain()

  expect(answers).toEqual(['a', 'b: not accepted', 'c'])
})

test('a commit that fails without an error, or at once, still answers with one', async () => {
  const answers: unknown[] = []
  const gate = createGate<string>({
    ...roomy,
    maxBatch: 1,
    senderOf: (item) => item,
    accept(batch) {
      if (batch[0] === 'a') throw new Error('at once')
      return Promise.reject('no error at all')
    },
  })
  gate.add('a', 1, (error) => answers.push(error))
  gate.add('b', 1, (error) => answers.push(error))
  await gate.drain()

  expect(answers).toEqual([new Error('at once'), new Error('no error at all')])
})

test('a full gate refuses at once and has room again after the commit', async () => {
  const { gate, add, ends, answers, turn } = openGate({ maxPendingMessages: 3, maxPendingBytes: 10 })

  expect(add('a', 4)).toBe(true)
  await turn()
  expect(add('b', 7)).toBe(false)
  expect(add('c', 6)).toBe(true)
  expect(add('d', 0)).toBe(true)
  expect(add('e', 0)).toBe(false)
  expect(answers).toEqual(['b: the gate is full', 'e: the gate is full'])
  expect(gate.pending()).toEqual({ messages: 3, bytes: 10 })
  ends[0]?.resolve()
  await turn()
  await turn()

  expect(gate.pending()).toEqual({ messages: 2, bytes: 6 })
  expect(add('f', 4)).toBe(true)
})

test('draining lasts until nothing is pending, also for what comes while it lasts', async () => {
  const { gate, add, ends, turn } = openGate()
  await gate.drain()
  let drained = false

  add('a')
  const draining = gate.drain().then(() => {
    drained = true
  })
  await turn()
  add('b')
  ends[0]?.resolve()
  await turn()
  await turn()
  expect(drained).toBe(false)
  ends[1]?.resolve()
  await draining

  expect(gate.pending()).toEqual({ messages: 0, bytes: 0 })
})

test('an answer may bring the next message with it', async () => {
  const seen: number[] = []
  const gate = createGate<number>({
    ...roomy,
    senderOf: () => 'a',
    accept: async (batch) => void seen.push(...batch),
  })
  const count = (item: number) => gate.add(item, 1, () => item < 100 && count(item + 1))

  count(1)
  await gate.drain()

  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
})

/** End every commit that begins until nothing is pending. */
async function endAll({ gate, ends, turn }: ReturnType<typeof openGate>, from: number): Promise<void> {
  for (let end = from; gate.pending().messages > 0; ) {
    if (ends[end]) ends[end++]?.resolve()
    await turn()
  }
}

test('what is heavy is committed beside the rest, little by little', async () => {
  const opened = openGate()
  const { add, batches, ends, turn } = opened

  for (const item of ['a1', 'b1', 'a2', 'b2']) add(item, 101)
  add('c1')
  await turn()
  add('d1')
  ends[1]?.resolve()
  await turn()
  await turn()
  expect(batches).toEqual([['a1'], ['c1'], ['d1']])
  ends[0]?.resolve()
  await endAll(opened, 2)

  expect(batches).toEqual([['a1'], ['c1'], ['d1'], ['b1'], ['a2'], ['b2']])
})

test('a sender is never in two batches at once', async () => {
  const opened = openGate()
  const { add, batches, ends, turn } = opened

  add('a1')
  await turn()
  add('a2', 101)
  add('a3')
  add('b1', 101)
  await turn()
  await turn()
  expect(batches).toEqual([['a1'], ['b1']])
  ends[1]?.resolve()
  await turn()
  await turn()
  expect(batches).toHaveLength(2)
  ends[0]?.resolve()
  await endAll(opened, 2)

  expect(batches).toEqual([['a1'], ['b1'], ['a2'], ['a3']])
})

test('every item is committed once and answered once, in the order its sender gave', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ add: fc.nat({ max: 9 }), sender: fc.nat({ max: 2 }) }) },
    { weight: 2, arbitrary: fc.record({ turns: fc.integer({ min: 1, max: 3 }) }) },
  )
  type Item = { readonly number: number; readonly sender: number; readonly size: number }
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 20 }),
      async (steps, outcomes, maxBatch, maxPendingMessages) => {
        const committed = new Set<Item>()
        const failed = new Set<Item>()
        const left = new Set<Item>()
        const answered: { item: Item; good: boolean }[] = []
        const refused = new Set<Item>()
        const underway = new Set<number>()
        let commits = 0
        const gate = createGate<Item>({
          maxBatch,
          heavyBytes: 5,
          maxPendingMessages,
          maxPendingBytes: 100,
          senderOf: ({ sender }) => String(sender),
          async accept(batch) {
            const senders = new Set(batch.map(({ sender }) => sender))
            for (const sender of senders) expect(underway).not.toContain(sender)
            for (const sender of senders) underway.add(sender)
            expect(batch.length).toBeLessThanOrEqual(maxBatch)
            const weights = batch.map(({ size }) => size)
            if (weights.some((size) => size > 5))
              expect(weights.slice(0, -1).reduce((a, b) => a + b, 0)).toBeLessThan(5)
            for (let turns = commits % 3; turns >= 0; turns--)
              await new Promise((resolve) => setImmediate(resolve))
            for (const sender of senders) underway.delete(sender)
            if (!outcomes[commits++ % outcomes.length]) {
              for (const item of batch) failed.add(item)
              throw new Error('no')
            }
            const out = new Set(batch.filter(({ number }) => number % 7 === 0))
            for (const item of batch) (out.has(item) ? left : committed).add(item)
            return out
          },
        })
        let items = 0
        for (const one of steps) {
          if ('turns' in one) {
            for (let turn = 0; turn < one.turns; turn++) await new Promise((resolve) => setImmediate(resolve))
            continue
          }
          const item: Item = { number: items++, sender: one.sender, size: one.add }
          let told = 0
          const taken = gate.add(item, one.add, (error) => {
            told += 1
            expect(told).toBe(1)
            if (error?.message === 'the gate is full') refused.add(item)
            else answered.push({ item, good: !error })
          })
          expect(taken).toBe(!refused.has(item))
        }
        await gate.drain()

        for (const sender of [0, 1, 2]) {
          const order = answered.flatMap(({ item }) => (item.sender === sender ? item.number : []))
          expect(order).toEqual([...order].sort((a, b) => a - b))
        }
        expect(answered.length + refused.size).toBe(items)
        expect(new Set(answered.flatMap(({ item, good }) => (good ? item : [])))).toEqual(committed)
        expect(new Set(answered.flatMap(({ item, good }) => (good ? [] : item)))).toEqual(
          new Set([...failed, ...left]),
        )
        expect(gate.pending()).toEqual({ messages: 0, bytes: 0 })
      },
    ),
  )
})
