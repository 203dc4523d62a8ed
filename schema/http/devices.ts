import { z } from 'zod'
import { Boot } from '../messages.ts'
import { Name } from '../topics.ts'
import { deviceKinds, deviceStates, probeKinds } from '../vocabulary.ts'
import { ClockFault } from './clocks.ts'
import { Celsius, CelsiusInput, InstantInput, InstantText, limit, orNull, text } from './values.ts'

/** No device may let a reading stand for longer, s. */
export const silenceCeilingSeconds = 900

/** How long a reading may stand for where nothing is known of the device, s. */
export const usualSilenceSeconds = 300

const seconds = z.int().min(1).max(silenceCeilingSeconds)

const profile = {
  low: CelsiusInput.meta({ description: 'lowest good temperature, °C, inclusive', example: 2 }),
  high: CelsiusInput.meta({ description: 'highest good temperature, °C, inclusive', example: 6 }),
  maxSilenceSeconds: seconds.optional().meta({
    description: `a longer silence is a gap, s; otherwise three expected intervals, ${usualSilenceSeconds} where unknown`,
  }),
  expectedIntervalSeconds: seconds.optional().meta({ description: 'how often the device reports, s' }),
  physicalLow: CelsiusInput.default(-100).meta({ description: 'colder than this is a broken probe, °C' }),
  physicalHigh: CelsiusInput.default(100).meta({ description: 'warmer than this is a broken probe, °C' }),
}

type Limits = Record<'low' | 'high' | 'physicalLow' | 'physicalHigh', number>

function checkOrder({ value, issues }: z.core.ParsePayload<Limits>): void {
  const { low, high, physicalLow, physicalHigh } = value
  const refuse = (path: keyof Limits, message: string) =>
    issues.push({ code: 'custom', path: [path], message, input: value })
  if (low >= high) refuse('low', 'must be below high')
  if (physicalLow > low) refuse('physicalLow', 'must not be above low')
  if (physicalHigh < high) refuse('physicalHigh', 'must not be below high')
}

type Silence = {
  readonly maxSilenceSeconds?: number | undefined
  readonly expectedIntervalSeconds?: number | undefined
}

function settleSilence<P extends Silence>({ maxSilenceSeconds, expectedIntervalSeconds, ...rest }: P) {
  const usual =
    expectedIntervalSeconds === undefined
      ? usualSilenceSeconds
      : Math.min(3 * expectedIntervalSeconds, silenceCeilingSeconds)
  return { ...rest, maxSilenceSeconds: maxSilenceSeconds ?? usual }
}

export const ProfileInput = z
  .strictObject(profile)
  .check(checkOrder)
  .transform(settleSilence)
  .meta({ id: 'ProfileInput', description: 'what a device must keep, and how long it may be silent' })

export const ProfileChange = z
  .strictObject({
    ...profile,
    from: InstantInput.optional().meta({
      description: 'when it comes into force, never in the past; otherwise now',
    }),
  })
  .check(checkOrder)
  .transform(settleSilence)
  .meta({ id: 'ProfileChange' })

export const Profile = z
  .object({
    from: InstantText,
    low: Celsius,
    high: Celsius,
    maxSilenceSeconds: z.number().meta({ description: 'a longer silence is a gap, s' }),
    physicalLow: Celsius,
    physicalHigh: Celsius,
  })
  .meta({ id: 'Profile' })

const capacity = orNull(z.int().min(0).max(1_000_000)).meta({
  description: 'how many bags it takes in all; null where nobody can say: nothing is rescued to it',
})

export const CapacityChange = z.strictObject({ capacity }).meta({ id: 'CapacityChange' })

export const Capacity = z.object({ capacity }).meta({ id: 'Capacity' })

const label = text(80).meta({
  description: 'what people call it, in any language',
  example: '手术室 2 号冰箱',
})

const labelOrNone = orNull(label).meta({
  description: 'what people call it; null where by its name. Nothing of the record hangs on it',
})

export const LabelChange = z.strictObject({ label: labelOrNone }).meta({ id: 'LabelChange' })

export const Label = z.object({ label: labelOrNone }).meta({ id: 'Label' })

export const DeviceInput = z
  .strictObject({
    name: Name.meta({
      description: 'its MQTT user name, by which the record knows it: never changed',
      example: 'fridge-7',
    }),
    label: label.optional(),
    kind: z.enum(deviceKinds),
    facility: Name.meta({ description: 'code of the facility it stands in' }),
    inServiceFrom: InstantInput.optional().meta({
      description: 'no event of it can be older; otherwise now',
    }),
    profile: ProfileInput,
  })
  .meta({ id: 'DeviceInput' })

