import { z } from 'zod'
import { commandKinds, deviceStates, probeKinds, replyStates } from './vocabulary.ts'

/** The most elements one message may carry. */
export const maxElements = 500

/** Instants are whole milliseconds UTC since 1970, as `Date.getTime()`; at most the year 9999. */
export const Instant = z.int().min(0).max(253_402_300_799_999)

/** Text a device sends: no control characters, so that it can be stored and shown. */
const word = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
    .regex(/^[^\u0000-\u001f\u007f\ud800-\udfff]*$/u, 'holds a control character or half a surrogate pair')

/** `boot` is random per power-up; with `seq` and the device it names a message for ever. */
export const Boot = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 of A-Z a-z 0-9 _ -')
export const Seq = z.int().min(0).max(2_147_483_647)

/** What every numbered message is wrapped in. The body's elements are read one by one, not here. */
export const Envelope = z.object({
  v: z.literal(1),
  boot: Boot,
  seq: Seq,
  /** The device's clock when it sent this, ms UTC. */
  sentAt: Instant,
  /** Milliseconds since power-up, by a counter that no clock change moves. */
  uptimeMs: z.int().min(0),
  body: z.unknown(),
})
export type Envelope = z.infer<typeof Envelope>

/** One measurement. `celsius` may be any number, or null for none: it is judged with the device's profile. */
export const ReadingElement = z.object({
  at: Instant,
  probe: z.enum(probeKinds),
  celsius: z.custom<number | null>(
    (value) => value === null || typeof value === 'number',
    'must be a number',
  ),
  /** Relative humidity, percent. */
  humidity: z.number().min(0).max(100).optional(),
})
export type ReadingElement = z.infer<typeof ReadingElement>

/** The tag on a bag as its reader spells it. */
export const Tag = word(64)

/** Names one opening of a door, from unlock to close. */
const Session = word(64)

export const DoorElement = z.object({
  at: Instant,
  door: word(32),
  open: z.boolean(),
  session: Session.optional(),
})
export type DoorElement = z.infer<typeof DoorElement>

export const BagsDelta = z.object({
  at: Instant,
  added: z.array(Tag).max(500),
  removed: z.array(Tag).max(500),
  session: Session.optional(),
})
export type BagsDelta = z.infer<typeof BagsDelta>

/** Every tag the device holds; sent at boot and daily. A tag that is missing has left unseen. */
export const BagsInventory = z.object({ at: Instant, inventory: z.array(Tag).max(2000) })
export type BagsInventory = z.infer<typeof BagsInventory>

export const PowerElement = z.object({
  at: Instant,
  mains: z.boolean(),
  batteryPercent: z.number().min(0).max(100).optional(),
  compressorOn: z.boolean().optional(),
  agitatorOn: z.boolean().optional(),
})
export type PowerElement = z.infer<typeof PowerElement>

/** WGS 84 degrees. */
export const PositionElement = z.object({
  at: Instant,
  lat: z.number().min(-90).max(90),
  lon: z.number().min(-180).max(180),
})
export type PositionElement = z.infer<typeof PositionElement>

export const Reply = z.object({
  command: z.uuid(),
  state: z.enum(replyStates),
  reason: word(500).optional(),
})
export type Reply = z.infer<typeof Reply>

/** Not numbered: a will cannot know its sequence number when it is left with the broker. */
export const Status = z.object({ boot: Boot, state: z.enum(deviceStates) })
export type Status = z.infer<typeof Status>

/** A command on its way to a device. A device refuses one that has expired or that it has seen. */
export const Command = z.object({
  id: z.uuid(),
  kind: z.enum(commandKinds),
  expiresAt: Instant,
  body: z.unknown(),
})
export type Command = z.infer<typeof Command>

/** The body of `unlock`: what the device calls the opening when it tells of its door and its bags. */
export const UnlockBody = z.object({ session: Session })
export type UnlockBody = z.infer<typeof UnlockBody>

const Ms = z.int().min(0)

/**
 * The body of `configure`: what a device keeps watch over by itself, so that it is heard when nobody else watches. Limits
 * are inclusive, degrees Celsius; delays are ms, each from the first reading outside.
 */
export const ConfigureBody = z
  .object({
    /** Of the load: those of its own profile, and how long after it left them it alarms. */
    low: z.number(),
    high: z.number(),
    loadMs: Ms,
    /** Of the air: wider, and how long after it left them it warns, and alarms. */
    airLow: z.number(),
    airHigh: z.number(),
    airMs: Ms,
    airActionMs: Ms,
    /** A door that stands open for longer, and a probe that is silent for longer, alarm. */
    doorMs: Ms,
    maxSilenceMs: Ms.min(1),
    /** By which it tells that a list is ours (`offline-list.ts`); none where there is none yet. */
    listKeys: z.array(z.object({ id: z.string().max(64), key: z.base64().max(200) })).optional(),
  })
  .refine(({ low, high, airLow, airHigh }) => low < high && airLow < airHigh, 'limits must be in order')
export type ConfigureBody = z.infer<typeof ConfigureBody>
