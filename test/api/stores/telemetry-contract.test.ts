import { afterAll, beforeAll, test } from 'vitest'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import type { InfluxPlace } from '../../../api/stores/influx-http.ts'
import { influxTelemetry } from '../../../api/stores/influx-telemetry.ts'
import { sqlTelemetry } from '../../../api/stores/sql-telemetry.ts'
import type { TelemetryStore } from '../../../api/stores/telemetry.ts'
import { serverUrl } from '../../support/database.ts'
import { describeOnInflux, type Influxd, influxAdmin, startInfluxd } from '../../support/influxd.ts'
import { telemetryContract } from './telemetry-contract.ts'

const opened: TelemetryStore[] = []
afterAll(async () => {
  for (const store of opened) await store.close()
})

async function overInflux(place: InfluxPlace, { db }: OpenDatabase): Promise<TelemetryStore> {
  const store = influxTelemetry(place, async (device) => (await findDevice(db, device)).clockFacts)
  opened.push(store)
  return store
}

telemetryContract(`telemetry in ${serverUrl() ? 'Postgres' : 'PGlite'}`, async (database) =>
  sqlTelemetry(database),
)

describeOnInflux('a real influxd', () => {
  let influxd: Influxd
  beforeAll(async () => {
    influxd = await startInfluxd({ asksWho: true })
    await influxd.run('create database telemetry')
  })
  afterAll(() => influxd?.remove())

  telemetryContract('telemetry in InfluxDB 1', (database) =>
    overInflux({ url: influxd.url, database: 'telemetry', ...influxAdmin }, database),
  )
})

const {
  INFLUX_TEST_URL: url,
  INFLUX_TEST_TOKEN: token = '',
  INFLUX_TEST_ORG: org = '',
  INFLUX_TEST_BUCKET: bucket = '',
} = process.env
const elsewhere = 'telemetry in the InfluxDB that INFLUX_TEST_URL names'
if (url) telemetryContract(elsewhere, (database) => overInflux({ url, token, org, bucket }, database))
else test.skip(`${elsewhere}, with INFLUX_TEST_TOKEN, _ORG and _BUCKET`, () => {})
