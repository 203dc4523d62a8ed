import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { keptFacts } from '../../../api/stores/scans.ts'
import { howKept } from '../../../api/usecases/how-kept.ts'
import { processBag } from '../../../api/usecases/process-bag.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { untagBag } from '../../../api/usecases/untag-bag.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, noon } from '../../support/world.ts'

const minute = 60_000
const handlingMs = 30 * minute

const Event = fc.record({
  device: fc.constantFrom('f1', 'f2'),
  at: fc.integer({ min: 0, max: 240 }),
  kind: fc.constantFrom('reading', 'reading', 'reading', 'air', 'added', 'removed', 'inventory', 'missing'),
  celsius: fc.constantFrom(1, 3, 4, 5, 7),
  ofChild: fc.boolean(),
})

const Life = fc.record({
  events: fc.array(Event, { maxLength: 30 }),
  /** A reading a minute, cold and in time, so that some stays are calm. */
  isHeard: fc.boolean(),
  sinceMinute: fc.integer({ min: 0, max: 250 }),
  /** When the tag was put on, and whether somebody said it had been there from the beginning. */
  taggedMinute: fc.integer({ min: 0, max: 60 }),
  isDated: fc.boolean(),
  /** When another bag was made of it; null where none was. */
  madeMinute: fc.option(fc.integer({ min: 61, max: 249 })),
  /** When probes are not to be believed; `minutes` is null while that lasts. */
  faults: fc.array(
    fc.record({
      device: fc.constantFrom('f1', 'f2'),
      probe: fc.constantFrom('load', 'load', 'air'),
      at: fc.integer({ min: -20, max: 260 }),
      minutes: fc.option(fc.integer({ min: 1, max: 90 })),
    }),
    { maxLength: 3 },
  ),
})

describe('how a bag was kept', () => {
  test('is told by its stays as its trace would tell it, where no clock is in doubt', async ({
    database,
  }) => {
    let drawn = 0
    let calmStays = 0
    await fc.assert(
      fc.asyncProperty(Life, async (life) => {
        const { events, isHeard, sinceMinute, taggedMinute, isDated, madeMinute, faults } = life
        const world = await aWorld(database, 2_000, `H${++drawn}`)
        const name = (device: string) => `${device}-${drawn}`
        const start = noon - 250 * minute
        for (const device of ['f1', 'f2'])
          await aDevice(world, name(device), { maxSilenceMs: 10 * minute }, start - minute, `H${drawn}`)
        // In a box other limits hold: some of what is too warm for a fridge is not for it.
        const toBox = "update device set kind = 'box' where name = $1"
        if (drawn % 2 === 0) await database.pool.query(toBox, [name('f2')])
        const number = `A999926${String(drawn).padStart(6, '0')}`
        world.clock.now = start
        let bag = await registerBag(world.ctx, {
          din: number + dinCheckCharacter(number),
          productCode: 'E0336V00',
          facility: `H${drawn}`,
          component: 'red_cells',
          expiresAt: noon + 86_400_000,
        })
        const parentId = bag.id
        const [tag, childTag] = [`tag-${drawn}`, `child-${drawn}`]
        world.clock.now = start + taggedMinute * minute
        await tagBag(world.ctx, { bagId: bag.id, tag, from: isDated ? start : undefined })
        if (madeMinute !== null) {
          world.clock.now = start + madeMinute * minute
          const child = { productCode: 'E0337V00', component: 'red_cells', lowTitre: false } as const
          const children = [{ ...child, expiresAt: bag.expiresAt }]
          const [made] = await processBag(world.ctx, { bagId: bag.id, children })
          await untagBag(world.ctx, { bagId: bag.id, tag })
          if (!made) throw new Error('nothing was made')
          bag = made
          await tagBag(world.ctx, {
            bagId: bag.id,
            tag: childTag,
            from: isDated ? world.clock.now : undefined,
          })
        }
        world.clock.now = noon
        const messages = events.map((event, seq) => {
          const at = start + event.at * minute
          const seen = event.ofChild ? childTag : tag
          const parts = { device: name(event.device), boot: `b${drawn}`, seq }
          switch (event.kind) {
            case 'reading':
            case 'air':
              return aMessage({
                ...parts,
                body: twice(at, event.celsius, event.kind === 'air' ? 'air' : 'load'),
              })
            case 'inventory':
            case 'missing': {
              const body = { at, inventory: event.kind === 'inventory' ? [seen] : [] }
              return aMessage({ ...parts, channel: 'bags', body })
            }
            default: {
              const delta = { at, added: [] as string[], removed: [] as string[] }
              delta[event.kind].push(seen)
              return aMessage({ ...parts, channel: 'bags', body: [delta] })
            }
          }
        })
        if (isHeard)
          for (const device of ['f1', 'f2'])
            for (let at = 0; at < 250; at += 9)
              messages.push(
                aMessage({
                  device: name(device),
                  boot: 'heard',
                  seq: at,
                  body: twice(start + at * minute, 4, 'load'),
                }),
              )
        await world.ingest.accept(messages)
        for (const { device, probe, at, minutes } of faults) {
          const from = start + at * minute
          await database.pool.query(
            `insert into probe_fault (probe_id, kind, "from", "to", known_from)
             select p.id, 'stuck', $3, $4, $5 from probe p join device d on d.id = p.device_id
             where d.name = $1 and p.kind = $2`,
            [name(device), probe, from, minutes && from + minutes * minute, noon],
          )
        }

        const vouchedAt = start + sinceMinute * minute
        const vouchedFor = madeMinute !== null && sinceMinute < madeMinute ? parentId : bag.id
        await database.pool.query(
          `insert into bag_event (bag_id, version, verb, "to", at, actor, data)
           values ($1, 99, 'reinstate', 'available', $2, '{}', '{}')`,
          [vouchedFor, vouchedAt],
        )
        const asked = { bagId: bag.id, now: noon }
        const handling = [{ from: 0, version: 1, longestMs: handlingMs }]
        const facts = { ...(await keptFacts(database, asked)), handling }
        expect(facts).toMatchObject({ hasClockMatters: false, vouchedAt })
        expect(facts.lives).toHaveLength(madeMinute === null ? 1 : 2)
        const calm = facts.lives.flatMap(({ stays }) =>
          stays.filter(({ probes }) =>
            probes.some(({ isTroubled, faults }) => !isTroubled && faults.length === 0),
          ),
        )
        calmStays += calm.length
        const folded = await howKept(world.ctx, facts)
        const traced = { ...facts, hasClockMatters: true }
        expect(folded).toEqual(await howKept(world.ctx, traced))
      }),
      { numRuns: 100 },
    )
    // Those whose readings need not be looked at are the point of it.
    expect(calmStays).toBeGreaterThan(10)
  }, 120_000)
})

/** Two in one message, so that no clock is measured by them. */
function twice(at: number, celsius: number, probe: 'load' | 'air') {
  return [aReading(at, celsius, probe), aReading(at + 1_000, celsius, probe)]
}
