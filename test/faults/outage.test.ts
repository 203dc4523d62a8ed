import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { failureOf } from '../support/outcomes.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { connectRaw } from '../support/raw-mqtt.ts'
import { aCity, type City, describeWithPostgres, expectNothingLost } from './city.ts'
import { startProxy } from './proxy.ts'

const patienceMs = 120_000
const count = 30

describeWithPostgres('a database that is away', () => {
  test('for seconds only delays acknowledgements', { timeout: patienceMs }, async () => {
    const postgres = await aPostgres()
    const city = await aCity(plan(postgres.url))
    const { fleet, service, spare } = city
    const before = await fleet.until(({ acknowledged }) => acknowledged > 1_000)

    await postgres.stop()
    const silent = await fleet.quiet()
    expect(await readiness(service.url)).toBe(503)
    expect(await failureOf(connect(city, spare))).toMatchObject({ message: 'CONNACK 3' })
    await delay(4_000)
    const stillSilent = await fleet.report()
    await postgres.start()

    expect(stillSilent).toMatchObject({ acknowledged: silent.acknowledged, inFlight: silent.inFlight })
    expect(silent.inFlight).toBeGreaterThan(0)
    const after = await fleet.until(({ acknowledged }) => acknowledged > silent.acknowledged + 1_000)
    expect(after).toMatchObject({ connects: before.connects, hangUps: 0, lost: 0, outOfOrder: 0 })
    expect(after.longestWaitMs).toBeGreaterThan(4_000)
    expect(await readiness(service.url)).toBe(200)
    ;(await connect(city, spare)).end()
    await expectNothingLost(city, { url: postgres.url })
  })

  test('for longer than acknowledgements may wait hangs up on its devices', {
    timeout: patienceMs,
  }, async () => {
    const postgres = await aPostgres()
    const city = await aCity({ ...plan(postgres.url), environment: { HOLD_SECONDS: '3' } })
    const { fleet } = city
    await fleet.until(({ acknowledged }) => acknowledged > 1_000)

    await postgres.stop()
    const silent = await fleet.quiet()
    const hungUp = await fleet.until(({ connected }) => connected === 0)
    expect(hungUp.hangUps).toBe(count)
    expect(hungUp.lost).toBe(silent.inFlight)
    const turnedAway = await fleet.until(({ refusals }) => (refusals['CONNACK 3'] ?? 0) > count)
    expect(turnedAway.acknowledged).toBe(silent.acknowledged)

    await postgres.start()
    await fleet.until(({ acknowledged }) => acknowledged > silent.acknowledged + 1_000)
    await expectNothingLost(city, { url: postgres.url })
  })

  test('without a word, as if its cable were cut, hangs up on its devices too', {
    timeout: patienceMs,
  }, async () => {
    const postgres = await aPostgres()
    const proxy = await startProxy(Number(new URL(postgres.url).port))
    onTestFinished(() => proxy.close())
    const through = new URL(postgres.url)
    through.port = String(proxy.port)
    const city = await aCity({ ...plan(through.href), environment: { HOLD_SECONDS: '3' } })
    const { fleet } = city
    await fleet.until(({ acknowledged }) => acknowledged > 1_000)

    proxy.cut()
    const silent = await fleet.quiet()
    const hungUp = await fleet.until(({ connected }) => connected === 0, 30_000)
    expect(hungUp.acknowledged).toBe(silent.acknowledged)

    proxy.mend()
    await fleet.until(({ acknowledged }) => acknowledged > silent.acknowledged + 1_000)
    await expectNothingLost(city, { url: postgres.url })
  })
})

function plan(url: string) {
  return { database: { DATABASE_URL: url }, devices: count, window: 4, seed: 'outage' }
}

async function aPostgres() {
  const postgres = await startPostgres()
  onTestFinished(() => postgres.remove())
  return postgres
}

function connect({ service }: City, { name, secret }: City['spare']) {
  const port = service.mqttPort
  return connectRaw({ host: '127.0.0.1', port, clientId: name, username: name, password: secret })
}

async function readiness(url: string): Promise<number> {
  return (await fetch(new URL('/ready', url))).status
}
