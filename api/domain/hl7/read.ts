import {
  type GroupingMethod,
  type Indication,
  indications,
  type OrderedComponent,
  orderedComponents,
  type UnitOfMeasure,
  type Urgency,
  unitsOfMeasure,
} from '../../../schema/vocabulary.ts'
import { Refusal } from '../refusal.ts'
import {
  type At,
  beginningOf,
  groupsOf,
  type Hl7Message,
  type Hl7Segment,
  mustStandOnce,
  repetitionsAt,
  segmentsOf,
  valueAt,
} from './message.ts'
import { type Hl7Result, resultsOf } from './read-results.ts'

/** Another system that sends messages, and what is known of its ways. */
export type Hl7Sender = {
  /** MSH-3 and MSH-4. */
  readonly application: string
  readonly facility: string
  /** The facility its patients are of, by code. */
  readonly at: string
  /** Who numbers its patients: of PID-3 only the number of this authority is read (PID-3.4). */
  readonly authority: string
  /** How groups are determined there where OBX-17 does not say; undefined where it must. */
  readonly method?: GroupingMethod | undefined
  /** What it orders, by OBR-4.1, where that is not in our words. */
  readonly products: Readonly<
    Record<string, { readonly component: OrderedComponent; readonly uom: UnitOfMeasure }>
  >
}

/** What a message says. `number` is the patient's as the sender numbers them. */
export type Hl7Event =
  | { readonly kind: 'patient'; readonly number: string }
  | { readonly kind: 'orders'; readonly number: string; readonly orders: readonly Hl7Order[] }
  | { readonly kind: 'results'; readonly number: string; readonly results: readonly Hl7Result[] }

export type Hl7Order =
  | { readonly control: 'cancel'; readonly placer: string; readonly reason: string }
  | {
      readonly control: 'new'
      readonly placer: string
      readonly component: OrderedComponent
      readonly amount: number
      readonly uom: UnitOfMeasure
      readonly indication: Indication
      readonly indicationText: string
      readonly urgency: Urgency
      readonly neededAt: number | undefined
      readonly physician: string
    }

/** What a message is called by and by whom it is. */
export type Hl7Header = {
  readonly application: string
  readonly facility: string
  /** MSH-9, as in ADT^A01. */
  readonly type: string
  readonly controlId: string
  readonly processing: string
}

export function headerOf(message: Hl7Message): Hl7Header {
  const [header] = message.segments
  const at = (field: number, component = 1) => valueAt(message, header, { field, component })
  return {
    application: at(3),
    facility: at(4),
    type: [at(9), at(9, 2)].filter((part) => part !== '').join('^'),
    controlId: at(10),
    processing: at(11),
  }
}

/** May it be read at all? @throws Refusal */
export function mustBeForUs({ controlId, processing }: Hl7Header): void {
  if (!/^[!-~]{1,199}$/.test(controlId))
    throw new Refusal('invalid_request', 'MSH-10: is missing, or no number of a message')
  if (processing !== 'P')
    throw new Refusal('invalid_request', 'MSH-11: is not P: what is no production message is not taken')
}

/** What an instant without an offset means where it was written. */
export type ReadLocal = (local: LocalTime) => number | null
export type LocalTime = Readonly<Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>>

/**
 * What a message says, or why it is not read: nothing is guessed.
 *
 * @throws Refusal `invalid_request`, `conflict`
 */
export function readHl7(message: Hl7Message, sender: Hl7Sender, readLocal: ReadLocal): Hl7Event {
  const { type } = headerOf(message)
  switch (type) {
    case 'ADT^A01':
    case 'ADT^A04':
    case 'ADT^A08':
      return { kind: 'patient', number: patientNumber(message, sender) }
    case 'ADT^A40':
      throw new Refusal(
        'conflict',
        'ADT^A40: two patients are not made one by a message: see to their records, then conclude',
      )
    case 'ORM^O01':
    case 'OML^O21':
      return {
        kind: 'orders',
        number: patientNumber(message, sender),
        orders: ordersOf(message, sender, readLocal),
      }
    case 'ORU^R01':
      return {
        kind: 'results',
        number: patientNumber(message, sender),
        results: resultsOf(message, sender.method),
      }
    default:
      throw new Refusal('invalid_request', `MSH-9: ${type || 'nothing'} is no message that is read here`)
  }
}

/** So many numbers no patient has. */
const mostNumbers = 200

/** The number of the configured authority; one that names none counts only where it is the only one. */
export function patientNumber(
  message: Hl7Message,
  { authority }: Pick<Hl7Sender, 'authority'>,
  name = 'PID',
  field = 3,
): string {
  const [segment, ...others] = segmentsOf(message, name)
  if (!segment) throw new Refusal('invalid_request', `${name}: is missing`)
  if (others.length > 0) throw new Refusal('invalid_request', `${name}: names more than one patient`)
  const count = repetitionsAt(message, segment, field)
  if (count > mostNumbers)
    throw new Refusal('invalid_request', `${name}-${field}: has more than ${mostNumbers} numbers`)
  const numbers = new Set<string>()
  for (let repetition = 1; repetition <= count; repetition++) {
    const number = valueAt(message, segment, { field, repetition })
    const given = valueAt(message, segment, { field, repetition, component: 4 })
    if (number !== '' && given === authority) numbers.add(number)
  }
  const [number] = numbers
  if (number === undefined || numbers.size > 1)
    throw new Refusal('invalid_request', `${name}-${field}: has no one number of ${authority}`)
  return number
}

const urgencyOf: ReadonlyMap<string, Urgency> = new Map([
  ['S', 'emergency'],
  ['A', 'urgent'],
  ['R', 'routine'],
  ['', 'routine'],
])

