import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { proposeRotation } from '../../api/domain/transfer/rotation.ts'
import { mostWaiting, openPlanner } from '../../api/planner.ts'
import { drawTransfers } from '../bench/draw-transfers.ts'
import { rotations } from '../support/rotations.ts'

const planner = openPlanner()
afterAll(() => planner.close())
const told = { limitMs: 60_000, secondBest: true, mostNamed: 3 }

test('plans asked for at once are made one after another, each of its own problem', async () => {
  const [one, other] = [drawTransfers(5, 2, 'one'), drawTransfers(6, 3, 'other')]
  const [first, second, again] = await Promise.all(
    [one, other, one].map((asked) => planner.plan(asked, told)),
  )
  expect(first?.demands.map(({ id }) => id)).toEqual(['R1/1', 'R2/1'])
  expect(second?.demands.map(({ id }) => id)).toEqual(['R1/1', 'R2/1', 'R3/1'])
  expect(again?.moves).toEqual(first?.moves)
})

test('so many rejected bags are named, and all are counted', async () => {
  const { demands } = await planner.plan(drawTransfers(5, 1, 'named'), told)
  const rejected = demands[0]?.rejected ?? []
  expect(rejected.some(({ count }) => count > told.mostNamed)).toBe(true)
  for (const { bags, count } of rejected) expect(bags.length).toBe(Math.min(count, told.mostNamed))
})

test('a problem that cannot be planned is told as such, and the next one is planned', async () => {
  const problem = drawTransfers(5, 1, 'broken')
  const broken = { ...problem, policy: { ...problem.policy, tiers: ['expiry'] as const } }
  await expect(planner.plan(broken, told)).rejects.toThrow('must begin with unmet_emergency')
  await expect(planner.plan(problem, told)).resolves.toMatchObject({ isProved: true })
})

test('a planner that is closed begins anew when it is asked again', async () => {
  await planner.close()
  await expect(planner.plan(drawTransfers(3, 1, 'anew'), told)).resolves.toMatchObject({ isProved: true })
})

test('so many plans are waited for at most: who comes too many is told to ask again, and then may', async () => {
  const problem = drawTransfers(3, 1, 'many')
  const waiting = Array.from({ length: mostWaiting }, () => planner.plan(problem, told))
  await expect(planner.plan(problem, told)).rejects.toMatchObject({ code: 'unavailable' })
  for (const planned of await Promise.all(waiting)) expect(planned.isProved).toBe(true)
  await expect(planner.plan(problem, told)).resolves.toMatchObject({ isProved: true })
})

test('a worker that fails while nobody waits for it ends nothing else, and the next plan is made by another', async () => {
  const made: Worker[] = []
  const note = (worker: Worker) => made.push(worker)
  process.on('worker', note)
  const own = openPlanner()
  try {
    const problem = drawTransfers(3, 1, 'alone')
    await own.plan(problem, told)
    const [worker] = made as [Worker]
    expect(() => worker.emit('error', new Error('out of memory'))).not.toThrow()
    const ended = once(worker, 'exit')
    await worker.terminate()
    await ended
    await expect(own.plan(problem, told)).resolves.toMatchObject({ isProved: true })
    expect(made).toHaveLength(2)
  } finally {
    process.off('worker', note)
    await own.close()
  }
})

test('a rotation is what it is in this thread, and a plan after it is a plan', async () => {
  const problems = fc.sample(rotations({ sites: 4, bags: 20 }), { numRuns: 5, seed: 7 })
  for (const problem of problems) expect(await planner.rotate(problem)).toEqual(proposeRotation(problem))
  await expect(planner.plan(drawTransfers(3, 1, 'after'), told)).resolves.toMatchObject({ isProved: true })
})

test('a rotation that is broken off is told as such, and the next one is reckoned', async () => {
  const [problem] = fc.sample(rotations({ sites: 4, bags: 20 }), { numRuns: 1, seed: 8 })
  if (!problem) throw new Error('no problem was drawn')
  const broken = planner.rotate(problem)
  const refused = expect(broken).rejects.toThrow('has ended')
  await planner.breakOff()
  await refused
  await expect(planner.rotate(problem)).resolves.toEqual(proposeRotation(problem))
})
