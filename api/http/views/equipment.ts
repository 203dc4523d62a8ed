import type { z } from 'zod'
import type {
  Calibration,
  CalibrationInput,
  Maintenance,
  ManualReading,
  Mapping,
  MappingInput,
  Qualification,
} from '../../../schema/http/equipment.ts'
import type { Actor } from '../../domain/actor.ts'
import { toCenti } from '../../domain/temperature.ts'
import type { EquipmentRecord } from '../../stores/equipment.ts'
import { celsius, iso, isoOrNull } from '../units.ts'

function recorded({
  id,
  recordedBy,
  recordedAt,
}: Pick<EquipmentRecord<'calibration'>, 'id' | 'recordedBy' | 'recordedAt'>) {
  return { id, recordedBy: recordedBy as Actor, recordedAt: iso(recordedAt) }
}

export function calibrationOf({ offset, ...input }: z.output<typeof CalibrationInput>) {
  return { ...input, offset: toCenti(offset) }
}

export function calibrationView(row: EquipmentRecord<'calibration'>): z.infer<typeof Calibration> {
  const { probe, doneAt, validUntil, certificate, offset, doneBy } = row
  return {
    ...recorded(row),
    ...{ probe, certificate, doneBy },
    doneAt: iso(doneAt),
    validUntil: iso(validUntil),
    offset: celsius(offset),
  }
}

export function qualificationView(row: EquipmentRecord<'qualification'>): z.infer<typeof Qualification> {
  const { stage, doneAt, validUntil, result, remark } = row
  return { ...recorded(row), stage, doneAt: iso(doneAt), validUntil: isoOrNull(validUntil), result, remark }
}

export function maintenanceView(row: EquipmentRecord<'maintenance'>): z.infer<typeof Maintenance> {
  const { what, doneAt, backInServiceAt } = row
  return { ...recorded(row), what, doneAt: iso(doneAt), backInServiceAt: isoOrNull(backInServiceAt) }
}

export function mappingOf({ points, ...input }: z.output<typeof MappingInput>) {
  return {
    ...input,
    points: points.map(({ place, coldest, warmest }) => ({
      place,
      coldest: toCenti(coldest),
      warmest: toCenti(warmest),
    })),
  }
}

export function mappingView(row: EquipmentRecord<'mapping'>): z.infer<typeof Mapping> {
  const { from, to, points, result, remark } = row
  const shown = points.map(({ place, coldest, warmest }) => ({
    place,
    coldest: celsius(coldest),
    warmest: celsius(warmest),
  }))
  return { ...recorded(row), from: iso(from), to: iso(to), points: shown, result, remark }
}

export function manualReadingView(row: EquipmentRecord<'manual_reading'>): z.infer<typeof ManualReading> {
  const { centi, probe, probeCenti, probeAt, remark } = row
  const compared =
    probeCenti === null || probeAt === null
      ? null
      : { at: iso(probeAt), celsius: celsius(probeCenti), difference: celsius(centi - probeCenti) }
  return { ...recorded(row), celsius: celsius(centi), probe, compared, remark }
}
