import type { Cause, CauseSign } from '../../schema/vocabulary.ts'
import type { CauseRule } from '../domain/thermal/facts.ts'

const minute = 60_000
const hour = 60 * minute

/**
 * The thresholds causes are told apart by: engineering defaults, no standard gives any. Temperatures in hundredths of °C.
 * Another value is another version.
 */
export const cnCauseRule: CauseRule = {
  lookbackMs: 12 * hour,
  leastUsualMs: hour,
  recentMs: 30 * minute,
  room: 2_200,
  hottestRoom: 4_000,
  closedTauMs: 2.5 * hour,
  closedRatio: 1.5,
  settleMs: 15 * minute,
  longestLeapMs: 12 * minute,
  leastRising: 0.15,
  doorShare: 0.3,
  coolingShare: 0.4,
  turn: 20,
  beyondUsual: 40,
  noisiest: 10,
  beyondNoise: 4,
  leapNoise: 6,
  leapShare: 0.25,
  doorSlackMs: 2 * minute,
  singleMs: minute,
  lagShare: 0.3,
  followShare: 0.6,
  followedShare: 0.8,
  slowMs: 10 * minute,
  longMs: hour,
  fallenShare: 0.25,
  ajarShare: 0.5,
  fastestAirMs: 8_000,
  fastestLoadMs: 2 * minute,
  slowestLoadMs: hour,
  coldestBelow: 1_200,
  apart: 300,
  apartMs: 30 * minute,
  disagreement: 150,
  disagreementMs: 30 * minute,
  flatMs: hour,
  flatRatio: 2.5,
  restMs: 15 * minute,
}

type Words = { readonly zh: string; readonly en: string }

/** What an alarm says is the matter: policy, in the words of who is called. */
export const cnCauses: Readonly<Record<Cause, Words>> = {
  door: { zh: '箱门打开过久：请关门', en: 'The door was open too long: close it' },
  cooling: {
    zh: '制冷故障：请通知工程师，并准备转移血袋',
    en: 'Cooling has failed: call the engineer, get ready to move the bags',
  },
  power: {
    zh: '断电：请检查电源，并准备转移血袋',
    en: 'No mains: see to the power, get ready to move the bags',
  },
  probe: {
    zh: '探头故障，读数不可信：请检查探头',
    en: 'A probe is at fault and not to be believed: see to it',
  },
  silence: { zh: '设备无数据：请到现场查看', en: 'Nothing is heard of it: go and look' },
  unknown: { zh: '原因不明：请到现场查看', en: 'The cause is not known: go and look' },
}

/** What decided for a cause, said after it. */
export const cnCauseSigns: Readonly<Record<CauseSign, Words>> = {
  nothing_heard: { zh: '所有探头均无读数', en: 'no probe is heard' },
  one_probe_silent: { zh: '一个探头无读数，另一个正常', en: 'one probe is silent, the other is heard' },
  beyond_physics: { zh: '读数超出物理范围', en: 'a reading is beyond what is physically possible' },
  impossible_step: { zh: '读数突变，快于探头所能', en: 'a step is faster than a probe can follow' },
  flat_line: { zh: '读数长时间完全不变', en: 'the value has not changed for too long' },
  probes_disagree: { zh: '空气与负载探头互相矛盾', en: 'air and load contradict each other' },
  fast_rise: { zh: '升温快于关门状态所能', en: 'it warmed faster than with a closed door' },
  one_reading: { zh: '仅有一个读数显示升温', en: 'one reading alone shows it' },
  load_lags: { zh: '负载升温滞后', en: 'the load lags behind' },
  recovering: { zh: '温度正在回落', en: 'it is on its way back' },
  door_open: { zh: '门现在开着', en: 'the door is open now' },
  door_was_open: { zh: '升温时门开着', en: 'the door was open as it warmed' },
  door_was_shut: { zh: '升温时门关着', en: 'the door was shut as it warmed' },
  slow_rise: { zh: '升温缓慢，与关门状态相符', en: 'it warmed as slowly as with a closed door' },
  load_follows: { zh: '负载同步升温', en: 'the load follows' },
  compressor_rests: { zh: '温度过高而压缩机停机', en: 'the compressor rests although it is too warm' },
  compressor_runs: { zh: '压缩机在运行', en: 'the compressor runs' },
  mains_off: { zh: '市电中断', en: 'the mains are off' },
  battery_drains: { zh: '电池电量下降', en: 'the battery drains' },
  still_cycles: { zh: '温控仍正常启停', en: 'the thermostat still switches as ever' },
  within_limits: { zh: '温度未超限', en: 'it is within its limits' },
  too_cold: { zh: '温度过低', en: 'it is too cold' },
  near_usual: { zh: '接近平时最高温度', en: 'it is near its usual highest' },
  too_little_known: { zh: '数据不足', en: 'too little is known' },
  contradiction: { zh: '迹象互相矛盾', en: 'the signs contradict each other' },
}

/** A cause and what decided for it, in one sentence. */
export function causeWords(cause: Cause, signs: readonly CauseSign[]): Words {
  const said = signs.map((sign) => cnCauseSigns[sign])
  const { zh, en } = cnCauses[cause]
  if (said.length === 0) return { zh, en }
  return {
    zh: `${zh}（${said.map((words) => words.zh).join('；')}）`,
    en: `${en} (${said.map((words) => words.en).join('; ')})`,
  }
}
