import { expect } from 'vitest'
import { findPatient, savePatient } from '../../api/stores/patients.ts'
import { setPatient } from '../../api/usecases/set-patient.ts'
import { testOnServer } from '../support/database.ts'
import { until } from '../support/outcomes.ts'
import { aWorld, noon } from '../support/world.ts'

testOnServer('anti-D that two write down at once, one without it, stays', async ({ database }) => {
  const { ctx } = await aWorld(database)
  const group = { abo: 'O', rhd: 'negative' } as const
  const known = { pseudonym: 'P1', group, antiD: true, sampleUntil: null }
  const { rows } = await database.pool.query(`select id from facility where code = 'H1'`)
  let second: Promise<unknown> | undefined
  await database.db.transaction(async (tx) => {
    await savePatient(tx, ctx.actor, rows[0].id, known, noon)
    second = setPatient(ctx, 'H1', { ...known, antiD: false })
    await until(async () => {
      const waiting = await database.pool.query(
        `select from pg_locks l join pg_stat_activity a using (pid)
         where a.datname = current_database() and l.locktype = 'transactionid' and not l.granted`,
      )
      return waiting.rows.length === 1
    })
  })
  await second
  expect(await findPatient(database.db, rows[0].id, 'P1')).toMatchObject({ antiD: true })
})
