import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drivenClock, pacedClock } from '../../../devices-sim/city/clock.ts'

const epoch = Date.parse('2026-03-02T00:00:00+08:00')
const fail = (error: unknown) => {
  throw error
}

test('nobody waits for a driven clock, and everybody wakes when they meant to', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 0, max: 86_400_000 }), { maxLength: 8 }), { maxLength: 12 }),
      async (errands) => {
        const clock = drivenClock({ epoch, onTrouble: fail })
        const woken: number[] = []
        clock.start(async () => {
          for (const naps of errands)
            clock.start(async () => {
              for (const nap of naps) {
                const lainDown = clock.now()
                await clock.sleep(nap)
                expect(clock.now()).toBe(lainDown + nap)
                woken.push(clock.now())
                await Promise.resolve()
              }
            })
        })
        await clock.ended()
        expect(woken).toHaveLength(errands.flat().length)
        expect(woken).toEqual([...woken].sort((a, b) => a - b))
        expect(clock.instant()).toBe(epoch + clock.now())
      },
    ),
    { numRuns: 30 },
  )
})

test('a driven clock stands still while somebody is at work', async () => {
  const clock = drivenClock({ epoch, onTrouble: fail })
  const log: string[] = []
  clock.start(async () => {
    clock.start(async () => {
      await clock.sleep(1)
      log.push(`one at ${clock.now()}`)
    })
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    expect(clock.now()).toBe(0)
    log.push('worked')
    await clock.sleep(0)
    log.push(`rested at ${clock.now()}`)
  })
  await clock.ended()
  expect(log).toEqual(['worked', 'rested at 0', 'one at 1'])
})

test('nothing that was sent is left behind by more than the delay of a network', async () => {
  const clock = drivenClock({ epoch, onTrouble: fail })
  const sent: number[] = []
  clock.onLeaving(async () => {
    await new Promise(setImmediate)
    sent.length = 0
  })
  clock.start(async () => {
    for (let nap = 1; nap < 30_000; nap *= 2) {
      await clock.sleep(nap)
      expect(clock.now() - (sent[0] ?? clock.now())).toBeLessThanOrEqual(20_000)
      sent.push(clock.now())
    }
  })
  await clock.ended()
  expect(clock.now()).toBe(32_767)
})

test('an errand that fails is told of, and the others go on', async () => {
  const troubles: unknown[] = []
  const clock = drivenClock({ epoch, onTrouble: (error) => troubles.push(error) })
  let reached = 0
  clock.start(async () => {
    clock.start(async () => {
      throw new Error('no')
    })
    await clock.sleep(5)
    reached = clock.now()
  })
  await clock.ended()
  expect(troubles).toEqual([new Error('no')])
  expect(reached).toBe(5)
})

test('a paced clock is our clock made faster, and a moment that has come is never in the future', async () => {
  const clock = pacedClock({
    speed: 36_000,
    from: 8 * 3_600_000,
    signal: new AbortController().signal,
    onTrouble: fail,
  })
  const begun = clock.now()
  expect(begun).toBe(8 * 3_600_000)
  await new Promise(setImmediate)
  expect(clock.now()).toBe(begun)
  clock.begin()
  clock.start(async () => {
    await clock.sleep(3_600_000)
    expect(clock.now()).toBeGreaterThanOrEqual(begun + 3_600_000)
    expect(clock.instant()).toBeLessThanOrEqual(Date.now())
    expect(clock.instant(clock.now() + 36_000_000) - clock.instant(clock.now())).toBeCloseTo(1_000, -2)
  })
  await clock.ended()
})

test('a city that is told to end lets nobody sleep on', async () => {
  const stop = new AbortController()
  const clock = pacedClock({ speed: 1, signal: stop.signal, onTrouble: fail })
  clock.begin()
  let woke = false
  clock.start(async () => {
    await clock.sleep(86_400_000)
    woke = true
  })
  stop.abort()
  await clock.ended()
  expect(woke).toBe(false)
})
