import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128.ts'
import { findDevice } from '../../../api/stores/devices.ts'
import { scanFacts } from '../../../api/stores/scans.ts'
import { insertTakeOut } from '../../../api/stores/take-outs.ts'
import { howKept } from '../../../api/usecases/how-kept.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, noon } from '../../support/world.ts'

const minute = 60_000
const handlingMs = 30 * minute

const Event = fc.record({
  device: fc.constantFrom('f1', 'f2'),
  at: fc.integer({ min: 0, max: 240 }),
  kind: fc.constantFrom('reading', 'reading', 'reading', 'air', 'added', 'removed', 'inventory', 'missing'),
  celsius: fc.constantFrom(1, 3, 4, 5, 7),
})

describe('how a bag was kept', () => {
  test('is told by its stays as its trace would tell it, where no clock is in doubt', async ({
    database,
  }) => {
    let drawn = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(Event, { maxLength: 30 }),
        fc.integer({ min: 0, max: 250 }),
        async (events, sinceMinute) => {
          const world = await aWorld(database, 2_000, `H${++drawn}`)
          const name = (device: string) => `${device}-${drawn}`
          const start = noon - 250 * minute
          for (const device of ['f1', 'f2'])
            await aDevice(world, name(device), { maxSilenceMs: 10 * minute }, start - minute, `H${drawn}`)
          const number = `A999926${String(drawn).padStart(6, '0')}`
          world.clock.now = start
          const bag = await registerBag(world.ctx, {
            din: number + dinCheckCharacter(number),
            productCode: 'E0336V00',
            facility: `H${drawn}`,
            component: 'red_cells',
            expiresAt: noon + 86_400_000,
          })
          const tag = `tag-${drawn}`
          await tagBag(world.ctx, { bagId: bag.id, tag, from: start })
          world.clock.now = noon
          const messages = events.map((event, seq) => {
            const at = start + event.at * minute
            const parts = { device: name(event.device), boot: `b${drawn}`, seq }
            switch (event.kind) {
              case 'reading':
              case 'air': {
                const body = [aReading(at, event.celsius, event.kind === 'air' ? 'air' : 'load')]
                // Two in one message, so that no clock is measured by them.
                return aMessage({ ...parts, body: [...body, { ...body[0], at: at + 1_000 }] })
              }
              case 'inventory':
              case 'missing':
                return aMessage({
                  ...parts,
                  channel: 'bags',
                  body: { at, inventory: event.kind === 'inventory' ? [tag] : [] },
                })
              default: {
                const delta = { at, added: [] as string[], removed: [] as string[] }
                delta[event.kind].push(tag)
                return aMessage({ ...parts, channel: 'bags', body: [delta] })
              }
            }
          })
          await world.ingest.accept(messages)

          const { db } = database
          const { id: deviceId, placements } = await findDevice(db, name('f1'))
          const takeOutId = bag.id
          await db.transaction(async (tx) => {
            await insertTakeOut(tx, world.ctx.actor, {
              id: takeOutId,
              deviceId,
              facilityId: placements[0]?.facilityId as number,
              emergency: true,
              openedAt: noon,
              expiresAt: noon + minute,
            })
            const facts = await scanFacts(tx, { takeOutId, bagId: bag.id, jurisdiction: 'CN' })
            if (!facts) throw new Error('the take-out is not there')
            expect(facts).toMatchObject({ hasClockMatters: false, vouchedAt: start, bag: { id: bag.id } })
            const since = { ...facts, vouchedAt: start + sinceMinute * minute, bagId: bag.id }
            const folded = await howKept(world.ctx, tx, since, 'CN', handlingMs)
            const traced = await howKept(world.ctx, tx, { ...since, hasClockMatters: true }, 'CN', handlingMs)
            expect(folded).toEqual(traced)
          })
        },
      ),
      { numRuns: 60 },
    )
  }, 120_000)
})
