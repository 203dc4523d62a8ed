import { describe, expect } from 'vitest'
import { explainAlarms } from '../../../api/usecases/explain-alarms.ts'
import { createForesight, type Foresight } from '../../../api/usecases/foresee.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { AlarmDetail, Alarms } from '../../../schema/http/alarms.ts'
import { DeviceOutlook } from '../../../schema/http/outlook.ts'
import { type Chart, saw, tells } from '../../support/chart.ts'
import { aWorker, refusal } from '../../support/hospital.ts'
import { aDevice, noon } from '../../support/world.ts'
import { type Door, iso, test } from './door.ts'

const minute = 60_000

/** Half a day of a thermostat's load, and one that rises by 3 °C in an hour, up to 5 °C. */
const rising = saw(690, 30, (m) => 350 + 5 * m)

async function aFridge({ world }: Door, name: string, load: Chart) {
  await aDevice(world, name, {}, noon - 2_880 * minute)
  await tells(world, name, { load })
}

/** Look ahead at all there is to, and then at what is. */
async function look({ world }: Door, foresight: Foresight, afterMs = 0) {
  world.clock.now += afterMs
  for (let i = 0; i < 3; i++) await foresight.look()
  return watchAlarms(world.deps, { readySince: noon, since: noon, foreseen: foresight.found() })
}

const kindsOf = async (door: Door) =>
  (await door.ask(Alarms, 'GET', '/alarms')).alarms.map(({ device, kind }) => `${device} ${kind}`).sort()

describe('the outlook of a device', () => {
  test('tells in how many minutes a probe leaves its limits, and of one that does not, nothing', async ({
    door,
  }) => {
    await aFridge(door, 'fridge-1', rising)
    const ask = () => door.ask(DeviceOutlook, 'GET', '/devices/fridge-1/outlook')
    const { probes, asOf } = await ask()
    expect(asOf).toBe(iso(noon))
    expect(probes).toEqual([
      {
        probe: 'load',
        at: iso(noon),
        celsius: expect.closeTo(4.95, 1),
        low: 2,
        high: 6,
        outlook: expect.objectContaining({ probe: 'load', side: 'high', at: iso(noon) }),
      },
    ])
    const { early = 0, likely, late, en } = probes[0]?.outlook ?? {}
    // At 3 °C an hour the last 1.05 °C take 21 minutes, and somewhat longer the nearer the room is.
    expect(early).toBeGreaterThan(8)
    expect(early).toBeLessThan(21)
    expect(likely).toBeGreaterThanOrEqual(18)
    expect(late).toBeGreaterThan(21)
    expect(en).toBe(`Will leave its limits in about ${likely} min (${early} to ${late})`)

    door.world.clock.now += 16 * minute
    expect((await ask()).probes).toMatchObject([{ at: iso(noon), outlook: null }])
    await aFridge(
      door,
      'fridge-2',
      saw(720, 0, () => 0),
    )
    const calm = await door.ask(DeviceOutlook, 'GET', '/devices/fridge-2/outlook')
    expect(calm.probes).toMatchObject([{ probe: 'load', outlook: null }])
    await aDevice(door.world, 'fridge-3')
    expect((await door.ask(DeviceOutlook, 'GET', '/devices/fridge-3/outlook')).probes).toEqual([])
  })

  test('is shown to whoever may read the device, and to nobody else', async ({ door }) => {
    await aFridge(door, 'fridge-1', rising)
    const nurse = await aWorker(door, 'nurse', 'nurse', 'H1')
    expect((await nurse.get('/devices/fridge-1/outlook')).status).toBe(200)
    const courier = await aWorker(door, 'courier', 'courier', 'H1')
    const readable = (await courier.get('/devices/fridge-1/readings')).status
    expect((await courier.get('/devices/fridge-1/outlook')).status).toBe(readable)
    expect(await refusal(nurse.get('/devices/fridge-9/outlook'))).toMatchObject({ status: 404 })
  })
})

