import fc from 'fast-check'
import { expect } from 'vitest'
import { findBag } from '../../../api/stores/bags.ts'
import type { OpenDatabase } from '../../../api/stores/database.ts'
import { findBySession, findPerson } from '../../../api/stores/people.ts'
import { type Label, scanFacts } from '../../../api/stores/scans.ts'
import { issueAtScan } from '../../../api/stores/take-outs.ts'
import { createFacility } from '../../../api/usecases/create-facility.ts'
import { createPerson } from '../../../api/usecases/create-person.ts'
import { holdBag } from '../../../api/usecases/hold-bags.ts'
import { openTakeOut } from '../../../api/usecases/open-take-out.ts'
import { processBag } from '../../../api/usecases/process-bag.ts'
import { registerBag } from '../../../api/usecases/register-bag.ts'
import { setPatient } from '../../../api/usecases/set-patient.ts'
import { tagBag } from '../../../api/usecases/tag-bag.ts'
import { roles } from '../../../schema/vocabulary.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aReading, aWorld, noon, type World } from '../../support/world.ts'

/* What is asked of a moment goes by one statement (gather.ts): everybody is told what they would be told alone. */

const minute = 60_000
const hour = 60 * minute

/** So many of these ask at once, the same ones often among them. */
const atOnce = (kinds: number) => fc.array(fc.nat({ max: kinds - 1 }), { maxLength: 60, size: 'max' })

test('scans of two hospitals at once are told what each is told alone', async ({ database }) => {
  const world = await twoHospitals(database)
  const labels = await labelsOf(database)
  const asks = (await takeOutsOf(database)).flatMap((takeOutId) =>
    labels.flatMap((label) =>
      [0, 500].map((minutes) => ({ takeOutId, label, now: world.clock.now - minutes * minute })),
    ),
  )
  const scan = (number: number) => {
    const ask = asks[number] as (typeof asks)[number]
    return scanFacts(database, ask)
  }
  const alone: Awaited<ReturnType<typeof scan>>[] = []
  for (const number of asks.keys()) alone.push(await scan(number))
  for (const facts of alone) if (facts?.bag) expect(facts.bag.holderId).toBe(facts.session.facilityId)
  expect(new Set(alone.map((facts) => JSON.stringify({ ...facts, session: null }))).size).toBeGreaterThan(20)
  await fc.assert(
    fc.asyncProperty(atOnce(asks.length), async (chosen) => {
      expect(await Promise.all(chosen.map(scan))).toEqual(chosen.map((number) => alone[number]))
    }),
    { numRuns: 8 },
  )
})

test('of issues at once each bag goes once, signed by who is told so, and only what cannot be written is refused', async ({
  database,
}) => {
  await twoHospitals(database)
  const { db, pool } = database
  const bags = (await idsOf(database, 'bag')).slice(0, 3)
  const takeOuts = await idsOf(database, 'take_out')
  let rounds = 0
  const asking = fc.record({
    bag: fc.nat({ max: bags.length - 1 }),
    nurse: fc.nat({ max: takeOuts.length - 1 }),
    isStale: fc.boolean(),
    word: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(null, `'"\\{}`, '\u2028\ufeff😀', 'x'.repeat(10_000)) },
      { weight: 1, arbitrary: fc.constant('cannot be written: \u0000') },
    ),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(asking, { maxLength: 12 }), async (asked) => {
      await pool.query(`update bag set state = 'available'`)
      const read = await Promise.all(bags.map((id) => findBag(db, id)))
      // What each writes is known by its instant.
      const instant = noon + ++rounds * 1_000
      const told = await Promise.all(
        asked.map(async ({ bag, nurse, isStale, word }, index) => {
          const before = read[bag] as (typeof read)[number]
          const known = { ...before, revision: before.revision + Number(isStale) }
          const data = { index, word }
          const event = { verb: 'issue', from: 'available', to: 'issued', changes: {}, data } as const
          const answer = {
            takeOutId: takeOuts[nurse] as string,
            scanned: `${index}`,
            bagId: before.id,
            answer: 'GO' as const,
            findings: [],
            override: word,
            glassBroken: null,
            policies: {},
            knownAt: instant + index,
          }
          const whom = { patient: null, orderId: null }
          const issued = issueAtScan(db, nurseOf(nurse), known, event, answer, whom)
          return issued.then(
            (after) => after?.id ?? null,
            () => 'refused',
          )
        }),
      )
      const isRefused = (word: string | null) => word?.includes('\u0000') ?? false
      for (const [index, { bag, isStale, word }] of asked.entries())
        expect(told[index]).toBeOneOf(isRefused(word) ? ['refused'] : isStale ? [null] : [bags[bag], null])
      const able = asked.filter(({ isStale, word }) => !isStale && !isRefused(word))
      const won = asked.flatMap((ask, index) => (told[index] === bags[ask.bag] ? [{ ...ask, index }] : []))
      expect(won.map(({ bag }) => bag).sort()).toEqual([...new Set(able.map(({ bag }) => bag))].sort())

      const written = await writtenSince(database, instant)
      const as = won.map(({ bag, nurse, index, word }) => ({
        bag: bags[bag],
        nurse: nurseOf(nurse).id,
        at: instant + index,
        word,
        takeOut: takeOuts[nurse],
      }))
      expect(written.events).toEqual(as.map(({ takeOut: _, ...event }) => event))
      expect(written.audited).toEqual(as.map(({ takeOut: _, ...entry }) => entry))
      expect(written.answers).toEqual(as)
      expect(written.news).toEqual(as.map(({ bag, at }) => ({ bag, at })))
    }),
    { numRuns: 25 },
  )
})

