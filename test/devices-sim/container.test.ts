import { describe, expect, test } from 'vitest'
import { type ContainerOptions, createContainer } from '../../devices-sim/container.ts'
import { presets } from '../../devices-sim/heat.ts'
import type { Happening } from '../../devices-sim/outbox.ts'
import { createRandom } from '../../devices-sim/random.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const worldTime = (worldMs: number) => Math.round(worldMs)
const tags = ['a', 'b', 'c', 'd']

function aContainer(options: Partial<ContainerOptions> = {}) {
  return createContainer({ random: createRandom('container'), heat: presets.bloodFridge, tags, ...options })
}

const doors = (happenings: readonly Happening[]) =>
  happenings.flatMap((happening) => (happening.channel === 'door' ? [happening.element] : []))
const power = (happenings: readonly Happening[]) =>
  happenings.flatMap((happening) => (happening.channel === 'power' ? [happening.element] : []))

/** All that happens and all that is measured, every `everyMs`. */
function live(container: ReturnType<typeof aContainer>, untilMs: number, everyMs = minute) {
  const happenings: Happening[] = []
  const measured: ReturnType<typeof container.measure>[] = []
  for (let at = container.worldMs() + everyMs; at <= untilMs; at += everyMs) {
    happenings.push(...container.advance(at, worldTime))
    measured.push(container.measure())
  }
  return { happenings, measured }
}

test('the same seed lives the same day, another seed another', () => {
  const dayOf = (seed: string) => live(aContainer({ random: createRandom(seed), visitsPerHour: 3 }), day)
  expect(dayOf('x')).toEqual(dayOf('x'))
  expect(dayOf('x')).not.toEqual(dayOf('y'))
})

test('every opening has an end of the same session, and bags are conserved', () => {
  const container = aContainer({ visitsPerHour: 6 })
  const { happenings } = live(container, 2 * day)
  const openings = doors(happenings)
  expect(openings.length).toBeGreaterThan(200)
  for (let index = 0; index + 1 < openings.length; index += 2) {
    const [opened, shut] = openings.slice(index, index + 2)
    expect([opened?.open, shut?.open]).toEqual([true, false])
    expect(shut?.session).toBe(opened?.session)
    expect((shut?.at ?? 0) - (opened?.at ?? 0)).toBeGreaterThanOrEqual(8_000)
    expect((shut?.at ?? 0) - (opened?.at ?? 0)).toBeLessThanOrEqual(40_000)
  }
  const inside = new Set(tags)
  for (const { channel, element } of happenings) {
    if (channel !== 'bags' || !('added' in element)) continue
    for (const tag of element.removed) expect(inside.delete(tag)).toBe(true)
    for (const tag of element.added) expect(inside.has(tag)).toBe(false)
    for (const tag of element.added) inside.add(tag)
  }
  expect(container.inventory(0).element).toMatchObject({ inventory: expect.arrayContaining([...inside]) })
})

test('happenings come in the order of time, stamped between the two ends of the advance', () => {
  const container = aContainer({ visitsPerHour: 30 })
  for (let from = 0; from < day; from += hour) {
    const instants = container
      .advance(from + hour, worldTime)
      .map(({ element }) => ('at' in element ? element.at : -1))
    expect(instants).toEqual([...instants].sort((a, b) => a - b))
    for (const at of instants) expect(at).toBeGreaterThanOrEqual(from)
    for (const at of instants) expect(at).toBeLessThanOrEqual(from + hour)
  }
})

