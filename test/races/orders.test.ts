import { expect } from 'vitest'
import { everywhere } from '../../api/domain/rights.ts'
import { findFacility } from '../../api/stores/facilities.ts'
import { listOrders } from '../../api/stores/orders.ts'
import { orderBlood, orderToFill, sayOfOrder } from '../../api/usecases/order-blood.ts'
import { setPatient } from '../../api/usecases/set-patient.ts'
import { ScanAnswer, TakeOut } from '../../schema/http/life.ts'
import { iso, openDoor } from '../api/http/door.ts'
import { testOnServer } from '../support/database.ts'
import {
  aBagInStock,
  aCity,
  aPatient as aPatientOf,
  done,
  putInFridge,
  signedIn,
} from '../support/hospital.ts'
import { aWorld, noon, type World } from '../support/world.ts'

const path = { code: 'H1', pseudonym: 'P1' }

async function aPatient({ ctx }: World): Promise<void> {
  const group = { abo: 'O', rhd: 'positive' } as const
  await setPatient(ctx, 'H1', { pseudonym: 'P1', group, antiD: false, sampleUntil: null })
}

/** Somebody who has every role, by name. */
const as = (world: World, id: string) => ({
  ...world.ctx,
  grants: everywhere,
  actor: { kind: 'person', id } as const,
})

const order = (world: World, amount: number) =>
  orderBlood(as(world, 'dr-li'), path, {
    ...{ component: 'red_cells', amount, uom: 'U', indication: 'surgery', indicationText: 'hip' },
    ...{ urgency: 'routine', neededAt: noon },
  })

testOnServer(
  'of orders placed at once each counts those before it, and none slips below its tier',
  async ({ database }) => {
    const world = await aWorld(database)
    await aPatient(world)
    const orders = await Promise.all(Array.from({ length: 8 }, () => order(world, 1)))
    expect(orders.map(({ dayMl }) => dayMl).sort((a, b) => a - b)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * 200),
    )
    const { id } = await findFacility(database.db, 'H1')
    const tiers = (await listOrders(database.db, { facilityId: id }, 20, noon)).map(({ approvals }) =>
      approvals.join(),
    )
    const grades = {
      low: 'senior_physician',
      middle: 'senior_physician,department_head',
      high: 'department_head,medical_affairs',
    }
    expect(tiers.sort()).toEqual(
      [...Array(3).fill(grades.low), ...Array(4).fill(grades.middle), grades.high].sort(),
    )
  },
)

testOnServer(
  'of two words for one grade at once one is given, and the other is told so',
  async ({ database }) => {
    const world = await aWorld(database)
    await aPatient(world)
    const { id } = await order(world, 1)
    const said = await Promise.allSettled(
      ['dr-wu', 'dr-yu', 'dr-he'].map((who) => sayOfOrder(as(world, who), id, 'approve', null)),
    )
    expect(said.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
    const ended = await Promise.allSettled(
      ['dr-wu', 'dr-yu'].map((who) => sayOfOrder(as(world, who), id, 'cancel', 'no need')),
    )
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  },
)

testOnServer(
  'an order that is called off while it is filled is either filled first or not at all',
  async ({ database }) => {
    const world = await aWorld(database)
    await aPatient(world)
    const { id, facilityId } = await order(world, 1)
    await sayOfOrder(as(world, 'dr-wu'), id, 'approve', null)
    let cancelled: Promise<unknown> | undefined
    await database.db.transaction(async (tx) => {
      await orderToFill(world.ctx, tx, id, { facilityId, patient: 'P1' })
      cancelled = sayOfOrder(as(world, 'dr-yu'), id, 'cancel', 'no need')
    })
    await cancelled
    await expect(
      database.db.transaction((tx) => orderToFill(world.ctx, tx, id, { facilityId, patient: 'P1' })),
    ).rejects.toThrow('is cancelled already')
  },
)

/** Bags of two units each of whom an order of two units is approved for. */
async function anOrderAndBags(world: World, count: number) {
  const door = openDoor(world)
  const city = await aCity(door)
  await aPatientOf(city, 'P1', { sampleUntil: iso(noon + 86_400_000) })
  const bags = []
  for (let number = 1; number <= count; number++) bags.push(await aBagInStock(city, number))
  await world.deps.database.pool.query(`update bag set amount = 2, uom = 'U'`)
  const { id } = await order(world, 2)
  await sayOfOrder(as(world, 'dr-wu'), id, 'approve', null)
  const token = await signedIn(door, 'nurse-2', 'nurse', 'H1')
  return { door, city, bags, id, token }
}

for (const keyed of [false, true])
  testOnServer(
    `of bags scanned at several fridges at once for one order${keyed ? ', each by a key,' : ''} those that fill it are GO, and no more`,
    async ({ database }) => {
      const { door, city, bags, id, token } = await anOrderAndBags(await aWorld(database, 60_000), 4)
      const sessions: string[] = []
      for (const [index, { bagId }] of bags.entries()) {
        await putInFridge(door, `fridge-${index}`, [bagId])
        const opened = city.nurse.post('/take-outs', { device: `fridge-${index}`, patient: 'P1', order: id })
        sessions.push((await done(opened, TakeOut)).takeOutId)
      }
      const answers = await Promise.all(
        bags.map(async ({ din }, index) => {
          const asked = door.raw(`/take-outs/${sessions[index]}/scans`, {
            method: 'POST',
            headers: {
              authorization: `Bearer ${token}`,
              'content-type': 'application/json',
              ...(keyed ? { 'idempotency-key': `key-${index}` } : {}),
            },
            body: JSON.stringify({ din, productCode: 'E0336V00' }),
          })
          const { answer, findings } = await done(asked, ScanAnswer)
          return [answer, ...findings].join()
        }),
      )
      expect(answers.sort()).toEqual([...Array(3).fill('CALL,order_filled'), 'GO'])
    },
  )

testOnServer(
  'of bags handed out over the counter at once for one order none waits for the other for ever',
  async ({ database }) => {
    const { city, bags, id } = await anOrderAndBags(await aWorld(database, 60_000), 4)
    const issued = await Promise.all(
      bags.map(({ bagId }) =>
        city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1', reason: 'x', order: id }),
      ),
    )
    expect(issued.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  },
)
