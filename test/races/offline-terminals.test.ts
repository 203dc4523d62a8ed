import { expect, vi } from 'vitest'
import type { Context } from '../../api/context.ts'
import { decideOffline } from '../../api/domain/offline.ts'
import { donationOf, unitOf } from '../../api/domain/read-unit.ts'
import { everywhere } from '../../api/domain/rights.ts'
import { findList } from '../../api/stores/offline-lists.ts'
import { openTakeOut } from '../../api/usecases/open-take-out.ts'
import { scanBag } from '../../api/usecases/scan-bag.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import { fetchDocuments } from '../../devices-sim/terminal/upload.ts'
import { BagDetail } from '../../schema/http/bags.ts'
import { OfflineReceipt } from '../../schema/http/offline.ts'
import { Recall } from '../../schema/http/recalls.ts'
import { Tasks } from '../../schema/http/tasks.ts'
import { OfflineList, openSigned, whoIs } from '../../schema/offline-list.ts'
import type { Finding, OfflineConflict } from '../../schema/vocabulary.ts'
import { type Door, iso, openDoor } from '../api/http/door.ts'
import { testOnServer } from '../support/database.ts'
import { aWorker } from '../support/hospital.ts'
import { type Book, type BookedBag, openBook } from '../support/offline-book.ts'
import { aTerminal, deviceIdOf, type Placed, tellLists } from '../support/terminals.ts'
import { aDevice, aMessage, aReading, aWorld, noon } from '../support/world.ts'

/*
 * A thousand take-outs at terminals that are cut off for as long as chance will have it, for patients with records and
 * without, while bags are called back, held, typed, crossmatched, kept for others, handed out over the counter and expire
 * elsewhere, and more is found of the patients. Each terminal is asked beside the service itself as soon as it has its list,
 * what it decides later beside what stands here of the list, and what must come of that is counted by a book that knows
 * nothing of the service (`support/offline-book.ts`). `OFFLINE_SEED` draws another day.
 */

vi.setConfig({ testTimeout: 300_000 })

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const fridges = 5
const bagsEach = 110
const rounds = 40
const scansEach = 5
const askedEach = 3
const uncertaintyMs = 30_000
const groups = [
  { abo: 'O', rhd: 'positive' },
  { abo: 'A', rhd: 'positive' },
  { abo: 'O', rhd: 'negative' },
  { abo: 'B', rhd: 'positive' },
] as const
const [oPositive, aPositive] = groups

type Station = {
  readonly name: string
  readonly secret: string
  readonly skewMs: number
  placed: Placed
  remove(): Promise<void>
  isCut: boolean
  seq: number
  toldUntil: number
}

async function aDay(door: Door, random: Random) {
  const { world } = door
  await world.deps.database.pool.query(`update facility set jurisdiction = 'UK' where code = 'H1'`)
  const [lab, second, third, nurse] = await Promise.all([
    aWorker(door, 'lab', 'transfusion_lab', 'H1'),
    aWorker(door, 'lab-2', 'transfusion_lab', 'H1'),
    aWorker(door, 'lab-3', 'transfusion_lab', 'H1'),
    aWorker(door, 'nurse', 'nurse', 'H1'),
  ])
  const labs = [
    { name: 'lab', worker: lab },
    { name: 'lab-2', worker: second },
  ]
  const book = openBook({ nurse, labs, third }, 'UK', world.deps.now)
  await drawPatients(book)
  const stations: Station[] = []
  const bags: BookedBag[] = []
  for (let fridge = 0; fridge < fridges; fridge++) {
    const device = await aDevice(world, `fridge-${fridge}`)
    const skewMs = random.whole(-20_000, 20_000)
    const clock = () => ({ at: world.clock.now + skewMs, uncertaintyMs })
    const { remove, ...placed } = await aTerminal(door, device, clock)
    stations.push({ ...device, skewMs, placed, remove, isCut: false, seq: 0, toldUntil: noon })
    for (let number = 0; number < bagsEach; number++) {
      const din = `=A999926${String(fridge * 1_000 + number).padStart(6, '0')}00`
      const expiresAt = noon + (random.chance(0.3) ? random.whole(5, 300) : 10_000) * minute
      const drawn = random.next()
      const group = groups[drawn < 0.5 ? 0 : drawn < 0.75 ? 1 : drawn < 0.95 ? 2 : 3]
      const productCode = random.chance(0.3) ? 'E0337V00' : 'E0336V00'
      const { bagId } = await door.ask(BagDetail, 'POST', '/bags', {
        ...{ din, productCode, facility: 'H1', expiresAt: iso(expiresAt), group },
        component: 'red_cells',
      })
      await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: `tag-${fridge}-${number}` })
      const bag: BookedBag = {
        ...{ bagId, din, productCode, fridge, group, expiresAt, traits: {}, holds: [] },
        ...{ keeper: null, isOut: false },
      }
      bags.push(bag)
      if (random.chance(0.3)) await book.typed(bag, 'K', random.chance(0.3))
    }
    const tags = Array.from({ length: bagsEach }, (_, number) => `tag-${fridge}-${number}`)
    const added = [{ at: noon, added: tags, removed: [] }]
    await world.ingest.accept([
      aMessage({ device: device.name, seq: 0, body: [aReading(noon, 4)] }),
      aMessage({ device: device.name, seq: 1, channel: 'bags', body: added }),
    ])
    ;(stations.at(-1) as Station).seq = 2
  }
  for (const pseudonym of ['agreed', 'unexposed', 'ending', 'once', 'anti-K', 'irradiated'])
    await crossmatchSome(book, random, pseudonym, bags)
  return { lab, stations, bags, book }
}

