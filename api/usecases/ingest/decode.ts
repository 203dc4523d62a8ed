import {
  BagsDelta,
  BagsInventory,
  DoorElement,
  Envelope,
  maxElements,
  PositionElement,
  PowerElement,
  ReadingElement,
  Reply,
  Status,
} from '../../../schema/messages.ts'
import type { ProbeKind, RejectionCode, UpChannel } from '../../../schema/vocabulary.ts'
import { offsetOf } from '../../domain/clock.ts'
import { inForce } from '../../domain/effective.ts'
import { toCenti } from '../../domain/temperature.ts'
import type { Device } from '../../stores/devices.ts'

/** A message as a broker or a bridge hands it over: who sent it is known, what it holds is not. */
export type Incoming = {
  /** The authenticated device, never what the topic claims. */
  readonly device: string
  readonly topic: string
  readonly channel: UpChannel
  readonly payload: Buffer
  /** Server time, ms UTC. */
  readonly receivedAt: number
  /** The connection it came by, named as no other of any broker is. */
  readonly connection: string
  /** Left with the broker by that connection, because it broke. */
  readonly will: boolean
}

export type BadElement = { readonly index: number; readonly code: RejectionCode; readonly reason: string }

export type DecodedReading = {
  readonly probe: ProbeKind
  /** The device's own time. */
  readonly at: number
  readonly centi: number
  /** Hundredths of a percent. */
  readonly humidity: number | null
}

/** Tags that entered or left at one moment, or all that were there. */
export type DecodedBags = {
  readonly element: number
  readonly at: number
  readonly session: string | null
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly inventory: readonly string[] | null
}

export type DecodedEvent = { readonly element: number; readonly at: number; readonly body: object }

export type Decoded = {
  readonly boot: string
  readonly seq: number
  readonly sentAt: number
  readonly uptimeMs: number
  readonly readings: readonly DecodedReading[]
  readonly bags: readonly DecodedBags[]
  readonly events: readonly DecodedEvent[]
  readonly bad: readonly BadElement[]
  /** One element per probe: sent as it was measured, so that the clock may be judged by it. */
  readonly live: boolean
}

export type Undecodable = {
  readonly code: RejectionCode
  readonly reason: string
  readonly boot: string | null
  readonly seq: number | null
}

/** No event may lie further ahead of the server than this, ms. */
const aheadToleranceMs = 600_000

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Read a status message. It carries no sequence number. */
export function decodeStatus(payload: Buffer): Status | Undecodable {
  const json = parseJson(payload)
  if ('reason' in json) return json
  const status = Status.safeParse(json.value)
  return status.success ? status.data : unreadable(firstIssue(status.error))
}

/**
 * Read a numbered message. Its elements are judged one by one: the good ones are kept, the bad ones listed. Only an
 * envelope that cannot be read, or a body that is no list of elements, rejects the whole message.
 *
 * @param only judge these elements alone: the rest were taken in before. The physical range is then the newest
 *   profile's, for a profile cannot be widened in the past, and widening it is what mends the cause
 */
export function decode(
  incoming: Incoming,
  device: Device,
  only?: ReadonlySet<number>,
): Decoded | Undecodable {
  const json = parseJson(incoming.payload)
  if ('reason' in json) return json
  const parsed = Envelope.safeParse(json.value)
  if (!parsed.success) return unreadable(firstIssue(parsed.error))
  const { boot, seq, sentAt, uptimeMs, body } = parsed.data
  const elements = elementsOf(incoming.channel, body)
  if (typeof elements === 'string') return { code: 'unreadable', reason: elements, boot, seq }

  const draft: Draft = {
    device,
    receivedAt: incoming.receivedAt,
    sentAt,
    offset: offsetOf(device.clockFacts, boot, seq),
    again: only !== undefined,
    isList: Array.isArray(body),
    readings: [],
    bags: [],
    events: [],
    bad: [],
  }
  const read = readers[incoming.channel]
  for (let index = 0; index < elements.length; index++) {
    if (!only || only.has(index)) read(draft, elements[index], index)
  }
  const { readings, bags, events, bad } = draft
  const live = incoming.channel === 'readings' && isOnePerProbe(readings, elements.length)
  return { boot, seq, sentAt, uptimeMs, readings, bags, events, bad, live }
}

function isOnePerProbe(readings: readonly DecodedReading[], elements: number): boolean {
  if (elements === 1) return readings.length === 1
  return new Set(readings.map(({ probe }) => probe)).size === elements
}

/** A message whose elements are being read one by one. */
type Draft = {
  readonly device: Device
  readonly receivedAt: number
  readonly sentAt: number
  /** What is known to be added to its times, ms. */
  readonly offset: number
  /** It was rejected before and is tried again. */
  readonly again: boolean
  readonly isList: boolean
  readonly readings: DecodedReading[]
  readonly bags: DecodedBags[]
  readonly events: DecodedEvent[]
  readonly bad: BadElement[]
}

/** Takes one element into the draft, or lists what is wrong with it. */
type Reader = (draft: Draft, element: unknown, index: number) => void

const readers: Record<UpChannel, Reader> = {
  readings: readReading,
  bags: readBags,
  door: readEvent(DoorElement),
  power: readEvent(PowerElement),
  position: readEvent(PositionElement),
  replies: readReply,
  status: refuseStatus,
}

