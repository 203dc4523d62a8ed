import { expect } from 'vitest'
import { everywhere } from '../../api/domain/rights.ts'
import { lockBags } from '../../api/stores/bags.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { insertAntibody } from '../../api/stores/patient-records.ts'
import { findPatient, savePatient } from '../../api/stores/patients.ts'
import { scanBag } from '../../api/usecases/scan-bag.ts'
import { setPatient } from '../../api/usecases/set-patient.ts'
import { BagDetail } from '../../schema/http/bags.ts'
import { iso, openDoor } from '../api/http/door.ts'
import { testOnServer } from '../support/database.ts'
import { aBagInFridge, aCity, aPatient, done, signedIn } from '../support/hospital.ts'
import { until } from '../support/outcomes.ts'
import { aWorld, noon } from '../support/world.ts'

const somebodyWaits = ({ pool }: OpenDatabase) =>
  until(async () => {
    const waiting = await pool.query(
      `select from pg_locks l join pg_stat_activity a using (pid)
       where a.datname = current_database() and l.locktype in ('transactionid', 'tuple') and not l.granted`,
    )
    return waiting.rows.length > 0
  })

testOnServer('anti-D that two write down at once, one without it, stays', async ({ database }) => {
  const { ctx } = await aWorld(database)
  const group = { abo: 'O', rhd: 'negative' } as const
  const known = { pseudonym: 'P1', group, antiD: true, sampleUntil: null }
  const { rows } = await database.pool.query(`select id from facility where code = 'H1'`)
  let second: Promise<unknown> | undefined
  await database.db.transaction(async (tx) => {
    await savePatient(tx, ctx.actor, rows[0].id, known, noon)
    second = setPatient(ctx, 'H1', { ...known, antiD: false })
    await somebodyWaits(database)
  })
  await second
  expect(await findPatient(database.db, rows[0].id, 'P1')).toMatchObject({ antiD: true })
})

for (const [how, answered] of [
  ['a scan', 'CALL antigen_unknown'],
  ['the counter', '409 unverified'],
] as const)
  testOnServer(
    `${how} waits for an antibody that is being written down, and is answered by it`,
    async ({ database }) => {
      const door = openDoor(await aWorld(database, 60_000))
      const { ctx } = door.world
      const city = await aCity(door)
      await aPatient(city, 'P1', { abo: 'A', rhd: 'positive', sampleUntil: iso(noon + 86_400_000) })
      const { bagId, label, open } = await aBagInFridge(door, city)
      const { takeOutId } = await open()
      const { rows } = await database.pool.query(`select id from facility where code = 'H1'`)
      const take = async () => {
        if (how === 'a scan') {
          const asked = { takeOutId, ...label, override: null, glassBroken: null }
          const { answer, rule } = await scanBag({ ...ctx, grants: everywhere }, asked)
          return `${answer} ${rule?.code}`
        }
        const response = await city.lab.post(`/bags/${bagId}/issue`, { patient: 'P1' })
        return `${response.status} ${((await response.json()) as { code?: string }).code}`
      }
      let told: Promise<string> | undefined
      await database.db.transaction(async (tx) => {
        const row = { specificity: 'K', significant: true, sampleId: null, remark: null } as const
        await insertAntibody(tx, ctx.actor, { facilityId: rows[0].id, pseudonym: 'P1' }, row, noon)
        told = take()
        await somebodyWaits(database)
      })
      expect(await told).toBe(answered)
      expect((await done(city.lab.get(`/bags/${bagId}`), BagDetail)).state).toBe('available')
    },
  )

testOnServer(
  'who locks a bag, and then its patient, is not in the way of a scan with a key, nor it in theirs',
  async ({ database }) => {
    const door = openDoor(await aWorld(database, 60_000))
    const { ctx } = door.world
    const city = await aCity(door)
    await aPatient(city, 'P1', { abo: 'A', rhd: 'positive', sampleUntil: iso(noon + 86_400_000) })
    const { bagId, label, open } = await aBagInFridge(door, city)
    const { takeOutId } = await open()
    const { rows } = await database.pool.query(`select id from facility where code = 'H1'`)
    const nurse = await signedIn(door, 'nurse-2', 'nurse', 'H1')
    let told: Promise<Response> | undefined
    await database.db.transaction(async (tx) => {
      await lockBags(tx, [bagId])
      told = door.raw(`/take-outs/${takeOutId}/scans`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${nurse}`,
          'content-type': 'application/json',
          'idempotency-key': 'one',
        },
        body: JSON.stringify(label),
      })
      await somebodyWaits(database)
      const row = { specificity: 'K', significant: true, sampleId: null, remark: null } as const
      await insertAntibody(tx, ctx.actor, { facilityId: rows[0].id, pseudonym: 'P1' }, row, noon)
    })
    const response = (await told) as Response
    expect([response.status, ((await response.json()) as { answer?: string }).answer]).toEqual([201, 'CALL'])
  },
)
