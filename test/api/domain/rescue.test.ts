import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planRescue, type RescueFacts, type RescuePlan } from '../../../api/domain/rescue.ts'
import type { RescueBag, RescueDevice } from '../../../api/domain/rescue-target.ts'
import { cnRescue } from '../../../api/policies/rescue.ts'
import {
  components,
  deviceKinds,
  rescueClaims,
  rescueReasons,
  rescueRejections,
} from '../../../schema/vocabulary.ts'

const minute = 60_000
const hour = 60 * minute
const now = 1_000 * hour
const cold = { low: 200, high: 600 }
const storage = {
  red_cells: cold,
  whole_blood: cold,
  platelets: { low: 2_000, high: 2_400 },
  plasma: { low: -10_000, high: -1_800 },
  cryoprecipitate: { low: -10_000, high: -1_800 },
  thawed_plasma: cold,
  thawed_cryoprecipitate: { low: 2_000, high: 2_400 },
  frozen_red_cells: { low: -10_000, high: -6_500 },
  granulocytes: { low: 2_000, high: 2_400 },
} as const
const profiles = {
  fridge: cold,
  incubator: storage.platelets,
  freezer: { low: -4_000, high: -2_000 },
  box: { low: 200, high: 1_000 },
} as const

const aBag: RescueBag = {
  id: 'b',
  label: 'A bag',
  component: 'red_cells',
  limits: cold,
  allowanceMs: hour,
  handlingMs: 30 * minute,
  expiresAt: now + 100 * hour,
  isHeld: false,
  claims: [],
}
const aDevice: RescueDevice = {
  id: 2,
  name: 'fridge-2',
  kind: 'fridge',
  facilityId: 1,
  limits: cold,
  agitates: false,
  capacity: 10,
  contents: { bags: 0, components: [] },
  isRetired: false,
  isQualified: true,
  calibratedUntil: now + hour,
  isInAlarm: false,
  isSilent: false,
  defrostsFrom: null,
  load: { at: now - minute, centi: 400 },
  air: null,
  doubtedAt: null,
  ways: { foot: 4 * minute, car: null },
}
const failing = { id: 1, facilityId: 1, forecast: null }
const plan = (
  bags: readonly RescueBag[],
  devices: readonly RescueDevice[],
  facts: Partial<RescueFacts> = {},
) => planRescue({ askedAt: now, failing, bags, devices, ...facts }, cnRescue)

/* What must be so, said once more and in other words than the rules have it. */

function lostAt(bag: RescueBag, { failing: { forecast } }: RescueFacts): number {
  if (bag.allowanceMs === 'unlimited') return Number.POSITIVE_INFINITY
  return bag.allowanceMs === 'spent'
    ? 0
    : now + (forecast ? Math.max(forecast.p10Ms, 0) : 0) + bag.allowanceMs
}

/** How long the way is, as planned; Infinity where the bag cannot go there at all. */
function wayMs(bag: RescueBag, device: RescueDevice, facts: RescueFacts): number {
  const measured = device.load === null ? device.air : device.load
  const isColdEnough = (centi: number) => bag.limits.low <= centi && centi <= bag.limits.high
  const belongs = (component: string) =>
    ({
      fridge: ['red_cells', 'whole_blood', 'thawed_plasma'],
      incubator: ['platelets', 'thawed_cryoprecipitate', 'granulocytes'],
      freezer: ['plasma', 'cryoprecipitate', 'frozen_red_cells'],
      box: [],
    })[device.kind].some((one) => one === component)
  const isGood =
    device.isQualified &&
    ![device.isRetired, device.isInAlarm, device.isSilent].includes(true) &&
    (device.defrostsFrom === null || device.defrostsFrom - now > 4 * hour) &&
    now < (device.calibratedUntil ?? 0) &&
    device.id !== facts.failing.id &&
    [bag.component, ...device.contents.components].every(belongs) &&
    (bag.component !== 'platelets' || device.agitates) &&
    [device.limits.low, device.limits.high, measured?.centi ?? Number.NaN].every(isColdEnough) &&
    measured !== null &&
    now - measured.at <= 10 * minute &&
    bag.allowanceMs !== 'spent' &&
    now < bag.expiresAt
  const foot = (device.ways.foot ?? Number.POSITIVE_INFINITY) * 1.5
  const car = (device.ways.car ?? Number.POSITIVE_INFINITY) * 1.5
  const way = Math.min(
    foot <= 15 * minute && foot <= bag.handlingMs ? foot : Number.POSITIVE_INFINITY,
    car <= 2 * hour ? car : Number.POSITIVE_INFINITY,
  )
  return isGood && now + way <= lostAt(bag, facts) ? way : Number.POSITIVE_INFINITY
}

