import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Service, startService } from '../../../api/compose.ts'
import { readConfig } from '../../../api/config.ts'
import { silent } from '../../support/world.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hemotrail-sign-in-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Ended = { readonly code: unknown; readonly stdout: string; readonly stderr: string }

function cli(environment: Readonly<Record<string, string>>, input: string, ...words: readonly string[]) {
  const env = {
    PATH: process.env.PATH,
    HEMOTRAIL_DATA: join(folder, 'data'),
    HEMOTRAIL_SESSIONS: join(folder, 'state', 'sessions.json'),
    ...environment,
  }
  return new Promise<Ended>((resolve) => {
    const child = execFile(
      process.execPath,
      ['--import', 'tsx', 'api/cli.ts', ...words],
      { env },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    )
    child.stdin?.end(input)
  })
}

const password = 'correct horse battery\n'

test('the first administrator is let in at the database, once, and signs in at a terminal', async () => {
  expect(await cli({}, 'short\n', 'administrator', 'ada')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('12 to 128 characters'),
  })
  expect(await cli({}, password, 'administrator', 'a b')).toMatchObject({ code: 2 })
  expect(await cli({}, password, 'administrator', 'Ada', '--name', 'Ada L')).toMatchObject({
    code: 0,
    stdout: 'ada may sign in now, and let others in\n',
  })
  expect(await cli({}, password, 'administrator', 'eve')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is an administrator already'),
  })

  const service: Service = await startService(
    readConfig({
      HEMOTRAIL_DATA: join(folder, 'data'),
      HEMOTRAIL_ADMIN_KEY: 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg==',
      HTTP_PORT: '0',
      MQTT_PORT: '0',
    }),
    { log: silent },
  )
  onTestFinished(() => service.close())
  const at = { HEMOTRAIL_URL: service.url }

  expect(await cli(at, '', 'whoami')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nobody is signed in'),
  })
  expect(await cli(at, 'wrong\n', 'sign-in', 'ada')).toMatchObject({
    code: 1,
    stderr: 'the username or the password is wrong\n',
  })
  expect(await cli(at, password, 'sign-in', 'ada')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^signed in as ada \(Ada L\) until .*\n {2}administrator everywhere\n$/),
  })
  expect(statSync(join(folder, 'state', 'sessions.json')).mode & 0o777).toBe(0o600)
  expect(JSON.parse((await cli(at, '', 'whoami', '--json')).stdout)).toEqual({
    kind: 'person',
    name: 'ada',
    roles: [{ role: 'administrator', facility: null }],
  })
  expect(await cli(at, '', 'sign-out')).toMatchObject({ code: 0, stdout: 'signed out\n' })
  expect(await cli(at, '', 'whoami')).toMatchObject({ code: 2 })
}, 120_000)
