import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createContainer } from '../../devices-sim/container.ts'
import { type Device, startDevice } from '../../devices-sim/device.ts'
import { presets } from '../../devices-sim/heat.ts'
import { provision } from '../../devices-sim/provision.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { AlarmDetail, Alarms } from '../../schema/http/alarms.ts'
import { createServerDatabase, describeOnServer } from '../support/database.ts'
import { until } from '../support/outcomes.ts'
import { type ServiceProcess, startServiceProcess } from './service.ts'

const maxSilenceMs = 10_000
/** An alarm for a silence is raised so long after it is due at most. */
const withinMs = 5_000
const names = ['left', 'middle', 'right']
const killsInQuiet = 10
const killsInAlarm = 10

/** A service with three fridges that tell of themselves twice a second, each over a network of its own. */
async function aWard(
  url: string,
): Promise<{ service: ServiceProcess; fridges: ReadonlyMap<string, Device> }> {
  const service = await startServiceProcess({ DATABASE_URL: url })
  onTestFinished(() => service.kill9())
  const planned = names.map((name) => ({
    ...{ name, kind: 'fridge' as const, facility: 'H1' },
    profile: { low: -20, high: 60, maxSilenceSeconds: maxSilenceMs / 1_000 },
  }))
  const secrets = await provision({ api: service.url, key: service.key }, planned)
  const fridges = new Map<string, Device>()
  for (const name of names) {
    const device = startDevice({
      url: `mqtt://127.0.0.1:${service.mqttPort}`,
      ...{ facility: 'H1', device: name, secret: secrets.get(name) as string },
      container: createContainer({ random: createRandom(name), heat: presets.bloodFridge, probes: ['load'] }),
      random: createRandom(`device ${name}`),
      boots: createRandom(Date.now()),
      intervalMs: 500,
      patience: { minMs: 100, maxMs: 500 },
    })
    onTestFinished(() => device.close(0))
    fridges.set(name, device)
  }
  return { service, fridges }
}

async function silences(service: ServiceProcess) {
  const { alarms } = Alarms.parse(await service.ask('GET', '/alarms'))
  return alarms.filter(({ kind }) => kind === 'silent')
}

/** When each of them was heard last, server time; waits until all were heard since they could be. */
async function heardAgain(service: ServiceProcess, fridges: Iterable<Device>): Promise<void> {
  const before = [...fridges].map((device) => ({ device, acknowledged: device.counts.acknowledged }))
  await until(() => before.every(({ device, acknowledged }) => device.counts.acknowledged > acknowledged))
  expect(service.pid()).toBeDefined()
}

/** @returns when it was ready again, or a little later */
async function restart(service: ServiceProcess): Promise<number> {
  await service.kill9()
  await service.start()
  return Date.now()
}

describeOnServer('a fridge that falls silent', (server) => {
  test('is paged once, however often the service is killed, and no other is', {
    timeout: 300_000,
  }, async () => {
    const made = await createServerDatabase(server)
    onTestFinished(() => made.drop())
    const { service, fridges } = await aWard(made.url)
    const [left, middle] = [fridges.get('left') as Device, fridges.get('middle') as Device]
    await heardAgain(service, fridges.values())

    // In quiet: killed again and again, and now and then left alone for longer than a silence may last.
    for (let kill = 0; kill < killsInQuiet; kill++) {
      await restart(service)
      await heardAgain(service, fridges.values())
      if (kill % 4 === 3) await delay(maxSilenceMs + withinMs)
    }
    expect(await silences(service)).toEqual([])

    // Cut without a word.
    left.cutNetwork()
    const cutAt = Date.now()
    await until(async () => (await silences(service)).length > 0, maxSilenceMs + 2 * withinMs)
    const [raised] = await silences(service)
    expect(raised).toMatchObject({ device: 'left', part: 'load' })
    const raisedAt = Date.parse(raised?.raisedAt as string)
    expect(raisedAt - cutAt).toBeLessThanOrEqual(maxSilenceMs + withinMs)

    for (let kill = 0; kill < killsInAlarm; kill++) {
      await restart(service)
      await heardAgain(service, [middle, fridges.get('right') as Device])
      if (kill % 4 === 3) await delay(maxSilenceMs + withinMs)
    }
    const [still, ...others] = await silences(service)
    expect(others).toEqual([])
    const { events } = AlarmDetail.parse(await service.ask('GET', `/alarms/${still?.id}`))
    expect(events.filter(({ verb }) => verb === 'raised')).toHaveLength(1)
    const paged = events.filter(({ verb }) => verb === 'escalated').map(({ data }) => data.to)
    expect(new Set(paged).size).toBe(paged.length)

    // Cut while the service is down: nobody heard it go.
    await service.kill9()
    middle.cutNetwork()
    await service.start()
    const readyAt = Date.now()
    await until(async () => (await silences(service)).length > 1, maxSilenceMs + 2 * withinMs)
    const second = (await silences(service)).find(({ device }) => device === 'middle')
    expect(Date.parse(second?.raisedAt as string) - readyAt).toBeLessThanOrEqual(maxSilenceMs + withinMs)
    expect(await silences(service)).toHaveLength(2)
  })
})
