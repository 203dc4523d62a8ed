import { z } from 'zod'
import type { Message } from '../../../devices-sim/outbox.ts'
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
} from '../../../schema/messages.ts'

const elements = <T extends z.ZodType>(element: T) => z.array(element).min(1).max(maxElements)

const bodies = {
  readings: elements(ReadingElement.strict()),
  door: elements(DoorElement.strict()),
  bags: z.union([elements(BagsDelta.strict()), BagsInventory.strict()]),
  power: elements(PowerElement.strict()),
  position: elements(PositionElement.strict()),
  replies: Reply.strict(),
  status: z.never(),
} as const

/** Read a message by the wire contract, strictly: a word the contract does not know is an error. */
export function checkMessage(message: Pick<Message, 'channel' | 'payload'>) {
  const envelope = Envelope.strict().parse(JSON.parse(message.payload))
  return { envelope, body: bodies[message.channel].parse(envelope.body) }
}

export function readingsIn(message: Pick<Message, 'channel' | 'payload'>): ReadingElement[] {
  return bodies.readings.parse(checkMessage(message).envelope.body)
}
