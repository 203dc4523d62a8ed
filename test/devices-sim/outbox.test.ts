import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createOutbox,
  type Habits,
  type Happening,
  identity,
  type Leftover,
  type Message,
} from '../../devices-sim/outbox.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { checkMessage, readingsIn } from './support/checked-message.ts'

const at = Date.UTC(2026, 0, 1)
const clocks = { sentAt: at, uptimeMs: 0 }

/** One instant of a fridge with two probes. */
const instant = (index: number) =>
  (['air', 'load'] as const).map((probe) => ({ at: at + index * 10_000, probe, celsius: 4 + index / 100 }))

function anOutbox(habits: Habits & { boot?: string; kept?: Leftover } = {}) {
  return createOutbox({ boot: 'boot-1', random: createRandom(1), ...habits })
}

/** Send and acknowledge until nothing is left; the messages in the order they were sent. */
function empty(outbox: ReturnType<typeof anOutbox>): Message[] {
  const sent: Message[] = []
  for (let next = outbox.next(clocks, true); next; next = outbox.next(clocks, true)) {
    sent.push(next.message)
    outbox.acknowledged(next.message)
  }
  expect(outbox.isEmpty()).toBe(true)
  return sent
}

describe('a device in touch', () => {
  test('sends the readings of one instant as one message, numbered from 0', () => {
    const outbox = anOutbox()
    const sent = [0, 1, 2].flatMap((index) => {
      outbox.measured(instant(index))
      return empty(outbox)
    })
    expect(sent.map(({ seq }) => seq)).toEqual([0, 1, 2])
    expect(sent.map(readingsIn)).toEqual([instant(0), instant(1), instant(2)])
  })

  test('puts true clocks on a message when it leaves, not when it was measured', () => {
    const outbox = anOutbox()
    outbox.measured(instant(0))
    const sent = outbox.next({ sentAt: at + 90_000, uptimeMs: 91_000 })?.message
    expect(sent && checkMessage(sent).envelope).toMatchObject({ sentAt: at + 90_000, uptimeMs: 91_000 })
  })

  test('never has more on its way than its window', () => {
    const outbox = anOutbox({ window: 2 })
    const happen = (index: number) =>
      outbox.happened({ channel: 'replies', element: { command: uuid(index), state: 'done' } })
    for (let index = 0; index < 5; index += 1) happen(index)
    const first = outbox.next(clocks)?.message
    expect(outbox.next(clocks)).toBeDefined()
    expect(outbox.next(clocks)).toBeUndefined()
    if (first) outbox.acknowledged(first)
    expect(outbox.next(clocks)).toBeDefined()
    expect(outbox.next(clocks)).toBeUndefined()
  })
})

describe('a device that was out of touch', () => {
  const afterSilence = (habits: Habits) => {
    const outbox = anOutbox(habits)
    for (let index = 0; index < 700; index += 1) outbox.measured(instant(index))
    return empty(outbox).map(readingsIn)
  }

  test('sends the newest readings first, live, and the backlog behind them in messages of up to 500', () => {
    const bodies = afterSilence({ backlog: 'newest first' })
    expect(bodies.map((body) => body.length)).toEqual([2, 500, 500, 398])
    expect(bodies[0]).toEqual(instant(699))
    expect(bodies[1]?.[0]).toEqual(instant(0)[0])
  })

  test('or everything in the order it was taken', () => {
    const bodies = afterSilence({ backlog: 'in order' })
    expect(bodies.map((body) => body.length)).toEqual([500, 500, 400])
    expect(bodies.flat()).toEqual(Array.from({ length: 700 }, (_, index) => instant(index)).flat())
  })

  test('sends again what was on its way, byte by byte and marked, before anything new', () => {
    const outbox = anOutbox()
    outbox.measured(instant(0))
    const before = outbox.next(clocks)
    outbox.measured(instant(1))
    outbox.disconnected()
    const again = outbox.next({ sentAt: at + 3_600_000, uptimeMs: 3_600_000 })
    expect(before?.dup).toBe(false)
    expect(again).toEqual({ message: before?.message, dup: true })
    expect(outbox.next(clocks)?.message.seq).toBe(1)
  })
})

describe('a restart', () => {
  const interrupted = () => {
    const outbox = anOutbox()
    outbox.measured(instant(0))
    outbox.next(clocks)
    outbox.measured(instant(1))
    outbox.happened({ channel: 'door', element: { at, door: 'main', open: true } })
    return outbox
  }

  test('begins another boot at 0; what was in no message yet goes under the new boot, what was keeps its name', () => {
    const sent = empty(anOutbox({ boot: 'boot-2', kept: interrupted().leftover() }))
    expect(sent.map(identity)).toEqual(['boot-1/0', 'boot-2/0', 'boot-2/1'])
    expect(sent.map(({ channel }) => channel)).toEqual(['readings', 'door', 'readings'])
    expect(sent.flatMap((message) => (message.channel === 'readings' ? readingsIn(message) : []))).toEqual([
      ...instant(0),
      ...instant(1),
    ])
  })
})

