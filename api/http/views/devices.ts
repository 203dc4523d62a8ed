import type { z } from 'zod'
import type { Device, Devices, Profile } from '../../../schema/http/devices.ts'
import { inForce } from '../../domain/effective.ts'
import { toCenti } from '../../domain/temperature.ts'
import type { ClockFault } from '../../stores/clocks.ts'
import {
  type listDevices,
  newestOf,
  type newestReadings,
  type Ordered,
  type readDeviceState,
} from '../../stores/device-states.ts'
import type { Device as StoredDevice, Profile as StoredProfile } from '../../stores/devices.ts'
import { celsius, iso, isoOrNull } from '../units.ts'
import { clockFaultView } from './clocks.ts'

type NewestReadings = Awaited<ReturnType<typeof newestReadings>>

export function profileView(profile: StoredProfile): z.infer<typeof Profile> {
  return {
    from: iso(profile.from),
    low: celsius(profile.low),
    high: celsius(profile.high),
    maxSilenceSeconds: profile.maxSilenceMs / 1_000,
    physicalLow: celsius(profile.physicalLow),
    physicalHigh: celsius(profile.physicalHigh),
  }
}

/** The profile a request describes, as it is judged by. */
export function profileOf(input: {
  readonly low: number
  readonly high: number
  readonly maxSilenceSeconds: number
  readonly physicalLow: number
  readonly physicalHigh: number
}): Omit<StoredProfile, 'from'> {
  return {
    low: toCenti(input.low),
    high: toCenti(input.high),
    maxSilenceMs: input.maxSilenceSeconds * 1_000,
    physicalLow: toCenti(input.physicalLow),
    physicalHigh: toCenti(input.physicalHigh),
  }
}

type Listed = Awaited<ReturnType<typeof listDevices>>[number]

export function deviceSummary(listed: Listed, now: number): z.infer<typeof Devices>['devices'][number] {
  const { name, label, kind, revokedAt, status, placements, readings } = listed
  return {
    name,
    label,
    kind,
    facility: inForce(placements, now).facility,
    revokedAt: isoOrNull(revokedAt),
    status,
    lastReceivedAt: lastHeard(listed.lastReceivedAt, readings),
    readings: readingViews(readings),
  }
}

export function deviceView(
  device: StoredDevice,
  known: {
    readonly state: Awaited<ReturnType<typeof readDeviceState>>
    readonly readings: NewestReadings
    readonly faults: readonly ClockFault[]
  },
  now: number,
): z.infer<typeof Device> {
  const { state, readings, faults } = known
  const { doors, power, position } = newestOf(state ?? { doors: {}, power: null, position: null })
  return {
    name: device.name,
    label: device.label,
    kind: device.kind,
    facility: inForce(device.placements, now).facility,
    inServiceFrom: iso(device.inServiceFrom),
    revokedAt: isoOrNull(device.revokedAt),
    profile: profileView(inForce(device.profiles, now)),
    capacity: device.capacity,
    status: statusView(state),
    lastReceivedAt: lastHeard(state?.lastReceivedAt ?? null, readings),
    doors: Object.values(doors).map(asTold),
    power: power && asTold(power),
    position: position && asTold(position),
    readings: readingViews(readings),
    clockFaults: faults.filter(({ settled }) => !settled).map(clockFaultView),
  }
}

/** An element as the device told it, by its own time. */
function asTold<T extends Ordered<{ at: number }>>({ order: _order, at, ...rest }: T) {
  return { ...rest, at: iso(at) }
}

function statusView(state: Awaited<ReturnType<typeof readDeviceState>>) {
  if (!state?.status || state.statusBoot === null || state.statusReceivedAt === null) return null
  return { state: state.status, boot: state.statusBoot, receivedAt: iso(state.statusReceivedAt) }
}

function readingViews(readings: NewestReadings) {
  return readings.map(({ probe, at, centi }) => ({ probe, at: iso(at), celsius: celsius(centi) }))
}

function lastHeard(state: number | null, readings: NewestReadings): string | null {
  const heard = [...(state === null ? [] : [state]), ...readings.map(({ receivedAt }) => receivedAt)]
  return heard.length > 0 ? iso(Math.max(...heard)) : null
}
