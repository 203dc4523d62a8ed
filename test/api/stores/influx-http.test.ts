import { describe, expect, test } from 'vitest'
import { influxHttp } from '../../../api/stores/influx-http.ts'
import { influxTelemetry } from '../../../api/stores/influx-telemetry.ts'
import { TelemetryFailure, type TelemetryReading } from '../../../api/stores/telemetry.ts'
import { type FakeInflux, say, startFakeInflux } from '../../support/fake-influx.ts'
import { failureOf } from '../../support/outcomes.ts'
import { noon } from '../../support/world.ts'

const account = { token: 'its token', org: 'blood & co', bucket: 'telemetry' }
const reading: TelemetryReading = {
  device: 'fridge-7',
  probe: 'load',
  boot: 'boot-a',
  seq: 12,
  at: noon,
  centi: -437,
  humidity: 4_450,
}

const over = (fake: FakeInflux, patience = {}) =>
  influxTelemetry({ url: fake.url, ...account }, async () => [], patience)

async function failureOfWrite(fake: FakeInflux, lines = ['reading celsius=4 1']): Promise<TelemetryFailure> {
  const http = influxHttp({ url: fake.url, ...account }, { writeMs: 300 })
  const failure = await failureOf(http.write(lines))
  expect(failure).toBeInstanceOf(TelemetryFailure)
  http.close()
  return failure as TelemetryFailure
}

describe('a write', () => {
  test('is one request, of one line a reading, in the shape that never changes', async () => {
    const fake = await startFakeInflux()
    await over(fake).write([reading, { ...reading, at: noon + 1, centi: 400, humidity: null }])
    expect(fake.asked).toMatchObject([
      {
        method: 'POST',
        path: '/api/v2/write?org=blood+%26+co&bucket=telemetry&precision=ms',
        headers: { authorization: 'Token its token' },
        lines: [
          `reading,boot=boot-a,device=fridge-7,probe=load celsius=-4.37,humidity=44.5,seq=12i ${noon}`,
          `reading,boot=boot-a,device=fridge-7,probe=load celsius=4,seq=12i ${noon + 1}`,
        ],
      },
    ])
  })

  test('goes to a database of version 1 by its name, and shows who asks only where that is said', async () => {
    const fake = await startFakeInflux()
    const place = { url: `${fake.url}/behind/a/proxy`, database: 'telemetry' }
    const plain = influxHttp(place)
    await plain.write(['x y=1 1']).catch(() => {})
    const known = influxHttp({ ...place, user: 'hemo', password: 'trail:1' })
    await known.write(['x y=1 1']).catch(() => {})
    expect(fake.asked.map(({ path }) => path)).toEqual(
      Array(2).fill('/behind/a/proxy/write?db=telemetry&precision=ms'),
    )
    expect(fake.asked.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      `Basic ${Buffer.from('hemo:trail:1').toString('base64')}`,
    ])
  })

  test('that is large is compressed', async () => {
    const fake = await startFakeInflux()
    await over(fake).write(Array.from({ length: 100 }, (_, n) => ({ ...reading, at: noon + n })))
    expect(fake.asked).toMatchObject([{ headers: { 'content-encoding': 'gzip' } }])
    expect(fake.stored.size).toBe(100)
  })

  test.for([
    [400, 'refused'],
    [401, 'shut'],
    [403, 'shut'],
    [404, 'shut'],
    [405, 'shut'],
    [408, 'away'],
    [413, 'refused'],
    [422, 'refused'],
    [429, 'away'],
    [500, 'failed'],
    [501, 'failed'],
    [502, 'away'],
    [503, 'away'],
    [504, 'away'],
    [302, 'shut'],
  ] as const)('answered %i finds the store %s', async ([status, trouble]) => {
    const fake = await startFakeInflux()
    fake.answer = (response) => say(response, status, { code: 'c', message: 'in its own words' })
    expect(await failureOfWrite(fake)).toMatchObject({
      trouble,
      status,
      message: 'in its own words',
      retryAfterMs: 0,
      isWhole: false,
    })
    expect(fake.asked).toHaveLength(1)
  })

  test('heeds how long it is to be patient, in seconds or as a date', async () => {
    const fake = await startFakeInflux()
    const after = (value: string) => {
      fake.answer = (response) => say(response, 429, {}, { 'retry-after': value })
      return failureOfWrite(fake)
    }
    expect((await after('7')).retryAfterMs).toBe(7_000)
    const { retryAfterMs } = await after(new Date(Date.now() + 90_000).toUTCString())
    expect(retryAfterMs).toBeGreaterThan(60_000)
    expect(retryAfterMs).toBeLessThanOrEqual(90_000)
    expect((await after('soon')).retryAfterMs).toBe(0)
    expect((await after(new Date(0).toUTCString())).retryAfterMs).toBe(0)
  })

  test('to a server that says nothing, or hangs up, or is not there, finds it away', async () => {
    const fake = await startFakeInflux()
    fake.answer = () => {}
    expect(await failureOfWrite(fake)).toMatchObject({ trouble: 'away', message: 'no answer within 0.3 s' })
    fake.answer = (response) => void response.socket?.resetAndDestroy()
    expect(await failureOfWrite(fake)).toMatchObject({ trouble: 'away', status: null })
    fake.answer = (response) => {
      response.writeHead(500, { 'content-length': '100' }).write('half')
      setImmediate(() => response.destroy())
    }
    expect(await failureOfWrite(fake)).toMatchObject({ trouble: 'away', status: null })
    const nowhere = influxHttp({ url: 'http://127.0.0.1:1', ...account })
    expect(await failureOf(nowhere.write(['x y=1 1']))).toMatchObject({ trouble: 'away' })
  })

  test('can be given up', async () => {
    const fake = await startFakeInflux()
    fake.answer = () => {}
    const stop = new AbortController()
    const written = failureOf(over(fake).write([reading], stop.signal))
    stop.abort()
    expect(await written).toMatchObject({ trouble: 'away' })
  })

  test('of which version 3 took a part is refused, whatever status it has for that', async () => {
    const fake = await startFakeInflux()
    const error = 'partial write of line protocol occurred'
    const data = [{ error_message: 'invalid column type', line_number: 2, original_line: 'x' }]
    for (const status of [400, 500]) {
      fake.answer = (response) => say(response, status, { error, data })
      expect(await failureOfWrite(fake)).toMatchObject({
        trouble: 'refused',
        message: `${error}: invalid column type`,
      })
    }
  })

  test('of which all was dropped says so', async () => {
    const fake = await startFakeInflux()
    const error = 'partial write: points beyond retention policy dropped=2'
    fake.answer = (response) => say(response, 400, { error })
    expect(await failureOfWrite(fake, ['a b=1 1', 'a b=1 2'])).toMatchObject({
      isWhole: true,
      message: error,
    })
    expect(await failureOfWrite(fake, ['a b=1 1', 'a b=1 2', 'a b=1 3'])).toMatchObject({ isWhole: false })
  })
})

