import { BagDetail, TagInput } from '../../schema/http/bags.ts'
import {
  Children,
  Donation as DonationAnswer,
  DonationInput,
  GroupingInput,
  NothingInput,
  ProcessInput,
  TestsInput,
} from '../../schema/http/life.ts'
import { markers } from '../../schema/vocabulary.ts'
import type { CityBag } from './book.ts'
import { type Donation, day, minute, second } from './plan.ts'
import {
  act,
  iso,
  putInto,
  redCells,
  sortOut,
  tryToAct,
  type World,
  wholeBlood,
  withBags,
  withFreeDin,
} from './world.ts'

const keepsMs = 35 * day

/** A donor gives, and red cells come of it: separated, grouped by two, tested, and released by somebody else. */
export async function donate(world: World, donation: Donation, number: number): Promise<void> {
  const { city, clock, staff, book, tally } = world
  const collector = staff.one('collector', number, city.centre.code)
  const expiresAt = clock.instant(clock.now() + keepsMs)
  const { din, answer } = await withFreeDin(world.dinOf, number, (din) => {
    const { donor } = donation
    const given = { din, donor, facility: city.centre.code, ...wholeBlood, expiresAt: iso(expiresAt) }
    return collector.postUnlessRefused('/donations', DonationInput, given, BagDetail)
  })
  const { bagId } = answer
  tally.counts.donations += 1
  const label = { din, group: donation.group, expiresAt, unit: null }
  const whole = book.add({ ...label, ...wholeBlood, bagId, tag: null, state: 'collected' }, 'collect')

  await clock.sleep(donation.processedAfter)
  const cells = await separate(world, whole, number)
  await withBags([cells], () => prove(world, donation, cells, number))
}

async function separate(world: World, whole: CityBag, number: number): Promise<CityBag> {
  const { city, staff, book } = world
  const technician = staff.one('technician', number, city.centre.code)
  const { din, group, expiresAt } = whole
  const child = { ...redCells, expiresAt: iso(expiresAt) }
  const { children } = await technician.post(
    `/bags/${whole.bagId}/process`,
    ProcessInput,
    { children: [child] },
    Children,
  )
  book.did(whole, 'process', 'processed')
  const bagId = children[0]?.bagId
  if (bagId === undefined) throw new Error(`nothing was made of ${din}`)
  const tag = tagOf(din)
  const { productCode } = redCells
  const cells = book.add(
    { bagId, din, productCode, tag, group, expiresAt, unit: null, state: 'collected' },
    'register',
  )
  await technician.post(`/bags/${bagId}/tags`, TagInput, { tag }, BagDetail)
  return cells
}

async function prove(world: World, donation: Donation, bag: CityBag, number: number): Promise<void> {
  const { city, clock, staff, tally } = world
  const at = city.centre.code
  const [one, other] = [staff.one('technician', number, at), staff.one('technician', number + 1, at)]
  const releaser = staff.one('releaser', number, at)
  const shelves = city.units.filter(({ use }) => use === 'centre')
  const shelf = shelves[number % shelves.length]
  if (!shelf) throw new Error('the centre has no fridge')
  await clock.sleep(3 * minute)
  await putInto(world, [bag], shelf.name, { doorMs: 12 * second, warm: 1 })

  const path = `/donations/${encodeURIComponent(bag.din)}`
  await clock.sleep(donation.groupedAfter)
  await one.post(`${path}/groupings`, GroupingInput, donation.group, DonationAnswer)
  await clock.sleep(donation.groupedAgainAfter)
  await other.post(`${path}/groupings`, GroupingInput, donation.group, DonationAnswer)
  await clock.sleep(donation.testedAfter)
  const results = markers.map((marker, index) => ({ marker, reactive: donation.reactive && index === 0 }))
  await other.post(`${path}/tests`, TestsInput, { results }, DonationAnswer)
  await act(world, other, bag, 'test', NothingInput, {})
  await clock.sleep(donation.releasedAfter)
  if (!donation.reactive) {
    if (await tryToAct(world, releaser, bag, 'release', NothingInput, {})) return
    // A fridge of the centre failed meanwhile.
    return sortOut(world, releaser, bag, 'held for how it was kept')
  }
  await sortOut(world, releaser, bag, 'reactive')
  tally.note(clock.now(), `${city.centre.name.en}: ${bag.din} is reactive and is discarded`)
}

/** The tag on a bag is named for its donation. */
export function tagOf(din: string): string {
  return `tag-${din.slice(1, 14)}`
}
