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
