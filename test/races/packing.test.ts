import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../api/stores/database.ts'
import { findDevice, probesOf } from '../../api/stores/devices.ts'
import { hourMs } from '../../api/stores/packed-hour.ts'
import { packDevice } from '../../api/stores/packing.ts'
import { contradictionsOf, readingsBetween } from '../../api/stores/readings.ts'
import type { Incoming } from '../../api/usecases/ingest/decode.ts'
import { createIngest } from '../../api/usecases/ingest-batch.ts'
import { packHours } from '../../api/usecases/pack-hours.ts'
import { createServerDatabase, describeOnServer } from '../support/database.ts'
import { storedReadings } from '../support/stored-readings.ts'
import { aDevice, aMessage, aReading, aWorld, findingsOf, noon } from '../support/world.ts'

const readings = 3_000
const perMessage = 25
const everyMs = 10_000
const start = noon - 2 * hourMs - readings * everyMs

/** A backlog in order, then some of it again, some of it contradicted, and some that had been left out. */
function backlog(device: string): Incoming[] {
  const messages: Incoming[] = []
  const add = (numbers: readonly number[], celsius: (n: number) => number) =>
    numbers.length > 0 &&
    messages.push(
      aMessage({
        device,
        seq: messages.length,
        body: numbers.map((n) => aReading(start + n * everyMs, celsius(n))),
      }),
    )
  const usual = (n: number) => 4 + (n % 40) / 100
  for (let first = 0; first < readings + 500; first += perMessage) {
    const numbers = Array.from({ length: perMessage }, (_, index) => first + index)
    add(
      numbers.filter((n) => n < readings && n % 10 > 0),
      usual,
    )
    const before = numbers.map((n) => n - 500).filter((n) => n >= 0)
    if (before.length === 0) continue
    add(
      before.filter((n) => n % 5 === 0),
      usual,
    )
    add(
      before.filter((n) => n % 7 === 0),
      (n) => (n % 2 === 0 ? 7 : 4.2),
    )
  }
  return messages
}

describeOnServer('packing beside ingest', (url) => {
  test('loses nothing, stores nothing twice and lets the same values rule', {
    timeout: 180_000,
  }, async () => {
    const created = await createServerDatabase(url)
    const database = await openDatabase({ url: created.url, poolSize: 6 })
    onTestFinished(async () => {
      await database.close()
      await created.drop()
    })
    const { db } = database
    const world = await aWorld(database, 10_000)
    for (const device of ['alone', 'beside']) await aDevice(world, device)
    for (const message of backlog('alone')) await world.ingest.accept([message])

    // Two processes take the messages in turns, so that what one remembers the other makes stale.
    const doors = [world.ingest, createIngest(world.deps, { holdMs: 10_000 })]
    const { id } = await findDevice(db, 'beside')
    let isOver = false
    let rounds = 0
    async function pack(): Promise<void> {
      while (!isOver) {
        await db.transaction((tx) => packDevice(tx, id, noon - 2 * hourMs))
        rounds++
      }
    }
    async function look(): Promise<void> {
      const [probe] = await probesOf(db, id)
      while (!isOver) {
        const told = probe ? await readingsBetween(db, probe.id, [], start, noon) : []
        const instants = new Set(told.map(({ at }) => at))
        expect(instants.size).toBe(told.length)
      }
    }
    const messages = backlog('beside')
    const [first, ...rest] = messages as [Incoming, ...Incoming[]]
    await world.ingest.accept([first])
    const others = [pack(), pack(), look()]
    for (let next = 0; next < rest.length; next += 4) {
      const turn = rest.slice(next, next + 4)
      await Promise.all(doors.map((door, index) => door.accept(turn.filter((_, i) => i % 2 === index))))
    }
    isOver = true
    await Promise.all(others)
    expect(rounds).toBeGreaterThan(10)
    await packHours(world.deps, new AbortController().signal)

    const outcomes = []
    for (const device of ['alone', 'beside']) {
      const [probe] = await probesOf(db, (await findDevice(db, device)).id)
      const probeId = probe?.id as number
      const { readings: stored, packed } = await storedReadings(db, probeId)
      expect(packed).toBe(readings)
      const contradictions = await db.transaction((tx) => contradictionsOf(tx, probeId))
      outcomes.push({
        stored,
        contradictions: contradictions.map(({ ruling, overruled }) =>
          [ruling, ...overruled].map(({ at, seq, centi }) => ({ at, seq, centi })),
        ),
        findings: await findingsOf(world.deps, device, noon),
      })
    }
    expect(outcomes[0]?.stored).toHaveLength(readings)
    expect(outcomes[1]).toEqual(outcomes[0])
  })

  test('waits for nobody: a device that is busy is left for the next time', async () => {
    const created = await createServerDatabase(url)
    const database = await openDatabase({ url: created.url })
    onTestFinished(async () => {
      await database.close()
      await created.drop()
    })
    const { db } = database
    const world = await aWorld(database)
    await aDevice(world, 'f1')
    await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(start, 4)] })])
    const { id } = await findDevice(db, 'f1')
    const { signal } = new AbortController()

    await db.transaction(async (tx) => {
      await tx.execute(`select from device where id = ${id} for share`)
      expect(await packHours(world.deps, signal)).toBe(0)
    })

    expect(await packHours(world.deps, signal)).toBe(1)
  })
})
