import type { z } from 'zod'
import { BagDetail } from '../../schema/http/bags.ts'
import {
  IssueInput,
  IssueReviewInput,
  Patient,
  PatientInput,
  ReasonInput,
  ScanAnswer,
  ScanInput,
  TakeOut,
  TakeOutInput,
  TransfuseInput,
} from '../../schema/http/life.ts'
import type { Abo } from '../../schema/vocabulary.ts'
import type { CityBag } from './book.ts'
import type { Group } from './draw-city.ts'
import { type Demand, day, minute, second } from './plan.ts'
import type { Worker } from './staff.ts'
import {
  act,
  discard,
  hospitalOf,
  iso,
  nameOf,
  putInto,
  takeOutOf,
  tryToAct,
  type World,
  withBags,
} from './world.ts'

type Answer = z.output<typeof ScanAnswer>

/** Who of a demand is who, and where. */
type Errand = {
  readonly world: World
  readonly demand: Demand
  readonly nurse: Worker
  readonly lab: Worker
}

/** The lab takes a patient's sample so long before blood is needed, ms. */
export const sampledBefore = 40 * minute
const doctorsWord = 'Dr Song: life-saving, RhD-negative cells are not to be had'

/** Which cells a patient may get, by Landsteiner; of nobody known only O. */
const fitting: Record<Abo, readonly Abo[]> = {
  O: ['O'],
  A: ['A', 'O'],
  B: ['B', 'O'],
  AB: ['AB', 'A', 'B', 'O'],
}

/** A patient needs blood: from the arm of the lab's form to the bedside. */
export async function meetDemand(world: World, demand: Demand, number: number): Promise<void> {
  const { clock, staff, tally } = world
  const nurse = staff.one('nurse', number, demand.hospital)
  const lab = staff.one('lab', 0, demand.hospital)
  const errand: Errand = { world, demand, nurse, lab }
  if (!demand.emergency) await know(errand, demand.sampleForgotten ? undefined : clock.now() + 3 * day)
  await clock.sleep(demand.at - clock.now())
  tally.counts.demands += 1
  const isMet = (await takeFromWard(errand)) || (await takeFromBank(errand))
  if (isMet) return
  tally.counts.unmet += 1
  tally.note(clock.now(), `${placeOf(errand)}: nothing fits ${shown(demand.group)}`)
}

/** The lab writes down what it knows of the patient. */
async function know({ world, demand, lab }: Errand, sampleUntil: number | undefined): Promise<void> {
  const { clock } = world
  const input = {
    ...demand.group,
    ...(sampleUntil === undefined ? {} : { sampleUntil: iso(clock.instant(sampleUntil)) }),
  }
  await lab.put(`/facilities/${demand.hospital}/patients/${demand.patient}`, PatientInput, input, Patient)
}

/** True where the patient got a bag of the ward's fridge. */
async function takeFromWard(errand: Errand): Promise<boolean> {
  const { world, demand, nurse } = errand
  const { book } = world
  const who = demand.emergency
    ? ({ device: demand.unit, emergency: true, reason: 'massive bleeding' } as const)
    : { device: demand.unit, patient: demand.patient }
  const { takeOutId, bags } = await nurse.post('/take-outs', TakeOutInput, who, TakeOut)
  const free = book.free(demand.unit)
  const wrong =
    demand.wrongBag && !demand.emergency ? free.find((bag) => !fits(bag, demand.group)) : undefined
  if (wrong) await withBags([wrong], async () => void (await tryBag(errand, wrong, takeOutId)))
  const suggested = bags.flatMap(({ bagId }) => book.bags.get(bagId) ?? [])
  const bag = suggested.find(
    ({ unit, isBusy, state }) => unit === demand.unit && !isBusy && state === 'available',
  )
  if (!bag) return false
  let isMet = false
  await withBags([bag], async () => {
    isMet = await tryBag(errand, bag, takeOutId)
    if (isMet) await bringToBedside(errand, bag)
    if (isMet && demand.emergency) await review(errand, bag)
  })
  return isMet
}

/** The lab looks at what was handed out in an emergency. */
async function review({ lab }: Errand, { bagId }: CityBag): Promise<void> {
  const found = { physician: 'Dr Song', justification: 'massive bleeding', crossmatch: 'compatible' } as const
  await lab.post(`/bags/${bagId}/issue-reviews`, IssueReviewInput, found, BagDetail)
}

