import { expect } from 'vitest'
import type { Context } from '../../api/context.ts'
import { insertBag } from '../../api/stores/bags.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { openTakeOut } from '../../api/usecases/open-take-out.ts'
import { processBag } from '../../api/usecases/process-bag.ts'
import { openRecall, recordLot } from '../../api/usecases/recall.ts'
import { registerBag, uuidv7 } from '../../api/usecases/register-bag.ts'
import { scanBag } from '../../api/usecases/scan-bag.ts'
import { setPatient } from '../../api/usecases/set-patient.ts'
import { testOnServer } from '../support/database.ts'
import { failureOf, until } from '../support/outcomes.ts'
import { aDevice, aWorld, noon, type World } from '../support/world.ts'

const expiresAt = noon + 86_400_000
const dinOf = (number: number) => `=A999926${String(number).padStart(6, '0')}00`

function aBag({ ctx }: World, number: number): Promise<{ id: string }> {
  const group = { abo: 'O', rhd: 'positive' } as const
  const label = { din: dinOf(number), productCode: 'E0336V00', component: 'red_cells' } as const
  return registerBag(ctx, { ...label, facility: 'H1', group, expiresAt })
}

/** Bags of one lot, and a nurse at the fridge. */
async function aLot(database: OpenDatabase, count: number) {
  const world = await aWorld(database)
  const ids: string[] = []
  for (let number = 1; number <= count; number++) {
    const { id } = await aBag(world, number)
    await recordLot(world.ctx, { bagId: id, kind: 'bag_set', number: 'LOT-7' })
    ids.push(id)
  }
  await aDevice(world, 'fridge')
  const { ctx } = world
  await setPatient(ctx, 'H1', {
    pseudonym: 'P1',
    group: { abo: 'O', rhd: 'positive' },
    antiD: false,
    sampleUntil: noon + 86_400_000,
  })
  const seen = { sex: null, ageYears: null }
  const opened = await openTakeOut(ctx, {
    device: 'fridge',
    patient: 'P1',
    emergency: false,
    reason: null,
    seen,
  })
  const scan = async (number: number) =>
    (
      await scanBag(ctx, {
        takeOutId: opened.id,
        din: dinOf(number),
        productCode: 'E0336V00',
        override: null,
        glassBroken: null,
      })
    ).answer
  return { world, ids, scan }
}

const ofLot = { facility: 'H1', scope: 'lot', of: 'LOT-7', reason: 'it leaks' } as const

async function holdsIn({ pool }: OpenDatabase): Promise<{ bagId: string; holds: number }[]> {
  const { rows } = await pool.query(
    `select bag.id as "bagId", count(h.id)::int as holds from bag left join bag_hold h on h.bag_id = bag.id
     group by bag.id order by bag.id`,
  )
  return rows
}

/** Until so many wait for another's transaction. */
function waiting({ pool }: OpenDatabase, count: number): Promise<void> {
  return until(async () => {
    const { rows } = await pool.query(
      `select from pg_locks l join pg_stat_activity a using (pid)
       where a.datname = current_database() and l.locktype = 'transactionid' and not l.granted`,
    )
    return rows.length === count
  })
}

testOnServer(
  'no scan is answered GO once a recall is committed, however many race it',
  async ({ database }) => {
    const count = 40
    const { world, ids, scan } = await aLot(database, count)
    let answered = false
    const late: string[] = []
    const went = new Set<number>()
    async function nurse(first: number): Promise<void> {
      for (let number = first; number <= count; number += 3) {
        const isLate = answered
        // What is locked for too long is said to be busy, and hands nothing out.
        const answer = await scan(number).catch(() => 'busy')
        if (answer === 'GO') went.add(number)
        if (isLate) late.push(answer)
      }
    }
    const nurses = [1, 2, 3].map(nurse)
    await until(async () => went.size > 4)
    await openRecall(world.ctx, ofLot)
    answered = true
    await Promise.all(nurses)
    expect(late).not.toContain('GO')
    expect(await holdsIn(database)).toEqual([...ids].sort().map((bagId) => ({ bagId, holds: 1 })))
    for (let number = 1; number <= count; number++) expect(await scan(number)).toBe('STOP')
    const { rows } = await database.pool.query(
      `select count(*)::int as issued from bag where state = 'issued'`,
    )
    expect(rows[0].issued).toBe(went.size)
  },
)

