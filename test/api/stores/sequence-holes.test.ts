import fc from 'fast-check'
import { expect } from 'vitest'
import type { Database } from '../../../api/stores/database.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import { freshOf, holesOf, messagesAtOnce, rememberHoles } from '../../../api/stores/sequence-holes.ts'
import { boot } from '../../../schema/tables/devices.ts'
import { message, sequenceCheck, sequenceHole } from '../../../schema/tables/messages.ts'
import { test } from '../../support/database.ts'
import { aDevice, aWorld, noon } from '../../support/world.ts'

const hash = '00'.repeat(32)

async function aBoot(db: Database, device: string, name: string): Promise<number> {
  const { id } = await findDevice(db, device)
  const [row] = await db.insert(boot).values({ deviceId: id, boot: name }).returning()
  return row?.id as number
}

async function receive(db: Database, bootId: number, seqs: readonly number[], receivedAt = noon) {
  const about = { bootId, channel: 'readings', payloadHash: hash, sentAt: noon, receivedAt } as const
  if (seqs.length > 0) await db.insert(message).values(seqs.map((seq) => ({ ...about, seq })))
}

const remember = (db: Database, ids: readonly number[]) =>
  db.transaction((tx) => rememberHoles(tx, ids), { isolationLevel: 'repeatable read' })

/** The numbers in the holes of a boot, by counting on fingers. */
function missing(received: ReadonlySet<number>): number[] {
  const newest = Math.max(-1, ...received)
  return Array.from({ length: newest + 1 }, (_, seq) => seq).filter((seq) => !received.has(seq))
}

test('holes are the numbers that never came, in whatever order and portions the others did, looked at when', async ({
  database,
  db,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const { id } = await findDevice(db, 'f1')
  const portion = fc.record({
    boot: fc.constantFrom(0, 1),
    seqs: fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 8 }),
    isLookedAt: fc.boolean(),
  })
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(portion, { maxLength: 8 }), async (portions) => {
      const run = ++runs
      await db.delete(sequenceHole)
      await db.delete(sequenceCheck)
      await db.delete(message)
      const boots = [await aBoot(db, 'f1', `a${run}`), await aBoot(db, 'f1', `b${run}`)]
      const received = [new Set<number>(), new Set<number>()]
      for (const { boot: index, seqs, isLookedAt } of portions) {
        const known = received[index] as Set<number>
        await receive(
          db,
          boots[index] as number,
          seqs.filter((seq) => !known.has(seq)),
        )
        for (const seq of seqs) known.add(seq)
        if (isLookedAt) await remember(db, [id])
        const holes = await holesOf(db, [id], null)
        for (const [which, bootId] of boots.entries()) {
          const told = holes
            .filter((hole) => hole.bootId === bootId)
            .flatMap(({ fromSeq, toSeq }) =>
              Array.from({ length: toSeq - fromSeq + 1 }, (_, step) => fromSeq + step),
            )
          expect(told.sort((a, b) => a - b)).toEqual(missing(received[which] as Set<number>))
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('very many messages are looked at in portions, and until then it is known that there may be more', async ({
  database,
  db,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const { id } = await findDevice(db, 'f1')
  const bootId = await aBoot(db, 'f1', 'a')
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, step) => from + step)
  await receive(db, bootId, range(1, messagesAtOnce))
  await receive(db, bootId, range(messagesAtOnce + 2, messagesAtOnce + 10))
  expect(await freshOf(db, [id])).toMatchObject([{ messages: messagesAtOnce }])
  expect(await holesOf(db, [id], null)).toMatchObject([
    { fromSeq: messagesAtOnce, toSeq: messagesAtOnce + 1 },
    { fromSeq: 0, toSeq: 0 },
  ])
  expect(await remember(db, [id])).toBe(true)
  expect(await remember(db, [id])).toBe(false)
  expect(await freshOf(db, [id])).toEqual([])
  expect(await holesOf(db, [id], 1)).toMatchObject([{ fromSeq: messagesAtOnce }])
})
