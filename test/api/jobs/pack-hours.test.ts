import { expect } from 'vitest'
import { startPacking } from '../../../api/jobs/pack-hours.ts'
import { hourMs } from '../../../api/stores/packed-hour.ts'
import { test } from '../../support/database.ts'
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