const canGo = (bag: RescueBag, device: RescueDevice, facts: RescueFacts) =>
  Number.isFinite(wayMs(bag, device, facts))

/** A tenth is kept free. */
function roomIn({ capacity, contents }: RescueDevice): number {
  if (capacity === null) return 0
  let room = 0
  while ((contents.bags + room + 1) * 10 <= capacity * 9) room++
  return room
}

function minutesTo(bag: RescueBag, device: RescueDevice, facts: RescueFacts): number {
  const isDoubted = device.doubtedAt !== null && device.doubtedAt > now - 24 * hour
  return Math.ceil(wayMs(bag, device, facts) / minute) + (isDoubted ? 10 : 0)
}

const allowance = ({ allowanceMs }: RescueBag) =>
  typeof allowanceMs === 'number' ? allowanceMs : Number.POSITIVE_INFINITY
const compare = (a: number | string, b: number | string) => (a < b ? -1 : a > b ? 1 : 0)

function byUrgency(a: RescueBag, b: RescueBag): number {
  return compare(allowance(a), allowance(b)) || compare(a.expiresAt, b.expiresAt) || compare(a.id, b.id)
}

function byPrecedence(a: RescueBag, b: RescueBag): number {
  const claim = ({ claims }: RescueBag) =>
    claims.includes('reserved') ? 0 : claims.includes('emergency_stock') ? 1 : 2
  return (
    compare(Number(a.allowanceMs === 'unlimited'), Number(b.allowanceMs === 'unlimited')) ||
    compare(Number(a.isHeld), Number(b.isHeld)) ||
    compare(allowance(a), allowance(b)) ||
    compare(claim(a), claim(b)) ||
    byUrgency(a, b)
  )
}

/* Failures of any kind. */

const seldom = (weight = 40) => fc.integer({ min: 0, max: weight }).map((roll) => roll === 0)
const minutes = (max: number) => fc.integer({ min: 0, max: max * 60 }).map((seconds) => seconds * 1_000)

const bagOf = (component: RescueBag['component']) =>
  fc.record<Omit<RescueBag, 'id'>>({
    label: fc.constant('A bag'),
    component: fc.constant(component),
    limits: fc.constant(storage[component]),
    allowanceMs: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }).map((fives) => fives * 5 * minute) },
      { weight: 1, arbitrary: fc.constantFrom('unlimited' as const, 'spent' as const) },
    ),
    handlingMs: fc.constantFrom(9 * minute, 30 * minute, 30 * minute),
    expiresAt: fc.integer({ min: 0, max: 9 }).map((days) => now + days * 24 * hour),
    isHeld: seldom(5),
    claims: fc.subarray([...rescueClaims]),
  })

const reading = fc.record({
  at: fc.oneof(
    { weight: 30, arbitrary: fc.constant(now - minute) },
    minutes(20).map((ago) => now - ago),
  ),
  centi: fc.oneof(
    { weight: 30, arbitrary: fc.constant(null) },
    fc.constantFrom(150, 200, 600, 650, -1_700, 2_300),
  ),
})
const middle = { fridge: 400, incubator: 2_200, freezer: -3_000, box: 400 } as const

