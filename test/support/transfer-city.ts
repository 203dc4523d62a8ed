import type { Pool } from 'pg'
import { BagDetail } from '../../schema/http/bags.ts'
import { Facility } from '../../schema/http/facilities.ts'
import { Transfer, TransferPlan, TransferRequest, Transfers } from '../../schema/http/transfers.ts'
import type { Door } from '../api/http/door.ts'
import { aWorker, done, type Worker } from './hospital.ts'
import { aDevice, noon } from './world.ts'

const hour = 3_600_000
const day = 24 * hour
const iso = (at: number) => new Date(at).toISOString()

/** So far from the first hospital that a courier takes a while: hospitals stand in a row, some 3 km apart. */
export async function standAt(pool: Pool, device: string, east: number): Promise<void> {
  await pool.query(
    `insert into device_state (device_id, position, last_received_at)
     select id, $2::jsonb, 1 from device where name = $1
     on conflict (device_id) do update set position = excluded.position`,
    [device, JSON.stringify({ at: noon, lat: 36, lon: 120 + east * 0.033 })],
  )
}

/** What the judge would have written of a bag. */
export async function kept(pool: Pool, bagId: string, verdict = 'OK'): Promise<void> {
  await pool.query(`update bag_ledger set known_to = $2 where bag_id = $1 and known_to is null`, [
    bagId,
    noon,
  ])
  await pool.query(
    `insert into bag_ledger (bag_id, revision, jurisdiction, verdict, entries, policies, known_from)
     values ($1, (select count(*) + 1 from bag_ledger where bag_id = $1), 'CN', $2, '[]', '{}', $3)`,
    [bagId, verdict, noon],
  )
}

export type Cells = {
  readonly facility?: string
  readonly abo?: string
  readonly rhd?: string
  readonly amount?: number
  readonly days?: number
}

/** A centre C1 and hospitals H1, H2 and H3 in a row, and who works there. H4 is nowhere anybody knows. */
export async function aTransferCity(door: Door) {
  const { pool } = door.world.deps.database
  const place = { kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await door.ask(Facility, 'POST', '/facilities', { ...place, code: 'C1', name: 'Centre', kind: 'centre' })
  for (const code of ['H2', 'H3', 'H4'])
    await door.ask(Facility, 'POST', '/facilities', { ...place, code, name: code })
  for (const [code, east] of Object.entries({ H1: 0, H2: 1, H3: 2, C1: 3 })) {
    const device = `fridge-of-${code}`
    await aDevice(door.world, device, {}, noon - day, code)
    await standAt(pool, device, east)
  }
  const [lab, lab2, lab3, lab4, nurse, physician, centre, courier, courier2, engineer] = await Promise.all([
    aWorker(door, 'lab', 'transfusion_lab', 'H1'),
    aWorker(door, 'lab2', 'transfusion_lab', 'H2'),
    aWorker(door, 'lab3', 'transfusion_lab', 'H3'),
    aWorker(door, 'lab4', 'transfusion_lab', 'H4'),
    aWorker(door, 'nurse', 'nurse', 'H1'),
    aWorker(door, 'dr-li', 'physician', 'H1'),
    aWorker(door, 'centre', 'centre', 'C1'),
    aWorker(door, 'courier', 'courier', 'H1'),
    aWorker(door, 'courier2', 'courier', 'H2'),
    aWorker(door, 'engineer', 'engineer', 'H1'),
  ])
  let drawn = 0
  return {
    /** Another device of H2 stands somewhere, and said so last. */
    async standsAt(device: string, east: number, kind: 'fridge' | 'box' = 'fridge') {
      await aDevice(door.world, device, {}, noon - day, 'H2')
      await pool.query('update device set kind = $2 where name = $1', [device, kind])
      await standAt(pool, device, east)
      await pool.query(
        `update device_state set last_received_at = 2 where device_id = (select id from device where name = $1)`,
        [device],
      )
    },
    ...{ lab, lab2, lab3, lab4, nurse, physician, centre, courier, courier2, engineer },
    /** Red cells in stock that were kept as they must be: 2 U of O RhD-positive at H2 where nothing else is said. */
    async aBag({ facility = 'H2', abo = 'O', rhd = 'positive', amount = 2, days = 20 }: Cells = {}) {
      const { bagId } = await door.ask(BagDetail, 'POST', '/bags', {
        din: `=A999926${String(++drawn).padStart(6, '0')}00`,
        productCode: 'E0336V00',
        component: 'red_cells',
        group: { abo, rhd },
        expiresAt: iso(noon + days * day),
        facility,
      })
      await pool.query(`update bag set amount = $1, uom = 'U' where id = $2`, [amount, bagId])
      await kept(pool, bagId)
      return bagId
    },
  }
}
export type TransferCity = Awaited<ReturnType<typeof aTransferCity>>

export const aWish = (changes: object = {}) => ({
  ...{ urgency: 'emergency', deadline: iso(noon + 2 * hour) },
  lines: [{ component: 'red_cells', amount: 4, uom: 'U' }],
  patient: { abo: 'O', rhd: 'positive' },
  ...changes,
})

export const ask = (worker: Worker, changes: object = {}, code = 'H1') =>
  done(worker.post(`/facilities/${code}/transfer-requests`, aWish(changes)), TransferRequest)

export const plan = (worker: Worker, requests?: readonly string[]) =>
  done(worker.post('/transfer-plans', requests ? { requests } : {}), TransferPlan)

export const accept = async (worker: Worker, { planId }: { planId: string }, body: object = {}) =>
  (await done(worker.post(`/transfer-plans/${planId}/accept`, body), Transfers)).transfers

export const look = (worker: Worker, { transferId }: { transferId: string }) =>
  done(worker.get(`/transfers/${transferId}`), Transfer)

export const lookAt = (worker: Worker, { requestId }: { requestId: string }) =>
  done(worker.get(`/transfer-requests/${requestId}`), TransferRequest)