describe('on request', () => {
  test('the door is left open, the air leaves its range, and the door is shut at last', () => {
    const container = aContainer()
    container.leaveDoorOpen(10 * minute)
    const { happenings, measured } = live(container, 15 * minute)
    expect(doors(happenings).map(({ at, open }) => [at, open])).toEqual([
      [0, true],
      [10 * minute, false],
    ])
    const air = measured.map((probes) => probes.find(({ probe }) => probe === 'air')?.celsius ?? Number.NaN)
    expect(Math.max(...air)).toBeGreaterThan(10)
  })

  test('a door somebody has just opened is left open too', () => {
    const container = aContainer()
    container.visit('visit')
    container.advance(1_000, worldTime)
    container.leaveDoorOpen(10 * minute)
    const { happenings } = live(container, 15 * minute, 1_000)
    expect(doors(happenings)).toEqual([
      { at: 10 * minute + 1_000, door: 'main', open: false, session: 'visit' },
    ])
  })

  test('the mains fail and return: told at once, with the compressor off meanwhile and the battery lower', () => {
    const container = aContainer()
    live(container, 5 * hour)
    container.loseMains(2 * hour)
    const { happenings } = live(container, 8 * hour)
    const told = power(happenings)
    expect(told[0]).toMatchObject({ at: 5 * hour, mains: false, compressorOn: false })
    const back = told.findIndex(({ mains }) => mains)
    expect(told.slice(0, back).every(({ compressorOn }) => !compressorOn)).toBe(true)
    expect(told[back]).toMatchObject({ at: 7 * hour, batteryPercent: 92 })
    expect(told.at(-1)).toMatchObject({ mains: true })
  })

  test('a probe is silent for a while and the others are not', () => {
    const container = aContainer({ probes: ['air', 'load', 'ambient'] })
    container.silence('load', 10 * minute)
    const { measured } = live(container, 12 * minute)
    expect(measured.map((probes) => probes.map(({ probe }) => probe))).toEqual([
      ...Array.from({ length: 9 }, () => ['air', 'ambient']),
      ...Array.from({ length: 3 }, () => ['air', 'load', 'ambient']),
    ])
  })
})

describe('a container that people attend to', () => {
  const closed = { added: [], removed: [], warm: 0 }

  test('moves the bags it is told to, between an opening and a closing of one session', () => {
    const container = aContainer({ attended: true })
    const told = [
      ...container.openDoor('s', 1_000),
      ...container.closeDoor('s', 9_000, { added: ['e'], removed: ['a'], warm: 0 }),
    ]
    expect(told).toEqual([
      { channel: 'door', element: { at: 1_000, door: 'main', open: true, session: 's' } },
      { channel: 'door', element: { at: 9_000, door: 'main', open: false, session: 's' } },
      { channel: 'bags', element: { at: 9_000, added: ['e'], removed: ['a'], session: 's' } },
    ])
    expect(container.inventory(0).element).toMatchObject({ inventory: ['b', 'c', 'd', 'e'] })
  })

  test('is opened once and closed once, though two stand before it', () => {
    const container = aContainer({ attended: true })
    expect(container.openDoor('one', 0)).toHaveLength(1)
    expect(container.openDoor('two', 0)).toEqual([])
    expect(container.closeDoor('one', 1, closed)).toHaveLength(1)
    expect(container.closeDoor('two', 2, { ...closed, removed: ['b'] })).toMatchObject([{ channel: 'bags' }])
  })

  test('loses no bag to a visit, and is not closed twice', () => {
    const container = aContainer({ attended: true })
    for (let visit = 0; visit < 20; visit += 1) {
      container.visit(`visit ${visit}`)
      const opened = container.advance(container.worldMs() + 1_000, worldTime)
      const shut = container.closeDoor(`visit ${visit}`, container.worldMs(), closed)
      const after = container.advance(container.worldMs() + minute, worldTime)
      expect(doors([...opened, ...shut, ...after]).map(({ open }) => open)).toEqual([true, false])
      expect([...opened, ...after].some(({ channel }) => channel === 'bags')).toBe(false)
    }
    expect(container.inventory(0).element).toMatchObject({ inventory: tags })
  })
})

test('a compressor that stops leaves the mains on and the fridge warming, until it runs again', () => {
  const container = aContainer()
  container.stopCompressor(3 * hour)
  const stopped = live(container, 3 * hour)
  expect(power(stopped.happenings).every(({ mains, compressorOn }) => mains && !compressorOn)).toBe(true)
  expect(stopped.measured.at(-1)?.find(({ probe }) => probe === 'load')?.celsius).toBeGreaterThan(6)
  const running = live(container, 6 * hour)
  expect(power(running.happenings).some(({ compressorOn }) => compressorOn)).toBe(true)
  expect(running.measured.at(-1)?.find(({ probe }) => probe === 'load')?.celsius).toBeLessThan(6)
})
