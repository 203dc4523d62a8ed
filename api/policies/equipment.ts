import type { DeviceKind, Jurisdiction } from '../../schema/vocabulary.ts'
import type { EquipmentPolicy } from '../domain/equipment.ts'
import type { Words } from './tasks.ts'

const hour = 3_600_000
const day = 24 * hour

/**
 * MHRA: mapped every year, for a day at least and at three points. A month is time to call somebody. How far a
 * thermometer in the hand may be from the probe nobody was found to say: each may be off by half a degree. Nor how long
 * the papers of a device that is new here may take: to find a certificate takes a fortnight, to have it mapped a month.
 */
const usual: EquipmentPolicy = {
  dueWithinMs: 30 * day,
  graceMs: { calibration: 14 * day, mapping: 30 * day },
  mapping: { everyMs: 365 * day, leastMs: 24 * hour, leastPoints: 3 },
  readings: null,
  toleranceCenti: 100,
}

/** What is asked of equipment, and by whom: data. `uncertain` is to be confirmed by a transfusion professional. */
export const equipmentPolicies: Readonly<
  Record<Jurisdiction, EquipmentPolicy & { readonly source: string; readonly uncertain: readonly string[] }>
> = {
  // With an automatic system two readings a day by hand, eight hours apart.
  CN: {
    ...usual,
    readings: { perDay: 2, apartMs: 8 * hour },
    source: 'WS 399-2012, WS 399-2023',
    uncertain: ['dueWithinMs', 'graceMs', 'mapping', 'toleranceCenti'],
  },
  UK: { ...usual, source: 'MHRA guidance', uncertain: ['dueWithinMs', 'graceMs', 'toleranceCenti'] },
  EU: {
    ...usual,
    source: 'MHRA guidance',
    uncertain: ['dueWithinMs', 'graceMs', 'mapping', 'toleranceCenti'],
  },
  // 21 CFR 606.60: the recorder is compared with a thermometer every day.
  US: {
    ...usual,
    readings: { perDay: 1, apartMs: 0 },
    source: '21 CFR 606.60',
    uncertain: ['dueWithinMs', 'graceMs', 'mapping', 'toleranceCenti'],
  },
}

/** What stands where it was installed: a box is validated for its journeys, and not here. */
export const installedKinds: readonly DeviceKind[] = ['fridge', 'freezer', 'incubator']

/** A message may be late for so long; and after so long nobody can say any more what was in it, ms. */
export const holes = { lateMs: day, forgottenMs: 35 * day }

/** What a task about equipment asks of whoever reads it. */
export const equipmentWords = {
  calibration_missing: {
    zh: '探头无校准记录：请校准，或补登证书',
    en: 'No calibration of this probe is on record: have it calibrated, or record its certificate',
  },
  calibration_overdue: {
    zh: '探头校准已过期：请校准',
    en: 'The calibration of this probe has run out: have it calibrated',
  },
  calibration_soon: {
    zh: '探头校准即将到期：请安排校准',
    en: 'The calibration of this probe runs out soon: arrange for the next',
  },
  mapping_missing: {
    zh: '无合格的温度分布验证记录：请验证，或补登',
    en: 'No mapping of temperatures that it passed is on record: have it mapped, or record it',
  },
  mapping_overdue: {
    zh: '温度分布验证已过期：请验证',
    en: 'Its mapping of temperatures has run out: have it mapped',
  },
  mapping_soon: {
    zh: '温度分布验证即将到期：请安排',
    en: 'Its mapping of temperatures runs out soon: arrange for the next',
  },
  out_of_service: {
    zh: '内有血袋，但设备停用维修中：请移出血袋，或登记恢复使用',
    en: 'Bags are inside, and it is out of service: move them, or record that it is back',
  },
  not_qualified: {
    zh: '内有血袋，但设备未通过验证或验证已过期：请移出血袋，或完成验证',
    en: 'Bags are inside, and it is not qualified: move them, or have it qualified',
  },
  moved: {
    zh: '内有血袋，但设备移位后未重新验证：请移出血袋，或完成验证',
    en: 'Bags are inside, and it was not qualified again since it was moved: move them, or have it qualified',
  },
  reading_missing: {
    zh: '今日人工测温尚缺：请读取温度并登记',
    en: 'A reading by hand is missing today: read the temperature, and record it',
  },
  reading_too_late: {
    zh: '今日人工测温已无法按间隔补足：请读取温度，并说明原因',
    en: 'The readings by hand of today can no longer be far enough apart: take one, and say why',
  },
  reading_differs: {
    zh: '人工测温与探头相差过大：请核对探头与温度计',
    en: 'A reading by hand is too far from the probe: check the probe and the thermometer',
  },
  sequence_hole: {
    zh: '设备有消息超过一天未收到：请查看设备是否丢失记录',
    en: 'Messages of this device have not come for longer than a day: see whether it lost what it measured',
  },
} as const satisfies Record<string, Words>
