import { expect, onTestFinished } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../../api/stores/database.ts'
import { describeOnServer, test } from '../../support/database.ts'
import { say, startFakeInflux } from '../../support/fake-influx.ts'
import { aForwardingWorld, emptied, enqueue, forward } from '../../support/forwarding.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, noon } from '../../support/world.ts'

/** A store that takes its time over the first thing it is sent, and what it holds at each identity. */
async function givenLate(database: OpenDatabase) {
  const fake = await startFakeInflux()
  const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
  await aDevice(world, 'f1')
  const held = new Map<string, string>()
  const late: (() => void)[] = []
  fake.answer = (response, asked) => {
    const take = () => {
      for (const line of asked.lines) held.set(line.replace(/ .* /, ' '), line)
      fake.take(response, asked)
    }
    if (late.length === 0) late.push(take)
    else take()
  }
  const tell = (seq: number, celsius: number) =>
    world.ingest.accept([aMessage({ device: 'f1', seq, body: [aReading(noon, celsius)] })])
  const celsius = () => [...held.values()].map((line) => / celsius=([^,]*)/.exec(line)?.[1])
  return { world, late, tell, celsius }
}

test('what one process sends late, after newer values that another has sent, does not stay', async ({
  database,
}) => {
  const { world, late, tell, celsius } = await givenLate(database)
  // Nobody has told the one that it does not lead any more.
  const deps = { ...world.deps, database: { ...database, kind: 'pglite' } as const }
  const one = forward({ ...world, deps })
  await tell(0, 4)
  await until(() => late.length > 0)
  forward({ ...world, deps })
  await emptied(world)
  await tell(1, 9)
  await emptied(world)
  expect(celsius()).toEqual(['9'])
  late[0]?.()
  expect(celsius()).toEqual(['4'])
  await until(() => celsius()[0] === '9')
  expect(one.said.map(({ fields }) => String(fields.err))).toEqual([
    'Error: another process forwards telemetry as well',
  ])
})

describeOnServer('two services on one server', () => {
  test('leave no older value where one loses its lock while it sends', async ({ database }) => {
    const { world, late, tell, celsius } = await givenLate(database)
    forward(world)
    await tell(0, 4)
    await until(() => late.length > 0)
    await database.pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4841 and granted",
    )
    forward(world)
    await emptied(world)
    await tell(1, 9)
    await emptied(world)
    expect(celsius()).toEqual(['9'])
    late[0]?.()
    expect(celsius()).toEqual(['4'])
    await until(() => celsius()[0] === '9')
  })

  test('do not send again what one of them sent before the other led', async ({ database }) => {
    const fake = await startFakeInflux()
    const world = await aForwardingWorld(database, { url: fake.url, token: 't', org: 'o', bucket: 'b' })
    await aDevice(world, 'f1')
    const { said } = forward(world)
    await enqueue(world, 'f1', [{ at: noon, centi: 400 }])
    await emptied(world)
    const other = await database.pool.connect()
    const isOthers = other.query('select pg_advisory_lock(4841)')
    await database.pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4841 and granted",
    )
    await isOthers
    const before = fake.asked.length
    fake.answer = (response, asked) =>
      asked.lines.some((line) => line.includes(' celsius=4,'))
        ? fake.take(response, asked)
        : say(response, 400, { message: 'no' })
    await enqueue(world, 'f1', [{ at: noon, centi: 900 }])
    await other.query('select pg_advisory_unlock(4841)')
    other.release()
    await until(() => said.length > 0)
    expect(said[0]?.fields).toMatchObject({ trouble: 'shut' })
    expect(
      fake.asked
        .slice(before)
        .flatMap(({ lines }) => lines)
        .join(),
    ).not.toContain(' celsius=4,')
  })

  test('do not both forward, and one takes over where the other has lost its lock', async ({ database }) => {
    const fake = await startFakeInflux()
    const place = { url: fake.url, token: 't', org: 'o', bucket: 'b' }
    const world = await aForwardingWorld(database, place)
    await aDevice(world, 'f1')
    const url = new URL(database.pool.options.connectionString as string)
    const other = await openDatabase({ url: url.href })
    onTestFinished(() => other.close())
    let under = 0
    let most = 0
    fake.answer = (response, asked) => {
      most = Math.max(most, ++under)
      setTimeout(() => {
        under--
        fake.take(response, asked)
      }, 5)
    }
    forward(world)
    forward({ ...world, deps: { ...world.deps, database: other } })
    for (let round = 0; round < 6; round++) {
      await enqueue(
        world,
        'f1',
        Array.from({ length: 10 }, (_, i) => ({ at: noon + round * 10 + i, centi: i })),
      )
      await emptied(world)
      await database.pool.query(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4841 and granted",
      )
    }
    expect(most).toBe(1)
    expect(fake.stored.size).toBe(60)
  })
})