testOnServer(
  'a scan that was decided before a recall, and writes after it, hands nothing out',
  async ({ database }) => {
    const { world, ids, scan } = await aLot(database, 1)
    let scanning: Promise<string> | undefined
    await database.db.transaction(async (tx) => {
      await openRecall({ ...world.ctx, database: { ...database, db: tx } } as Context, ofLot)
      // It sees no hold yet, and finds the bag locked.
      scanning = scan(1)
      const isOver = await Promise.race([
        scanning.then(() => true),
        until(async () => isRead(database)).then(() => false),
      ])
      expect(isOver).toBe(false)
    })
    expect(await scanning).toBe('STOP')
    expect(await holdsIn(database)).toEqual([{ bagId: ids[0], holds: 1 }])
  },
)

/** Somebody waits for a bag. */
async function isRead({ pool }: OpenDatabase): Promise<boolean> {
  const { rows } = await pool.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows.length > 0
}

testOnServer('the same recall from many at once is one, and holds each bag once', async ({ database }) => {
  const { world, ids } = await aLot(database, 10)
  const numbers = await Promise.all(Array.from({ length: 5 }, () => openRecall(world.ctx, ofLot)))
  expect(new Set(numbers).size).toBe(1)
  expect(await holdsIn(database)).toEqual([...ids].sort().map((bagId) => ({ bagId, holds: 1 })))
})

testOnServer('different recalls of the same bags at once all come through', async ({ database }) => {
  const { world, ids } = await aLot(database, 10)
  const bags = ids
    .slice(0, 4)
    .map((of) => ({ facility: 'H1', scope: 'bag', of, reason: 'looks odd' }) as const)
  await Promise.all(
    [ofLot, ...bags, { ...ofLot, kind: 'look_back' } as const].map((one) => openRecall(world.ctx, one)),
  )
  const expected = ids.map((bagId, index) => ({ bagId, holds: index < 4 ? 3 : 2 }))
  expect(await holdsIn(database)).toEqual(expected.sort((a, b) => (a.bagId < b.bagId ? -1 : 1)))
})

testOnServer('a recall of a bag that is being parted holds what it is parted into', async ({ database }) => {
  const { world, ids } = await aLot(database, 2)
  const [first] = ids as [string, string]
  const undone = new Error('comes to nothing')
  let parting: Promise<readonly { id: string }[]> | undefined
  let recalling: Promise<number> | undefined
  const failure = await failureOf(
    database.db.transaction(async (tx) => {
      // Whoever parts it waits where its child is written, with the bag locked.
      await insertBag(tx, {
        id: uuidv7(noon),
        scheme: 'ISBT128',
        identifier: dinOf(1).slice(1, 14),
        productCode: 'E0337',
        collectionType: 'V',
        division: '00',
        component: 'red_cells',
        expiresAt,
        registeredAt: noon,
      })
      const child = { productCode: 'E0337V00', component: 'red_cells', expiresAt, lowTitre: false } as const
      parting = processBag(world.ctx, { bagId: first, children: [child] })
      await waiting(database, 1)
      recalling = openRecall(world.ctx, ofLot)
      await waiting(database, 2)
      throw undone
    }),
  )
  expect(failure).toBe(undone)
  const [made] = (await parting) ?? []
  await recalling
  const held = [...ids, made?.id as string].sort().map((bagId) => ({ bagId, holds: 1 }))
  expect(await holdsIn(database)).toEqual(held)
})
