import { expect } from 'vitest'
import type { Context } from '../../../api/context.ts'
import type { BagFacts, Command } from '../../../api/domain/bag.ts'
import { standingOf } from '../../../api/domain/fate.ts'
import { dinCheckCharacter } from '../../../api/domain/isbt128/din.ts'
import { isFinal } from '../../../api/domain/lifecycle.ts'
import { Refusal } from '../../../api/domain/refusal.ts'
import { noticeAllExpired } from '../../../api/jobs/notice-expired.ts'
import { fateRules } from '../../../api/policies/fates.ts'
import { type Bag, eventsOf, findBag } from '../../../api/stores/bags.ts'
import type { OpenDatabase, Transaction } from '../../../api/stores/database.ts'
import { findFacility } from '../../../api/stores/facilities.ts'
import { traceTallies } from '../../../api/stores/worklists.ts'
import { actOnBag } from '../../../api/usecases/act-on-bag.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { createPerson } from '../../../api/usecases/create-person.ts'
import { commandToDiscard } from '../../../api/usecases/discard-bag.ts'
import { commandToIssue } from '../../../api/usecases/issue-bag.ts'
import { listTasks } from '../../../api/usecases/list-tasks.ts'
import { commandToObserve } from '../../../api/usecases/observe-transfusion.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { createRandom, type Random } from '../../../devices-sim/random.ts'
import { type BagVerb, type Standing, standings, taskKinds } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aWorld, noon } from '../../support/world.ts'

/*
 * A month of a city whose people forget to say what they did, say it late, twice, or of another bag. However that goes,
 * each day every bag has a fate, is in order, or stands on a worklist that says so; and in the end none is in order.
 */

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const shelfLife = 20 * day

const hospitals = Number(process.env.FATE_HOSPITALS || 4)
const bags = Number(process.env.FATE_BAGS || 60)
const seed = process.env.FATE_SEED || 'a month'

/** What people did with a bag, and when they say so. */
type Told = {
  readonly at: number
  readonly verb: BagVerb
  readonly bag: number
  readonly occurredAt: number
  readonly to: number
}

/** What becomes of a bag, as it was; telling it is another matter. */
function live(random: Random, bag: number): Told[] {
  const to = random.whole(1, hospitals)
  const lived: Told[] = []
  let at = random.between(0, 12 * day)
  const does = (verb: BagVerb, afterMs: number) => {
    at += afterMs
    lived.push({ at, verb, bag, occurredAt: at, to })
  }
  const expires = at + shelfLife
  does('distribute', random.between(hour, day))
  does('depart', random.between(minute, hour))
  if (random.chance(0.02)) return lived
  does('arrive', random.between(minute, 3 * hour))
  does('receive', random.between(minute, hour))
  if (random.chance(0.25)) {
    does('discard', Math.max(minute, expires - at + random.between(0, day)))
    return lived
  }
  does('issue', random.between(hour, 10 * day))
  if (random.chance(0.1)) {
    does('return', random.between(minute, hour))
    does('discard', random.between(hour, day))
    return lived
  }
  does('start_transfusion', random.between(minute, 30 * minute))
  if (random.chance(0.05)) does('report_reaction', random.between(minute, hour))
  does(random.chance(0.05) ? 'interrupt_transfusion' : 'end_transfusion', random.between(hour, 4 * hour))
  return lived
}

/** Some of it is never told, some late, twice, or of another bag. */
function tell(random: Random, lived: readonly Told[]): Told[] {
  return lived.flatMap((did) => {
    if (random.chance(0.12)) return []
    const at = did.at + (random.chance(0.2) ? random.between(hour, 5 * day) : 0)
    const bag = random.chance(0.05) ? random.whole(0, bags - 1) : did.bag
    const once = { ...did, at, bag }
    return random.chance(0.1) ? [once, { ...once, at: at + random.between(0, 2 * day) }] : [once]
  })
}

async function commandFor(
  ctx: Context,
  tx: Transaction,
  { verb, occurredAt, to }: Told,
  [bag, facts]: readonly [Bag, BagFacts],
): Promise<Command | null> {
  const reason = 'drawn'
  switch (verb) {
    case 'distribute':
      return { verb, to: (await findFacility(tx, `H${to}`)).id, box: null }
    case 'depart':
    case 'arrive':
      return { verb }
    case 'receive':
      return { verb, remark: null }
    case 'issue':
      return commandToIssue(ctx, tx, bag, facts, {
        patient: null,
        emergency: true,
        override: 'Dr Wang',
        reason,
        seen: { sex: null, ageYears: null },
      })
    case 'return':
      return { verb, reason }
    case 'discard':
      return commandToDiscard(ctx, tx, bag, { reason, code: null, method: null, witness: 'witness' })
    case 'start_transfusion':
    case 'end_transfusion':
    case 'interrupt_transfusion':
    case 'report_reaction': {
      const told = { patient: null, checkers: ['ann', 'ben'], volumeMl: null, remark: null }
      return commandToObserve(ctx, tx, bag, { verb, occurredAt: noon + Math.floor(occurredAt), ...told })
    }
    default:
      throw new Error(`nobody does ${verb} here`)
  }
}

