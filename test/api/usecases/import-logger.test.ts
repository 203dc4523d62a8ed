import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { everyDevice, findDevice, probesOf } from '../../../api/stores/devices.ts'
import { listLoggerDays, listLoggerImports } from '../../../api/stores/logger-imports.ts'
import { listRejections } from '../../../api/stores/rejections.ts'
import { importLogger } from '../../../api/usecases/import-logger.ts'
import { previewLogger } from '../../../api/usecases/preview-logger.ts'
import { readmitMessage } from '../../../api/usecases/readmit-message.ts'
import { recordClockFact } from '../../../api/usecases/record-clock-fact.ts'
import { revokeDevice } from '../../../api/usecases/revoke-device.ts'
import { setDeviceProfile } from '../../../api/usecases/set-device-profile.ts'
import { type LoggedReading, parseRuuviCsv } from '../../../schema/loggers/ruuvi-csv.ts'
import { aBerlingerLog, aLoggedDay, printBerlinger } from '../../support/berlinger.ts'
import { test } from '../../support/database.ts'
import { recorded, recordedNote, skipRecorded } from '../../support/recorded.ts'
import { printRuuvi } from '../../support/ruuvi.ts'
import { storedReadings } from '../../support/stored-readings.ts'
import {
  aDevice,
  aMessage,
  aReading,
  aWorld,
  bloodFridge,
  faultsOf,
  findingsOf,
  noon,
  type World,
} from '../../support/world.ts'

const minute = 60_000
const hour = 3_600_000
const day = 86_400_000

function logged(at: number, celsius: number, humidity = 40): LoggedReading {
  return { at, celsius, humidity }
}

function imported({ ctx, ingest }: World, device: string, file: string) {
  return importLogger(ctx, ingest.memory, { device, file, probe: 'load' })
}

/** What a device is believed to have measured: instants, values and what was told with them, whatever told them. */
async function readingsOf({ deps: { database } }: World, device: string) {
  const { id } = await findDevice(database.db, device)
  const [probe] = await probesOf(database.db, id)
  if (!probe) return []
  const { readings } = await storedReadings(database.db, probe.id)
  return readings.map(({ at, centi, humidity }) => ({ at, centi, humidity }))
}

/** Everything stored, by table: how many rows, and what they hold. */
async function everything({ deps: { database } }: World): Promise<Record<string, string>> {
  const { rows: tables } = await database.pool.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  )
  const held: Record<string, string> = {}
  for (const { name } of tables) {
    const { rows } = await database.pool.query<{ hash: string | null }>(
      `select md5(string_agg(t::text, '|' order by t::text)) as hash from "${name}" t`,
    )
    held[name] = rows[0]?.hash ?? ''
  }
  return held
}