test('sessions at once are whose each is alone, ended ones and those of nobody among them', async ({
  database,
}) => {
  const { ctx } = await aWorld(database)
  const { db, pool } = database
  const tokens = ['nobody', '', '{}', '"', '\\', 'NULL']
  for (let number = 0; number < 6; number++) {
    const username = `n${number}`
    const held = roles.slice(0, number).map((role) => ({ role, facility: number % 2 === 0 ? null : 'H1' }))
    await createPerson(ctx, { username, name: `N "${number}" \\ 😀`, password: null, roles: held })
    const { id } = await findPerson(db, username)
    await pool.query(
      `insert into session (id, token, user_id, expires_at, created_at, updated_at) values ($1, $1, $2, $3, 0, 0)`,
      [`token-${number}`, id, number === 4 ? noon : noon + 1],
    )
    tokens.push(`token-${number}`)
  }
  await pool.query(`update person set ended_at = 0 where username = 'n5'`)
  const find = (number: number) => findBySession(db, { token: tokens[number] as string, at: noon })
  const alone: Awaited<ReturnType<typeof find>>[] = []
  for (const number of tokens.keys()) alone.push(await find(number))
  expect(alone.map((person) => person?.username)).toEqual([
    ...Array(6).fill(undefined),
    ...['n0', 'n1', 'n2', 'n3', undefined, undefined],
  ])
  await fc.assert(
    fc.asyncProperty(atOnce(tokens.length), async (chosen) => {
      expect(await Promise.all(chosen.map(find))).toEqual(chosen.map((number) => alone[number]))
    }),
    { numRuns: 8 },
  )
})

const nurseOf = (nurse: number) => ({ kind: 'person', id: `nurse-${nurse}` }) as const

/** Each with a fridge, a patient, four bags no two of which have the same history, and two doors open. */
async function twoHospitals(database: OpenDatabase): Promise<World> {
  const world = await aWorld(database)
  const { ctx, clock, ingest } = world
  const second = { code: 'H2', name: 'Second Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' } as const
  await createFacility(ctx, second)
  for (const [place, code] of (['H1', 'H2'] as const).entries()) {
    const device = `f${place}`
    let seq = 0
    const tell = (at: number, channel: 'bags' | 'readings', body: unknown) =>
      ingest.accept([aMessage({ device, seq: seq++, channel, receivedAt: at, body })])
    await aDevice(world, device, {}, undefined, code)
    const group = { abo: place === 0 ? 'O' : 'A', rhd: 'positive' } as const
    await setPatient(ctx, code, { pseudonym: 'P', group, antiD: place === 1, sampleUntil: noon + place })
    for (const number of [0, 1, 2]) {
      clock.now = noon - (10 - number - place) * hour
      const { id: bagId } = await registerBag(ctx, {
        din: `=A9999260000${place}${number}00`,
        productCode: number === 0 ? 'E0001V00' : 'E0336V00',
        component: number === 0 ? 'whole_blood' : 'red_cells',
        facility: code,
        expiresAt: noon + number * hour,
        group,
      })
      const tag = `tag-${place}-${number}`
      await tagBag(ctx, { bagId, tag })
      await tell(clock.now + minute, 'bags', [{ at: clock.now + minute, added: [tag], removed: [] }])
      if (number === 1) await holdBag(ctx, { bagId, kind: 'recall', reason: `${code}: "donor" \\ 😀` })
      if (number === 2)
        await processBag(ctx, {
          bagId,
          children: [
            {
              productCode: 'E0337V00',
              component: 'red_cells',
              expiresAt: noon + hour,
              lowTitre: place === 1,
            },
          ],
        })
    }
    const steps = Array.from({ length: 121 }, (_, step) => noon - 10 * hour + step * 5 * minute)
    const isHot = (at: number) => place === 1 && at === noon - hour
    await tell(
      noon,
      'readings',
      steps.map((at) => aReading(at, isHot(at) ? 20 : 4)),
    )
    clock.now = noon
    const seen = { sex: null, ageYears: null }
    await openTakeOut(ctx, { device, patient: 'P', emergency: false, reason: null, seen })
    await openTakeOut(ctx, { device, patient: null, emergency: true, reason: 'haemorrhage', seen })
  }
  return world
}

async function idsOf({ pool }: OpenDatabase, table: 'bag' | 'take_out'): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(`select id from ${table} order by id`)
  return rows.map(({ id }) => id)
}

/** And one that nobody knows. */
async function takeOutsOf(database: OpenDatabase): Promise<string[]> {
  return [...(await idsOf(database, 'take_out')), '00000000-0000-4000-8000-000000000000']
}

/** Of all bags, and of one that nobody knows. */
async function labelsOf({ pool }: OpenDatabase): Promise<Label[]> {
  const { rows } = await pool.query<Label>(
    `select scheme, identifier, product_code as "productCode", collection_type as "collectionType", division from bag`,
  )
  return [...rows, { ...(rows[0] as Label), division: '99' }]
}

async function writtenSince({ pool }: OpenDatabase, instant: number) {
  const rows = async (statement: string) => {
    const told = await pool.query(`select * from (${statement}) told where at >= $1 order by at`, [instant])
    return told.rows.map((row) => ({ ...row, at: Number(row.at) }))
  }
  return {
    events: await rows(
      `select bag_id as bag, actor->>'id' as nurse, at, data->>'word' as word from bag_event where verb = 'issue'`,
    ),
    audited: await rows(
      `select subject as bag, actor->>'id' as nurse, at, after->>'word' as word from audit_entry
       where action = 'bag.issued'`,
    ),
    answers: await rows(
      `select bag_id as bag, actor->>'id' as nurse, known_at as at, override as word, take_out_id as "takeOut"
       from scan_answer`,
    ),
    news: await rows(`select subject as bag, at from news where kind = 'bag.issued'`),
  }
}
