import { describe, expect, test } from 'vitest'
import { readConfig } from '../../api/config.ts'

const least = { HEMOTRAIL_ADMIN_KEY: 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg==' }
const url = 'https://influx.test:8086'

describe('where telemetry is kept', () => {
  const influxOf = (env: Record<string, string>) => readConfig({ ...least, ...env }).influx

  test('is the database where nothing is said of InfluxDB', () => {
    expect(influxOf({})).toBeUndefined()
    expect(influxOf({ INFLUX_URL: '', INFLUX_TOKEN: '' })).toBeUndefined()
  })

  test('is a bucket, or a database of version 1 with or without a user', () => {
    const bucket = { INFLUX_TOKEN: 't', INFLUX_ORG: 'o', INFLUX_BUCKET: 'b' }
    expect(influxOf({ INFLUX_URL: `${url}/`, ...bucket })).toEqual({ url, token: 't', org: 'o', bucket: 'b' })
    const database = { INFLUX_URL: url, INFLUX_DATABASE: 'd' }
    expect(influxOf(database)).toEqual({ url, database: 'd' })
    const user = { INFLUX_USER: 'u', INFLUX_PASSWORD: 'p' }
    expect(influxOf({ ...database, ...user })).toEqual({ url, database: 'd', user: 'u', password: 'p' })
  })

  test.for<Record<string, string>>([
    { INFLUX_URL: url },
    { INFLUX_BUCKET: 'b' },
    { INFLUX_URL: url, INFLUX_TOKEN: 't', INFLUX_BUCKET: 'b' },
    { INFLUX_TOKEN: 't', INFLUX_ORG: 'o', INFLUX_BUCKET: 'b' },
    { INFLUX_URL: url, INFLUX_TOKEN: 't', INFLUX_ORG: 'o', INFLUX_BUCKET: 'b', INFLUX_DATABASE: 'd' },
    { INFLUX_URL: url, INFLUX_USER: 'u', INFLUX_PASSWORD: 'p' },
    { INFLUX_URL: url, INFLUX_DATABASE: 'd', INFLUX_PASSWORD: 'p' },
    { INFLUX_URL: 'influx:8086', INFLUX_DATABASE: 'd' },
  ])('is not guessed from %o', (env) => {
    expect(() => influxOf(env)).toThrow(/INFLUX_URL/)
  })
})

describe('the heartbeat', () => {
  const heartbeatOf = (env: Record<string, string>) => readConfig({ ...least, ...env }).heartbeat

  test('goes to an address as it is written, every minute unless told, and nowhere unless told', () => {
    expect(heartbeatOf({})).toBeUndefined()
    expect(heartbeatOf({ HEARTBEAT_SECONDS: '30' })).toBeUndefined()
    const url = 'https://watch.test/ping/'
    expect(heartbeatOf({ HEARTBEAT_URL: url })).toEqual({ url, everyMs: 60_000 })
    expect(heartbeatOf({ HEARTBEAT_URL: url, HEARTBEAT_SECONDS: '5' })).toEqual({ url, everyMs: 5_000 })
  })

  test.for([
    { HEARTBEAT_URL: 'ftp://watch.test/' },
    { HEARTBEAT_URL: 'https://watch.test/', HEARTBEAT_SECONDS: '0' },
  ])('is not guessed from %o', (env) => {
    expect(() => heartbeatOf(env)).toThrow(/HEARTBEAT/)
  })
})
