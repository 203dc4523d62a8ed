import type { Abo, FacilityKind, Rhd, Role } from '../../schema/vocabulary.ts'
import { drawHeat, drawSensor } from '../fleet.ts'
import { type HeatParams, presets } from '../heat.ts'
import { createRandom, type Random } from '../random.ts'
import type { SensorParams } from '../sensor.ts'
import { type Position, travel } from './geography.ts'
import { inBoth, type Named, nameHospitals, namePerson } from './names.ts'

export type Group = { readonly abo: Abo; readonly rhd: Rhd }

export type Site = {
  readonly code: string
  readonly name: Named
  readonly kind: FacilityKind
  readonly position: Position
}

/** What a fridge is for: the centre's stock, a hospital's own bank, or a ward's. */
export type Use = 'centre' | 'bank' | 'theatre' | 'icu' | 'ambulance' | 'box'

/** A fridge or a transport box, as data: what it is made of, and where it stands. */
export type Unit = {
  readonly name: string
  readonly facility: string
  readonly use: Use
  readonly heat: HeatParams
  readonly sensor: SensorParams
  readonly ambient: { readonly celsius: number; readonly swing: number }
}

export type Hospital = Site & {
  /** How much larger than the usual one it is. */
  readonly size: number
  /** Its bank, and the fridges of its wards. */
  readonly bank: string
  readonly wards: readonly string[]
  /** The box that goes between the centre and it. */
  readonly box: string
}

export type Job = 'collector' | 'technician' | 'releaser' | 'courier' | 'lab' | 'nurse' | 'regulator'

export type Person = {
  readonly username: string
  readonly name: string
  readonly job: Job
  readonly role: Role
  /** Null: everywhere. */
  readonly facility: string | null
}

/** A city as the seed draws it: nothing but data, and the same each time. */
export type City = {
  readonly seed: string
  readonly centre: Site
  readonly hospitals: readonly Hospital[]
  readonly units: readonly Unit[]
  readonly people: readonly Person[]
}

export type CityOptions = {
  readonly seed: string | number
  readonly hospitals?: number
  /** Fridges of the centre and the hospitals together; boxes come on top, one for each hospital. */
  readonly fridges?: number
  /** Begins every name, so that two cities can share a service. */
  readonly prefix?: string
}

export const usual = { hospitals: 43, fridges: 400 } as const

/** Somewhere on a coast that is on no map. */
const middle: Position = { lat: 36.25, lon: 120.3 }

/** @throws RangeError where there are too few fridges for so many hospitals */
export function drawCity({
  seed,
  hospitals: count = usual.hospitals,
  fridges = usual.fridges,
  prefix = 'city',
}: CityOptions): City {
  const random = createRandom(seed)
  const least = 2 * count + 1
  if (fridges < least)
    throw new RangeError(`${count} hospitals and a blood centre need at least ${least} fridges`)
  const centre: Site = {
    code: `${prefix}-centre`,
    name: { zh: '市血液中心', en: 'City Blood Centre' },
    kind: 'centre',
    position: middle,
  }
  const sizes = Array.from({ length: count }, (_, index) => drawSize(random.fork(`size/${index}`)))
  const centreFridges = Math.min(Math.max(1, Math.round(fridges / 50)), fridges - 2 * count)
  const shares = share(fridges - centreFridges, sizes)
  const names = nameHospitals(random.fork('names'), count)
  const positions = drawPositions(random.fork('map'), count)

  const units: Unit[] = []
  const addUnit = (facility: string, use: Use, number: number): string => {
    const name = `${facility}-${use}-${number}`
    units.push(drawUnit(random.fork(name), { name, facility, use }))
    return name
  }
  for (let number = 1; number <= centreFridges; number += 1) addUnit(centre.code, 'centre', number)
  const hospitals = names.map((name, index): Hospital => {
    const code = `${prefix}-h${String(index + 1).padStart(2, '0')}`
    const bank = addUnit(code, 'bank', 1)
    const wards = usesOf((shares[index] as number) - 1).map((use, number) => addUnit(code, use, number + 1))
    return {
      code,
      name,
      kind: 'hospital',
      position: positions[index] as Position,
      size: sizes[index] as number,
      bank,
      wards,
      box: addUnit(code, 'box', 1),
    }
  })
  return {
    seed: String(seed),
    centre,
    hospitals,
    units,
    people: drawPeople(random, prefix, centre, hospitals),
  }
}

