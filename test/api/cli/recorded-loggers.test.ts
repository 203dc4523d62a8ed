import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Service, startService } from '../../../api/compose.ts'
import { readConfig } from '../../../api/config.ts'
import { createRandom } from '../../../devices-sim/random.ts'
import { readLogger, replay } from '../../../devices-sim/replay.ts'
import { createEmptyDatabase, serverUrl } from '../../support/database.ts'
import { recorded, recordedNote, skipRecorded } from '../../support/recorded.ts'
import { silent } from '../../support/world.ts'

const run = promisify(execFile)

const loggers = [
  {
    device: 'fridge',
    limits: { low: 2, high: 6 },
    expected: {
      readings: 368,
      excursions: 6,
      excursionMs: 9_521_000,
      gaps: 13,
      unverifiedMs: 25_706_000,
      coldest: 0.38,
    },
  },
  {
    device: 'freezer',
    limits: { low: -60, high: -25 },
    expected: { readings: 371, excursions: 6, excursionMs: 3_412_000, gaps: 15, unverifiedMs: 27_171_000 },
  },
]

describe.skipIf(skipRecorded)(`judge${recordedNote}`, () => {
  test.for(loggers)('counts what the recorded $device shows', async ({ device, limits, expected }) => {
    const file = recorded(`${device}-2020-05-05.csv`)
    const { low, high } = limits
    const options = ['--low', `${low}`, '--high', `${high}`, '--max-silence', '900', '--json']
    const { stdout } = await run(process.execPath, [
      '--import',
      'tsx',
      'api/cli.ts',
      'judge',
      file,
      ...options,
    ])
    expect(JSON.parse(stdout)).toMatchObject(expected)
  })
})

test('judge refuses limits that are none, and says how it is used', async () => {
  const judged = run(process.execPath, [
    '--import',
    'tsx',
    'api/cli.ts',
    'judge',
    'x.csv',
    '--low',
    '6',
    '--high',
    '2',
    '--max-silence',
    '1',
  ])
  await expect(judged).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--low 6 is not below --high 2'),
  })
})

describe.skipIf(skipRecorded)(`replay through MQTT${recordedNote}`, () => {
  const key = 'k'.repeat(40)
  let service: Service
  let drop = async () => {}

  beforeAll(async () => {
    const server = serverUrl()
    const created = server === undefined ? null : await createEmptyDatabase(server)
    if (created) drop = created.drop
    const config = readConfig({
      HEMOTRAIL_ADMIN_KEY: key,
      DATABASE_URL: created?.url,
      HTTP_PORT: '0',
      MQTT_PORT: '0',
    })
    const database = created ? config.database : { ...config.database, directory: undefined }
    service = await startService({ ...config, database }, { log: silent })
  })
  afterAll(async () => {
    await service?.close()
    await drop()
  })

  async function ask(path: string, body?: unknown) {
    const response = await fetch(new URL(path, service.url), {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return response.json() as Promise<Record<string, never>>
  }

  test.for(loggers)(
    'of the recorded $device gives the same over HTTP',
    async ({ device, limits, expected }) => {
      await ask('/facilities', {
        code: 'H1',
        name: 'First Hospital',
        kind: 'hospital',
        timeZone: 'Asia/Shanghai',
      })
      const profile = { ...limits, maxSilenceSeconds: 900 }
      const inServiceFrom = '2020-01-01T00:00:00Z'
      const { secret } = await ask('/devices', {
        name: device,
        kind: 'fridge',
        facility: 'H1',
        inServiceFrom,
        profile,
      })
      const replayed = await replay({
        readings: await readLogger(recorded(`${device}-2020-05-05.csv`)),
        url: service.broker.urls.mqtt as string,
        device,
        secret: secret as unknown as string,
        facility: 'H1',
        probe: 'load',
        random: createRandom(device),
        batch: 50,
      })
      expect(replayed.readings).toBe(expected.readings)
      const range = 'from=2020-05-05T00:00:00Z&to=2020-05-07T00:00:00Z'
      const { total: excursions } = await ask(`/devices/${device}/excursions?${range}`)
      const { total: gaps } = await ask(`/devices/${device}/gaps?${range}`)
      expect(excursions).toMatchObject({ bounded: { count: expected.excursions, ms: expected.excursionMs } })
      expect(gaps).toMatchObject({ bounded: { count: expected.gaps, ms: expected.unverifiedMs } })
    },
  )
})
