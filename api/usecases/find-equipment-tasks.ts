import type { Jurisdiction, ProbeKind, TaskKind } from '../../schema/vocabulary.ts'
import { jurisdictions } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { dueSince, type EquipmentPolicy, readingMissingSince, unfitnessOf } from '../domain/equipment.ts'
import { dayAt } from '../domain/local-day.ts'
import type { Reach } from '../domain/rights.ts'
import { equipmentPolicies, equipmentWords, holes, installedKinds } from '../policies/equipment.ts'
import {
  devicesToMap,
  devicesWithBags,
  fitnessOf,
  probesToCalibrate,
  readByHandSince,
  readingsThatDiffer,
  type Standing,
} from '../stores/equipment.ts'
import { devicesWithHoles } from '../stores/sequence-holes.ts'

type Words = keyof typeof equipmentWords

/** How the tasks about equipment are found, kind by kind. */
export const equipmentFinders = {
  calibration_due: calibrationsDue,
  mapping_due: mappingsDue,
  device_unqualified: unqualifiedDevices,
  manual_reading_missing: readingsMissing,
  manual_reading_differs: readingsDiffering,
  sequence_hole: devicesLosingMessages,
} satisfies Partial<Record<TaskKind, unknown>>

function taskOf<K extends keyof typeof equipmentFinders>(
  kind: K,
  { device, facility }: Pick<Standing, 'device' | 'facility'>,
  since: number,
  words: Words,
  probe?: ProbeKind,
) {
  const about = { bagId: null, label: null, device, facility, ...(probe ? { probe } : {}) }
  return { kind, ...about, since, ...equipmentWords[words] }
}

/** Far enough for every jurisdiction: whose policy it is, the rule asks. */
function most(value: (policy: EquipmentPolicy) => number): number {
  return Math.max(
    ...jurisdictions.map((jurisdiction: Jurisdiction) => value(equipmentPolicies[jurisdiction])),
  )
}

async function calibrationsDue({ database, now: clock }: Context, reach: Reach) {
  const now = clock()
  const by = {
    runsOutBy: now + most(({ dueWithinMs }) => dueWithinMs),
    knownBy: now + most(({ graceMs }) => -graceMs.calibration),
  }
  const probes = await probesToCalibrate(database.db, reach, by, now)
  return probes.flatMap(({ probe, firstAt, knownFrom, validUntil, ...standing }) => {
    const { dueWithinMs, graceMs } = equipmentPolicies[standing.jurisdiction]
    const neededFrom = Math.max(firstAt, knownFrom + graceMs.calibration)
    const due = dueSince(validUntil, neededFrom, dueWithinMs, now)
    return due ? [taskOf('calibration_due', standing, due.since, `calibration_${due.how}`, probe)] : []
  })
}

async function mappingsDue({ database, now: clock }: Context, reach: Reach) {
  const now = clock()
  const by = {
    mappedBy: now + most(({ dueWithinMs, mapping }) => dueWithinMs - mapping.everyMs),
    knownBy: now + most(({ graceMs }) => -graceMs.mapping),
  }
  const devices = await devicesToMap(database.db, reach, installedKinds, by, now)
  return devices.flatMap(({ knownFrom, triedAt, mappedAt, ...standing }) => {
    const { dueWithinMs, graceMs, mapping } = equipmentPolicies[standing.jurisdiction]
    const validUntil = mappedAt === null ? null : mappedAt + mapping.everyMs
    const due = dueSince(validUntil, triedAt ?? knownFrom + graceMs.mapping, dueWithinMs, now)
    return due ? [taskOf('mapping_due', standing, due.since, `mapping_${due.how}`)] : []
  })
}

async function unqualifiedDevices({ database, now: clock }: Context, reach: Reach) {
  const now = clock()
  const devices = await devicesWithBags(database.db, reach, now)
  const fitness = await fitnessOf(
    database.db,
    devices.map(({ deviceId }) => deviceId),
    installedKinds,
  )
  return devices.flatMap((holding) => {
    const unfit = unfitnessOf(fitness.get(holding.deviceId), now)
    if (!unfit) return []
    const since = Math.max(holding.holdsSince, unfit.since ?? holding.holdsSince)
    return [taskOf('device_unqualified', holding, since, unfit.why)]
  })
}

async function readingsMissing({ database, now: clock }: Context, reach: Reach) {
  const now = clock()
  const holding = await devicesWithBags(database.db, reach, now)
  const devices = holding.filter(({ jurisdiction }) => equipmentPolicies[jurisdiction].readings)
  const days = new Map(devices.map(({ timeZone }) => [timeZone, dayAt(timeZone, now)]))
  const since = Math.min(...[...days.values()].map(({ from }) => from))
  const ids = devices.map(({ deviceId }) => deviceId)
  const read = await readByHandSince(database.db, ids, since)
  return devices.flatMap((standing) => {
    const { readings } = equipmentPolicies[standing.jurisdiction]
    const day = days.get(standing.timeZone)
    if (!readings || !day) return []
    const today = (read.get(standing.deviceId) ?? []).filter((at) => at >= day.from)
    const missing = readingMissingSince(today, day, readings, now)
    if (!missing) return []
    const words = missing.isTooLate ? 'reading_too_late' : 'reading_missing'
    return [taskOf('manual_reading_missing', standing, missing.since, words)]
  })
}

async function readingsDiffering({ database, now: clock }: Context, reach: Reach) {
  const beyond = Math.min(...jurisdictions.map((one) => equipmentPolicies[one].toleranceCenti))
  const found = await readingsThatDiffer(database.db, reach, beyond, clock())
  return found.flatMap(({ probe, at, difference, ...standing }) =>
    Math.abs(difference) > equipmentPolicies[standing.jurisdiction].toleranceCenti
      ? [taskOf('manual_reading_differs', standing, at, 'reading_differs', probe)]
      : [],
  )
}

async function devicesLosingMessages({ database, now: clock }: Context, reach: Reach) {
  const now = clock()
  const seen = { from: now - holes.forgottenMs, to: now - holes.lateMs + 1 }
  const found = await devicesWithHoles(database.db, reach, seen, now)
  return found.map(({ seenAt, ...about }) =>
    taskOf('sequence_hole', about, seenAt + holes.lateMs, 'sequence_hole'),
  )
}
