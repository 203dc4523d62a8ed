import { expect, test } from 'vitest'
import { forwardNothing, keepNothing } from '../../broker/nothing-kept.ts'

test('what aedes stores is not there when it looks again', async () => {
  const store = keepNothing()
  const calls = [
    store.storeRetained,
    store.outgoingEnqueue,
    store.outgoingEnqueueCombi,
    store.addSubscriptions,
  ]
  for (const call of [...calls, store.putWill]) await call()

  for (const stream of [store.createRetainedStreamCombi(), store.outgoingStream(), store.streamWill()]) {
    expect(await stream.toArray()).toEqual([])
  }
  expect(await store.subscriptionsByTopic()).toEqual([])
  expect(await store.subscriptionsByClient()).toEqual([])
})

test('a message that aedes emits reaches no listener, and its callbacks are called all the same', async () => {
  const board = forwardNothing()
  const heard: unknown[] = []
  const listener = (message: unknown) => heard.push(message)

  await new Promise<void>((resolve) => board.on('#', listener, () => resolve()))
  await new Promise<void>((resolve) => board.emit({ topic: 'a' }, () => resolve()))
  await new Promise<void>((resolve) => board.removeListener('#', listener, () => resolve()))
  await new Promise<void>((resolve) => board.close(() => resolve()))

  expect(heard).toEqual([])
})
