import { describe, expect } from 'vitest'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { holdsOf, patientsOf } from '../../../api/stores/bags.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { dueForBags } from '../../../api/stores/ledger-due.ts'
import { ledgersOf } from '../../../api/stores/ledgers.ts'
import { rejudgedOf, verdictsOf } from '../../../api/stores/rejudged.ts'
import { findRejudgement, remainingOf } from '../../../api/stores/rejudgements.ts'
import { actOnBag } from '../../../api/usecases/act-on-bag.ts'
import { concludeLookBack } from '../../../api/usecases/close-look-back.ts'
import { decideOnRejudgement } from '../../../api/usecases/decide-on-rejudgement.ts'
import { liftBagHold } from '../../../api/usecases/hold-bags.ts'
import { judgeDue } from '../../../api/usecases/judge-due.ts'
import { processBag } from '../../../api/usecases/process-bag.ts'
import { proposeRejudgement } from '../../../api/usecases/propose-rejudgement.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { test } from '../../support/database.ts'
import { failureOf } from '../../support/outcomes.ts'
import { as, inForceFrom, red, rejudge } from '../../support/rejudging.ts'
import { aDevice, aMessage, aReading, aWorld, noon, type World } from '../../support/world.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Under a clock that stands still a batch that is given up is begun again, and the first may end after all. */
const patienceMs = 600_000

async function judgeAll({ deps }: World): Promise<void> {
  while ((await judgeDue(deps)).judged > 0);
}

/** All that judging writes down, as it stands in the database. */
async function written({ pool }: OpenDatabase) {
  const all = ['bag_ledger', 'rejudged_ledger', 'bag_hold', 'look_back', 'audit_entry', 'news', 'ledger_due']
  const rows = await Promise.all(all.map((table) => pool.query(`select * from ${table} order by id`)))
  return Object.fromEntries(all.map((table, index) => [table, rows[index]?.rows]))
}

async function beside({ deps }: World, bagId: string) {
  const told = await rejudgedOf(deps.database.db, bagId)
  return told.map(({ rejudgementId, revision, verdict, entries, ledger }) => ({
    ...{ rejudgementId, revision, verdict, ledger: ledger.revision },
    entries: entries
      .filter(({ kind }) => kind === 'high' || kind === 'low')
      .map(({ from, to, reason }) => [(from - noon) / minute, to && (to - noon) / minute, reason]),
  }))
}

async function standing({ deps }: World, bagId: string) {
  return (await holdsOf(deps.database.db, bagId)).filter(({ liftedAt }) => liftedAt === null)
}

/**
 * Two bags of red cells in a fridge since noon, which told 4 °C each ten minutes for three days, but for an hour at 8 °C
 * on the first. For the first two days `high` stood in the policy; then the limit that had been meant.
 */
async function aTypedPolicy(database: OpenDatabase, high: number, meant = 600) {
  const world = await aWorld(database, patienceMs)
  world.clock.now = noon - hour
  await inForceFrom(world, { high }, noon)
  await inForceFrom(world, { high: meant }, noon + 2 * day)
  await aDevice(world, 'f1', { high: 1_200 }, noon - hour)
  const bagIds: string[] = []
  for (const number of [1, 2]) {
    const din = `A99992600000${number}`
    const { id } = await registerBag(world.ctx, {
      ...{ din: din + dinCheckCharacter(din), productCode: 'E0336V00', facility: 'H1' },
      ...{ component: 'red_cells', expiresAt: noon + 30 * day },
    })
    await tagBag(world.ctx, { bagId: id, tag: `t${number}`, from: noon - hour })
    bagIds.push(id)
  }
  world.clock.now = noon + 3 * day
  let seq = 0
  const tell = (channel: 'readings' | 'bags', body: unknown) =>
    world.ingest.accept([
      aMessage({ device: 'f1', channel, boot: 'b1', seq: seq++, body, receivedAt: world.clock.now }),
    ])
  await tell('bags', [{ at: noon - hour, added: ['t1', 't2'], removed: [] }])
  const all = Array.from({ length: 6 * 24 * 3 + 7 }, (_, step) => {
    const at = noon - hour + step * 10 * minute
    const isWarm = at >= noon + 10 * hour && at < noon + 11 * hour
    return aReading(at, isWarm ? 8 : 4)
  })
  await tell('readings', all.slice(0, 300))
  await tell('readings', all.slice(300))
  await judgeAll(world)
  const [one, two] = bagIds as [string, string]
  return { world, one, two, tell }
}

