import fc from 'fast-check'
import { expect } from 'vitest'
import { appendNews, endOfNews, kindsOfNews } from '../../../api/stores/news.ts'
import { test } from '../../support/database.ts'
import { noon } from '../../support/world.ts'

test('which kinds of news concern which facility is told once, whoever reads how often', async ({
  database,
}) => {
  const { db } = database
  let lot = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(
          fc.record({
            kind: fc.constantFrom('bag.issued', 'bag.hold_placed', 'alarm.raised'),
            facilityIds: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
          }),
          { maxLength: 6 },
        ),
        { maxLength: 5 },
      ),
      async (lots) => {
        let cursor = await endOfNews(db)
        const expected = new Set<string>()
        const heard: string[] = []
        const listen = async () => {
          const { told, next } = await kindsOfNews(db, cursor)
          cursor = next
          heard.push(...told.map(({ kind, facilityId }) => `${kind} of ${facilityId}`))
        }
        for (const items of lots) {
          lot += 1
          const told = items.map(({ kind, facilityIds }) => ({ kind: `${kind} ${lot}`, facilityIds }))
          for (const { kind, facilityIds } of told)
            for (const id of facilityIds) expected.add(`${kind} of ${id}`)
          await db.transaction((tx) =>
            appendNews(
              tx,
              told.map((item) => ({ at: noon, subject: 'bag', data: {}, ...item })),
            ),
          )
          await listen()
        }
        // What others of the server have open holds it up.
        while (heard.length < expected.size) await listen()
        expect(heard.sort()).toEqual([...expected].sort())
      },
    ),
    { numRuns: 30 },
  )
})
