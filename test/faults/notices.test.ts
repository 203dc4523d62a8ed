import { connectAsync } from 'mqtt'
import { describe, expect, onTestFinished, test } from 'vitest'
import { upTopic } from '../../schema/topics.ts'
import { startMailServer } from '../support/mail-server.ts'
import { until } from '../support/outcomes.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { describeWithPostgres, temporaryDirectory } from './city.ts'
import { startServiceProcess } from './service.ts'

const patienceMs = 120_000

describe('who is to be told of an alarm, on PGlite', () => {
  test('is told though the service is killed in the middle', { timeout: patienceMs }, async () => {
    await expectTold({ HEMOTRAIL_DATA: temporaryDirectory('hemotrail-data-') })
  })
})

describeWithPostgres('who is to be told of an alarm, on Postgres', () => {
  test('is told though the service is killed in the middle', { timeout: patienceMs }, async () => {
    const postgres = await startPostgres()
    onTestFinished(() => postgres.remove())
    await expectTold({ DATABASE_URL: postgres.url })
  })
})

type Notice = { readonly delivered: boolean | null; readonly attempts: readonly object[] }

/** Kill the service while the relay has the mail and has not answered, then let it go on. */
async function expectTold(environment: Readonly<Record<string, string>>): Promise<void> {
  const mail = await startMailServer()
  onTestFinished(() => mail.close())
  mail.answer = () => null
  const service = await startServiceProcess({
    ...environment,
    SMTP_URL: mail.url,
    MAIL_FROM: 'alarm@hospital.test',
  })
  onTestFinished(() => service.kill9())
  await service.ask('POST', '/facilities', {
    code: 'H1',
    name: 'First Hospital',
    kind: 'hospital',
    timeZone: 'Asia/Shanghai',
  })
  await service.ask('POST', '/facilities/H1/contacts', { name: 'ward', email: 'ward@hospital.test' })
  const always = { weekdays: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '00:00' }
  await service.ask('POST', '/facilities/H1/roster/shifts', { step: 'ward', contact: 'ward', ...always })
  const { name, secret } = await service.ask<{ name: string; secret: string }>('POST', '/devices', {
    name: 'fridge-1',
    kind: 'fridge',
    facility: 'H1',
    profile: { low: 2, high: 6 },
  })
  const device = await connectAsync(`mqtt://127.0.0.1:${service.mqttPort}`, {
    username: name,
    password: secret,
    clientId: name,
    reconnectPeriod: 0,
  })
  const now = Date.now()
  const body = [{ at: now, probe: 'load', celsius: 9 }]
  const message = { v: 1, boot: 'boot-a', seq: 0, sentAt: now, uptimeMs: 1_000, body }
  await device.publishAsync(upTopic('H1', name, 'readings'), JSON.stringify(message), { qos: 1 })
  await until(() => mail.received.length === 1)

  await service.kill9()
  device.end(true)
  mail.answer = () => '250 taken'
  await service.start()

  const [alarm] = (await service.ask<{ alarms: { id: number }[] }>('GET', '/alarms')).alarms
  const noticesOf = async () =>
    (await service.ask<{ notices: Notice[] }>('GET', `/alarms/${alarm?.id}/notices`)).notices
  await until(async () => (await noticesOf())[0]?.delivered === true)
  expect(await noticesOf()).toMatchObject([{ delivered: true, attempts: [{ attempt: 1 }] }])
  expect(mail.received.map(({ to }) => to)).toEqual(['ward@hospital.test', 'ward@hospital.test'])
}
