import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { alarmTestDueSince } from '../../../api/domain/task.ts'
import { alarmTests } from '../../../api/policies/alarms.ts'
import { alarmsToTest, insertAlarmTest } from '../../../api/stores/alarm-tests.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import { AlarmTests } from '../../../schema/http/alarm-tests.ts'
import { Tasks } from '../../../schema/http/tasks.ts'
import { aWorker, done, refusal } from '../../support/hospital.ts'
import { aDevice, noon } from '../../support/world.ts'
import { iso, test } from './door.ts'

const day = 86_400_000

describe('an alarm of a device', () => {
  test('is to be tested once the last good test is too old, or the last one failed', async ({ door }) => {
    const { world } = door
    await aDevice(world, 'fridge-1', {}, noon)
    const [nurse, regulator, far] = await Promise.all([
      aWorker(door, 'nurse', 'nurse', 'H1'),
      aWorker(door, 'regulator', 'regulator', 'H1'),
      aWorker(door, 'courier', 'courier', 'H1'),
    ])
    const due = async () =>
      (await done(nurse.get('/tasks?kind=alarm_test_due'), Tasks)).tasks.map(({ alarm, since }) => [
        alarm,
        since,
      ])
    const path = '/devices/fridge-1/alarm-tests'
    const aTest = { kind: 'load_high', passed: true, comment: 'warmed the probe' }

    world.clock.now = noon + 90 * day - 1
    expect(await due()).toEqual([])
    world.clock.now++
    expect(await due()).toEqual([
      ['load_high', iso(noon + 90 * day)],
      ['load_low', iso(noon + 90 * day)],
    ])
    const { alarmTests } = await done(nurse.post(path, aTest), AlarmTests)
    expect(alarmTests).toMatchObject([{ ...aTest, by: { kind: 'person' }, at: iso(noon + 90 * day) }])
    expect((await due()).map(([alarm]) => alarm)).toEqual(['load_low'])
    const earlier = { ...aTest, kind: 'load_low', at: iso(noon + 80 * day) }
    await done(nurse.post(path, earlier), AlarmTests)
    expect(await due()).toEqual([])
    world.clock.now += 80 * day
    expect(await due()).toEqual([['load_low', iso(noon + 170 * day)]])
    await done(nurse.post(path, { ...aTest, kind: 'load_low' }), AlarmTests)
    await done(nurse.post(path, { ...aTest, passed: false }), AlarmTests)
    expect(await due()).toEqual([['load_high', iso(noon + 170 * day)]])
    const { tasks } = await done(regulator.get('/tasks?facility=H1&kind=alarm_test_due'), Tasks)
    expect(tasks).toMatchObject([{ bagId: null, label: null, device: 'fridge-1', facility: 'H1' }])

    expect(await refusal(nurse.post(path, { ...aTest, at: iso(world.clock.now + 1) }))).toMatchObject({
      status: 400,
    })
    expect(await refusal(nurse.post(path, { ...aTest, at: iso(noon - 1) }))).toMatchObject({ status: 400 })
    expect(await refusal(nurse.post(path, { kind: 'load_high', passed: true }))).toMatchObject({
      status: 400,
    })
    for (const kind of ['bag_out_soon', 'bag_out', 'transfusion_late', 'transit_overdue'])
      expect(await refusal(nurse.post(path, { ...aTest, kind }))).toMatchObject({ status: 400 })
    expect((await door.refused('POST', path, aTest)).code).toBe('person_required')
    expect((await regulator.post(path, aTest)).status).toBe(403)
    expect((await far.get(path)).status).toBe(403)
    const { rows } = await world.deps.database.pool.query(
      "select reason, after from audit_entry where action = 'device.alarm_tested' order by id",
    )
    expect(rows[0]).toMatchObject({ reason: 'warmed the probe', after: { kind: 'load_high', passed: true } })
  })

  test('is found to be tested where the rule says so of it', async ({ door }) => {
    const { ctx, deps } = door.world
    const { db } = deps.database
    const kind = 'load_high'
    let number = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ passed: fc.boolean(), day: fc.integer({ min: 0, max: 200 }) }), {
          maxLength: 5,
        }),
        async (tests) => {
          const name = `fridge-${++number}`
          await aDevice(door.world, name, {}, noon)
          const found = await findDevice(db, name)
          await db.transaction(async (tx) => {
            for (const { passed, day: after } of tests) {
              const aTest = { kind, passed, comment: 'c', at: noon + after * day } as const
              await insertAlarmTest(tx, ctx.actor, found, aTest, noon)
            }
          })
          const lastAt = (wanted: boolean) => {
            const days = tests.filter(({ passed }) => passed === wanted).map(({ day: after }) => after)
            return days.length === 0 ? null : noon + Math.max(...days) * day
          }
          const facts = { inServiceFrom: noon, passedAt: lastAt(true), failedAt: lastAt(false) }
          for (const now of [noon + 200 * day, noon + 250 * day]) {
            const since = alarmTestDueSince(facts, now, alarmTests.everyMs)
            const { everyMs } = alarmTests
            const toTest = await alarmsToTest(db, 'all', { kinds: [kind], everyMs, now })
            const mine = toTest.filter(({ device }) => device === name)
            expect(mine).toEqual(since === null ? [] : [{ ...facts, device: name, facility: 'H1', kind }])
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})
