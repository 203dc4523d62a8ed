import { expect } from 'vitest'
import { dinCheckCharacter } from '../../api/domain/isbt128/din.ts'
import { Refusal } from '../../api/domain/refusal.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import { lockIdentifier } from '../../api/stores/donations.ts'
import { collectDonation } from '../../api/usecases/collect-donation.ts'
import { importBags } from '../../api/usecases/import-bags.ts'
import { importDonations } from '../../api/usecases/import-donations.ts'
import type { RowVerdict } from '../../api/usecases/import-rows.ts'
import { modifyBags } from '../../api/usecases/modify-bags.ts'
import { registerBag } from '../../api/usecases/register-bag.ts'
import { bag, donation } from '../../schema/tables/bags.ts'
import { testOnServer } from '../support/database.ts'
import { failureOf, until } from '../support/outcomes.ts'
import { aWorld, noon, type World } from '../support/world.ts'

const count = 300
const expiresAt = noon + 86_400_000

function din(number: number): string {
  const identifier = `A999926${String(number).padStart(6, '0')}`
  return identifier + dinCheckCharacter(identifier)
}

const aBag = (number: number) => ({
  ...{ din: din(number), productCode: 'E0336V00', facility: 'H1', expiresAt },
  component: 'red_cells' as const,
})
const aDonation = (number: number) => ({
  ...{ din: din(number), productCode: 'E0001V00', facility: 'H1', expiresAt },
  ...{ donor: 'D1', collectedAt: noon },
})

const numbers = Array.from({ length: count }, (_, number) => number)
const bags = (of = numbers) => of.map((number, index) => ({ row: index + 2, input: aBag(number) }))
const donations = (of = numbers) => of.map((number, index) => ({ row: index + 2, input: aDonation(number) }))

const outcomes = (verdicts: readonly RowVerdict[]) => new Set(verdicts.map(({ outcome }) => outcome))

async function distinctBags({ db }: OpenDatabase) {
  const rows = await db.select().from(bag)
  return { rows: rows.length, numbers: new Set(rows.map(({ identifier }) => identifier)).size }
}

/** Until so many wait for an advisory lock. */
function waiting({ pool }: OpenDatabase, wanted: number): Promise<void> {
  return until(async () => {
    const { rows } = await pool.query(
      `select from pg_locks l join pg_stat_activity a using (pid)
       where a.datname = current_database() and l.locktype = 'advisory' and not l.granted`,
    )
    return rows.length === wanted
  })
}

testOnServer('the same file from several at once is registered once', async ({ database }) => {
  const { ctx } = await aWorld(database)
  const done = await Promise.all([1, 2, 3].map(() => importBags(ctx, bags(), 'all')))
  expect(done.filter((verdicts) => outcomes(verdicts).has('new'))).toHaveLength(1)
  expect(done.map((verdicts) => [...outcomes(verdicts)].sort().join()).sort()).toEqual([
    'already_there',
    'already_there',
    'new',
  ])
  expect(await distinctBags(database)).toEqual({ rows: count, numbers: count })
})

testOnServer(
  'bags that are registered one by one while a file of them is taken are there once each',
  async ({ database }) => {
    const { ctx } = await aWorld(database)
    // From both ends, so that somebody is before the file and somebody behind it.
    const order = numbers.flatMap((number) => [number, count - 1 - number]).slice(0, count)
    const alone = order.map((number) => registerBag(ctx, aBag(number)))
    const files = [bags(numbers.slice(0, 200)), bags(numbers.slice(100).reverse())].map((rows) =>
      importBags(ctx, rows, 'all'),
    )
    const outcomesAlone = await Promise.allSettled(alone)
    for (const verdicts of await Promise.all(files)) expect(outcomes(verdicts)).not.toContain('error')
    const lost = outcomesAlone.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    expect(new Set(lost.map(({ code }) => code))).toEqual(new Set(lost.length > 0 ? ['already_exists'] : []))
    expect(await distinctBags(database)).toEqual({ rows: count, numbers: count })
    const { rows } = await database.pool.query(
      `select from audit_entry where action = 'bag.registered' union all select from bag_event where verb = 'register'`,
    )
    expect(rows).toHaveLength(2 * count)
  },
)

testOnServer(
  'a file waits for whoever is busy with one of its numbers, and finds what came of it',
  async ({ database }) => {
    const world = await aWorld(database)
    const { ctx } = world
    let importing: Promise<unknown> | undefined
    let registering: Promise<unknown> | undefined
    await database.db.transaction(async (tx) => {
      await lockIdentifier(tx, din(1).slice(0, 13))
      importing = failureOf(importBags(ctx, bags(), 'all'))
      await waiting(database, 1)
      // Whoever comes after the file waits for it, though it is about a number of its own.
      registering = registerBag(ctx, aBag(count + 1))
      await waiting(database, 2)
      const { db } = database
      await collectDonation(
        { ...ctx, database: { ...database, db: tx as unknown as typeof db } },
        aDonation(1),
      )
    })
    const refused = await importing
    expect(refused).toBeInstanceOf(Refusal)
    expect(refused).toMatchObject({ code: 'invalid_request', issues: [{ path: 'rows.3' }] })
    await registering
    expect(await distinctBags(database)).toEqual({ rows: 2, numbers: 2 })
  },
)

testOnServer(
  'a number is collected here or registered as from elsewhere, by files or alone',
  async ({ database }) => {
    const world: World = await aWorld(database)
    const { ctx } = world
    for (let round = 0; round < 6; round++) {
      await database.pool.query('truncate donation, bag cascade')
      const few = numbers.slice(0, 20)
      const rivals = [
        () => importBags(ctx, bags(few), 'good'),
        () => importDonations(ctx, donations(few), 'good'),
        ...few.map((number) => () => collectDonation(ctx, aDonation(number))),
        ...few.map((number) => () => registerBag(ctx, aBag(number))),
      ]
      const turned = [...rivals.slice(round * 7), ...rivals.slice(0, round * 7)]
      const done = await Promise.allSettled(turned.map((act) => act()))
      for (const one of done) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(Refusal)
      expect(await distinctBags(database)).toEqual({ rows: few.length, numbers: few.length })
      const ours = new Set((await database.db.select().from(donation)).map(({ identifier }) => identifier))
      for (const { identifier, donationId } of await database.db.select().from(bag))
        expect(donationId !== null).toBe(ours.has(identifier))
    }
  },
)

testOnServer(
  'what is made of bags while a file names it, too, is there once, and nobody waits for ever',
  async ({ database }) => {
    const { ctx } = await aWorld(database)
    const few = numbers.slice(0, 12)
    const whole: string[] = []
    for (const number of few) whole.push((await registerBag(ctx, aBag(number))).id)
    const divisions = ['A0', 'B0']
    // In the file and in the making they come in opposite orders.
    const rows = few
      .flatMap((number) => [...divisions].reverse().map((division) => [number, `E0336V${division}`] as const))
      .map(([number, productCode], index) => ({ row: index + 2, input: { ...aBag(number), productCode } }))
    const making = whole.map((id) => {
      const children = divisions.map((division) => ({ division, expiresAt }))
      return modifyBags(ctx, { process: 'split', bagIds: [id], children, movesTags: false })
    })
    const files = [1, 2, 3].map(() => importBags(ctx, rows, 'good'))
    const done = await Promise.allSettled([...making, ...files])
    for (const one of done) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(Refusal)
    const { rows: made } = await database.pool.query('select from bag')
    expect(made).toHaveLength(3 * few.length)
  },
)
