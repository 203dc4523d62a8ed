import { Readable } from 'node:stream'

const nothing = async (): Promise<void> => {}
const none = async (): Promise<never[]> => []
const emptyStream = (): Readable => Readable.from([])

type QoS2 = { readonly messageId: number }

/**
 * What aedes is given in place of a store. The door holds no retained message, no session, no queue and no will beyond
 * its connection, so nothing stale can ever reach a device and nothing is lost with the process. The one exception are
 * the packet identifiers of a QoS 2 handshake half done, which go with the connection.
 */
export function keepNothing() {
  const halfDone = new WeakMap<object, Set<number>>()
  return {
    setup: nothing,
    storeRetained: nothing,
    createRetainedStream: emptyStream,
    createRetainedStreamCombi: emptyStream,
    addSubscriptions: nothing,
    removeSubscriptions: nothing,
    cleanSubscriptions: nothing,
    subscriptionsByClient: none,
    subscriptionsByTopic: none,
    outgoingEnqueue: nothing,
    outgoingEnqueueCombi: nothing,
    outgoingUpdate: nothing,
    outgoingClearMessageId: nothing,
    outgoingStream: emptyStream,
    putWill: nothing,
    delWill: nothing,
    streamWill: emptyStream,
    async incomingStorePacket(client: object, packet: QoS2): Promise<void> {
      const ids = halfDone.get(client) ?? new Set()
      halfDone.set(client, ids.add(packet.messageId))
    },
    /** Aedes asks by resolve or reject. */
    async incomingGetPacket(client: object, packet: QoS2): Promise<QoS2> {
      if (!halfDone.get(client)?.has(packet.messageId)) throw new Error('no such packet')
      return packet
    },
    async incomingDelPacket(client: object, packet: QoS2): Promise<void> {
      halfDone.get(client)?.delete(packet.messageId)
    },
    async cleanIncoming(client: object): Promise<void> {
      halfDone.delete(client)
    },
  }
}

type Callback = (error?: Error | null) => void

/**
 * What aedes is given in place of a switchboard. What a device publishes ends at the gate and a command is written to
 * its device directly, so no message has a second listener: no device can hear another, and none that stops reading
 * can hold up the rest.
 */
export function forwardNothing() {
  const later = (_topic: string, _listener: unknown, done?: Callback): void => {
    if (done) setImmediate(done)
  }
  return {
    on: later,
    removeListener: later,
    emit: (_message: unknown, done?: Callback): void => done?.(),
    close: (done: Callback): void => void setImmediate(done),
  }
}