/** Where each bag stands, by the rule itself. */
async function standingsOf(database: OpenDatabase, ids: readonly string[], now: number): Promise<Standing[]> {
  const found: Standing[] = []
  for (const id of ids) {
    const bag = await findBag(database.db, id)
    const verb = bag.state === 'issued' ? 'issue' : bag.state === 'distributed' ? 'distribute' : 'depart'
    const since = (await eventsOf(database.db, id)).findLast((event) => event.verb === verb)?.at ?? null
    const { state, expiresAt, holderId } = bag
    const traced = { state, expiresAt, isHeld: holderId !== null, since, journeyMs: day }
    found.push(standingOf(traced, fateRules, now))
  }
  return found
}

test(
  'no bag is without a fate: it has one, is in order, or stands on a worklist',
  async ({ database }) => {
    const world = await aWorld(database, 600_000)
    const { ctx, clock, deps } = world
    for (const code of ['C1', ...Array.from({ length: hospitals - 1 }, (_, i) => `H${i + 2}`)])
      await createFacility(ctx, { code, name: code, kind: 'hospital', timeZone: 'Asia/Shanghai' })
    const roles = [{ role: 'centre', facility: null } as const]
    await createPerson(ctx, { username: 'witness', name: 'witness', password: null, roles })

    const random = createRandom(seed)
    const told: Told[] = []
    const born: { at: number; bag: number }[] = []
    for (let bag = 0; bag < bags; bag++) {
      const lived = live(random.fork(bag), bag)
      born.push({ bag, at: (lived[0]?.at ?? 0) - day })
      told.push(...tell(random.fork(`told ${bag}`), lived))
    }
    const ids: string[] = []
    for (const { bag, at } of born) {
      clock.now = noon + Math.floor(at)
      const number = `A999926${String(bag + 1).padStart(6, '0')}`
      const label = {
        din: number + dinCheckCharacter(number),
        productCode: 'E0336V00',
        facility: 'C1',
      } as const
      const group = { abo: 'O', rhd: 'positive' } as const
      const expiresAt = clock.now + day + shelfLife
      ids[bag] = (await registerBag(ctx, { ...label, group, component: 'red_cells', expiresAt })).id
    }
    told.sort((a, b) => a.at - b.at)

    let refused = 0
    let done = 0
    let nextDay = 0
    for (const one of told) {
      while (nextDay <= one.at) {
        await look(nextDay)
        nextDay += 5 * day
      }
      clock.now = noon + Math.floor(one.at)
      const bagId = ids[one.bag] as string
      try {
        await database.db.transaction((tx) =>
          actOnBag(ctx, tx, { bagId, verb: one.verb }, (bag, facts) =>
            commandFor(ctx, tx, one, [bag, facts]),
          ),
        )
        done++
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        refused++
      }
    }
    expect(done).toBeGreaterThan(bags)
    expect(refused).toBeGreaterThan(0)

    // All have expired long ago by then: what has no fate is looked for.
    const end = Math.max(...born.map(({ at }) => at), nextDay) + shelfLife + 10 * day
    const { tallies, onLists } = await look(end)
    expect(tallies.in_stock + tallies.in_use + tallies.under_way + tallies.rest).toBe(0)
    let fateless = 0
    for (const id of ids) {
      if (isFinal((await findBag(database.db, id)).state)) continue
      fateless++
      expect(onLists.has(id), id).toBe(true)
    }
    expect(fateless).toBe(tallies.fate_unknown)
    expect(fateless).toBeGreaterThan(0)

    /** The counts say what the rule says of each bag, and each bag that is counted on a worklist stands there. */
    async function look(at: number) {
      clock.now = noon + Math.floor(at)
      await noticeAllExpired(deps)
      const counted = await traceTallies(database.db, 'all', fateRules, clock.now)
      const tallies = Object.fromEntries(
        standings.map((standing) => [standing, counted.reduce((sum, tally) => sum + tally[standing], 0)]),
      ) as Record<Standing, number>
      const ruled = await standingsOf(database, ids, clock.now)
      for (const standing of standings)
        expect(tallies[standing], `${standing} on day ${at / day}`).toBe(
          ruled.filter((one) => one === standing).length,
        )
      expect(tallies.rest).toBe(0)
      const tasks = await listTasks(ctx, {})
      const onLists = new Set(tasks.flatMap(({ bagId }) => bagId ?? []))
      for (const kind of taskKinds) {
        if (!standings.some((standing) => standing === kind)) continue
        const listed = new Set(tasks.filter((task) => task.kind === kind).map(({ bagId }) => bagId))
        for (const [index, standing] of ruled.entries())
          if (standing === kind && listed.size < 200)
            expect(listed, `${kind} on day ${at / day}`).toContain(ids[index])
      }
      return { tallies, onLists }
    }
  },
  20 * minute,
)
