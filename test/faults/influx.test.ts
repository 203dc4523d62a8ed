import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../api/stores/database.ts'
import { createServerDatabase, serverUrl } from '../support/database.ts'
import { describeOnInflux, startInfluxd } from '../support/influxd.ts'
import { until } from '../support/outcomes.ts'
import { aCity, limits, temporaryDirectory } from './city.ts'
import { expectForwarded, telemetryDatabase, telemetryWaits } from './forwarded.ts'
import { expectWhatWasSent } from './stored.ts'

describeOnInflux('acknowledged means in InfluxDB, sooner or later', () => {
  test('when the service and InfluxDB are killed again and again under load', {
    timeout: 240_000,
  }, async () => {
    const influxd = await startInfluxd()
    onTestFinished(() => influxd.remove())
    await influxd.run(`create database ${telemetryDatabase}`)
    const server = serverUrl()
    const made = server === undefined ? undefined : await createServerDatabase(server)
    if (made) onTestFinished(() => made.drop())
    const directory = temporaryDirectory('hemotrail-data-')
    const database = made ? { DATABASE_URL: made.url } : { HEMOTRAIL_DATA: directory }
    const environment = { INFLUX_URL: influxd.url, INFLUX_DATABASE: telemetryDatabase }
    const city = await aCity({ database, environment, devices: 12, window: 6, seed: 'influx' })
    const { service, fleet } = city

    const more = async (messages: number) => {
      const { acknowledged } = await fleet.report()
      await fleet.until((stats) => stats.acknowledged >= acknowledged + messages)
    }
    for (let round = 0; round < 2; round++) {
      await more(300)
      await influxd.kill9()
      await more(300)
      await service.kill9()
      await service.start()
      await more(100)
      await influxd.start()
      await more(300)
      // Some of what waited is on its way now.
      await service.kill9()
      await service.start()
    }
    const { account } = await fleet.drain()
    await until(async () => (await telemetryWaits(service)).readings === 0)
    expect(await service.ask('GET', '/ready')).toMatchObject({ telemetry: { product: 'InfluxDB' } })
    expect(await service.stop()).toBe(0)

    const open = await openDatabase(made ? { url: made.url } : { directory })
    onTestFinished(() => open.close())
    const { readings } = await expectWhatWasSent(open, account, limits)
    await expectForwarded(open, influxd)
    console.log(`InfluxDB killed twice and the service four times: all ${readings} readings are there, once`)
  })
})
