import type { DoorElement, PositionElement, PowerElement, Status } from '../../../schema/messages.ts'
import { offsetOf } from '../../domain/clock.ts'
import type { Database, Transaction } from '../../stores/database.ts'
import { insertDeviceEvents } from '../../stores/device-events.ts'
import { type DeviceNews, mergeDeviceStates, type Ordered } from '../../stores/device-states.ts'
import { type Device, lockDevices } from '../../stores/devices.ts'
import { insertMessages } from '../../stores/messages.ts'
import { insertRejections, type RejectionInput } from '../../stores/rejections.ts'
import { judgeClocks } from './clocks.ts'
import type { Incoming } from './decode.ts'
import { dueForFilled } from './filled.ts'
import type { Memory } from './memory.ts'
import { takeReadings } from './readings.ts'
import { takeReplies } from './replies.ts'
import { lockSightings, takeSightings } from './sightings.ts'
import { StaleMemory, type Taken } from './taken.ts'

export type Work = {
  readonly messages: readonly Taken[]
  readonly statuses: readonly {
    readonly incoming: Incoming
    readonly device: Device
    readonly status: Status
  }[]
  readonly rejections: readonly RejectionInput[]
}

export type Outcome = {
  readonly stored: number
  readonly doubles: number
  readonly rejected: number
  readonly readings: number
  /** How much of it is news. */
  readonly told: number
}

/** Raw readings are kept for re-derivation this long, ms; older ones are marked as they come. */
const rederiveWindowMs = 35 * 86_400_000

/**
 * Store a batch and everything that follows from it in one transaction. What the process remembers is brought up to
 * date only after the commit.
 *
 * @param forward whether telemetry is kept elsewhere, and goes there by the outbox
 * @param also what must stand or fall with it, such as closing the rejection it mends
 * @throws StaleMemory when another writer was first
 */
export async function commitWork(
  db: Database,
  memory: Memory,
  work: Work,
  now: number,
  forward: boolean,
  also: (tx: Transaction, rejected: readonly RejectionInput[]) => Promise<void> = async () => {},
): Promise<Outcome> {
  const { unique, doubles, reused } = splitByIdentity(work.messages)
  const committed = await db.transaction(async (tx) => {
    const locked = await lockSightings(tx, unique)
    if (!(await lockDevices(tx, new Set(unique.map(({ device }) => device)))))
      throw new StaleMemory('a device has been decided on since its messages were read')
    const taken = await insertMessages(tx, unique.filter(({ again }) => !again).map(messageRow))
    if (!taken) throw new StaleMemory('another writer took the same message this moment')
    const oldHashes = new Map(taken.map((old) => [`${old.bootId}/${old.seq}`, old.payloadHash]))
    const fresh: Taken[] = []
    const rejections: RejectionInput[] = [...work.rejections, ...reused.map(seqReused)]
    let known = doubles
    for (const message of unique) {
      const old = message.again ? undefined : oldHashes.get(identityOf(message))
      if (old === undefined) fresh.push(message)
      else if (old === message.payloadHash) known++
      else rejections.push(seqReused(message))
    }

    const { remember, told } = await takeReadings(tx, memory, fresh, now, forward)
    const rememberClocks = await judgeClocks(tx, fresh)
    await dueForFilled(tx, fresh, now)
    await takeSightings(tx, fresh, locked, now)
    await insertDeviceEvents(tx, fresh.flatMap(eventRows))
    rejections.push(...fresh.filter(({ again }) => !again).flatMap(badElements))
    await mergeDeviceStates(tx, deviceNews(fresh, work.statuses, rejections))
    await insertRejections(tx, rejections)
    await takeReplies(tx, fresh)
    await also(tx, rejections)
    return { fresh, known, rejected: rejections.length, told, remember: [remember, rememberClocks] }
  })
  for (const remember of committed.remember) remember()
  rememberNumbers(unique)
  return {
    stored: committed.fresh.length + work.statuses.length,
    doubles: committed.known,
    rejected: committed.rejected,
    readings: countReadings(committed.fresh),
    told: committed.told,
  }
}