/** Most are middling, a few are large: 0.4 to 3. */
function drawSize(random: Random): number {
  return Math.min(3, Math.max(0.4, Math.exp(0.5 * random.normal())))
}

/** Whole things for everybody by size, two at least; the rests go to the largest remainders. */
function share(total: number, sizes: readonly number[]): number[] {
  const free = total - 2 * sizes.length
  const sum = sizes.reduce((all, size) => all + size, 0)
  const exact = sizes.map((size) => (free * size) / sum)
  const shares = exact.map((part) => 2 + Math.floor(part))
  const left = total - shares.reduce((all, part) => all + part, 0)
  const neediest = exact
    .map((part, index) => ({ index, rest: part - Math.floor(part) }))
    .sort((a, b) => b.rest - a.rest || a.index - b.index)
  for (const { index } of neediest.slice(0, left)) shares[index] = (shares[index] as number) + 1
  return shares
}

/** Theatres first, then intensive care; the more there are, the more are in ambulances. */
function usesOf(count: number): Use[] {
  const turn: readonly Use[] = ['theatre', 'icu', 'theatre', 'ambulance', 'theatre', 'icu', 'theatre', 'icu']
  return Array.from({ length: count }, (_, index) => turn[index % turn.length] as Use)
}

/** Dense in the middle, thin outside, and no two next to each other. */
function drawPositions(random: Random, count: number): Position[] {
  const drawn: Position[] = []
  while (drawn.length < count) {
    const km = Math.min(70, 1 + 9 * Math.exp(0.8 * random.normal()))
    const there = travel(middle, km, random.between(0, 360))
    const apart = (other: Position) =>
      Math.hypot(there.lat - other.lat, there.lon - other.lon) > 0.2 / Math.sqrt(count + 40)
    if (drawn.every(apart)) drawn.push(there)
  }
  return drawn
}

function drawUnit(random: Random, named: Pick<Unit, 'name' | 'facility' | 'use'>): Unit {
  const isBox = named.use === 'box'
  return {
    ...named,
    heat: isBox ? drawBox(random) : drawHeat(random),
    sensor: drawSensor(random),
    ambient: { celsius: random.between(20, 25), swing: random.between(0, isBox ? 1 : 2.5) },
  }
}

/** A box that cools by itself from a battery: no packs that would have to be changed. */
function drawBox(random: Random): HeatParams {
  const { packs: _packs, ...walls } = presets.transportBox
  const spread = (value: number) => value * random.between(0.85, 1.15)
  return {
    ...walls,
    airJPerK: spread(walls.airJPerK),
    wallWPerK: spread(walls.wallWPerK),
    doorWPerK: spread(walls.doorWPerK),
    bagShare: 0.01,
    compressor: { coolingW: spread(20), setpoint: random.between(3.8, 4.2), hysteresis: 0.5 },
  }
}

function drawPeople(random: Random, prefix: string, centre: Site, hospitals: readonly Hospital[]): Person[] {
  const people: Person[] = []
  const add = (job: Job, role: Role, facility: string | null, count: number) => {
    for (let number = 1; number <= count; number += 1) {
      const username = `${facility ?? prefix}-${job}-${number}`
      people.push({ username, name: inBoth(namePerson(random.fork(username))), job, role, facility })
    }
  }
  const teams = Math.max(1, Math.round(hospitals.length / 20))
  add('collector', 'centre', centre.code, teams)
  add('technician', 'centre', centre.code, 2 * teams)
  add('releaser', 'centre', centre.code, teams)
  add('courier', 'courier', null, Math.max(1, Math.round(hospitals.length / 4)))
  add('regulator', 'regulator', null, 1)
  for (const { code, size } of hospitals) {
    add('lab', 'transfusion_lab', code, 1)
    add('nurse', 'nurse', code, Math.max(2, Math.round(2 * size)))
  }
  return people
}