/** As long as what people write of an order. */
const mostOfAText = 1_000

/** Each ORC with what follows it. */
function ordersOf(message: Hl7Message, sender: Hl7Sender, readLocal: ReadLocal): Hl7Order[] {
  const groups = groupsOf(message, 'ORC', ({ name }) => name === 'OBR' || name === 'TQ1')
  return groups.map((group) => orderOf(group, sender, readLocal))
}

function orderOf(group: Hl7Message, sender: Hl7Sender, readLocal: ReadLocal): Hl7Order {
  const [orc, obr, timing] = ['ORC', 'OBR', 'TQ1'].map((name) => segmentsOf(group, name)[0])
  const at = (segment: Hl7Segment | undefined, where: At) => valueAt(group, segment, where)
  const placer = at(orc, { field: 2 }) || at(obr, { field: 2 })
  if (placer === '') throw new Refusal('invalid_request', 'ORC-2: is missing: an order has a number')
  const control = at(orc, { field: 1 })
  if (control === 'CA' || control === 'DC')
    return {
      ...{ control: 'cancel', placer },
      reason: beginningOf(at(orc, { field: 16, component: 2 }), mostOfAText) || `ORC-1 ${control}`,
    }
  if (control !== 'NW')
    throw new Refusal('invalid_request', `ORC-1: ${control || 'nothing'}: only NW, CA and DC are read here`)
  if (!obr) throw new Refusal('invalid_request', 'OBR: is missing')
  mustStandOnce(group, ['OBR', 'TQ1'])
  for (const [segment, field] of [
    [orc, 7],
    [obr, 27],
  ] as const)
    if (repetitionsAt(group, segment, field) > 1)
      throw new Refusal('invalid_request', `${segment?.name}-${field}: says more than one quantity and time`)
  const code = at(obr, { field: 4 })
  const known = sender.products[code]
  const component = known?.component ?? orderedComponents.find((one) => one === code)
  if (!component)
    throw new Refusal(
      'invalid_request',
      `OBR-4: ${code || 'nothing'} is no product that is known of this sender`,
    )
  // TQ1-2 since 2.5; before that the first component of ORC-7 or OBR-27, its unit a subcomponent.
  const quantity = [
    { amount: at(timing, { field: 2 }), unit: at(timing, { field: 2, component: 2 }) },
    ...[
      { segment: orc, field: 7 },
      { segment: obr, field: 27 },
    ].map(({ segment, field }) => ({
      amount: at(segment, { field }),
      unit: at(segment, { field, subcomponent: 2 }),
    })),
  ].find(({ amount }) => amount !== '')
  const amount = Number(quantity?.amount)
  if (!quantity || !/^\d{1,6}(\.\d{1,2})?$/.test(quantity.amount) || amount <= 0)
    throw new Refusal('invalid_request', 'TQ1-2: does not say how much')
  const uom =
    quantity.unit === ''
      ? known?.uom
      : unitsOfMeasure.find((unit) => unit.toLowerCase() === quantity.unit.toLowerCase())
  if (!uom)
    throw new Refusal(
      'invalid_request',
      `TQ1-2: ${quantity.unit || 'no unit'}: the unit is one of ${unitsOfMeasure.join(', ')}`,
    )
  const priority =
    at(timing, { field: 9 }) || at(orc, { field: 7, component: 6 }) || at(obr, { field: 27, component: 6 })
  const urgency = urgencyOf.get(priority)
  if (!urgency) throw new Refusal('invalid_request', `TQ1-9: ${priority}: the priority is S, A or R`)
  const when =
    at(timing, { field: 7 }) || at(orc, { field: 7, component: 4 }) || at(obr, { field: 27, component: 4 })
  const neededAt = when === '' ? undefined : instantOf(when, readLocal)
  if (neededAt === undefined && urgency !== 'emergency')
    throw new Refusal('invalid_request', 'TQ1-7: does not say when it is needed')
  const physician = at(orc, { field: 12 }) || at(obr, { field: 16 })
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(physician))
    throw new Refusal('invalid_request', 'ORC-12: does not name who orders by their number')
  const [told, words] = [at(obr, { field: 31 }), at(obr, { field: 31, component: 2 })]
  if (told === '' && words === '') throw new Refusal('invalid_request', 'OBR-31: does not say what it is for')
  return {
    ...{ control: 'new', placer, component, amount, uom, urgency, neededAt, physician },
    indication: indications.find((one) => one === told) ?? 'other',
    indicationText: beginningOf(words || told, mostOfAText),
  }
}

/** HL7 2.5.1 ch. 2.A.22: to the minute at least, with an offset or as clocks show it there. */
export function instantOf(text: string, readLocal: ReadLocal): number {
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d{1,4})?([+-](?:0\d|1[0-4])[0-5]\d)?$/.exec(
    text,
  )
  const [year, month, day, hour, minute, second] = (found?.slice(1, 7) ?? []).map((part) => Number(part ?? 0))
  const offset = found?.[7]
  if (found) {
    const local = { year, month, day, hour, minute, second } as LocalTime
    const utc = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second)
    const isReal = new Date(utc)
      .toISOString()
      .startsWith(`${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}`)
    const sign = offset?.startsWith('-') ? -1 : 1
    const offsetMs = offset
      ? sign * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3))) * 60_000
      : null
    const at = isReal ? (offsetMs === null ? readLocal(local) : utc - offsetMs) : null
    if (at !== null && at >= 0) return at
  }
  throw new Refusal('invalid_request', `${beginningOf(text, 30)}: is no instant, to the minute at least`)
}
