import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { serve } from '@hono/node-server'
import { expect, onTestFinished } from 'vitest'
import { provision } from '../../../devices-sim/provision.ts'
import { Devices } from '../../../schema/http/devices.ts'
import { Facilities } from '../../../schema/http/facilities.ts'
import { adminKey, type Door, test } from './door.ts'

/** The door on a real socket. */
async function open(door: Door): Promise<{ api: string; port: number }> {
  const server = serve({ fetch: door.fetch, hostname: '127.0.0.1', port: 0 }) as Server
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  return { api: `http://127.0.0.1:${port}`, port }
}

test('the simulator sets up its fleet here, and again, if asked, after it lost its secrets', async ({
  door,
}) => {
  const { api } = await open(door)
  const fleet = ['fridge-1', 'fridge-2'].map((name) => ({
    name,
    kind: 'fridge' as const,
    facility: 'hospital-1',
    profile: { low: 2, high: 6, maxSilenceSeconds: 180 },
  }))
  const secrets = await provision({ api, key: adminKey }, fleet)
  const again = await provision({ api, key: adminKey }, fleet, { rotate: true })

  expect([...secrets.keys()].sort()).toEqual(['fridge-1', 'fridge-2'])
  for (const [name, secret] of again) expect(secret).not.toBe(secrets.get(name))
  const { facilities } = await door.ask(Facilities, 'GET', '/facilities')
  expect(facilities).toContainEqual({
    code: 'hospital-1',
    name: 'hospital-1',
    kind: 'hospital',
    timeZone: 'Asia/Shanghai',
    jurisdiction: 'CN',
  })
  expect((await door.ask(Devices, 'GET', '/devices')).devices).toHaveLength(2)
  await expect(provision({ api, key: 'wrong' }, fleet)).rejects.toThrow('answered 401')
})

test('a body that never ends is cut off at a megabyte', async ({ door }) => {
  const { port } = await open(door)
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  let answer = ''
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      answer += data
      if (answer.includes('too_large')) resolve()
    })
  })
  socket.write(
    [
      'POST /facilities HTTP/1.1',
      'Host: hemotrail',
      `Authorization: Bearer ${adminKey}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
      '\r\n',
    ].join('\r\n'),
  )
  const chunk = Buffer.alloc(65_536, 0x20)
  const frame = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])
  for (let sent = 0; sent <= 17; sent++) socket.write(frame)
  await answered
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
})
