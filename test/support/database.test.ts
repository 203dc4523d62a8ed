import { expect } from 'vitest'
import { facility } from '../../schema/tables/facilities.ts'
import { serverUrl, test, testOnServer } from './database.ts'

const aFacility = { code: 'a', name: 'a', kind: 'centre', timeZone: 'UTC', createdAt: 1 } as const

for (const turn of ['first', 'second']) {
  test(`the ${turn} test of a file finds its database migrated and empty`, async ({ db }) => {
    expect(await db.$count(facility)).toBe(0)
    const [row] = await db.insert(facility).values(aFacility).returning({ id: facility.id })
    expect(row).toEqual({ id: 1 })
  })
}

test('the database is on the server where one is given', ({ database }) => {
  expect(database.kind).toBe(serverUrl() === undefined ? 'pglite' : 'postgres')
})

testOnServer('what needs a server gets one', async ({ database }) => {
  expect(database.kind).toBe('postgres')
})