describe('an imported file of readings', () => {
  test('is the same as its readings sent over MQTT, in any order, in overlapping files, twice', {
    timeout: 300_000,
  }, async ({ database }) => {
    const world = await aWorld(database)
    const start = noon - hour
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.record({
            second: fc.integer({ min: 0, max: 24 }),
            celsius: fc.constantFrom(1.5, 2, 4, 6, 6.01, 8, 900),
          }),
          { minLength: 1, maxLength: 14, selector: ({ second, celsius }) => `${second}/${celsius}` },
        ),
        fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (rows, choices, restarts) => {
          const readings = rows.map(({ second, celsius }) => logged(start + second * 17_000, celsius))
          const [sent, brought] = [`sent-${++run}`, `brought-${run}`]
          for (const device of [sent, brought]) await aDevice(world, device, { maxSilenceMs: minute })
          await world.ingest.accept(
            readings.map(({ at, celsius, humidity }, seq) =>
              aMessage({ device: sent, seq, body: [{ ...aReading(at, celsius), humidity }] }),
            ),
          )

          const files = choices.map((choice) =>
            choice.map((n) => readings[n % readings.length] as LoggedReading),
          )
          files.push(readings)
          for (const file of [...files, ...files.slice(0, 2)]) {
            if (restarts) world.restart()
            await imported(world, brought, printRuuvi(file)).catch((error) => {
              expect(error).toMatchObject({ code: 'invalid_request' })
              expect(file.every(({ celsius }) => celsius === 900)).toBe(true)
            })
          }
          expect(await readingsOf(world, brought)).toEqual(await readingsOf(world, sent))
          expect(await findingsOf(world.deps, brought, noon)).toEqual(
            await findingsOf(world.deps, sent, noon),
          )
        },
      ),
      { numRuns: 60 },
    )
    expect((await everyDevice(database.db)).length).toBe(120)
  })

  test.skipIf(skipRecorded)(`gives the findings a person counts${recordedNote}`, async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box')
    const file = readFileSync(recorded('fridge-2020-05-05.csv'), 'utf8')
    const { logged: report } = await imported(world, 'box', file)
    expect(report).toMatchObject({ rows: 368, taken: 368, rejected: 0, known: 0, differing: 0 })
    const { gaps, excursions } = await findingsOf(world.deps, 'box', noon)
    expect(gaps.filter(({ open }) => !open)).toHaveLength(13)
    expect(excursions).toHaveLength(6)
    expect(await readingsOf(world, 'box')).toHaveLength(parseRuuviCsv(file).length)
    expect(await faultsOf(world, 'box')).toEqual([])
  })

  test('that is imported again gives the same import and changes nothing at all', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box')
    const file = printRuuvi([logged(noon - hour, 4), logged(noon - hour + minute, 900)])
    const first = await imported(world, 'box', file)
    expect(first.isNew).toBe(true)
    const before = await everything(world)
    world.clock.now += day
    expect(await imported(world, 'box', file)).toEqual({ logged: first.logged, isNew: false })
    expect(await everything(world)).toEqual(before)

    const { ctx, ingest } = world
    const otherwise = { device: 'box', file, probe: 'air' as const }
    await expect(importLogger(ctx, ingest.memory, otherwise)).rejects.toMatchObject({ code: 'conflict' })
    await aDevice(world, 'other-box')
    expect((await imported(world, 'other-box', file)).isNew).toBe(true)
  })

  test('has its bad rows rejected by line and told, kept with the rejected messages, and readmitted', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const { ctx, ingest } = world
    await aDevice(world, 'box', { physicalHigh: 1_000 }, noon - 10 * minute)
    const file = printRuuvi([
      logged(noon - hour, 4),
      logged(noon - 5 * minute, 4),
      logged(noon - 4 * minute, 15),
      logged(noon - 3 * minute, 4, 140),
      logged(noon + hour, 4),
    ])
    const { logged: report } = await imported(world, 'box', file)
    expect(report).toMatchObject({
      rows: 5,
      taken: 1,
      rejected: 4,
      from: noon - 5 * minute,
      to: noon - 5 * minute,
    })
    expect(report.rejections.map(({ line, code }) => [line, code])).toEqual([
      [2, 'before_in_service'],
      [4, 'out_of_physical_range'],
      [5, 'bad_element'],
      [6, 'too_far_ahead'],
    ])
    const filter = { limit: 10, reach: 'all', now: noon } as const
    const [rejection] = await listRejections(database.db, filter)
    expect(rejection).toMatchObject({ device: 'box', boot: report.boot, seq: report.fromSeq })

    await setDeviceProfile(ctx, { device: 'box', profile: bloodFridge })
    const { left } = await readmitMessage(ctx, ingest.memory, { id: rejection?.id as number })
    expect(left.map(({ index }) => index)).toEqual([0, 3, 4])
    expect((await readingsOf(world, 'box')).map(({ centi }) => centi)).toEqual([400, 1_500])
  })

  test('is refused where none of its rows can be taken, and nothing of it stays', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box', {}, noon)
    const before = await everything(world)
    const file = printRuuvi([logged(noon - hour, 4)])
    await expect(imported(world, 'box', file)).rejects.toThrow(
      'file: none of its 1 rows can be taken: line 2: at: 2020-05-06T11:00:00.000Z is before the device',
    )
    expect(await everything(world)).toEqual(before)
  })

  test('of many thousand rows comes in many messages and is told by the lines of the file', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box')
    const readings = Array.from({ length: 3_001 }, (_, index) =>
      logged(noon - day + index * 20_000, index === 2_777 ? 900 : 4),
    )
    const { logged: report } = await imported(world, 'box', printRuuvi(readings))
    expect(report).toMatchObject({ taken: 3_000, rejected: 1, fromSeq: 0, toSeq: 6 })
    expect(report.rejections).toMatchObject([{ line: 2_779, code: 'out_of_physical_range' }])
    const more = await imported(world, 'box', printRuuvi([logged(noon - minute, 4), ...readings.slice(0, 2)]))
    expect(more.logged).toMatchObject({ taken: 3, known: 2, differing: 0, fromSeq: 7, toSeq: 7 })
    expect(await readingsOf(world, 'box')).toHaveLength(3_001)
  })

  test('that contradicts an earlier one is ruled as any contradiction', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box')
    await imported(world, 'box', printRuuvi([logged(noon - hour, 4)]))
    const { logged: report } = await imported(
      world,
      'box',
      printRuuvi([logged(noon - hour, 9), logged(noon - hour, 4), logged(noon - hour, 4)]),
    )
    expect(report).toMatchObject({ taken: 3, known: 2, differing: 1 })
    expect(await readingsOf(world, 'box')).toMatchObject([{ centi: 900 }])
    const { excursions } = await findingsOf(world.deps, 'box', noon)
    expect(excursions).toMatchObject([{ side: 'high', from: noon - hour }])
  })

  test('of a device that reports too fills its gaps, and ingest goes on from there', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box', { maxSilenceMs: 5 * minute })
    const send = (seq: number, at: number) =>
      world.ingest.accept([aMessage({ device: 'box', seq, body: [aReading(at, 4)], receivedAt: at })])
    await send(0, noon - hour)
    await send(1, noon - 40 * minute)
    const between = Array.from({ length: 6 }, (_, index) => logged(noon - hour + (index + 1) * 3 * minute, 4))
    await imported(world, 'box', printRuuvi(between))
    await send(2, noon - 38 * minute)
    const { gaps } = await findingsOf(world.deps, 'box', noon - 38 * minute)
    expect(gaps.filter(({ open }) => !open)).toEqual([])
    expect(await readingsOf(world, 'box')).toHaveLength(9)
  })

  test('from a logger with a wrong clock is set right by a clock fact for its messages', async ({
    database,
  }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box')
    const { logged: report } = await imported(world, 'box', printRuuvi([logged(noon - 2 * hour, 9)]))
    const { boot, fromSeq, toSeq } = report
    await recordClockFact(world.ctx, {
      device: 'box',
      boot: boot as string,
      fromSeq: fromSeq as number,
      toSeq: toSeq as number,
      offsetMs: hour,
      reason: 'compared with a watch',
    })
    const { excursions } = await findingsOf(world.deps, 'box', noon)
    expect(excursions).toMatchObject([{ from: noon - hour }])
  })

  test('is forwarded with everything else where telemetry is kept elsewhere', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box')
    const telemetry = { ...world.deps.telemetry, isElsewhere: true }
    await importLogger({ ...world.ctx, telemetry }, world.ingest.memory, {
      device: 'box',
      file: printRuuvi([logged(noon - hour, 4)]),
      probe: 'load',
    })
    const { rows } = await database.pool.query('select 1 from telemetry_outbox')
    expect(rows).toHaveLength(1)
  })

  test('is taken for no device that is revoked or unknown, and of no probe that is not named', async ({
    database,
  }) => {
    const world = await aWorld(database)
    const { ctx, ingest } = world
    await aDevice(world, 'box')
    const file = printRuuvi([logged(noon - hour, 4)])
    const nowhere = importLogger(ctx, ingest.memory, { device: 'box', file })
    await expect(nowhere).rejects.toThrow('probe: say where the readings were taken')
    await expect(imported(world, 'no-box', file)).rejects.toMatchObject({ code: 'not_found' })
    await revokeDevice(ctx, { device: 'box', reason: 'lost' })
    await expect(imported(world, 'box', file)).rejects.toMatchObject({ code: 'device_revoked' })
  })
})