/** In the nurse's hand it is scanned; what is not answered GO goes back, or to the lab. True where it is hers. */
async function tryBag(errand: Errand, bag: CityBag, takeOutId: string): Promise<boolean> {
  const { world, demand, lab } = errand
  const { book, clock } = world
  const { unit } = bag
  await takeOutOf(world, [bag], demand.handlingMs, takeOutId)
  const word = demand.emergency ? doctorsWord : undefined
  let { answer, reason } = await scan(errand, bag, takeOutId, word)
  if (reason?.code === 'no_valid_sample') {
    await clock.sleep(1 * minute)
    await know(errand, clock.now() + 3 * day)
    const again = await scan(errand, bag, takeOutId, word)
    answer = again.answer
    reason = again.reason
  } else if (reason?.code === 'rhd_override_missing') {
    await clock.sleep(1 * minute)
    const again = await scan(errand, bag, takeOutId, doctorsWord)
    answer = again.answer
    reason = again.reason
  }
  if (answer === 'GO') {
    book.did(bag, 'issue', 'issued')
    return true
  }
  const isSpoiled = reason?.code === 'expired' || reason?.code === 'out_of_range'
  if (isSpoiled) await discard(world, lab, bag, demand.hospital, reason?.en ?? 'spoiled')
  else if (unit !== null) await putInto(world, [bag], unit, { doorMs: 10 * second, session: takeOutId })
  return false
}

async function scan(
  errand: Errand,
  { din, productCode, group }: CityBag,
  takeOutId: string,
  override?: string,
): Promise<Answer> {
  const { world, nurse } = errand
  const input = { din, productCode, ...(override === undefined ? {} : { override }) }
  const answer = await nurse.post(`/take-outs/${takeOutId}/scans`, ScanInput, input, ScanAnswer)
  world.tally.answers[answer.answer] += 1
  const why = answer.reason ? `: ${answer.reason.en}` : ''
  world.tally.note(world.clock.now(), `${answer.answer.padEnd(4)} ${placeOf(errand)}, ${shown(group)}${why}`)
  return answer
}

/** At the counter of the lab's own bank, where the fridge of the ward had nothing. */
async function takeFromBank(errand: Errand): Promise<boolean> {
  const { world, demand } = errand
  const { book, clock } = world
  const { bank } = hospitalOf(world, demand.hospital)
  const wanted: Group = demand.emergency ? { abo: 'O', rhd: 'positive' } : demand.group
  for (;;) {
    const bag = book.free(bank).find((one) => fits(one, wanted) && one.expiresAt > clock.instant())
    if (!bag) return false
    let isMet = false
    await withBags([bag], async () => {
      isMet = await handOut(errand, bag)
      if (isMet) await bringToBedside(errand, bag)
    })
    if (isMet) return true
  }
}

/** What the counter refuses was kept too warm or too cold: it is discarded. */
async function handOut({ world, demand, lab }: Errand, bag: CityBag): Promise<boolean> {
  const { tally } = world
  await takeOutOf(world, [bag], 20 * second)
  const who = demand.emergency ? { emergency: true } : { patient: demand.patient }
  if (await tryToAct(world, lab, bag, 'issue', IssueInput, { ...who, override: doctorsWord })) {
    tally.counts.atCounter += 1
    return true
  }
  await discard(world, lab, bag, demand.hospital, 'refused at the counter')
  return false
}

/** It is given, or comes back and is not used for another. */
async function bringToBedside({ world, demand, nurse, lab }: Errand, bag: CityBag): Promise<void> {
  const { clock } = world
  await clock.sleep(demand.startsAfter)
  if (demand.comesBack) {
    await act(world, nurse, bag, 'return', ReasonInput, { reason: 'not needed after all' })
    await clock.sleep(10 * minute)
    await discard(world, lab, bag, demand.hospital, 'what was issued is not used again')
    return
  }
  const startedAt = iso(clock.instant(clock.now() - minute))
  const given = demand.emergency ? { startedAt } : { patient: demand.patient, startedAt }
  await act(world, nurse, bag, 'transfuse', TransfuseInput, given)
}

function fits({ group }: CityBag, { abo }: Group): boolean {
  return fitting[abo].includes(group.abo)
}

function placeOf({ world, demand: { unit, hospital } }: Errand): string {
  return `${nameOf(world, hospital).en}, ${unit.slice(hospital.length + 1)}`
}

function shown({ abo, rhd }: Group): string {
  return `${abo}${rhd === 'positive' ? '+' : '-'}`
}
