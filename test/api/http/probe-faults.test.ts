import { expect } from 'vitest'
import { createFaultWatch } from '../../../api/usecases/derive-faults.ts'
import { watchAlarms } from '../../../api/usecases/watch-alarms.ts'
import { Alarms } from '../../../schema/http/alarms.ts'
import { type Chart, loadOf, saw, tells } from '../../support/chart.ts'
import { aDevice, noon } from '../../support/world.ts'
import { type Door, test } from './door.ts'

const minute = 60_000
const slow = (m: number) => 450 + 5 * m

/** Look at all probes there are to look at, and then for alarms. */
async function look({ world }: Door, faults = createFaultWatch(world.deps)): Promise<number> {
  while ((await faults.look()) > 0);
  return watchAlarms(world.deps, { readySince: noon, since: noon })
}

async function alarms(door: Door) {
  const { alarms } = await door.ask(Alarms, 'GET', '/alarms')
  return alarms.map(({ kind, part, class: graveness, endedAt }) => [kind, part, graveness, endedAt !== null])
}

test('a probe that is stuck or steps as none can is a fault, until it is believed again', async ({
  door,
}) => {
  const usual = loadOf(saw(720, 0, () => 0, noon - 62 * minute))
  const flat: Chart = Array.from({ length: 62 }, (_, m) => ({ at: noon - (61 - m) * minute, centi: 423 }))
  for (const name of ['stuck', 'believed']) await aDevice(door.world, name, {}, noon - 2_880 * minute)
  await tells(door.world, 'stuck', { air: saw(782, 0, () => 0), load: [...usual, ...flat] })
  await tells(door.world, 'believed', { load: loadOf(saw(782, 0, () => 0)) })
  expect(await look(door)).toBe(2)
  expect(await alarms(door)).toEqual([['probe_stuck', 'load', 'fault', false]])
  expect(await look(door)).toBe(0)

  door.world.clock.now += 12 * minute
  const mended = saw(0, 12, () => 500, noon + 12 * minute)
  await tells(
    door.world,
    'stuck',
    { load: [...mended.slice(0, 10), { at: noon + 11.5 * minute, centi: 3_900 }] },
    'on',
  )
  await look(door)
  door.world.clock.now += 6 * minute
  await look(door)
  // Of the other probe nothing is heard any more.
  const faults = (await alarms(door)).filter(
    ([kind, part]) => `${kind}`.startsWith('probe_') && part === 'load',
  )
  expect(faults).toEqual([
    ['probe_implausible', 'load', 'fault', false],
    ['probe_stuck', 'load', 'fault', true],
  ])
  door.world.clock.now += 60 * minute
  await look(door)
  door.world.clock.now += 6 * minute
  await look(door)
  expect(await alarms(door)).toContainEqual(['probe_implausible', 'load', 'fault', true])
})

test('air and load that contradict each other are a fault, and still are to whoever takes over', async ({
  door,
}) => {
  await aDevice(door.world, 'fridge-1', { high: 2_000 }, noon - 2_880 * minute)
  const air = saw(600, 120, slow)
  await tells(door.world, 'fridge-1', { air, load: loadOf(saw(720, 0, () => 0)) })
  expect(await look(door)).toBe(2)
  expect(await alarms(door)).toEqual([['probes_disagree', '', 'fault', false]])
  for (let minutes = 0; minutes < 14; minutes += 2) {
    door.world.clock.now += 2 * minute
    expect(await look(door, createFaultWatch(door.world.deps))).toBeLessThanOrEqual(1)
  }
  expect(await alarms(door)).toEqual([['probes_disagree', '', 'fault', false]])

  const now = door.world.clock.now
  const together = {
    air: saw(0, 90, () => 1_000, now + 90 * minute),
    load: saw(0, 90, () => 1_000, now + 90 * minute),
  }
  await tells(door.world, 'fridge-1', together, 'mended')
  door.world.clock.now += 90 * minute
  await look(door)
  door.world.clock.now += 6 * minute
  await look(door)
  expect(await alarms(door)).toContainEqual(['probes_disagree', '', 'fault', true])
})