describe('a question', () => {
  const range = { device: 'fridge-7', probe: 'load', from: noon, to: noon + 60_000 } as const

  test('that cannot be answered now is refused with the reason', async () => {
    const fake = await startFakeInflux()
    const refusals = [
      (response: Parameters<FakeInflux['answer']>[0]) => say(response, 503, { message: 'busy' }),
      (response: Parameters<FakeInflux['answer']>[0]) =>
        say(response, 200, { results: [{ statement_id: 0, error: 'database not found: telemetry' }] }),
      (response: Parameters<FakeInflux['answer']>[0]) => say(response, 200, { hello: 'world' }),
      (response: Parameters<FakeInflux['answer']>[0]) =>
        say(response, 200, {
          results: [{ series: [{ columns: ['time', 'celsius'], values: [[noon, 4]], partial: true }] }],
        }),
      (response: Parameters<FakeInflux['answer']>[0]) => say(response, 401, { message: 'unauthorized' }),
    ]
    for (const answer of refusals) {
      fake.answer = answer
      const store = over(fake)
      expect(await failureOf(store.window({ ...range, everyMs: 1_000 }))).toMatchObject({
        code: 'unavailable',
      })
      expect(await failureOf(store.raw({ ...range, limit: 9 }))).toMatchObject({ code: 'unavailable' })
    }
  })

  test('is asked in words every version understands', async () => {
    const fake = await startFakeInflux()
    fake.answer = (response) => say(response, 200, { results: [{ statement_id: 0 }] })
    await over(fake).window({ ...range, everyMs: 7_000 })
    const [asked] = fake.asked
    expect(asked).toMatchObject({
      method: 'POST',
      path: '/query',
      headers: { authorization: 'Token its token' },
    })
    const form = new URLSearchParams(asked?.body)
    expect(form.get('db')).toBe('telemetry')
    expect(form.get('epoch')).toBe('ms')
    expect(form.get('q')?.replace(/\s+/g, ' ')).toBe(
      `select count("celsius"), min("celsius"), mean("celsius"), max("celsius") from "reading" where "device" = 'fridge-7' and "probe" = 'load' and time >= '2020-05-06T12:00:00.000Z' and time < '2020-05-06T12:01:00.000Z' group by time(7000ms, ${noon % 7_000}ms) fill(none)`,
    )
  })

  test('about a name with anything in it is about that name alone, as it was written', async () => {
    const fake = await startFakeInflux()
    const device = String.raw`a b,c=d' or '1'='1 \' --`
    await over(fake).write([{ ...reading, device, humidity: null }])
    fake.answer = (response) => say(response, 200, { results: [{ statement_id: 0 }] })
    await over(fake).raw({ ...range, device, limit: 9 })
    const [written, asked] = fake.asked
    expect(written?.body).toContain(String.raw`,device=a\ b\,c\=d'\ or\ '1'\='1\ \'\ --,probe=load `)
    expect(new URLSearchParams(asked?.body).get('q')).toContain(
      String.raw`where "device" = 'a b,c=d\' or \'1\'=\'1 \\\' --' and "probe" = 'load'`,
    )
  })
})

describe('health', () => {
  test('is told by the version there is', async () => {
    const fake = await startFakeInflux()
    expect(await over(fake).health()).toEqual({ ok: true, version: 'fake' })
  })

  test('is bad where nobody answers', async () => {
    const store = influxTelemetry({ url: 'http://127.0.0.1:1', ...account }, async () => [])
    expect(await store.health()).toEqual({ ok: false })
  })
})
