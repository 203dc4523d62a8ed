import { afterAll, beforeAll, expect, test } from 'vitest'
import { lockBags } from '../../api/stores/bags.ts'
import { tables } from '../../api/stores/database.ts'
import { createDrizzle } from '../../api/stores/pool.ts'
import { describeOnServer } from '../support/database.ts'
import { aHospital, aLabel, startTwoServices, type TwoServices } from './two-services.ts'

/** As many as a service has connections (two-services.ts). */
const poolSize = 8

describeOnServer('scans of a bag that somebody else has locked', (url) => {
  let two: TwoServices
  let nurse = ''
  let takeOutId: unknown

  beforeAll(async () => {
    two = await startTwoServices(url)
    const { ask, must } = two
    await must(ask(0, 'POST', '/facilities', aHospital('H1')))
    const profile = { low: 2, high: 6 }
    await must(ask(0, 'POST', '/devices', { name: 'fridge', kind: 'fridge', facility: 'H1', profile }))
    const credentials = { username: 'nurse', password: 'correct horse battery' }
    const roles = [{ role: 'nurse', facility: 'H1' }]
    await must(ask(0, 'POST', '/people', { ...credentials, name: 'Nurse', roles }))
    nurse = String((await must(ask(0, 'POST', '/session', credentials))).token)
    const group = { abo: 'O', rhd: 'positive' }
    const sampleUntil = new Date(Date.now() + 86_400_000).toISOString()
    await must(ask(0, 'PUT', '/facilities/H1/patients/P', { ...group, sampleUntil }))
    const opened = await must(
      ask(0, 'POST', '/take-outs', { device: 'fridge', patient: 'P' }, { bearer: nurse }),
    )
    takeOutId = opened.takeOutId
  })
  afterAll(() => two?.close())

  const scan = (number: number, idempotencyKey?: string) => {
    const { din, productCode } = aLabel(number)
    const path = `/take-outs/${takeOutId}/scans`
    return two.ask(0, 'POST', path, { din, productCode }, { bearer: nurse, idempotencyKey })
  }
  const aBag = async (number: number) =>
    String((await two.must(two.ask(0, 'POST', '/bags', aLabel(number)))).bagId)

  const whileLocked = (bagId: string, work: () => Promise<void>) =>
    createDrizzle(two.pool, tables).transaction(async (tx) => {
      await lockBags(tx, [bagId])
      await work()
    })

  test.each([
    ['without a key', 1, false],
    ['with one', 3, true],
  ])('%s say soon that it is busy, and leave connections to others', async (_, number, isKeyed) => {
    await aBag(number + 1)
    await whileLocked(await aBag(number), async () => {
      const keyOf = (rival: number) => (isKeyed ? `${number}/${rival}` : undefined)
      const rivals = Array.from({ length: poolSize }, (_, rival) => scan(number, keyOf(rival)))
      const [other, ...told] = await Promise.all([scan(number + 1), ...rivals])
      expect(other).toMatchObject({ status: 201, body: { answer: 'GO' } })
      for (const one of told) expect(one).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    })
    expect(await scan(number, isKeyed ? `${number}/0` : undefined)).toMatchObject({ body: { answer: 'GO' } })
  })

  test('are told STOP meanwhile, where that is the answer', async () => {
    const bagId = await aBag(5)
    await two.must(two.ask(0, 'POST', `/bags/${bagId}/holds`, { kind: 'recall', reason: 'donor ill' }))
    await whileLocked(bagId, async () => {
      const told = await Promise.all([undefined, 'a', 'b'].map((key) => scan(5, key)))
      for (const one of told) expect(one).toMatchObject({ status: 201, body: { answer: 'STOP' } })
    })
  })
})