describe('a limit that was typed wrong for two days', () => {
  test('is judged anew beside the ledgers, which stay as they are: bags that were too warm are held', async ({
    database,
  }) => {
    const { world, one, two, tell } = await aTypedPolicy(database, 1_000)
    const { db } = database
    expect((await ledgersOf(db, one))[0]?.verdict).toBe('OK')
    const before = await written(database)

    const id = await rejudge(world, 3, noon, noon + 2 * day)
    const asked = await findRejudgement(db, id)
    expect(await remainingOf(db, asked, 'all')).toBe(2)
    // Killed after the first bag: nothing is forgotten.
    const stop = new AbortController()
    await judgeDue(world.deps, stop.signal, async () => stop.abort())
    expect(await remainingOf(db, asked, 'all')).toBe(1)
    world.restart()
    await judgeAll(world)

    expect((await written(database)).bag_ledger).toEqual(before.bag_ledger)
    const breached = {
      ...{ rejudgementId: id, revision: 1, verdict: 'BREACHED', ledger: 1 },
      entries: [[600, 660, 'outside_limits']],
    }
    for (const bagId of [one, two]) {
      expect(await beside(world, bagId)).toEqual([breached])
      expect(await standing(world, bagId)).toMatchObject([{ kind: 'breach', rejudgementId: id }])
    }
    const [hold] = await standing(world, one)
    expect(hold?.reason).toMatch(/追溯复判第\d+号.*red_cells.*超限 \/ re-judgement \d+ .*outside its limits/)
    expect(await remainingOf(db, asked, 'all')).toBe(0)
    expect(await verdictsOf(db, id, 'all')).toEqual({ BREACHED: 2 })
    expect(await verdictsOf(db, id, new Set([999]))).toEqual({})
    expect(await remainingOf(db, asked, new Set([999]))).toBe(0)

    // To do it all again adds nothing.
    const done = await written(database)
    await db.transaction((tx) => dueForBags(tx, [one, two], 0))
    await judgeAll(world)
    expect(await written(database)).toEqual(done)

    // What is lifted is lifted for just that, and says nothing of the ledger.
    await liftBagHold(as(world, 'kim'), { bagId: one, holdId: hold?.id as number, reason: 'assessed' })
    await judgeAll(world)
    expect(await standing(world, one)).toEqual([])
    expect(await beside(world, one)).toEqual([
      { ...breached, revision: 2, verdict: 'OK', entries: [[600, 660, 'released']] },
    ])
    expect(await standing(world, two)).toHaveLength(1)
    expect((await written(database)).bag_ledger).toEqual(before.bag_ledger)

    // Late data is judged by it, too: 7 °C is nothing to what was in force, nor to the fridge.
    await tell('readings', [aReading(noon + 20 * hour + minute, 7)])
    await judgeAll(world)
    expect((await ledgersOf(db, one))[0]?.verdict).toBe('OK')
    expect(await beside(world, one)).toMatchObject([
      {
        verdict: 'BREACHED',
        revision: 3,
        entries: [
          [600, 660, 'released'],
          [1_201, 1_210, 'outside_limits'],
        ],
      },
    ])
    expect(await standing(world, one)).toMatchObject([{ kind: 'breach', rejudgementId: id }])
    const { rows } = await database.pool.query('select 1 from rejudged_ledger where bag_id = $1', [one])
    expect(rows).toHaveLength(3)
  }, 120_000)

  test('counts for what is made of a bag after the span, and only for what was measured in it', async ({
    database,
  }) => {
    const { world, one, two } = await aTypedPolicy(database, 1_000)
    const made = { productCode: 'E0337V00', component: 'red_cells', lowTitre: false } as const
    const [child] = await processBag(world.ctx, {
      bagId: one,
      children: [{ ...made, expiresAt: noon + 30 * day }],
    })
    if (!child) throw new Error('nothing was made')
    const id = await rejudge(world, 3, noon, noon + 2 * day)
    const cold = await rejudge(world, 3, noon + 12 * hour, noon + 2 * day)
    await judgeAll(world)
    expect(await beside(world, two)).toMatchObject([
      { rejudgementId: id, verdict: 'BREACHED' },
      { rejudgementId: cold, verdict: 'OK' },
    ])
    expect(await standing(world, two)).toMatchObject([{ rejudgementId: id }])
    expect(await beside(world, child.id)).toMatchObject([{ verdict: 'BREACHED' }, { verdict: 'OK' }])
    expect(await standing(world, child.id)).toMatchObject([{ kind: 'breach', rejudgementId: id }])
  })

  test('is done though something was made of a bag whose account began anew thereby', async ({
    database,
  }) => {
    const { world, one } = await aTypedPolicy(database, 1_000)
    const { id: made } = await registerBag(world.ctx, {
      ...{
        din: `A999926000003${dinCheckCharacter('A999926000003')}`,
        productCode: 'E2807V00',
        facility: 'H1',
      },
      ...{ component: 'platelets', expiresAt: noon + 30 * day },
    })
    await database.pool.query(
      'insert into bag_lineage (parent_id, child_id, resets_exposure) values ($1, $2, true)',
      [one, made],
    )
    const id = await rejudge(world, 3, noon, noon + 2 * day)
    await judgeAll(world)
    expect(await beside(world, made)).toEqual([])
    expect(await remainingOf(database.db, await findRejudgement(database.db, id), 'all')).toBe(0)
  })

  test('opens one look-back case for a bag that was given', async ({ database }) => {
    const { world, one } = await aTypedPolicy(database, 1_000)
    await database.db.transaction((tx) =>
      actOnBag(world.ctx, tx, { bagId: one, verb: 'transfuse' }, async (bag) => ({
        ...{ verb: 'transfuse', patient: 'P1', ...(await patientsOf(tx, bag.id)) },
        ...{ startedAt: world.clock.now, endedAt: null, reaction: false },
      })),
    )
    world.clock.now += hour
    await rejudge(world, 3, noon, noon + 2 * day)
    await judgeAll(world)
    expect(await standing(world, one)).toEqual([])
    const cases = async () => (await written(database)).look_back
    expect(await cases()).toMatchObject([{ bag_id: one, ledger_id: null, closed_at: null }])

    await concludeLookBack(world.ctx, { bagId: one, conclusion: 'the patient was observed: no reaction' })
    await database.db.transaction((tx) => dueForBags(tx, [one], 0))
    await judgeAll(world)
    expect(await cases()).toHaveLength(1)
  })

  test('holds a bag of its own that is held for something else, which is lifted without it', async ({
    database,
  }) => {
    const { world, one, tell } = await aTypedPolicy(database, 1_000)
    await tell('readings', [aReading(noon + 20 * hour + minute, 12)])
    await judgeAll(world)
    const [own] = await standing(world, one)
    expect(own).toMatchObject({ kind: 'breach', rejudgementId: null })
    const id = await rejudge(world, 3, noon, noon + 2 * day)
    await judgeAll(world)
    expect(await standing(world, one)).toMatchObject([
      { kind: 'breach', rejudgementId: null },
      { kind: 'breach', rejudgementId: id },
    ])
    // Before anybody judges it again.
    await liftBagHold(as(world, 'kim'), { bagId: one, holdId: own?.id as number, reason: 'assessed' })
    expect(await standing(world, one)).toMatchObject([{ kind: 'breach', rejudgementId: id }])
  })

  test('opens a look-back case for a bag that was given and is in one no more for what its ledger says', async ({
    database,
  }) => {
    const { world, one, tell } = await aTypedPolicy(database, 1_000)
    await database.db.transaction((tx) =>
      actOnBag(world.ctx, tx, { bagId: one, verb: 'transfuse' }, async (bag) => ({
        ...{ verb: 'transfuse', patient: 'P1', ...(await patientsOf(tx, bag.id)) },
        ...{ startedAt: world.clock.now, endedAt: null, reaction: false },
      })),
    )
    const cases = async () => (await written(database)).look_back
    const concluded = async () => {
      await judgeAll(world)
      const open = await cases()
      expect(open?.filter((row) => row.closed_at === null)).toHaveLength(1)
      await concludeLookBack(world.ctx, { bagId: one, conclusion: 'the patient was observed: no reaction' })
    }
    await tell('readings', [aReading(noon + 20 * hour + minute, 12)])
    await concluded()
    await rejudge(world, 3, noon, noon + 2 * day)
    await concluded()
    // It comes to light that what its ledger says was worse, and lasted longer: that was not concluded on.
    await tell('readings', [aReading(noon + 20 * hour + 9 * minute, 13)])
    await concluded()
    await database.db.transaction((tx) => dueForBags(tx, [one], 0))
    await judgeAll(world)
    expect(await cases()).toHaveLength(3)
  })

  test('lifts nothing where bags turn out to have been well kept: it is told beside what holds them', async ({
    database,
  }) => {
    const { world, one } = await aTypedPolicy(database, 600, 1_000)
    expect(await standing(world, one)).toMatchObject([{ kind: 'breach', rejudgementId: null }])
    const before = await written(database)
    await rejudge(world, 3, noon, noon + 2 * day)
    await judgeAll(world)
    expect(await beside(world, one)).toMatchObject([{ verdict: 'OK', entries: [] }])
    const after = await written(database)
    expect([after.bag_ledger, after.bag_hold]).toEqual([before.bag_ledger, before.bag_hold])
  })
})

describe('a re-judgement', () => {
  test('is of what is over, by a version that stands, and approved by two others', async ({ database }) => {
    const world = await aWorld(database)
    const asked = { ...red, version: 1, from: noon - day, to: noon, reason: 'a mistake' }
    const propose = (changes: Partial<typeof asked>) =>
      proposeRejudgement(as(world, 'ann'), { ...asked, ...changes })
    for (const [changes, code] of [
      [{ to: noon + 1 }, 'invalid_request'],
      [{ from: noon }, 'invalid_request'],
      [{ version: 9 }, 'not_found'],
    ] as const)
      expect(await failureOf(propose(changes))).toMatchObject({ code })
    const { id } = await propose({})
    const decide = (name: string, decision: 'approve' | 'reject' = 'approve') =>
      decideOnRejudgement(as(world, name), { id, decision, comment: 'read' })
    expect(await failureOf(decide('ann'))).toMatchObject({ code: 'second_person' })
    await decide('ben')
    expect(await failureOf(decide('ben'))).toMatchObject({ code: 'second_person' })
    await decide('eva', 'reject')
    expect(await failureOf(decide('kim'))).toMatchObject({ code: 'conflict' })
    expect((await written(database)).ledger_due).toEqual([])
  })
})
