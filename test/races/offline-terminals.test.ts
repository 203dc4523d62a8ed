import { expect, vi } from 'vitest'
import { decideOffline } from '../../api/domain/offline.ts'
import { donationOf, unitOf } from '../../api/domain/read-unit.ts'
import { findList } from '../../api/stores/offline-lists.ts'
import { createRandom, type Random } from '../../devices-sim/random.ts'
import { fetchDocuments } from '../../devices-sim/terminal/upload.ts'
import { BagDetail } from '../../schema/http/bags.ts'
import { OfflineReceipt } from '../../schema/http/offline.ts'
import { Recall } from '../../schema/http/recalls.ts'
import { Tasks } from '../../schema/http/tasks.ts'
import { OfflineList, openSigned, whoIs } from '../../schema/offline-list.ts'
import type { OfflineConflict } from '../../schema/vocabulary.ts'
import { type Door, iso, openDoor } from '../api/http/door.ts'
import { testOnServer } from '../support/database.ts'
import { aPatient, aWorker, type City } from '../support/hospital.ts'
import { aTerminal, deviceIdOf, type Placed, tellLists } from '../support/terminals.ts'
import { aDevice, aMessage, aReading, aWorld, noon } from '../support/world.ts'

/*
 * A thousand take-outs at terminals that are cut off for as long as chance will have it, while bags are called back, held,
 * kept for others, handed out over the counter and expire elsewhere. What must come of it is counted by a book that knows
 * nothing of the service. `OFFLINE_SEED` draws another day.
 */

vi.setConfig({ testTimeout: 120_000 })

const minute = 60_000
const fridges = 5
const bagsEach = 110
const rounds = 40
const scansEach = 5
const uncertaintyMs = 30_000

type BookedBag = {
  readonly bagId: string
  readonly din: string
  readonly fridge: number
  readonly expiresAt: number
  readonly holds: { kind: OfflineConflict; at: number }[]
  isKeptForAnother: boolean
  isOut: boolean
}

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
  const lab = await aWorker(door, 'lab', 'transfusion_lab', 'H1')
  await aPatient({ lab } as City, 'P1')
  await aPatient({ lab } as City, 'P2')
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
      const { bagId } = await door.ask(BagDetail, 'POST', '/bags', {
        ...{ din, productCode: 'E0336V00', facility: 'H1', expiresAt: iso(expiresAt) },
        group: { abo: random.chance(0.9) ? 'O' : 'A', rhd: 'positive' },
      })
      await door.ask(BagDetail, 'POST', `/bags/${bagId}/tags`, { tag: `tag-${fridge}-${number}` })
      bags.push({ bagId, din, fridge, expiresAt, holds: [], isKeptForAnother: false, isOut: false })
    }
    const tags = Array.from({ length: bagsEach }, (_, number) => `tag-${fridge}-${number}`)
    const added = [{ at: noon, added: tags, removed: [] }]
    await world.ingest.accept([
      aMessage({ device: device.name, seq: 0, body: [aReading(noon, 4)] }),
      aMessage({ device: device.name, seq: 1, channel: 'bags', body: added }),
    ])
    ;(stations.at(-1) as Station).seq = 2
  }
  return { lab, stations, bags }
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

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.whole(0, from.length - 1)] as T
}

