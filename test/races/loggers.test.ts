import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../api/stores/database.ts'
import { findDevice, probesOf } from '../../api/stores/devices.ts'
import { importLogger } from '../../api/usecases/import-logger.ts'
import { createIngest } from '../../api/usecases/ingest-batch.ts'
import { packHours } from '../../api/usecases/pack-hours.ts'
import { previewLogger } from '../../api/usecases/preview-logger.ts'
import type { LoggedReading } from '../../schema/loggers/ruuvi-csv.ts'
import { createServerDatabase, describeOnServer } from '../support/database.ts'
import { printRuuvi } from '../support/ruuvi.ts'
import { storedReadings } from '../support/stored-readings.ts'
import { aDevice, aMessage, aReading, aWorld, findingsOf, noon } from '../support/world.ts'

const count = 600
const everyMs = 20_000
const start = noon - 6 * 3_600_000

/** What one logger measured: out of its limits now and then, and silent for a while. */
const measured: readonly LoggedReading[] = Array.from({ length: count }, (_, n) => ({
  at: start + n * everyMs + (n > 400 ? 1_800_000 : 0),
  celsius: n % 90 < 12 ? 7 : 4,
  humidity: 40,
}))

/** What the device measured itself meanwhile, and sends. */
const live = (n: number) => aReading(start + n * 60_000, n % 50 < 5 ? 1 : 4.5)

describeOnServer('imports beside ingest', (url) => {
  test('are done once each, lose nothing and give the findings of one delivery', {
    timeout: 180_000,
  }, async () => {
    const created = await createServerDatabase(url)
    const database = await openDatabase({ url: created.url, poolSize: 8 })
    onTestFinished(async () => {
      await database.close()
      await created.drop()
    })
    const world = await aWorld(database)
    const { ctx, deps } = world
    for (const device of ['brought', 'sent']) await aDevice(world, device)
    const file = (from: number, to: number) => printRuuvi(measured.slice(from, to))
    const files = [file(0, 300), file(200, 500), file(100, 150), file(450, count), file(0, count)]
    const ingests = [createIngest(deps, { holdMs: 10_000 }), createIngest(deps, { holdMs: 10_000 })]

    const importing = Array.from({ length: 4 }, (_, rival) =>
      files.map((text, index) => {
        const { memory } = ingests[(rival + index) % 2] as (typeof ingests)[number]
        return importLogger(ctx, memory, { device: 'brought', file: text, probe: 'load' })
      }),
    ).flat()
    const looking = files.map((text) => previewLogger(ctx, { device: 'brought', file: text, probe: 'load' }))
    const reporting = ingests.map(async (ingest, which) => {
      for (let seq = 0; seq < 120; seq++)
        await ingest.accept([
          aMessage({ device: 'brought', boot: `boot-${which}`, seq, body: [live(2 * seq + which)] }),
        ])
    })
    const packing = packHours(deps, new AbortController().signal)
    const done = await Promise.all(importing)
    await Promise.all([...looking, ...reporting, packing])

    expect(done.filter(({ isNew }) => isNew)).toHaveLength(files.length)
    expect(new Set(done.map(({ logged }) => logged.id)).size).toBe(files.length)
    await world.ingest.accept([
      ...[0, 1].map((which) =>
        aMessage({
          device: 'sent',
          boot: `boot-${which}`,
          seq: 0,
          body: Array.from({ length: 120 }, (_, seq) => live(2 * seq + which)),
        }),
      ),
      ...[0, 300].map((from) =>
        aMessage({
          device: 'sent',
          boot: 'logger',
          seq: from,
          body: measured.slice(from, from + 300).map((reading) => ({ ...reading, probe: 'load' })),
        }),
      ),
    ])
    const found = []
    for (const device of ['brought', 'sent']) {
      const [probe] = await probesOf(database.db, (await findDevice(database.db, device)).id)
      const { readings } = await storedReadings(database.db, probe?.id as number)
      found.push({
        readings: readings.map(({ at, centi }) => `${at} ${centi}`).sort(),
        findings: await findingsOf(deps, device, noon),
      })
    }
    expect(found[0]?.readings).toHaveLength(count + 240)
    expect(found[0]).toEqual(found[1])
  })
})
