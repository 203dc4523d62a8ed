import { expect } from 'vitest'
import { everywhere } from '../../api/domain/rights.ts'
import { findFacility } from '../../api/stores/facilities.ts'
import { listOrders } from '../../api/stores/orders.ts'
import { orderBlood, orderToFill, sayOfOrder } from '../../api/usecases/order-blood.ts'
import { setPatient } from '../../api/usecases/set-patient.ts'
import { testOnServer } from '../support/database.ts'
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