describe('an alarm before the limit', () => {
  test('is raised once it has been foretold for three minutes, and ends when it is no more', async ({
    door,
  }) => {
    await aFridge(door, 'fridge-1', rising)
    await aFridge(
      door,
      'calm',
      saw(720, 0, () => 0),
    )
    const foresight = createForesight(door.world.deps)
    expect(await look(door, foresight)).toBe(0)
    const goOn = saw(0, 3, (m) => 501 + 5 * m, noon + 3 * minute)
    await tells(door.world, 'fridge-1', { load: goOn }, 'on')
    expect(await look(door, foresight, 3 * minute)).toBe(2)
    expect(await look(door, foresight)).toBe(0)
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    expect(alarms).toMatchObject([
      {
        device: 'fridge-1',
        kind: 'load_high_soon',
        class: 'alert',
        en: 'The blood will soon be too warm',
        zh: '血液即将过热',
        outlook: { side: 'high', at: iso(noon + 3 * minute), en: expect.stringContaining('min') },
      },
    ])
    const path = `/alarms/${alarms[0]?.id}`
    const { events } = await door.ask(AlarmDetail, 'GET', path)
    expect(events[0]).toMatchObject({
      verb: 'raised',
      data: { outlook: { early: alarms[0]?.outlook?.early } },
    })

    const back = saw(0, 20, () => 420, noon + 23 * minute)
    await tells(door.world, 'fridge-1', { load: back }, 'back')
    await look(door, foresight, 20 * minute)
    await look(door, foresight, 5 * minute)
    expect(await door.ask(AlarmDetail, 'GET', path)).toMatchObject({ endedAt: iso(door.world.clock.now) })
    expect(await kindsOf(door)).toEqual(['calm silent', 'fridge-1 load_high_soon'])
  })

  test('gives way to the alarm of the limit itself', async ({ door }) => {
    await aFridge(door, 'fridge-1', rising)
    const foresight = createForesight(door.world.deps)
    await look(door, foresight)
    await tells(door.world, 'fridge-1', { load: saw(0, 3, (m) => 501 + 5 * m, noon + 3 * minute) }, 'on')
    await look(door, foresight, 3 * minute)
    await tells(door.world, 'fridge-1', { load: saw(0, 3, () => 620, noon + 6 * minute) }, 'out')
    await look(door, foresight, 3 * minute)
    await look(door, foresight, 5 * minute)
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    expect(alarms.map(({ kind, endedAt }) => [kind, endedAt !== null]).sort()).toEqual([
      ['load_high', false],
      ['load_high_soon', true],
    ])
  })

  test('is not raised of a freezer that keeps to what is usual, nor of one that is silent', async ({
    door,
  }) => {
    await aDevice(door.world, 'freezer-1', { low: -4_000, high: -1_800 }, noon - 2_880 * minute)
    const cold = saw(720, 0, () => 0).map(({ at, centi }) => ({ at, centi: centi - 2_300 }))
    await tells(door.world, 'freezer-1', { load: cold })
    await aFridge(
      door,
      'silent',
      rising.map(({ at, centi }) => ({ at: at - 30 * minute, centi })),
    )
    const foresight = createForesight(door.world.deps)
    await look(door, foresight)
    await look(door, foresight, 10 * minute)
    expect(foresight.found()).toEqual([])
  })

  test('is sought for a few loads at a time, and for all of them in the end', async ({ door }) => {
    const names = Array.from({ length: 7 }, (_, i) => `fridge-${i}`)
    for (const name of names) await aFridge(door, name, rising)
    const foresight = createForesight(door.world.deps)
    await foresight.look()
    expect(foresight.found()).toHaveLength(5)
    await foresight.look()
    expect(
      foresight
        .found()
        .map(({ whose }) => whose.device)
        .sort(),
    ).toEqual(names)
  })

  test('shows in the alarm of the air what is to be expected of the load', async ({ door }) => {
    const air = saw(690, 30, (m) => 450 + 15 * m)
    await aDevice(door.world, 'fridge-1', {}, noon - 2_880 * minute)
    await tells(door.world, 'fridge-1', { air, load: rising })
    await watchAlarms(door.world.deps, { readySince: noon, since: 0 })
    await explainAlarms(door.world.deps)
    const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
    expect(alarms).toMatchObject([{ kind: 'air_high', outlook: { probe: 'load', side: 'high' } }])
  })
})
