import type { AlarmClass, AlarmKind, EscalationStep } from '../../schema/vocabulary.ts'
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
 * hundredths of a degree in ten minutes. Of those only what goes beyond such a share of what it was in the hours before:
 * what compressors, defrosts and visits do each day foretells nothing.
 */
export const foresight = {
  withinMinutes: 20,
  forMs: 3 * minute,
  nearShare: 0.4,
  leastMove: 5,
  unusualShare: 0.99,
} as const

/** What is over for so long has ended, ms: a probe that sways about its limit pages nobody twice. */
export const settleMs = 5 * minute

/** So long those are waited for that lose the mains as well, to be told of together, ms: what is in there stays cold. */
export const gatherMs = minute

/**
 * How long a person may have a device defrosted at a time, and has to leave it alone in between; and what pages nobody
 * meanwhile: the air warms while ice melts, the blood must not.
 */
export const defrosts: {
  readonly longestMs: number
  readonly apartMs: number
  readonly mutes: readonly AlarmKind[]
} = { longestMs: 30 * minute, apartMs: 30 * minute, mutes: ['air_high'] }

/** Which alarms of each device are to be tested how often. A recommendation: to be confirmed. */
export const alarmTests: { readonly kinds: readonly AlarmKind[]; readonly everyMs: number } = {
  kinds: ['load_high', 'load_low'],
  everyMs: 90 * 1_440 * minute,
}

/**
 * A bag is warned of in the last third of what it may be in hands for: after twenty of thirty minutes. Four hours after it
 * left controlled storage it has been given (WS/T 433, CSA, NZBS). To be confirmed.
 */
export const bagTimer = { warnShare: 1 / 3, transfusionMs: 240 * minute } as const

/**
 * For so long after it was handed out it is told what turns out of a bag: red cells haemolyse late for up to four weeks. A
 * recommendation: to be confirmed.
 */
export const turnedOutForMs = 28 * 1_440 * minute

/** What is only a warning is told to one step alone: the ward, or the lab that is to ask the ward. */
export const warnings: Readonly<Partial<Record<AlarmKind, EscalationStep>>> = {
  bag_out_soon: 'ward',
  bedside_missing: 'transfusion_lab',
  glass_broken: 'transfusion_lab',
  taken_by_key: 'transfusion_lab',
}

/** Who is paged when nobody has acknowledged an alarm: the ward, the transfusion lab, the duty manager, the centre. */
export const escalation = [
  { afterMs: 0, to: 'ward' },
  { afterMs: 5 * minute, to: 'transfusion_lab' },
  { afterMs: 10 * minute, to: 'duty_manager' },
  { afterMs: 20 * minute, to: 'blood_centre' },
] as const

/** One sentence, in both languages. */
export type Words = { readonly zh: string; readonly en: string }

/** What an alarm is about, in the words of whoever is paged at night. */
export const alarmWords: Readonly<Record<AlarmKind, Words>> = {
  load_high: { zh: '血液温度过高', en: 'The blood is too warm' },
  load_low: { zh: '血液温度过低', en: 'The blood is too cold' },
  air_high: { zh: '箱内空气温度过高', en: 'The air inside is too warm' },
  air_low: { zh: '箱内空气温度过低', en: 'The air inside is too cold' },
  load_high_soon: { zh: '血液即将过热', en: 'The blood will soon be too warm' },
  load_low_soon: { zh: '血液即将过冷', en: 'The blood will soon be too cold' },
  silent: { zh: '探头无数据，温度未知', en: 'Nothing is heard of the probe: how cold it is nobody knows' },
  probe_missing: {
    zh: '探头无数据，但设备仍在线：请检查该探头',
    en: 'Nothing is heard of a probe, though its device is heard: see to it',
  },
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
  bag_out_soon: { zh: '血袋离开冷藏即将超时', en: 'A bag will soon have been out of storage for too long' },
  bag_out: { zh: '血袋离开冷藏已超时', en: 'A bag has been out of storage for too long' },
  transfusion_late: {
    zh: '血袋发出后超时仍未登记输注完成',
    en: 'A bag that was issued has not been given in time, as far as is recorded',
  },
  transit_overdue: {
    zh: '血袋运输超时，仍未接收',
    en: 'Bags have been on their way for longer than they may, and were not received',
  },
  bedside_missing: {
    zh: '血袋发出后，床旁尚无任何登记',
    en: 'A bag was issued, and nothing was recorded at the bedside since',
  },
  glass_broken: {
    zh: '血袋未经电话确认被强制取走',
    en: 'A bag was taken although somebody was to be called first',
  },
  taken_by_key: {
    zh: '未经刷卡开门即取走血袋（可能使用机械钥匙）',
    en: 'A bag was taken without a door session, perhaps by key',
  },
  incompatible_out: {
    zh: '血袋发出后，发现与患者不相合或无法确认相合',
    en: 'A bag that is out was found since not to fit its patient, or not surely',
  },
}

