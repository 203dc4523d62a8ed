import { expect } from 'vitest'
import { Person } from '../../../schema/http/people.ts'
import { aCity, aPatient, refusal, signedIn } from '../../support/hospital.ts'
import { aDevice } from '../../support/world.ts'
import { type Door, test } from './door.ts'

/* Who scans and what the scan is decided by are read together: nothing of it is told or written unless they may scan. */

async function aDoorSession(door: Door): Promise<{ token: string; takeOutId: string }> {
  await aPatient(await aCity(door), 'P1')
  await aDevice(door.world, 'fridge-or')
  const token = await signedIn(door, 'scanner', 'nurse', 'H1')
  const opened = await send(door, token, 'POST', '/take-outs', { device: 'fridge-or', patient: 'P1' })
  return { token, takeOutId: ((await opened.json()) as { takeOutId: string }).takeOutId }
}

const send = (door: Door, token: string, method: string, path: string, body?: unknown) =>
  door.raw(path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

const label = { din: '=A99992600000100', productCode: 'E0336V00' }

async function answersWritten({ world }: Door): Promise<number> {
  const { rows } = await world.deps.database.pool.query('select count(*)::int as count from scan_answer')
  return rows[0].count
}

test('a nurse is answered, until she has signed out', async ({ door }) => {
  const { token, takeOutId } = await aDoorSession(door)
  const scan = () => send(door, token, 'POST', `/take-outs/${takeOutId}/scans`, label)
  expect((await scan()).status).toBe(201)
  expect((await send(door, token, 'DELETE', '/session')).status).toBe(200)
  expect(await refusal(scan())).toMatchObject({ status: 401, code: 'unauthenticated' })
  expect(await answersWritten(door)).toBe(1)
})

test('whoever has left, or lost the role, is refused at the next scan', async ({ door }) => {
  const { token, takeOutId } = await aDoorSession(door)
  const scan = () => send(door, token, 'POST', `/take-outs/${takeOutId}/scans`, label)
  await door.ask(Person, 'DELETE', '/people/scanner/roles?role=nurse&facility=H1')
  expect(await refusal(scan())).toMatchObject({ status: 403, code: 'forbidden' })
  await door.ask(Person, 'POST', '/people/scanner/roles', { role: 'nurse', facility: 'H1' })
  expect((await scan()).status).toBe(201)
  await door.ask(Person, 'POST', '/people/scanner/end', { reason: 'moved away' })
  expect(await refusal(scan())).toMatchObject({ status: 401, code: 'unauthenticated' })
  expect(await answersWritten(door)).toBe(1)
})

test('a stranger is told nothing of what a scan says, and who is known is', async ({ door }) => {
  const { token, takeOutId } = await aDoorSession(door)
  const path = `/take-outs/${takeOutId}/scans`
  const nowhere = '/take-outs/0198c6a4-0000-7000-8000-000000000000/scans'
  const cases = [
    [path, label, 201],
    [nowhere, label, 404],
    ['/take-outs/none/scans', label, 400],
    [path, { ...label, din: 'no DIN' }, 400],
    [path, { din: label.din }, 400],
    [path, 'no JSON', 400],
  ] as const
  const forged = `${token.slice(0, -4)}AAA=`
  for (const [at, body, status] of cases) {
    const known = await send(door, token, 'POST', at, body)
    expect(known.status, `${at} ${JSON.stringify(body)}`).toBe(status)
    expect(await refusal(send(door, forged, 'POST', at, body))).toMatchObject({
      status: 401,
      code: 'unauthenticated',
    })
  }
  expect(await answersWritten(door)).toBe(1)
})
