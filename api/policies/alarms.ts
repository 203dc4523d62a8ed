import type { AlarmKind } from '../../schema/vocabulary.ts'
import type { AlarmRules } from '../domain/alarm.ts'

const minute = 60_000

/**
 * What of the alarms hangs on no component: a door may stand open for three minutes, an agitator still for fifteen, a
 * silence is a fault at once and asks for action after fifteen. Recommendations, not law: to be confirmed.
 */
export const deviceRules: Omit<AlarmRules, 'loadMs' | 'airLow' | 'airHigh' | 'airMs' | 'airActionMs'> = {
  doorMs: 3 * minute,
  agitatorMs: 15 * minute,
  silenceActionMs: 15 * minute,
  batteryLow: 30,
  batteryEmpty: 10,
}

/**
 * When a forecast is worth an alarm: the earliest it may leave its limits is so near, and has been for so long. Looked at
 * are loads within such a share of the band between their limits of one of them, that have moved towards it by so many
 * hundredths of a degree in ten minutes.
 */
export const foresight = { withinMinutes: 20, forMs: 3 * minute, nearShare: 0.4, leastMove: 5 } as const

/** What is over for so long has ended, ms: a probe that sways about its limit pages nobody twice. */
export const settleMs = 5 * minute

/** Who is paged when nobody has acknowledged an alarm: the ward, the transfusion lab, the duty manager, the centre. */
export const escalation = [
  { afterMs: 0, to: 'ward' },
  { afterMs: 5 * minute, to: 'transfusion_lab' },
  { afterMs: 10 * minute, to: 'duty_manager' },
  { afterMs: 20 * minute, to: 'blood_centre' },
] as const

type Words = { readonly zh: string; readonly en: string }

/** What an alarm is about, in the words of whoever is paged at night. */
export const alarmWords: Readonly<Record<AlarmKind, Words>> = {
  load_high: { zh: '血液温度过高', en: 'The blood is too warm' },
  load_low: { zh: '血液温度过低', en: 'The blood is too cold' },
  air_high: { zh: '箱内空气温度过高', en: 'The air inside is too warm' },
  air_low: { zh: '箱内空气温度过低', en: 'The air inside is too cold' },
  load_high_soon: { zh: '血液即将过热', en: 'The blood will soon be too warm' },
  load_low_soon: { zh: '血液即将过冷', en: 'The blood will soon be too cold' },
  silent: { zh: '探头无数据，温度未知', en: 'Nothing is heard of the probe: how cold it is nobody knows' },
  probe_stuck: {
    zh: '探头读数长时间不变，不可信：请检查探头',
    en: 'A probe tells one value for too long and is not to be believed: see to it',
  },
  probe_implausible: {
    zh: '探头读数突变，不可信：请检查探头',
    en: 'A probe steps as none can and is not to be believed: see to it',
  },
  probes_disagree: {
    zh: '空气与负载探头互相矛盾：请检查探头',
    en: 'Air and load contradict each other: see to the probes',
  },
  door_open: { zh: '门未关：请关门', en: 'The door stands open: close it' },
  mains_lost: { zh: '市电中断', en: 'The mains are lost' },
  battery_low: { zh: '电池电量低', en: 'The battery is low' },
  agitator_stopped: { zh: '振荡器停止', en: 'The agitator has stopped' },
}