function readReading(draft: Draft, element: unknown, index: number): void {
  const { device, offset, readings, bad, again } = draft
  const parsed = ReadingElement.safeParse(element)
  if (!parsed.success) {
    draft.bad.push(broken(index, parsed.error))
    return
  }
  const { at, probe, celsius, humidity } = parsed.data
  const fault = valueFault(celsius, inForce(device.profiles, again ? Number.POSITIVE_INFINITY : at + offset))
  if (fault) {
    bad.push({ index, ...fault })
    return
  }
  if (!isInTime(draft, index, at)) return
  const centi = toCenti(celsius as number)
  readings.push({ probe, at, centi, humidity: humidity === undefined ? null : Math.round(humidity * 100) })
}

function readBags(draft: Draft, element: unknown, index: number): void {
  const isInventory = typeof element === 'object' && element !== null && 'inventory' in element
  if (isInventory && draft.isList) {
    // What an inventory misses has left: beside deltas of the same message nobody could say in which order.
    draft.bad.push({
      index,
      code: 'bad_element',
      reason: 'inventory: must be the body itself, not in a list',
    })
    return
  }
  const parsed = isInventory ? BagsInventory.safeParse(element) : BagsDelta.safeParse(element)
  if (!parsed.success) {
    draft.bad.push(broken(index, parsed.error))
    return
  }
  const { at } = parsed.data
  if (!isInTime(draft, index, at)) return
  if ('inventory' in parsed.data) {
    const { inventory } = parsed.data
    draft.bags.push({ element: index, at, session: null, added: [], removed: [], inventory })
  } else {
    const { added, removed, session = null } = parsed.data
    draft.bags.push({ element: index, at, session, added, removed, inventory: null })
  }
}

function readEvent(schema: typeof DoorElement | typeof PowerElement | typeof PositionElement): Reader {
  return (draft, element, index) => {
    const parsed = schema.safeParse(element)
    if (!parsed.success) {
      draft.bad.push(broken(index, parsed.error))
      return
    }
    const { at } = parsed.data
    if (isInTime(draft, index, at)) draft.events.push({ element: index, at, body: parsed.data })
  }
}

function readReply(draft: Draft, element: unknown, index: number): void {
  const parsed = Reply.safeParse(element)
  if (!parsed.success) {
    draft.bad.push(broken(index, parsed.error))
    return
  }
  draft.events.push({ element: index, at: draft.sentAt, body: parsed.data })
}

/** A status carries no number and is read by `decodeStatus`. */
function refuseStatus(): never {
  throw new Error('a status is no numbered message')
}

function broken(index: number, error: { readonly issues: readonly Issue[] }): BadElement {
  return { index, code: 'bad_element', reason: firstIssue(error) }
}

function isInTime({ device, offset, receivedAt, bad }: Draft, index: number, at: number): boolean {
  const fault = timeFault(at + offset, device, receivedAt)
  if (fault) bad.push({ index, ...fault })
  return !fault
}

/** The elements of a body; a string says why it has none. An inventory and a reply are their own only element. */
function elementsOf(channel: UpChannel, body: unknown): readonly unknown[] | string {
  if (channel === 'replies' || (channel === 'bags' && !Array.isArray(body))) return [body]
  if (!Array.isArray(body)) return 'body: must be a list of elements'
  if (body.length === 0) return 'body: must hold at least 1 element'
  if (body.length > maxElements)
    return `body: holds ${body.length} elements, at most ${maxElements} are taken`
  return body
}

/** Why a value is no temperature of a device with this profile; null where it is. */
export function valueFault(
  celsius: number | null,
  limits: { readonly physicalLow: number; readonly physicalHigh: number },
): Omit<BadElement, 'index'> | null {
  if (celsius === null || !Number.isFinite(celsius)) {
    return {
      code: 'not_finite',
      reason: `celsius: ${celsius === null ? 'not a number' : celsius} is no temperature`,
    }
  }
  const centi = toCenti(celsius)
  if (centi >= limits.physicalLow && centi <= limits.physicalHigh) return null
  const range = `${limits.physicalLow / 100} to ${limits.physicalHigh / 100}`
  return {
    code: 'out_of_physical_range',
    reason: `celsius: ${celsius} is outside the physical range ${range}`,
  }
}

/** Why an event time cannot be a device's; null where it can. */
export function timeFault(
  at: number,
  device: Pick<Device, 'inServiceFrom'>,
  receivedAt: number,
): Omit<BadElement, 'index'> | null {
  if (at < device.inServiceFrom) {
    const since = new Date(device.inServiceFrom).toISOString()
    return {
      code: 'before_in_service',
      reason: `at: ${iso(at)} is before the device went into service at ${since}`,
    }
  }
  if (at > receivedAt + aheadToleranceMs) {
    return { code: 'too_far_ahead', reason: `at: ${iso(at)} is more than 10 minutes ahead of the server` }
  }
  return null
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

function unreadable(reason: string): Undecodable {
  return { code: 'unreadable', reason, boot: null, seq: null }
}

function parseJson(payload: Buffer): { readonly value: unknown } | Undecodable {
  let text: string
  try {
    text = utf8.decode(payload)
  } catch {
    return unreadable('the payload is not UTF-8')
  }
  try {
    return { value: JSON.parse(text) }
  } catch {
    // Firmware that prints a broken probe's value with printf writes nan or inf, which JSON does not know. It must cost
    // that one element, not the other 499.
    try {
      return { value: JSON.parse(text.replace(notFinite, (match, quoted) => (quoted ? match : 'null'))) }
    } catch {
      return unreadable('the payload is not JSON')
    }
  }
}

const notFinite = /("(?:[^"\\]|\\.)*")|[-+]?\b(?:nan|inf|infinity)\b/gi

type Issue = { readonly path: readonly PropertyKey[]; readonly message: string }

function firstIssue(error: { readonly issues: readonly Issue[] }): string {
  const [issue] = error.issues
  if (!issue) return 'not as agreed'
  return issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ${issue.message}` : issue.message
}