test('inventories and replies stand alone; deltas around an inventory are not mixed', () => {
  const outbox = anOutbox()
  const delta = (tag: string): Happening & { channel: 'bags' } => ({
    channel: 'bags',
    element: { at, added: [tag], removed: [] },
  })
  outbox.happened({ channel: 'bags', element: { at, inventory: ['a'] } })
  outbox.happened(delta('b'))
  outbox.happened(delta('c'))
  outbox.happened({ channel: 'bags', element: { at, inventory: ['a', 'b', 'c'] } })
  outbox.happened(delta('d'))
  outbox.happened({ channel: 'replies', element: { command: uuid(1), state: 'done' } })
  const bodies = empty(outbox).map((message) => checkMessage(message).envelope.body)
  expect(bodies).toEqual([
    { at, inventory: ['a'] },
    [delta('b').element, delta('c').element],
    { at, inventory: ['a', 'b', 'c'] },
    [delta('d').element],
    { command: uuid(1), state: 'done' },
  ])
})

test('doubled and reordered messages keep their identities and their bytes', () => {
  const outbox = anOutbox({ window: 1_000, doubled: 0.3, reordered: 0.3 })
  const sent: Message[] = []
  for (let index = 0; index < 300; index += 1) {
    outbox.measured(instant(index))
    for (let next = outbox.next(clocks); next; next = outbox.next(clocks)) sent.push(next.message)
  }
  for (let next = outbox.next(clocks, true); next; next = outbox.next(clocks, true)) sent.push(next.message)

  const seqs = sent.map(({ seq }) => seq)
  expect(new Set(seqs).size).toBe(300)
  expect(sent.length).toBeGreaterThan(340)
  expect(seqs.filter((seq, index) => seq < Math.max(...seqs.slice(0, index))).length).toBeGreaterThan(40)
  for (const message of sent) expect(readingsIn(message)).toEqual(instant(message.seq))
})

type Act =
  | { readonly act: 'measure' | 'door' | 'send' | 'break' | 'restart' }
  | { readonly act: 'acknowledge'; readonly which: number }

test('whatever befalls a device that keeps its memory, each reading is in exactly one message and no identity has two payloads', () => {
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Act>({ act: 'measure' }, { act: 'send' }) },
    { weight: 2, arbitrary: fc.constantFrom<Act>({ act: 'door' }, { act: 'break' }) },
    { weight: 1, arbitrary: fc.constant<Act>({ act: 'restart' }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('acknowledge' as const), which: fc.nat(5) }) },
  )
  const habits = fc.record({
    window: fc.integer({ min: 1, max: 6 }),
    backlog: fc.constantFrom('newest first' as const, 'in order' as const),
    batch: fc.integer({ min: 1, max: 9 }),
    doubled: fc.constantFrom(0, 0.3),
    reordered: fc.constantFrom(0, 0.3),
  })
  fc.assert(
    fc.property(fc.string(), habits, fc.array(act, { maxLength: 120 }), (seed, habit, acts) => {
      const random = createRandom(seed)
      const boots = ['boot-0']
      let outbox = createOutbox({ ...habit, boot: 'boot-0', random })
      let onTheWay: Message[] = []
      const heard = new Map<string, string>()
      let measured = 0
      let opened = 0

      const hear = (message: Message) => {
        const known = heard.get(identity(message))
        if (known !== undefined) expect(message.payload).toBe(known)
        heard.set(identity(message), message.payload)
        checkMessage(message)
      }
      const send = (hurry: boolean) => {
        for (let next = outbox.next(clocks, hurry); next; next = outbox.next(clocks, hurry)) {
          onTheWay.push(next.message)
          hear(next.message)
        }
        expect(onTheWay.length).toBeLessThanOrEqual(habit.window)
      }
      const acknowledge = (which: number) => {
        for (const message of onTheWay.splice(which % Math.max(1, onTheWay.length), 1)) {
          outbox.acknowledged(message)
        }
      }
      for (const step of acts) {
        if (step.act === 'measure') outbox.measured(instant(measured++))
        if (step.act === 'door') {
          outbox.happened({ channel: 'door', element: { at: at + opened++, door: 'main', open: true } })
        }
        if (step.act === 'send') send(false)
        if (step.act === 'acknowledge') acknowledge(step.which)
        if (step.act === 'break') outbox.disconnected()
        if (step.act === 'restart') {
          boots.push(`boot-${boots.length}`)
          outbox = createOutbox({ ...habit, boot: boots.at(-1) ?? '', random, kept: outbox.leftover() })
        }
        if (step.act === 'break' || step.act === 'restart') onTheWay = []
      }
      while (!outbox.isEmpty()) {
        send(true)
        expect(onTheWay.length).toBeGreaterThan(0)
        acknowledge(0)
      }

      const messages = [...heard.entries()].map(([name, payload]) => ({ name, ...JSON.parse(payload) }))
      const told = messages.flatMap(({ body }) => body).filter((element) => 'probe' in element)
      const order = (a: { at: number; probe: string }, b: { at: number; probe: string }) =>
        a.at - b.at || (a.probe < b.probe ? -1 : 1)
      expect(told.sort(order)).toEqual(Array.from({ length: measured }, (_, index) => instant(index)).flat())
      expect(messages.flatMap(({ body }) => body).filter((element) => 'door' in element)).toHaveLength(opened)
      for (const boot of boots) {
        const seqs = messages.filter((message) => message.boot === boot).map(({ seq }) => seq)
        expect(seqs.sort((a, b) => a - b)).toEqual(seqs.map((_, index) => index))
      }
    }),
    { numRuns: 300 },
  )
})

function uuid(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
}
