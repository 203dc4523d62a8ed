import { expect, onTestFinished } from 'vitest'
import { startForwarding } from '../../../api/jobs/forward-telemetry.ts'
import { startPacking } from '../../../api/jobs/pack-hours.ts'
import { influxTelemetry } from '../../../api/stores/influx-telemetry.ts'
import { hourMs } from '../../../api/stores/packed-hour.ts'
import { test } from '../../support/database.ts'
import { startFakeInflux } from '../../support/fake-influx.ts'
import { until } from '../../support/outcomes.ts'
import { aDevice, aMessage, aReading, aWorld, noon, silent } from '../../support/world.ts'

test('hours that are over are packed without being asked for, again and again, until it is stopped', async ({
  database,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const heard: object[] = []
  let hear = () => {}
  const log = {
    ...silent,
    info(fields: object) {
      heard.push(fields)
      hear()
    },
  }
  const stop = startPacking({ ...world.deps, log }, { everyMs: 5 })
  for (let seq = 0; seq < 3; seq++) {
    const packed = new Promise<void>((resolve) => {
      hear = resolve
    })
    await world.ingest.accept([aMessage({ device: 'f1', seq, body: [aReading(noon - 4 * hourMs + seq, 4)] })])
    await packed
  }
  await stop()

  expect(heard).toEqual([{ readings: 1 }, { readings: 1 }, { readings: 1 }])
  const { rows } = await database.db.execute(
    'select count, (select count(*) from reading) as loose from reading_hour',
  )
  expect(rows).toEqual([{ count: 3, loose: 0 }])
})

test('hours are packed beside whoever forwards telemetry, who never lets go of that', async ({
  database,
}) => {
  const fake = await startFakeInflux()
  const telemetry = influxTelemetry({ url: fake.url, token: 't', org: 'o', bucket: 'b' }, async () => [])
  onTestFinished(() => telemetry.close())
  const world = await aWorld(database, 2_000, 'H1', telemetry)
  await aDevice(world, 'f1')
  await world.ingest.accept([aMessage({ device: 'f1', seq: 0, body: [aReading(noon - 4 * hourMs, 4)] })])
  const forwarding = startForwarding(world.deps, { lookMs: 5 })
  onTestFinished(() => forwarding.stop())
  await until(() => fake.stored.size === 1)

  const packed = new Promise<object>((resolve) => {
    const stop = startPacking({ ...world.deps, log: { ...silent, info: resolve } }, { everyMs: 5 })
    onTestFinished(stop)
  })

  expect(await packed).toEqual({ readings: 1 })
})
