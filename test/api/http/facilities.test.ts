import { expect } from 'vitest'
import { Facilities, Facility } from '../../../schema/http/facilities.ts'
import { test } from './door.ts'

const ambulance = {
  code: 'ambulance-3',
  name: '急救车 3',
  kind: 'ambulance',
  timeZone: 'Asia/Shanghai',
  jurisdiction: 'UK',
}

test('a facility that was made known is listed by its code and found by it', async ({ door }) => {
  expect(await door.ask(Facility, 'POST', '/facilities', ambulance)).toEqual(ambulance)

  expect(await door.ask(Facility, 'GET', '/facilities/ambulance-3')).toEqual(ambulance)
  const { facilities } = await door.ask(Facilities, 'GET', '/facilities')
  expect(facilities.map(({ code }) => code).sort()).toEqual(['H1', 'ambulance-3'])
})

test('a code names one facility for ever', async ({ door }) => {
  const again = { ...ambulance, code: 'H1' }
  expect(await door.refused('POST', '/facilities', again)).toMatchObject({
    status: 409,
    code: 'already_exists',
    detail: 'a facility with the code H1 exists already',
  })
  expect(await door.ask(Facility, 'GET', '/facilities/H1')).toMatchObject({ name: 'First Hospital' })
})

test('a facility nobody made known is not there', async ({ door }) => {
  expect(await door.refused('GET', '/facilities/H9')).toMatchObject({ status: 404, code: 'not_found' })
})

test('a facility stands in a time zone there is', async ({ door }) => {
  for (const timeZone of ['Asia/Nowhere', '', 'UTC+8 or so', 8]) {
    expect(await door.refused('POST', '/facilities', { ...ambulance, timeZone })).toMatchObject({
      status: 400,
      issues: [{ path: 'timeZone' }],
    })
  }
})