describe('an imported file of days', () => {
  const aFile = (days: Parameters<typeof aBerlingerLog>[0], reportedAt = '2020-05-06 18:30') =>
    printBerlinger(aBerlingerLog(days, { reportedAt }))

  async function daysOf({ deps: { database } }: World, device = 'box') {
    const { id } = await findDevice(database.db, device)
    return listLoggerDays(database.db, id, { limit: 60 })
  }

  test('is kept as it is, and no reading, gap or excursion is made of it', async ({ database }) => {
    const world = await aWorld(database)
    await aDevice(world, 'box', {}, noon - 30 * day)
    const hot = aLoggedDay('2020-05-05', {
      warmest: 12.3,
      alarms: [
        { limitCelsius: -0.5, allowedMinutes: 60, minutes: 0, at: null },
        { limitCelsius: 8, allowedMinutes: 600, minutes: 601, at: '22:10' },
      ],
    })
    const { logged: report } = await imported(world, 'box', aFile([aLoggedDay('2020-05-06'), hot]))
    expect(report).toMatchObject({
      format: 'berlinger_text',
      probe: null,
      boot: null,
      serial: '160400000001',
      rows: 2,
      taken: 2,
      // The clock of a hospital in Shanghai, eight hours ahead.
      from: Date.parse('2020-05-04T16:00:00Z'),
      to: Date.parse('2020-05-06T16:00:00Z'),
    })
    expect(await daysOf(world)).toMatchObject([
      { date: '2020-05-06', warmest: 490 },
      {
        date: '2020-05-05',
        from: Date.parse('2020-05-04T16:00:00Z'),
        coldest: 320,
        coldestAt: '03:10',
        warmest: 1_230,
        mean: 410,
        alarms: [
          { limit: -50, minutes: 0, at: null },
          { limit: 800, allowedMinutes: 600, minutes: 601, at: '22:10' },
        ],
        imports: [report.id],
      },
    ])
    expect(await readingsOf(world, 'box')).toEqual([])
    for (const table of ['message', 'reading', 'gap', 'excursion', 'probe', 'rejected_message']) {
      const { rows } = await database.pool.query(`select 1 from ${table}`)
      expect(rows, table).toEqual([])
    }
  })

  test('has days rejected that are not the device’s, not yet begun or beyond all measure', async ({
    database,
  }) => {
    const world = await aWorld(database)
    // Two in the morning of the 4th in Shanghai.
    await aDevice(world, 'box', {}, Date.parse('2020-05-03T18:00:00Z'))
    const file = aFile([
      aLoggedDay('2020-05-07'),
      aLoggedDay('2020-05-06'),
      aLoggedDay('2020-05-05', { warmest: 150 }),
      aLoggedDay('2020-05-04'),
    ])
    const { logged: report } = await imported(world, 'box', file)
    const lines = file.split('\n')
    expect(report.rejections.map(({ line, code }) => [lines[line], code])).toEqual([
      ['  Date: 2020-05-07', 'too_far_ahead'],
      ['  Date: 2020-05-05', 'out_of_physical_range'],
      ['  Date: 2020-05-04', 'before_in_service'],
    ])
    expect((await daysOf(world)).map(({ date }) => date)).toEqual(['2020-05-06'])
  })

  test('tells a day once, in whatever order overlapping files come, and anew where it was not over', async ({
    database,
  }) => {
    const monday = aFile([aLoggedDay('2020-05-04'), aLoggedDay('2020-05-03')], '2020-05-04 09:00')
    const warmer = aLoggedDay('2020-05-04', { warmest: 7 })
    const tuesday = aFile([aLoggedDay('2020-05-05'), warmer, aLoggedDay('2020-05-03')], '2020-05-05 09:00')
    const found = []
    for (const files of [
      [monday, tuesday],
      [tuesday, monday, tuesday],
    ]) {
      const device = `box-${files.length}`
      const world = await aWorld(database, 2_000, `H${files.length}`)
      await aDevice(world, device, {}, noon - 30 * day, `H${files.length}`)
      for (const file of files) await imported(world, device, file)
      found.push((await daysOf(world, device)).map(({ imports: _, ...told }) => told))
      const { id } = await findDevice(database.db, device)
      const reports = await listLoggerImports(database.db, id, { limit: 10 })
      expect(reports.map(({ known, differing }) => ({ known, differing }))).toEqual([
        { known: 1, differing: 1 },
        { known: 0, differing: 0 },
      ])
    }
    expect(found[1]).toEqual(found[0])
    expect(found[0]?.map(({ date, warmest, reportedAt }) => [date, warmest, reportedAt])).toEqual([
      ['2020-05-05', 490, '2020-05-05 09:00'],
      ['2020-05-04', 700, '2020-05-05 09:00'],
      ['2020-05-04', 490, '2020-05-04 09:00'],
      ['2020-05-03', 490, '2020-05-05 09:00'],
    ])
  })
})