testOnServer(
  'of a thousand take-outs without the network none is lost, each is as the list says, and every conflict is told',
  async ({ database }) => {
    const seed = process.env.OFFLINE_SEED ?? '1'
    const random = createRandom(`offline/${seed}`)
    const door = openDoor(await aWorld(database, 60_000))
    const { world } = door
    const { lab, stations, bags } = await aDay(door, random)
    const byId = new Map(bags.map((bag) => [bag.bagId, bag]))
    const decided = new Map<string, { station: Station; answer: string }>()
    const expected = new Map<string, OfflineConflict[]>()

    async function meanwhile(): Promise<void> {
      const bag = pick(random, bags)
      const { now } = world.clock
      const what = random.whole(0, 3)
      if (what === 0) {
        await door.ask(Recall, 'POST', '/recalls', {
          ...{ facility: 'H1', scope: 'bag', of: bag.bagId, reason: 'donor ill' },
        })
        if (!bag.holds.some(({ kind }) => kind === 'recalled')) bag.holds.push({ kind: 'recalled', at: now })
      } else if (what === 1) {
        await door.ask(BagDetail, 'POST', `/bags/${bag.bagId}/holds`, { kind: 'visual', reason: 'clots' })
        bag.holds.push({ kind: 'held', at: now })
      } else if (what === 2) {
        const until = iso(noon + 20 * 60 * minute)
        const { status } = await lab.post(`/bags/${bag.bagId}/reserve`, { patient: 'P2', until })
        if (status < 300) bag.isKeptForAnother = true
      } else {
        const { status } = await lab.post(`/bags/${bag.bagId}/issue`, { patient: 'P1', reason: 'asked for' })
        if (status < 300) Object.assign(bag, { isOut: true, isKeptForAnother: false })
      }
    }

    async function takeOut(station: Station): Promise<void> {
      if (random.chance(0.1)) station.placed = station.placed.reopened()
      const { terminal } = station.placed
      const own = bags.filter(({ fridge }) => station.name === `fridge-${fridge}`)
      const { din } = pick(random, random.chance(0.9) ? own : bags)
      const isBroken = random.chance(0.5)
      const facts = terminal.facts()
      const at = world.clock.now + station.skewMs
      const shown = terminal.scan({
        ...{ din, productCode: 'E0336V00', badge: 'nurse-7', patient: 'P1' },
        ...(isBroken ? { breakGlass: 'she bleeds' } : {}),
      })
      decided.set(shown.decisionId, { station, answer: shown.answer })
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
      const again = decideOffline(
        { ...facts, list: opened.content },
        {
          unit: unitOf(donationOf({ din, productCode: 'E0336V00' }, [])),
          patient: whoIs('P1', (facts.patients as { salt?: string } | null)?.salt ?? ''),
          ...{
            emergency: false,
            seen: { sex: null, ageYears: null },
            override: false,
            isGlassBroken: isBroken,
          },
          ...{ isChecked: false, at, uncertaintyMs },
        },
      )
      const { answer, findings, bagId } = shown
      expect({ answer, findings, bagId }).toEqual({
        ...{ answer: again.answer, findings: again.findings, bagId: again.bagId },
      })
    }

    /** What the book says of a decision that is told now. */
    function book(decision: ReturnType<Placed['terminal']['outstanding']>[number], validUntil: number): void {
      const bag = byId.get(decision.bagId ?? '')
      if (decision.answer !== 'GO' || !bag) {
        expected.set(decision.decisionId, [])
        return
      }
      const at = Date.parse(decision.occurredAt)
      const conflicts = new Set<OfflineConflict>(bag.holds.map(({ kind }) => kind))
      if (bag.isOut) conflicts.add('issued_elsewhere')
      if (at >= bag.expiresAt) conflicts.add('expired')
      if (bag.isKeptForAnother) conflicts.add('reserved_for_another')
      if (at >= validUntil) conflicts.add('list_stale')
      if (decision.breakGlass !== undefined) for (const waived of decision.findings) conflicts.delete(waived)
      expected.set(decision.decisionId, [...conflicts])
      Object.assign(bag, { isOut: true, isKeptForAnother: false })
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
        for (const decision of inOrder) book(decision, (asOf.get(decision.list?.seq ?? 0) ?? 0) + 15 * minute)
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
    const told = rows.filter(({ conflicts }) => conflicts.length > 0)
    const { tasks } = await lab
      .get('/tasks?kind=offline_conflict')
      .then(async (got) => Tasks.parse(await got.json()))
    expect(tasks).toHaveLength(Math.min(200, told.length))
    const handedOut = rows.filter(({ answer }) => answer === 'GO')
    const states = await database.pool.query(
      `select distinct b.state from offline_decision d join bag b on b.id = d.bag_id where d.answer = 'GO'`,
    )
    expect(states.rows).toEqual([{ state: 'issued' }])
    const kinds = new Set(told.flatMap(({ conflicts }) => conflicts as string[]))
    // It drew what it is for.
    expect(kinds).toEqual(new Set(['recalled', 'held', 'reserved_for_another', 'issued_elsewhere']))
    expect(handedOut.length).toBeGreaterThan(100)
    for (const station of stations) await station.remove()
    process.stdout.write(
      `seed ${seed}: ${rows.length} decisions, ${handedOut.length} GO, ${told.length} conflicts (${[...kinds].join(', ')})\n`,
    )
  },
)