const secret = z.string().meta({ description: 'its MQTT password; shown this once and kept by nobody' })

export const ProvisionedDevice = z
  .object({
    name: Name,
    label: labelOrNone,
    kind: z.enum(deviceKinds),
    facility: z.string(),
    inServiceFrom: InstantText,
    profile: Profile,
    secret,
  })
  .meta({ id: 'ProvisionedDevice' })

export const RotationInput = z
  .strictObject({
    graceSeconds: z.int().min(0).max(604_800).default(0).meta({
      description: 'how long the old secret is still believed, s; with 0 its connection ends at once',
    }),
  })
  .meta({ id: 'RotationInput' })

export const RotatedSecret = z
  .object({ name: Name, secret, previousUntil: InstantText })
  .meta({ id: 'RotatedSecret' })

export const RevocationInput = z.strictObject({ reason: text(500) }).meta({ id: 'RevocationInput' })

export const Revocation = z
  .object({
    name: Name,
    revokedAt: InstantText,
    bagsInside: z.int().meta({ description: 'how many are inside by all that was seen: each is a task now' }),
  })
  .meta({ id: 'Revocation' })

export const MoveInput = z
  .strictObject({
    facility: Name.meta({ description: 'code of the facility it stands in since' }),
    at: InstantInput.optional().meta({
      description:
        'when it came there: later than it came where it stood, and not still to come; otherwise now',
    }),
    reason: text(500),
  })
  .meta({ id: 'MoveInput' })

export const DeviceMove = z
  .object({ name: Name, facility: z.string(), from: InstantText.meta({ description: 'since when' }) })
  .meta({ id: 'DeviceMove' })

const deviceTime = InstantText.meta({ description: "UTC, with milliseconds, by the device's own clock" })

const NewestReading = z
  .object({ probe: z.enum(probeKinds), at: InstantText, celsius: Celsius })
  .meta({ id: 'NewestReading' })

const DeviceSummary = z
  .object({
    name: Name,
    label: labelOrNone,
    kind: z.enum(deviceKinds),
    facility: z.string().meta({ description: 'where it stands now' }),
    revokedAt: orNull(InstantText),
    status: orNull(z.enum(deviceStates)),
    lastReceivedAt: orNull(InstantText).meta({ description: 'when anything of it last came, by our clock' }),
    readings: z.array(NewestReading).meta({ description: 'the newest of each probe' }),
  })
  .meta({ id: 'DeviceSummary' })

export const DevicesQuery = z.strictObject({
  after: Name.optional().meta({ description: 'only devices whose names come after this one' }),
  limit: limit(1_000, 100),
})

export const Devices = z
  .object({
    devices: z.array(DeviceSummary),
    next: orNull(Name).meta({ description: 'ask for what comes `after` this; null where nothing does' }),
  })
  .meta({ id: 'Devices' })

export const Device = z
  .object({
    name: Name,
    label: labelOrNone,
    kind: z.enum(deviceKinds),
    facility: z.string().meta({ description: 'where it stands now' }),
    inServiceFrom: InstantText,
    revokedAt: orNull(InstantText),
    profile: Profile,
    capacity,
    status: orNull(
      z
        .object({ state: z.enum(deviceStates), boot: Boot, receivedAt: InstantText })
        .meta({ id: 'DeviceStatus' }),
    ),
    lastReceivedAt: orNull(InstantText).meta({ description: 'when anything of it last came, by our clock' }),
    doors: z.array(
      z
        .object({ door: z.string(), open: z.boolean(), at: deviceTime, session: z.string().optional() })
        .meta({ id: 'DoorState' }),
    ),
    power: orNull(
      z
        .object({
          at: deviceTime,
          mains: z.boolean(),
          batteryPercent: z.number().optional(),
          compressorOn: z.boolean().optional(),
          agitatorOn: z.boolean().optional(),
        })
        .meta({ id: 'PowerState' }),
    ),
    position: orNull(
      z.object({ at: deviceTime, lat: z.number(), lon: z.number() }).meta({
        id: 'Position',
        description: 'WGS 84 degrees',
      }),
    ),
    readings: z.array(NewestReading).meta({ description: 'the newest of each probe' }),
    clockFaults: z.array(ClockFault).meta({ description: 'those not settled: its time is not believed' }),
  })
  .meta({ id: 'Device' })

export const DeviceParams = z.strictObject({ name: Name })