test('a preview says what an import then does, and stores nothing', async ({ database }) => {
  const world = await aWorld(database)
  const { ctx } = world
  await aDevice(world, 'box', {}, noon - 30 * day)
  await imported(world, 'box', printRuuvi([logged(noon - hour, 4)]))
  const files = [
    printRuuvi([logged(noon - hour, 5), logged(noon - minute, 4), logged(noon - minute, 900)]),
    printBerlinger(aBerlingerLog([aLoggedDay('2020-05-05'), aLoggedDay('2020-03-01')])),
  ]
  for (const file of files) {
    const before = await everything(world)
    const { report, imported: earlier } = await previewLogger(ctx, { device: 'box', file, probe: 'load' })
    expect(earlier).toBeNull()
    expect(await everything(world)).toEqual(before)
    const { logged: done } = await imported(world, 'box', file)
    const { id: _id, importedBy: _by, ...same } = done
    expect(report).toEqual(same)
    const again = await previewLogger(ctx, { device: 'box', file, probe: 'load' })
    expect(again).toEqual({ report: done, imported: done })
  }
  const hopeless = printRuuvi([logged(noon + day, 4)])
  const { report } = await previewLogger(ctx, { device: 'box', file: hopeless, probe: 'load' })
  expect(report).toMatchObject({ taken: 0, rejected: 1, from: null, rejections: [{ line: 2 }] })
})

test('nobody writes over an import or a day of it', async ({ database }) => {
  const world = await aWorld(database)
  await aDevice(world, 'box', {}, noon - 30 * day)
  await imported(world, 'box', printBerlinger(aBerlingerLog([aLoggedDay('2020-05-05')])))
  for (const change of [
    'update logger_import set taken = 0, rejected = 1',
    'delete from logger_day',
    "update logger_day set date = '2020-05-04'",
  ])
    await expect(database.pool.query(change)).rejects.toThrow('is append-only')
})