/** Each with something else on record. */
async function drawPatients(book: Book): Promise<void> {
  const lasting = { sampleUntil: noon + 3 * day }
  await book.patient('word', { ...oPositive, ...lasting })
  await book.patient('word-a', { ...aPositive, sampleUntil: noon + hour })
  const twice = async (name: string, of: (typeof groups)[number], other = of, collectedAt = noon - hour) => {
    const patient = await book.patient(name)
    const old = await book.sample(patient, collectedAt - hour, false)
    await book.grouped(patient, old, of, 0)
    await book.grouped(patient, await book.sample(patient, collectedAt, false), other, 1)
    return patient
  }
  await twice('agreed', aPositive)
  await twice('differs', aPositive, groups[3])
  // Of one who was given nothing it lasts for a week yet.
  await twice('unexposed', oPositive, oPositive, noon - 4 * day)
  // By a sample that ends in the midst of the day, and with it whatever was crossmatched by it.
  await twice('ending', oPositive, oPositive, noon - 70 * hour)
  const once = await book.patient('once')
  await book.grouped(once, await book.sample(once, noon - hour, null), oPositive, 0)
  await book.antibody(await book.patient('anti-K', { ...oPositive, ...lasting }), 'K')
  await book.need(await book.patient('irradiated', { ...oPositive, ...lasting }), 'irradiated', true)
  await book.patient('word-b', { ...oPositive, ...lasting })
}

/** Bags for a patient, of whom most fit. */
async function crossmatchSome(book: Book, random: Random, pseudonym: string, bags: readonly BookedBag[]) {
  const of = book.patients.find((one) => one.pseudonym === pseudonym)
  if (!of) return
  const sampleId = of.samples.at(-1)?.id ?? (await book.sample(of, noon - hour, null))
  for (let number = 0; number < 20; number++) {
    const bag = pick(random, bags)
    const result = random.chance(0.6)
      ? 'compatible'
      : random.chance(0.5)
        ? 'incompatible'
        : 'least_incompatible'
    await book.crossmatched(of, bag, sampleId, result, random.chance(0.5))
  }
}

/** All it has measured while nobody heard it, as far as that is. */
async function tellReadings({ world }: Door, station: Station): Promise<void> {
  const { now } = world.clock
  const body = []
  for (let at = station.toldUntil + 5 * minute; at <= now; at += 5 * minute) {
    body.push(aReading(at, 4))
    station.toldUntil = at
  }
  if (body.length === 0) return
  const uptimeMs = 3_600_000 + now - noon
  const parts = { device: station.name, seq: station.seq++, receivedAt: now, uptimeMs, body }
  await world.ingest.accept([aMessage(parts)])
}

/** For whom a bag is scanned, and what is said with it. */
type Asked = {
  readonly patient?: string
  readonly emergency: boolean
  readonly reason?: string
  readonly sex?: 'male'
  readonly ageYears?: number
  readonly override?: string
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.whole(0, from.length - 1)] as T
}

