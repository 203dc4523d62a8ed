import { Readable } from 'node:stream'

const nothing = async (): Promise<void> => {}
const none = async (): Promise<never[]> => []
const emptyStream = (): Readable => Readable.from([])

/**
 * What aedes is given in place of a store. The door holds no retained message, no session, no queue and no will beyond
 * its connection: nothing stale can reach a device, and nothing is lost with the process.
 */
export function keepNothing() {
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
    // "Has this QoS 2 message been received before?" It has: it passed the gate before aedes came to ask, and a double
    // is known by its identity there. What is left is the handshake.
    incomingGetPacket: async <Packet>(_client: unknown, packet: Packet): Promise<Packet> => packet,
    incomingStorePacket: nothing,
    incomingDelPacket: nothing,
    cleanIncoming: nothing,
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