export function countReadings(messages: readonly Taken[]): number {
  return messages.reduce((sum, { decoded }) => sum + decoded.readings.length, 0)
}

function identityOf({ boot, decoded }: Taken): string {
  return `${boot.id}/${decoded.seq}`
}

/** Which messages of their boots are the newest stored. */
function rememberNumbers(messages: readonly Taken[]): void {
  for (const { boots, decoded } of messages) {
    const boot = boots.get(decoded.boot)
    if (boot && boot.newestSeq < decoded.seq) boots.set(decoded.boot, { ...boot, newestSeq: decoded.seq })
  }
}

/** Within one batch the first message of an identity counts; the same bytes again are a double, other bytes a reuse. */
function splitByIdentity(messages: readonly Taken[]) {
  const first = new Map<string, Taken>()
  const reused: Taken[] = []
  let doubles = 0
  for (const message of messages) {
    const key = identityOf(message)
    const earlier = first.get(key)
    if (!earlier) first.set(key, message)
    else if (earlier.payloadHash === message.payloadHash) doubles++
    else reused.push(message)
  }
  return { unique: [...first.values()], doubles, reused }
}

export function messageRow({ incoming, boot, payloadHash, decoded }: Taken) {
  const { seq, sentAt, readings } = decoded
  const { channel, receivedAt } = incoming
  const oldest = receivedAt - rederiveWindowMs
  const lateBeyondWindow = readings.some(({ at }) => at < oldest)
  return { bootId: boot.id, seq, channel, payloadHash, sentAt, receivedAt, lateBeyondWindow }
}

function rejectionOf({ incoming, device, payloadHash, decoded }: Taken) {
  const { topic, payload, receivedAt } = incoming
  const { boot, seq } = decoded
  return { deviceId: device.id, topic, boot, seq, payload, payloadHash, receivedAt }
}

function seqReused(message: Taken): RejectionInput {
  const { boot, seq } = message.decoded
  return {
    ...rejectionOf(message),
    code: 'seq_reused',
    reason: `boot ${boot} has already sent another message numbered ${seq}`,
  }
}

function badElements(message: Taken): RejectionInput[] {
  const { bad } = message.decoded
  const [first] = bad
  if (!first) return []
  const reason =
    bad.length === 1 ? `element ${first.index}: ${first.reason}` : `${bad.length} elements are bad`
  return [{ ...rejectionOf(message), code: first.code, reason, elements: bad }]
}

function eventRows({ incoming, device, boot, decoded }: Taken) {
  return decoded.events.map(({ element, at, body }) => ({
    bootId: boot.id,
    seq: decoded.seq,
    element,
    deviceId: device.id,
    channel: incoming.channel,
    at,
    body,
  }))
}

/** What the batch says of each device's newest state; readings speak through their probes. */
function deviceNews(
  messages: readonly Taken[],
  statuses: Work['statuses'],
  rejections: readonly RejectionInput[],
): DeviceNews[] {
  const news: DeviceNews[] = messages
    .filter(({ incoming }) => incoming.channel !== 'readings')
    .map(({ incoming, device, boot: { boot }, decoded: { seq, events } }) => {
      const { channel, receivedAt } = incoming
      const offset = offsetOf(device.clockFacts, boot, seq)
      const told = events.map(({ element, at, body }) => ({
        ...body,
        order: { at: at + offset, boot, seq, element },
      }))
      return {
        deviceId: device.id,
        receivedAt,
        ...(channel === 'door' ? { doors: told as Ordered<DoorElement>[] } : {}),
        ...(channel === 'power' ? { power: told as Ordered<PowerElement>[] } : {}),
        ...(channel === 'position' ? { position: told as Ordered<PositionElement>[] } : {}),
      }
    })
  for (const { incoming, device, status } of statuses) {
    news.push({
      deviceId: device.id,
      receivedAt: incoming.receivedAt,
      status: { ...status, will: incoming.will, connection: incoming.connection },
    })
  }
  // A device that sends nothing but nonsense has still been heard.
  for (const { deviceId, receivedAt } of rejections) news.push({ deviceId, receivedAt })
  return news.sort((a, b) => a.deviceId - b.deviceId)
}