/** What is done in it is undone. */
async function undone<T>(ctx: Context, work: (within: Context) => Promise<T>): Promise<T> {
  const undo = new Error('undo it')
  let told: { readonly it: T } | undefined
  await ctx.database.db
    .transaction(async (tx) => {
      told = { it: await work({ ...ctx, database: { ...ctx.database, db: tx } }) }
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return (told as { it: T }).it
}

testOnServer(
  'of a thousand take-outs without the network none is lost, each is as online, and every conflict is told',
  async ({ database }) => {
    const seed = process.env.OFFLINE_SEED ?? '1'
    const random = createRandom(`offline/${seed}`)
    const door = openDoor(await aWorld(database, 60_000))
    const { world } = door
    const { lab, stations, bags, book } = await aDay(door, random)
    const byId = new Map(bags.map((bag) => [bag.bagId, bag]))
    const decided = new Map<string, { station: Station; answer: string }>()
    const expected = new Map<string, OfflineConflict[]>()
    const seen = new Set<Finding>()
    let asked = 0

    const someone = () => pick(random, book.patients)

    /** One that somebody has thought of for this patient, at times. */
    function drawnFor(pseudonym: string | undefined, from: readonly BookedBag[]): BookedBag {
      const of = book.patients.find((one) => one.pseudonym === pseudonym)
      const theirs = from.filter(
        ({ bagId, keeper, isOut }) =>
          !isOut &&
          (keeper?.patient === pseudonym || of?.crossmatches.some((one) => one.bagId === bagId) === true),
      )
      return pick(random, theirs.length > 0 && random.chance(0.6) ? theirs : from)
    }

    /** Something more is found of a patient, or of a bag for one. */
    async function found(): Promise<void> {
      const of = someone()
      const what = random.whole(0, 9)
      const standing = of.samples.filter(({ isRejected }) => !isRejected)
      if (what === 0 && of.sampleUntil === null) await book.sample(of, world.clock.now, random.chance(0.5))
      else if (what === 1 && standing.length > 0) {
        const usual = of.groupings[0] ?? oPositive
        const group = random.chance(0.8) ? { abo: usual.abo, rhd: usual.rhd } : pick(random, groups)
        await book.grouped(of, pick(random, standing).id, group, random.whole(0, 1))
      } else if (what === 2 && standing.length > 2 && of.pseudonym !== 'unexposed')
        await book.rejected(of, pick(random, standing).id)
      else if (what === 3 && random.chance(0.2))
        await book.antibody(of, pick(random, ['K', 'Fya', 'D', 'Lea', 'unidentified'] as const))
      else if (what === 4)
        await book.need(of, pick(random, ['irradiated', 'washed'] as const), random.chance(0.3))
      else if (what === 5) await book.typed(pick(random, bags), 'K', random.chance(0.3))
      else if (standing.length > 0) {
        const bag = pick(
          random,
          bags.filter(({ isOut }) => !isOut),
        )
        const result = random.chance(0.7)
          ? 'compatible'
          : pick(random, ['incompatible', 'least_incompatible'] as const)
        await book.crossmatched(of, bag, pick(random, standing).id, result, random.chance(0.5))
      }
    }

    async function meanwhile(): Promise<void> {
      const bag = pick(random, bags)
      const what = random.whole(0, 7)
      if (what === 0) {
        await door.ask(Recall, 'POST', '/recalls', {
          ...{ facility: 'H1', scope: 'bag', of: bag.bagId, reason: 'donor ill' },
        })
        if (!bag.holds.includes('recalled')) bag.holds.push('recalled')
      } else if (what === 1) await book.held(bag)
      else if (what === 2) await book.kept(bag, someone().pseudonym, noon + 20 * hour)
      else if (what === 3) await book.issued(bag, someone().pseudonym)
      else await found()
    }

    function aScan(): Asked {
      const pseudonym = random.chance(0.03) ? 'nobody' : someone().pseudonym
      const emergency = random.chance(0.2)
      const named = emergency && random.chance(0.3) ? {} : { patient: pseudonym }
      const looks = random.chance(0.5) ? { sex: 'male' as const, ageYears: random.whole(10, 80) } : {}
      return {
        ...{ ...named, emergency, ...(emergency ? { reason: 'bleeds', ...looks } : {}) },
        ...(random.chance(0.1) ? { override: 'I know' } : {}),
      }
    }

    /** Of bags it was just told of a terminal finds what the service does, then and some time later, with nothing heard. */
    async function askBoth(station: Station): Promise<void> {
      const { now } = world.clock
      const facts = station.placed.terminal.facts()
      const ctx: Context = { ...world.ctx, grants: everywhere }
      const { patient = null, emergency, reason = null, ...said } = aScan()
      if (patient === 'nobody') return
      const looked = seenOf(said)
      world.clock.now = now + random.whole(0, 14 * minute)
      await undone(ctx, async (within) => {
        const opened = { device: station.name, patient, emergency, reason, seen: looked }
        const { id: takeOutId } = await openTakeOut(within, opened)
        for (let times = 0; times < askedEach; times++) {
          const { din, productCode, expiresAt } = drawnFor(patient ?? undefined, bags)
          const override = said.override ?? null
          const online = await undone(within, (inner) =>
            scanBag(inner, { takeOutId, din, productCode, override, glassBroken: null }),
          )
          const offline = decideOffline(facts, {
            unit: unitOf(donationOf({ din, productCode }, [])),
            patient: patient && whoIs(patient, (facts.patients as { salt?: string } | null)?.salt ?? ''),
            ...{ emergency, seen: looked, override: override !== null, isGlassBroken: false },
            ...{ isChecked: false, at: world.clock.now, uncertaintyMs: 0 },
          })
          asked += 1
          for (const one of online.findings) seen.add(one)
          const about = [din, patient, emergency, world.clock.now - now]
          // What stands on no shelf any more is on no list: unknown there, and not in stock here. Both are STOP.
          const isOff = online.findings.includes('not_in_stock')
          // How it was kept is asked of none that had expired already.
          const isOver = expiresAt <= now
          const told = (findings: readonly Finding[]) =>
            findings.filter((one) => !isOff && !(isOver && one === 'unverified')).sort()
          expect([...about, offline.answer, ...told(offline.findings)]).toEqual([
            ...about,
            online.answer,
            ...told(online.findings),
          ])
        }
      })
      world.clock.now = now
    }

    async function takeOut(station: Station): Promise<void> {
      if (random.chance(0.1)) station.placed = station.placed.reopened()
      const { terminal } = station.placed
      const own = bags.filter(({ fridge }) => station.name === `fridge-${fridge}`)
      const said = aScan()
      const { din, productCode } = drawnFor(said.patient, random.chance(0.9) ? own : bags)
      const isBroken = random.chance(0.5)
      const facts = terminal.facts()
      const at = world.clock.now + station.skewMs
      const shown = terminal.scan({
        ...{ din, productCode, badge: 'nurse-7', ...said },
        ...(isBroken ? { breakGlass: 'she bleeds' } : {}),
      })
      decided.set(shown.decisionId, { station, answer: shown.answer })
      for (const one of shown.findings) seen.add(one)
      // By what stands here of the list, not by what the terminal made of it.
      const { pool } = world.deps.database
      const stored = await findList(
        world.deps.database.db,
        await deviceIdOf(door, station.name),
        facts.list?.seq ?? 0,
      )
      const { rows } = await pool.query('select id, public_key from list_key')
      const keys = rows.map(({ id, public_key }) => ({ id, key: Buffer.from(public_key).toString('base64') }))
      const opened = openSigned(stored?.signed, keys, OfflineList)
      if (opened.refused !== null) throw new Error(opened.refused)
      const salt = (facts.patients as { salt?: string } | null)?.salt ?? ''
      const again = decideOffline(
        { ...facts, list: opened.content },
        {
          unit: unitOf(donationOf({ din, productCode }, [])),
          patient: said.patient === undefined ? null : whoIs(said.patient, salt),
          emergency: said.emergency,
          seen: seenOf(said),
          ...{ override: said.override !== undefined, isGlassBroken: isBroken },
          ...{ isChecked: false, at, uncertaintyMs },
        },
      )
      const { answer, findings, bagId } = shown
      expect({ answer, findings, bagId }).toEqual({
        ...{ answer: again.answer, findings: again.findings, bagId: again.bagId },
      })
    }

    /** What the book says of a decision that is told now. */
    function told(decision: ReturnType<Placed['terminal']['outstanding']>[number], validUntil: number): void {
      const bag = byId.get(decision.bagId ?? '')
      const isGo = decision.answer === 'GO' && bag !== undefined
      expected.set(decision.decisionId, isGo ? book.against(decision, bag, validUntil) : [])
      if (isGo) book.out(bag, decision.patient ?? null, Date.parse(decision.occurredAt as string))
    }

    async function upload(station: Station): Promise<void> {
      const { terminal } = station.placed
      const { pool } = world.deps.database
      const { rows } = await pool.query(
        'select seq, as_of from offline_list o join device d on d.id = o.device_id where d.name = $1',
        [station.name],
      )
      const asOf = new Map(rows.map(({ seq, as_of }) => [Number(seq), Number(as_of)]))
      const shuffled = terminal
        .outstanding()
        .map((decision) => ({ decision, turn: random.next() }))
        .sort((a, b) => a.turn - b.turn)
        .map(({ decision }) => decision)
      while (shuffled.length > 0) {
        const batch = shuffled.splice(0, random.whole(1, 40))
        const inOrder = [...batch].sort(
          (a, b) =>
            Date.parse(a.occurredAt) - Date.parse(b.occurredAt) || (a.decisionId < b.decisionId ? -1 : 1),
        )
        for (const decision of inOrder) told(decision, (asOf.get(decision.list?.seq ?? 0) ?? 0) + 15 * minute)
        for (let times = random.chance(0.3) ? 2 : 1; times > 0; times--) {
          const response = await door.raw(`/devices/${station.name}/offline-decisions`, {
            method: 'POST',
            headers: {
              authorization: `Basic ${Buffer.from(`${station.name}:${station.secret}`).toString('base64')}`,
              'content-type': 'application/json',
            },
            body: JSON.stringify({ decisions: batch }),
          })
          const { receivedAt, taken, refused } = OfflineReceipt.parse(await response.json())
          expect([response.status, taken.length, refused]).toEqual([201, batch.length, []])
          // An answer that is lost is asked for again.
          if (times > 1 && random.chance(0.5)) continue
          for (const { decisionId } of taken)
            terminal.settled({ id: decisionId, refused: null, receivedAt: Date.parse(receivedAt) })
        }
      }
    }

    for (let round = 0; round < rounds; round++) {
      if (round % 10 === 5) await book.rule(round % 20 === 5)
      for (const station of stations) {
        if (round === 0 || (station.isCut && random.chance(0.45))) {
          station.isCut = false
          await upload(station)
        }
      }
      const online = stations.filter(({ isCut }) => !isCut)
      for (const station of online) await tellReadings(door, station)
      if (online.length > 0) {
        await tellLists(
          door,
          'H1',
          online.map(({ name }) => name),
        )
        for (const { placed } of online)
          expect(await fetchDocuments(placed.terminal, placed.home)).toEqual([])
        for (const station of online) await askBoth(station)
      }
      for (const station of stations) station.isCut = true
      for (let scanned = 0; scanned < scansEach; scanned++) {
        world.clock.now += random.whole(10_000, 120_000)
        for (const station of stations) await takeOut(station)
        for (let elsewhere = 0; elsewhere < 5; elsewhere++) await meanwhile()
      }
    }
    for (const station of stations) await upload(station)

    expect(decided.size).toBe(rounds * scansEach * fridges)
    const { rows } = await database.pool.query('select id, answer, conflicts, bag_id from offline_decision')
    expect(rows).toHaveLength(decided.size)
    for (const { id, answer, conflicts } of rows) {
      expect(answer).toBe(decided.get(id)?.answer)
      expect([...conflicts].sort(), id).toEqual([...(expected.get(id) ?? ['?'])].sort())
    }
    const conflicting = rows.filter(({ conflicts }) => conflicts.length > 0)
    const { tasks } = await lab
      .get('/tasks?kind=offline_conflict')
      .then(async (got) => Tasks.parse(await got.json()))
    expect(tasks).toHaveLength(Math.min(200, conflicting.length))
    const handedOut = rows.filter(({ answer }) => answer === 'GO')
    const states = await database.pool.query(
      `select distinct b.state from offline_decision d join bag b on b.id = d.bag_id where d.answer = 'GO'`,
    )
    expect(states.rows).toEqual([{ state: 'issued' }])
    const kinds = new Set(conflicting.flatMap(({ conflicts }) => conflicts as string[]))
    process.stdout.write(
      `seed ${seed}: ${rows.length} decisions, ${handedOut.length} GO, ${asked} asked online too, ` +
        `${conflicting.length} conflicts (${[...kinds].join(', ')}); found: ${[...seen].join(', ')}\n`,
    )
    // It drew what it is for.
    for (const kind of ['recalled', 'held', 'reserved_for_another', 'issued_elsewhere'])
      expect(kinds).toContain(kind)
    for (const finding of drawn) expect(seen).toContain(finding)
    expect(handedOut.length).toBeGreaterThan(100)
    for (const station of stations) await station.remove()
  },
)

const drawn: readonly Finding[] = [
  ...(['group_discrepancy', 'group_unconfirmed', 'wrong_group', 'rhd_override_missing'] as const),
  ...(['crossmatch_missing', 'crossmatch_incompatible', 'crossmatch_least_incompatible'] as const),
  ...(['crossmatch_expired', 'antigen_positive', 'antigen_unknown', 'requirement_unmet'] as const),
  ...(['no_valid_sample', 'expired', 'list_stale', 'unverified', 'reserved_for_another'] as const),
]

const seenOf = ({ sex, ageYears }: Pick<Asked, 'sex' | 'ageYears'>) => ({
  sex: sex ?? null,
  ageYears: ageYears ?? null,
})