const deviceOf = (kind: RescueDevice['kind'], capacity: fc.Arbitrary<number>) =>
  fc
    .record({
      facilityId: fc.constantFrom(1, 2),
      widens: seldom(),
      agitates: fc.boolean().map((one) => one || kind !== 'incubator'),
      capacity: fc.option(capacity, { freq: 8 }),
      bags: fc.integer({ min: 0, max: 1 }),
      components: fc.oneof(
        { weight: 30, arbitrary: fc.constant([]) },
        fc.subarray([...components], { maxLength: 2 }),
      ),
      isRetired: seldom(),
      isQualified: seldom().map((one) => !one),
      calibratedUntil: fc.oneof(
        { weight: 30, arbitrary: fc.constant(now + hour) },
        fc.constantFrom(null, now, now - 1),
      ),
      isInAlarm: seldom(),
      isSilent: seldom(),
      defrostsFrom: fc.oneof(
        { weight: 30, arbitrary: fc.constant(null) },
        fc.constantFrom(now - minute, now + hour, now + 4 * hour, now + 4 * hour + 1),
      ),
      load: fc.option(reading, { freq: 12 }),
      air: fc.option(reading, { freq: 8 }),
      doubtedAt: fc.option(minutes(3_000).map((ago) => now - ago)),
      foot: fc.option(minutes(12), { freq: 6 }),
      car: fc.option(minutes(100)),
    })
    .map(({ widens, bags, components: inside, load, air, foot, car, ...rest }): Omit<RescueDevice, 'id'> => {
      const centi = (given: typeof load) => given && { at: given.at, centi: given.centi ?? middle[kind] }
      const { low, high } = profiles[kind]
      return {
        ...rest,
        name: 'A device',
        kind,
        limits: widens ? { low: low - 100, high: high + 300 } : { low, high },
        contents: { bags, components: inside },
        load: centi(load),
        air: centi(air),
        ways: { foot, car },
      }
    })

/** @param mix how often another component, or another kind of device, stands beside six of red cells, or eight fridges */
function failures(
  bags: number,
  devices: number,
  capacity: fc.Arbitrary<number>,
  mix: number,
): fc.Arbitrary<RescueFacts> {
  const bag = fc.oneof(
    { weight: 6, arbitrary: bagOf('red_cells') },
    ...components.map((component) => ({ weight: mix, arbitrary: bagOf(component) })),
  )
  const device = fc.oneof(
    { weight: 8, arbitrary: deviceOf('fridge', capacity) },
    ...deviceKinds.map((kind) => ({ weight: mix, arbitrary: deviceOf(kind, capacity) })),
  )
  return fc
    .record({
      forecast: fc.option(fc.record({ p10Ms: minutes(20), medianMs: minutes(60) })),
      bags: fc.array(bag, { minLength: bags / 2, maxLength: bags, size: 'max' }),
      devices: fc.array(device, { minLength: devices / 2, maxLength: devices, size: 'max' }),
    })
    .map(({ forecast, ...rest }) => ({
      askedAt: now,
      failing: { ...failing, forecast },
      bags: rest.bags.map((one, index) => ({ ...one, id: `b${index}` })),
      // The first is the one that fails.
      devices: rest.devices.map((one, index) => ({ ...one, id: index + 1 })),
    }))
}

const ward = failures(40, 10, fc.integer({ min: 0, max: 30 }), 1)
const find = <T extends { readonly id: number | string }>(all: readonly T[], id: number | string) =>
  all.find((one) => one.id === id) as T

