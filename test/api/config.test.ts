import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
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

describe('who takes e-mail', () => {
  const mailOf = (env: Record<string, string>) => readConfig({ ...least, ...env }).mail

  test('is a relay and whom it is from, or nobody', () => {
    expect(mailOf({})).toBeUndefined()
    const relay = { SMTP_URL: 'smtps://user:pass@mail.test:465', MAIL_FROM: 'alarm@hospital.test' }
    expect(mailOf(relay)).toEqual({ url: relay.SMTP_URL, from: relay.MAIL_FROM })
  })

  test.for<Record<string, string>>([
    { SMTP_URL: 'smtp://mail.test' },
    { MAIL_FROM: 'alarm@hospital.test' },
    { SMTP_URL: 'https://mail.test', MAIL_FROM: 'alarm@hospital.test' },
    { SMTP_URL: 'smtp://mail.test', MAIL_FROM: 'alarm' },
  ])('is not guessed from %o', (env) => {
    expect(() => mailOf(env)).toThrow(/SMTP_URL|MAIL_FROM/)
  })
})

describe('whose HL7 messages are taken', () => {
  const hl7Of = (env: Record<string, string>) => readConfig({ ...least, ...env }).hl7
  const sender = { application: 'HIS', facility: 'HOSP', at: 'H1', authority: 'MRN', addresses: ['10.0.0.7'] }
  const senders = (...all: object[]) => JSON.stringify(all)
  const key = 'a key that hashes the numbers of patients'

  test('is nobody’s unless told, and over MLLP on the loopback unless told', () => {
    expect(hl7Of({})).toBeUndefined()
    const parties = [{ ...sender, products: {}, pseudonymKey: key }]
    const env = { HL7_SENDERS: senders(sender), HL7_PSEUDONYM_KEY: key }
    expect(hl7Of(env)).toEqual({ parties, listen: null })
    expect(hl7Of({ ...env, HL7_PORT: '2575' })?.listen).toEqual({ host: '127.0.0.1', port: 2575 })
    const asSent = { ...sender, pseudonyms: 'as_sent' }
    expect(hl7Of({ HL7_SENDERS: senders(asSent) })?.parties[0]?.pseudonymKey).toBeNull()
  })

  test.for<Record<string, string>>([
    { HL7_PORT: '2575' },
    { HL7_SENDERS: senders(sender) },
    { HL7_SENDERS: senders(sender), HL7_PSEUDONYM_KEY: 'short' },
    { HL7_SENDERS: senders(sender, sender), HL7_PSEUDONYM_KEY: key },
    { HL7_SENDERS: senders({ ...sender, addresses: ['his.test'] }), HL7_PSEUDONYM_KEY: key },
    { HL7_SENDERS: '{', HL7_PSEUDONYM_KEY: key },
  ])('is not guessed from %o', (env) => {
    expect(() => hl7Of(env)).toThrow(/HL7/)
  })
})

describe('who is asked how long ways take', () => {
  const travelOf = (env: Record<string, string>) => readConfig({ ...least, ...env }).travel

  /** A table in a file of its own. */
  function tableFile(told: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'travel-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'ways.json')
    writeFileSync(file, told)
    return file
  }

  test('is nobody, or a server, for two seconds unless told', () => {
    expect(travelOf({ OSRM_URL: '', OSRM_SECONDS: '3' })).toEqual({})
    const url = 'http://osrm.test:5000/routes'
    expect(travelOf({ OSRM_URL: `${url}/` })).toEqual({ osrm: { url, timeoutMs: 2_000 } })
    expect(travelOf({ OSRM_URL: url, OSRM_SECONDS: '0.5' })?.osrm?.timeoutMs).toBe(500)
  })

  test('is a table in a file, which leads both ways only where it says so', () => {
    const ways = [{ from: 'H1', to: 'C1', minutes: 30, hours: [7, 8] }]
    const oneWay = travelOf({ TRAVEL_TABLE_FILE: tableFile(JSON.stringify({ ways })) })?.table
    expect([oneWay?.('H1', 'C1', 7), oneWay?.('C1', 'H1', 7), oneWay?.('H1', 'C1', 9)]).toEqual([
      30,
      null,
      null,
    ])
    const both = travelOf({ TRAVEL_TABLE_FILE: tableFile(JSON.stringify({ symmetric: true, ways })) })?.table
    expect(both?.('C1', 'H1', 8)).toBe(30)
  })

  test.for<Record<string, string>>([
    { OSRM_URL: 'osrm.test' },
    { OSRM_URL: 'ftp://osrm.test' },
    { OSRM_URL: 'http://user:pass@osrm.test' },
    { OSRM_URL: 'http://osrm.test/?key=1' },
    { OSRM_URL: 'http://osrm.test', OSRM_SECONDS: '0' },
    { OSRM_URL: 'http://osrm.test', OSRM_SECONDS: '60' },
    { TRAVEL_TABLE_FILE: '/nowhere/ways.json' },
  ])('is not guessed from %o', (env) => {
    expect(() => travelOf(env)).toThrow(/OSRM|TRAVEL_TABLE_FILE/)
  })

  const way = { from: 'H1', to: 'C1', minutes: 30 }
  test.for([
    '{',
    '[]',
    ...[
      { minutes: 0 },
      { minutes: 1.5 },
      { minutes: 2_881 },
      { minutes: '30' },
      { hours: [] },
      { hours: [24] },
      { hours: [7, 7] },
      { to: 'H1' },
      { to: '' },
      { hour: 7 },
    ].map((told) => JSON.stringify({ ways: [{ ...way, ...told }] })),
    JSON.stringify({ ways: [way, way] }),
    JSON.stringify({ ways: [way], symetric: true }),
  ])('is not read from a file that says %s', (told) => {
    expect(() => travelOf({ TRAVEL_TABLE_FILE: tableFile(told) })).toThrow(
      /TRAVEL_TABLE_FILE .*ways\.json: ./,
    )
  })
})