/** How bad it is. */
export const classWords: Readonly<Record<AlarmClass, Words>> = {
  alert: { zh: '警示：请查看', en: 'Alert: look at it' },
  fault: { zh: '故障：数据不可信', en: 'Fault: what is measured cannot be relied on' },
  action: { zh: '紧急：请立即处理', en: 'Action: act at once' },
}

/** What to do first, whoever is asked. */
export const adviceWords: Readonly<Record<AlarmKind, Words>> = {
  load_high: {
    zh: '请查看设备、关好门；血液暂停使用；温度不回落时转移血袋',
    en: 'Look at the device and shut its door; use none of the blood; move it where the temperature does not fall',
  },
  load_low: {
    zh: '请查看设备；血液可能冻结，暂停使用；温度不回升时转移血袋',
    en: 'Look at the device; the blood may have frozen, use none of it; move it where the temperature does not rise',
  },
  load_high_soon: {
    zh: '请关好门并查看制冷；做好转移血袋的准备',
    en: 'Shut the door, see whether it cools, and make ready to move the blood',
  },
  load_low_soon: {
    zh: '请查看制冷与温控设置；做好转移血袋的准备',
    en: 'Look at the cooling and its setting, and make ready to move the blood',
  },
  air_high: { zh: '请关好门并查看制冷', en: 'Shut the door, and see whether it cools' },
  air_low: { zh: '请查看制冷与温控设置', en: 'Look at the cooling and its setting' },
  silent: {
    zh: '请查看设备是否有电、有网，并用温度计手工测温',
    en: 'See whether the device has power and a network, and measure by hand',
  },
  probe_missing: {
    zh: '请用温度计手工测温，并检查探头及其接线',
    en: 'Measure by hand, and check the probe and its cable',
  },
  probe_stuck: {
    zh: '请用温度计手工测温，并更换或检查探头',
    en: 'Measure by hand, and check or change the probe',
  },
  probe_implausible: {
    zh: '请用温度计手工测温，并更换或检查探头',
    en: 'Measure by hand, and check or change the probe',
  },
  probes_disagree: {
    zh: '请用温度计手工测温，查明哪个探头有误',
    en: 'Measure by hand, and find out which probe is wrong',
  },
  door_open: { zh: '请关门', en: 'Shut the door' },
  mains_lost: {
    zh: '请查看供电；保持关门；做好转移血袋的准备',
    en: 'Look at the power supply; keep the door shut; make ready to move the blood',
  },
  battery_low: { zh: '请接通电源或更换电池', en: 'Connect it to the mains, or change the battery' },
  agitator_stopped: {
    zh: '请重新启动振荡器，或转移血小板',
    en: 'Start the agitator again, or move the platelets',
  },
  bag_out_soon: {
    zh: '请尽快开始输注并登记；不输注的请立即放回储血设备',
    en: 'Begin to give it and record that, or put it back into storage now',
  },
  bag_out: {
    zh: '已开始输注的请登记；尚未输注的不得再入库，请联系输血科',
    en: 'Record it where it is being given; where it is not, do not put it back into stock: ask the transfusion lab',
  },
  transfusion_late: {
    zh: '请停止输注并登记去向（已输注或报废）',
    en: 'Give no more of it, and record what became of it: given, or discarded',
  },
  transit_overdue: {
    zh: '请联系承运人，找到血袋；接收时查看温度记录，确认前不得使用',
    en: 'Call the courier and find them; look at how cold they were when they come, and use none of them before',
  },
  bedside_missing: {
    zh: '请致电病区：已输注的请补登，未输注的请办理退回或报废',
    en: 'Call the ward: have it recorded where it is given; where it is not, have it returned or discarded',
  },
  glass_broken: {
    zh: '请立即致电病区，确认可否输注；随后登记复核',
    en: 'Call the ward now and say whether it may be given; then record the review',
  },
  taken_by_key: {
    zh: '请立即致电病区找到血袋：放回或办理发血，并说明原因',
    en: 'Call the ward now and find it: have it put back or issued, and ask why',
  },
  incompatible_out: {
    zh: '不得输注；正在输注的立即停止，保留静脉通路并致电输血科；血袋办理退回',
    en: 'Do not give it; where it is being given stop now, keep the line open and call the transfusion lab; have the bag returned',
  },
}

export const stepWords: Readonly<Record<EscalationStep, Words>> = {
  ward: { zh: '病区', en: 'the ward' },
  transfusion_lab: { zh: '输血科', en: 'the transfusion lab' },
  duty_manager: { zh: '值班主管', en: 'the duty manager' },
  blood_centre: { zh: '血站', en: 'the blood centre' },
}
