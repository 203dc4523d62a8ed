import { DistributeInput, NothingInput, ReceiveInput } from '../../schema/http/life.ts'
import type { Abo } from '../../schema/vocabulary.ts'
import type { CityBag } from './book.ts'
import type { Hospital, Unit } from './draw-city.ts'
import { driveMs, onTheWay, travel } from './geography.ts'
import { bankStock, day, minute, type Round, second, wardStock } from './plan.ts'
import {
  act,
  carry,
  discard,
  groupBy,
  hospitalOf,
  nameOf,
  putInto,
  sortOut,
  takeOutOf,
  tryToAct,
  type World,
  withBags,
} from './world.ts'

/** Of so many bags of each group, those that are not there. */
function missing(wanted: readonly Abo[], there: readonly CityBag[]): Abo[] {
  const left = there.map(({ group }) => group.abo)
  return wanted.filter((abo) => {
    const index = left.indexOf(abo)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

/** Choose bags of these groups: what expires first, if it keeps until then, ms UTC. */
function choose(abos: readonly Abo[], free: readonly CityBag[], goodUntil: number): CityBag[] {
  const left = free.filter(({ expiresAt }) => expiresAt > goodUntil)
  return abos.flatMap((abo) => {
    const index = left.findIndex(({ group }) => group.abo === abo)
    return index < 0 ? [] : left.splice(index, 1)
  })
}

function lacking({ book, clock }: World, unit: string, wanted: readonly Abo[]): Abo[] {
  const good = book.inside(unit).filter(({ expiresAt }) => expiresAt > clock.instant())
  return missing(wanted, good)
}

/** The lab brings its wards what they lack. */
export async function restock(world: World, round: Round): Promise<void> {
  const { clock, book } = world
  const hospital = hospitalOf(world, round.hospital)
  for (const ward of hospital.wards) {
    const abos = lacking(world, ward, wardStock)
    const bags = choose(abos, book.free(hospital.bank), clock.instant(clock.now() + day))
    if (bags.length === 0) continue
    await withBags(bags, () => carry(world, bags, ward, { carriedMs: 4 * minute, doorMs: 15 * second }))
  }
}

/** What has expired is taken out and discarded: in a hospital by its lab, in the centre by who releases. */
export async function inspect(world: World, round: Round): Promise<void> {
  const { clock, book, city, staff } = world
  const units = city.units.filter(({ facility, use }) => facility === round.hospital && use !== 'box')
  const worker =
    round.hospital === city.centre.code
      ? staff.one('releaser', 0, round.hospital)
      : staff.one('lab', 0, round.hospital)
  for (const { name } of units) {
    const over = book.free(name).filter(({ expiresAt }) => expiresAt <= clock.instant())
    await withBags(over, async () => {
      await takeOutOf(world, over, 15 * second)
      for (const bag of over) await discard(world, worker, bag, round.hospital, 'expired')
    })
  }
}

const locatedEveryMs = 5 * minute

/** A hospital orders what it lacks, and a courier brings it in a box that has a probe of its own. */
export async function deliver(world: World, round: Round, number: number): Promise<void> {
  const { clock, book, city, staff, tally } = world
  const hospital = hospitalOf(world, round.hospital)
  if (world.underWay.has(hospital.code)) return
  const wards = hospital.wards.flatMap((ward) => lacking(world, ward, wardStock))
  const abos = [...lacking(world, hospital.bank, bankStock(hospital)), ...wards]
  const shelves = city.units.filter(({ use }) => use === 'centre')
  const free = shelves
    .flatMap(({ name }) => book.free(name))
    .sort((a, b) => a.expiresAt - b.expiresAt || (a.din < b.din ? -1 : 1))
  const bags = choose(abos, free, clock.instant(clock.now() + 2 * day))
  if (bags.length === 0) return
  const releaser = staff.one('releaser', number, city.centre.code)
  const courier = staff.one('courier', number)
  const lab = staff.one('lab', 0, hospital.code)
  const { code: to, box } = hospital
  world.underWay.add(to)
  const sent: CityBag[] = []
  await withBags(bags, async () => {
    for (const bag of bags) {
      if (await tryToAct(world, releaser, bag, 'distribute', DistributeInput, { to, box })) sent.push(bag)
      else await sortOut(world, releaser, bag, 'held for how it was kept')
    }
    if (sent.length === 0) return
    await carry(world, sent, box, { carriedMs: 2 * minute, doorMs: 20 * second })
    for (const bag of sent) await act(world, courier, bag, 'depart', NothingInput, {})
    await drive(world, hospital, box)
    for (const bag of sent) await act(world, courier, bag, 'arrive', NothingInput, {})
    await takeOutOf(world, sent, 20 * second)
    for (const bag of sent) await act(world, lab, bag, 'receive', ReceiveInput, {})
    await clock.sleep(3 * minute)
    await putInto(world, sent, hospital.bank, { doorMs: 20 * second })
  })
  world.underWay.delete(to)
  if (sent.length === 0) return
  tally.counts.deliveries += 1
  const kinds = [...groupBy(sent, ({ group }) => group.abo)].map(([abo, those]) => `${those.length} ${abo}`)
  tally.note(clock.now(), `${nameOf(world, to).en}: a box has brought ${kinds.join(', ')}`)
}

async function drive({ clock, city, units }: World, { position }: Hospital, box: string): Promise<void> {
  const begun = clock.now()
  const wholeMs = driveMs(city.centre.position, position)
  for (;;) {
    const doneMs = Math.min(clock.now() - begun, wholeMs)
    units.locate(box, onTheWay(city.centre.position, position, doneMs / wholeMs))
    if (doneMs >= wholeMs) return
    await clock.sleep(Math.min(locatedEveryMs, wholeMs - doneMs))
  }
}

const patrolEveryMs = 10 * minute
const patrolKm = 6

/** An ambulance is somewhere about its hospital, and its fridge tells where. */
export async function patrol(world: World, { name, facility }: Unit, isOver: () => boolean): Promise<void> {
  const { clock, units, random } = world
  const own = random.fork(name)
  const { position } = hospitalOf(world, facility)
  while (!isOver()) {
    await clock.sleep(patrolEveryMs + own.whole(-60, 60) * second)
    units.locate(name, travel(position, patrolKm * own.next(), own.between(0, 360)))
  }
}