describe('a plan of any failure', () => {
  test('carries a bag only where it is kept right, can be in time and has a place', () => {
    let moved = 0
    fc.assert(
      fc.property(ward, (facts) => {
        const { moves } = planRescue(facts, cnRescue)
        moved += moves.length
        const wayOf = (bag: string, device: number) =>
          wayMs(find(facts.bags, bag), find(facts.devices, device), facts)
        const lost = (bag: string) => lostAt(find(facts.bags, bag), facts)
        expect(moves.map(({ way, leaveBy }) => [way.ms, leaveBy ?? Number.POSITIVE_INFINITY])).toEqual(
          moves.map(({ bag, device }) => [wayOf(bag, device), lost(bag) - wayOf(bag, device)]),
        )
        for (const device of facts.devices) {
          const coming = moves.filter((move) => move.device === device.id)
          expect(coming.length).toBeLessThanOrEqual(roomIn(device))
          for (const { placesLeft } of coming) expect(placesLeft).toBe(roomIn(device) - coming.length)
        }
      }),
      { numRuns: 400 },
    )
    expect(moved).toBeGreaterThan(500)
  })

  test('carries by remaining allowance, then expiry, then id', () => {
    fc.assert(
      fc.property(ward, (facts) => {
        const { moves } = planRescue(facts, cnRescue)
        const carried = moves.map(({ bag }) => find(facts.bags, bag))
        expect(carried).toEqual(carried.toSorted(byUrgency))
        expect(moves.map(({ order }) => order)).toEqual(moves.map((_, index) => index + 1))
      }),
      { numRuns: 200 },
    )
  })

  test('says of every bag where it goes or why it stays, and of every device why not', () => {
    fc.assert(
      fc.property(ward, (facts) => {
        const { moves, stays, totals } = planRescue(facts, cnRescue)
        expect([...moves, ...stays].map(({ bag }) => bag).toSorted()).toEqual(
          facts.bags.map(({ id }) => id).toSorted(),
        )
        const counted = Object.values(totals.stays).reduce((sum, count) => sum + count, 0)
        expect(totals).toMatchObject({ bags: facts.bags.length, moved: moves.length })
        expect(counted).toBe(stays.length)

        for (const { bag, rejected } of [...moves, ...stays]) {
          const told = find(facts.bags, bag)
          const named = rejected.flatMap(({ devices }) => devices)
          const isLost = told.allowanceMs === 'spent' || told.expiresAt <= now
          const isFit = (device: RescueDevice) => roomIn(device) > 0 && canGo(told, device, facts)
          const isMoved = moves.some((move) => move.bag === bag)
          const against = facts.devices.filter((device) => !isLost && !(isMoved && isFit(device)))
          expect(named.toSorted(compare)).toEqual(against.map(({ id }) => id))
          expect(rejected.map(({ reason }) => reason)).toEqual(
            rescueRejections.filter((code) => rejected.some(({ reason }) => reason === code)),
          )
          const taken = rejected.find(({ reason }) => reason === 'places_taken')
          expect(taken?.devices ?? []).toEqual(
            isMoved || isLost ? [] : facts.devices.filter(isFit).map(({ id }) => id),
          )
          if (isMoved) continue
          const { reason, ask } = find(
            stays.map((stay) => ({ ...stay, id: stay.bag })),
            bag,
          )
          expect(reason).toBe(
            told.allowanceMs === 'spent'
              ? 'spent'
              : isLost
                ? 'expired'
                : facts.devices.some(isFit)
                  ? 'places_taken'
                  : 'no_device',
          )
          const open = facts.devices.filter(
            (device) => device.capacity === null && canGo(told, device, facts),
          )
          expect(ask.toSorted(compare)).toEqual(open.map(({ id }) => id))
          const ways = ask.map((id) => wayMs(told, find(facts.devices, id), facts))
          expect(ways).toEqual(ways.toSorted(compare))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('gives no reason that is not so', () => {
    fc.assert(
      fc.property(ward, (facts) => {
        const { moves } = planRescue(facts, cnRescue)
        for (const { bag, device, reasons, way } of moves) {
          const told = find(facts.bags, bag)
          const target = find(facts.devices, device)
          const far = (one: RescueDevice) => Math.ceil(wayMs(told, one, facts) / minute)
          const others = facts.devices.filter(
            (one) => one.id !== device && roomIn(one) > 0 && canGo(told, one, facts),
          )
          const nearer = others.filter((one) => far(one) < far(target))
          const isFull = ({ id, ...one }: RescueDevice) =>
            moves.filter((move) => move.device === id).length === roomIn({ id, ...one })
          const isDoubted = (one: RescueDevice) => minutesTo(told, one, facts) !== far(one)
          const expected = {
            only_choice: others.length === 0,
            nearest: others.length > 0 && nearer.length === 0,
            clean_record: !isDoubted(target),
            record_not_clean: isDoubted(target),
            other_facility: target.facilityId !== 1,
            by_car: way.by === 'car',
          }
          const given = rescueReasons.filter((reason) => reason in expected && reasons.includes(reason))
          expect(given).toEqual(
            rescueReasons.filter((reason) => (expected as Record<string, boolean>)[reason]),
          )
          // Each nearer one is left out for want of a place or for its record, and both are told.
          const said = [reasons.includes('nearer_taken'), reasons.includes('nearer_not_clean')]
          expect(said.includes(true)).toBe(nearer.length > 0)
          for (const one of nearer) expect(isFull(one) || isDoubted(one)).toBe(true)
          if (said[0]) expect(nearer.some(isFull)).toBe(true)
          if (said[1]) expect(nearer.some(isDoubted)).toBe(true)
          expect(reasons).toEqual(rescueReasons.filter((reason) => reasons.includes(reason)))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('is carried in trips that one person can carry, and all of it is in time with the people it asks for', () => {
    fc.assert(
      fc.property(ward, (facts) => {
        const { moves, trips, carriers } = planRescue(facts, cnRescue)
        expect(trips.flatMap(({ bags }) => bags).toSorted()).toEqual(moves.map(({ bag }) => bag).toSorted())
        const firsts = trips.map(({ bags }) => moves.find(({ bag }) => bag === bags[0])?.order as number)
        expect(firsts).toEqual(firsts.toSorted(compare))

        const lateWith = (people: number) => {
          const back = Array.from({ length: people }, () => now)
          let late = 0
          for (const { device, by, bags, wayMs: way } of trips) {
            const carried = moves.filter(({ bag }) => bags.includes(bag))
            expect(carried.every((move) => move.device === device && move.way.by === by)).toBe(true)
            expect(carried.map(({ bag }) => bag)).toEqual(bags)
            expect(bags.length).toBeLessThanOrEqual(by === 'foot' ? 10 : 40)
            back.sort(compare)
            const arrivesAt = (back[0] as number) + way
            late += carried.filter((move) => arrivesAt > (move.lostAt ?? arrivesAt)).length
            back[0] = arrivesAt + way
          }
          return late
        }
        if (trips.length === 0) expect(carriers).toBe(0)
        else expect(lateWith(carriers)).toBe(0)
        if (carriers > 1) expect(lateWith(carriers - 1)).toBeGreaterThan(0)
      }),
      { numRuns: 200 },
    )
  })

  test('is the same whatever order the facts are told in', () => {
    const shuffled = ward.chain((facts) =>
      fc.record({
        facts: fc.constant(facts),
        bags: fc.shuffledSubarray([...facts.bags], { minLength: facts.bags.length }),
        devices: fc.shuffledSubarray([...facts.devices], { minLength: facts.devices.length }),
      }),
    )
    fc.assert(
      fc.property(shuffled, ({ facts, bags, devices }) => {
        expect(planRescue({ ...facts, bags, devices }, cnRescue)).toEqual(planRescue(facts, cnRescue))
      }),
      { numRuns: 200 },
    )
  })
})

test('no other plan saves more, or who comes first, or takes fewer minutes, or spares the more urgent', () => {
  const corner = failures(6, 4, fc.integer({ min: 2, max: 3 }), 0)
  let short = 0
  fc.assert(
    fc.property(corner, (facts) => {
      const urgency = facts.bags.toSorted(byUrgency)
      const precedence = facts.bags.toSorted(byPrecedence)
      type Way = ReadonlyMap<RescueBag, RescueDevice>
      const ways: Way[] = [new Map()]
      for (const bag of urgency)
        for (const way of [...ways])
          for (const device of facts.devices)
            if (
              canGo(bag, device, facts) &&
              [...way.values()].filter((one) => one === device).length < roomIn(device)
            )
              ways.push(new Map([...way, [bag, device]]))
      const rank = (way: Way) => {
        const spent = urgency.map((bag) => {
          const device = way.get(bag)
          return device ? minutesTo(bag, device, facts) : 0
        })
        return [
          -way.size,
          ...precedence.map((bag) => (way.has(bag) ? 0 : 1)),
          spent.reduce((sum, one) => sum + one, 0),
          spent.reduce((sum, one, index) => sum + one * (urgency.length - index), 0),
        ]
      }
      const byRank = (a: readonly number[], b: readonly number[]) =>
        a.map((one, index) => compare(one, b[index] as number)).find((order) => order !== 0) ?? 0
      const best = ways.map(rank).reduce((a, b) => (byRank(b, a) < 0 ? b : a))
      const { moves, totals } = planRescue(facts, cnRescue)
      const planned = new Map(
        moves.map(({ bag, device }) => [find(facts.bags, bag), find(facts.devices, device)]),
      )
      expect(rank(planned)).toEqual(best)
      if (totals.stays.places_taken > 0) short++
    }),
    { numRuns: 1_000 },
  )
  expect(short).toBeGreaterThan(200)
})

describe('a device', () => {
  const platelets = { component: 'platelets', limits: storage.platelets } as const
  const incubator = { kind: 'incubator', limits: storage.platelets, load: { at: now, centi: 2_200 } } as const

  test.for<
    readonly [
      string,
      Partial<RescueDevice>,
      Partial<RescueBag>,
      RescuePlan['stays'][number]['rejected'][number]['reason'] | null,
    ]
  >([
    ['is as good as can be', {}, {}, null],
    ['is the one that fails', { id: 1 }, {}, 'is_failing'],
    ['is a box', { kind: 'box' }, {}, 'wrong_kind'],
    ['is a freezer at the temperature of a fridge', { kind: 'freezer' }, {}, 'wrong_kind'],
    ['is an incubator', { ...incubator, agitates: true }, platelets, null],
    ['has an agitator that stands still', incubator, platelets, 'no_agitation'],
    ['may be a little colder than the bag', { limits: { low: 199, high: 600 } }, {}, 'wrong_profile'],
    ['may be a little warmer than the bag', { limits: { low: 200, high: 601 } }, {}, 'wrong_profile'],
    ['is retired', { isRetired: true }, {}, 'retired'],
    ['is not qualified', { isQualified: false }, {}, 'unqualified'],
    ['is due for calibration now', { calibratedUntil: now }, {}, 'calibration_overdue'],
    ['was calibrated nobody knows when', { calibratedUntil: null }, {}, 'calibration_overdue'],
    ['is in alarm', { isInAlarm: true }, {}, 'in_alarm'],
    ['is silent', { isSilent: true }, {}, 'silent'],
    ['defrosts', { defrostsFrom: now - minute }, {}, 'defrosting'],
    ['is to be defrosted within four hours', { defrostsFrom: now + 4 * hour }, {}, 'defrosting'],
    ['is to be defrosted after that', { defrostsFrom: now + 4 * hour + 1 }, {}, null],
    ['holds whole blood', { contents: { bags: 1, components: ['whole_blood'] } }, {}, null],
    ['holds plasma', { contents: { bags: 1, components: ['plasma'] } }, {}, 'mixed_contents'],
    ['has no probe', { load: null }, {}, 'not_measured'],
    ['has a probe in the air', { load: null, air: { at: now, centi: 400 } }, {}, null],
    ['measured ten minutes ago', { load: { at: now - 10 * minute, centi: 400 } }, {}, null],
    ['measured longer ago', { load: { at: now - 10 * minute - 1, centi: 400 } }, {}, 'not_measured'],
    [
      'measures in the air only of late',
      { load: { at: now - hour, centi: 400 }, air: { at: now, centi: 400 } },
      {},
      'not_measured',
    ],
    ['is at the upper limit', { load: { at: now, centi: 600 } }, {}, null],
    ['is above it', { load: { at: now, centi: 601 } }, {}, 'out_of_limits'],
    ['is below the lower one', { load: { at: now, centi: 199 } }, {}, 'out_of_limits'],
    ['is nobody knows where', { ways: { foot: null, car: null } }, {}, 'no_way'],
    ['is ten minutes away, which may be fifteen', { ways: { foot: 10 * minute, car: null } }, {}, null],
    ['is further', { ways: { foot: 10 * minute + 1_000, car: null } }, {}, 'too_far'],
    ['is further than the bag may be in hands', {}, { handlingMs: 6 * minute - 1 }, 'too_far'],
    ['is as far as the bag may be in hands', {}, { handlingMs: 6 * minute }, null],
    [
      'is too far by car',
      { ways: { foot: null, car: 80 * minute + 1_000 } },
      { allowanceMs: 9 * hour },
      'too_far',
    ],
    ['is reached in the last moment', {}, { allowanceMs: 6 * minute }, null],
    ['is reached too late', {}, { allowanceMs: 6 * minute - 1 }, 'too_late'],
    ['is full', { contents: { bags: 10, components: [] } }, {}, 'full'],
    ['has its reserve left', { contents: { bags: 9, components: [] } }, {}, 'reserve_only'],
    ['has a place beside its reserve', { contents: { bags: 8, components: [] } }, {}, null],
    [
      'has one in nine, less a tenth',
      { capacity: 9, contents: { bags: 8, components: [] } },
      {},
      'reserve_only',
    ],
    ['takes nobody knows how many', { capacity: null }, {}, 'room_unknown'],
  ])('that %s', ([, device, bag, reason]) => {
    const { moves, stays } = plan([{ ...aBag, ...bag }], [{ ...aDevice, ...device }])
    expect(stays.flatMap(({ rejected }) => rejected.map((one) => one.reason))).toEqual(reason ? [reason] : [])
    expect(moves).toHaveLength(reason ? 0 : 1)
  })

  test('of which a figure is no number takes no bag', () => {
    const nan = Number.NaN
    const devices: Partial<RescueDevice>[] = [
      { capacity: nan },
      { contents: { bags: nan, components: [] } },
      { limits: { low: nan, high: 600 } },
      { limits: { low: 200, high: nan } },
      { calibratedUntil: nan },
      { defrostsFrom: nan },
      { load: { at: nan, centi: 400 } },
      { load: { at: now, centi: nan } },
      { ways: { foot: nan, car: null } },
    ]
    for (const device of devices) expect(plan([aBag], [{ ...aDevice, ...device }]).moves).toEqual([])
    for (const bag of [{ allowanceMs: nan }, { handlingMs: nan }, { expiresAt: nan }])
      expect(plan([{ ...aBag, ...bag }], [aDevice]).moves).toEqual([])
    const forecast = { p10Ms: nan, medianMs: nan }
    expect(plan([aBag], [aDevice], { failing: { ...failing, forecast } }).moves).toEqual([])
  })
})

describe('a bag', () => {
  const oneFree = { ...aDevice, contents: { bags: 8, components: [] } }
  const two = (a: Partial<RescueBag>, b: Partial<RescueBag>) => {
    const { moves } = plan(
      [
        { ...aBag, ...a, id: 'a' },
        { ...aBag, ...b, id: 'b' },
      ],
      [oneFree],
    )
    return moves.map(({ bag }) => bag)
  }

  test('that cannot be in time takes no place of one that can', () => {
    expect(two({ allowanceMs: minute }, { allowanceMs: hour })).toEqual(['b'])
  })

  test('whom staying does not lose, or who is held anyway, takes no place of one that would be lost', () => {
    expect(two({ isHeld: true }, { allowanceMs: 2 * hour })).toEqual(['b'])
    expect(two({ allowanceMs: 'unlimited' }, { isHeld: true })).toEqual(['b'])
    expect(two({ claims: ['emergency_stock'] }, { claims: ['reserved'] })).toEqual(['b'])
    expect(two({ claims: ['reserved'] }, { allowanceMs: 50 * minute })).toEqual(['b'])
    expect(two({}, { expiresAt: aBag.expiresAt - 1 })).toEqual(['b'])
  })

  test('that is held is carried where there is room, and told to be held', () => {
    expect(plan([{ ...aBag, isHeld: true }], [aDevice]).moves).toMatchObject([{ isHeld: true }])
  })

  test('has as much longer as the device is forecast to hold, at the least', () => {
    const bag = { ...aBag, allowanceMs: 5 * minute }
    const within = (p10Ms: number) =>
      plan([bag], [aDevice], { failing: { ...failing, forecast: { p10Ms, medianMs: hour } } })
    expect(within(minute).moves).toMatchObject([{ lostAt: now + 6 * minute, leaveBy: now }])
    expect(within(minute).limitAt).toEqual({ p10: now + minute, median: now + hour })
    expect(within(0).stays).toMatchObject([{ reason: 'no_device', lostAt: now + 5 * minute }])
    // That it was outside before is in the allowance.
    expect(within(-hour).stays).toMatchObject([{ lostAt: now + 5 * minute }])
  })

  test('moves over for another that can go nowhere else', () => {
    const near = { ...oneFree, id: 2, ways: { foot: minute, car: null } }
    const far = { ...oneFree, id: 3, ways: { foot: 8 * minute, car: null } }
    const hurried = { ...aBag, id: 'hurried', allowanceMs: 3 * minute, isHeld: true }
    const { moves, stays } = plan([hurried, { ...aBag, id: 'patient' }], [near, far])
    expect(moves).toMatchObject([
      { bag: 'hurried', device: 2, reasons: ['only_choice', 'clean_record'] },
      { bag: 'patient', device: 3, reasons: ['nearer_taken', 'clean_record'] },
    ])
    expect(stays).toEqual([])
  })

  test('goes further where that saves another more minutes, however urgent it is itself', () => {
    const near = { ...oneFree, id: 2, ways: { foot: 2 * minute, car: 10 * minute } }
    const far = { ...oneFree, id: 3, ways: { foot: 6 * minute, car: 15 * minute } }
    const hurried = { ...aBag, id: 'hurried', allowanceMs: 30 * minute }
    // Its time in hands is over: 15 minutes by car to one, 23 to the other.
    const handled = { ...aBag, id: 'handled', handlingMs: 0 }
    expect(plan([hurried, handled], [near, far]).moves).toMatchObject([
      { bag: 'hurried', device: 3, way: { by: 'foot', ms: 9 * minute } },
      { bag: 'handled', device: 2, way: { by: 'car', ms: 15 * minute } },
    ])
    expect(plan([hurried, { ...handled, handlingMs: hour }], [near, far]).moves).toMatchObject([
      { bag: 'hurried', device: 2 },
      { bag: 'handled', device: 3 },
    ])
  })

  test('goes a few minutes further to a device with a clean record', () => {
    const doubted = { ...aDevice, id: 2, ways: { foot: minute, car: null }, doubtedAt: now - 24 * hour + 1 }
    const clean = { ...aDevice, id: 3, doubtedAt: now - 24 * hour }
    expect(plan([aBag], [doubted, clean]).moves).toMatchObject([
      { device: 3, reasons: ['nearer_not_clean', 'clean_record'] },
    ])
    // Two minutes and ten for the record are as good as twelve: neither is full.
    const asGood = { ...clean, id: 1, ways: { foot: 8 * minute, car: null } }
    expect(plan([aBag], [doubted, asGood], { failing: { ...failing, id: 9 } }).moves).toMatchObject([
      { device: 1, reasons: ['nearer_not_clean', 'clean_record'] },
    ])
    const far = { ...clean, ways: { foot: null, car: 40 * minute } }
    expect(plan([aBag], [doubted, far]).moves).toMatchObject([
      { device: 2, reasons: ['nearest', 'record_not_clean'] },
    ])
  })

  test('or a device that is told twice is a mistake of who asks', () => {
    expect(() => plan([aBag, aBag], [aDevice])).toThrow('told twice')
    expect(() => plan([aBag], [aDevice, aDevice])).toThrow('told twice')
  })
})
