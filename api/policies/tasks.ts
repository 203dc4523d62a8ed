import type {
  AlarmKind,
  BagState,
  Finding,
  OfflineConflict,
  OfflineFault,
  ReviewReason,
  TransfusionFault,
  UnconfirmedReason,
} from '../../schema/vocabulary.ts'
import { alarmWords } from './alarms.ts'
import { cnAnswers } from './answers.ts'

/** One sentence, in both languages. */
export type Words = { readonly zh: string; readonly en: string }

/** What a task asks of whoever reads it: policy, in the words a nurse reads. */
export const cnUnconfirmed: Readonly<Record<UnconfirmedReason, Words>> = {
  still_inside: {
    zh: '已发出，但仍在设备内：请取出，或撤销发血；曾取出又放回的，请办理退回',
    en: 'Issued, and seen inside: take it out, or cancel the issue; if it had left and came back, return it',
  },
  door_not_opened: {
    zh: '已发出，但门未打开，也未见取出：请查看血袋是否已取走',
    en: 'Issued, but the door did not open and nobody saw it leave: see whether it was taken',
  },
}

const faults: Readonly<Record<TransfusionFault, Words>> = {
  not_issued: { zh: '未经发血', en: 'it was not issued' },
  another_patient: { zh: '并非发给该患者', en: 'it was issued for another patient' },
  held: { zh: '已被暂停使用', en: 'it was held' },
  expired: { zh: '已过期', en: 'it had expired' },
  fate_recorded: { zh: '此前已登记其他去向', en: 'another fate of it was on record' },
  unchecked: { zh: '床旁核对人数不足', en: 'fewer people checked it at the bedside than must' },
  other: { zh: '另有不符', en: 'something else spoke against it' },
}

export function cnTransfusedAgainst(against: readonly TransfusionFault[]): Words {
  const words = against.map((fault) => faults[fault])
  return {
    zh: `已输注，但${words.map(({ zh }) => zh).join('、')}：请调查并上报`,
    en: `Transfused although ${words.map(({ en }) => en).join(', ')}: look into it, and report it`,
  }
}

export const cnSeenAfterFate: Words = {
  zh: '去向已登记，之后又在设备内出现：请查看血袋，并核对记录',
  en: 'Its fate is recorded, and it was seen inside after that: look at the bag, and at the record',
}

/** @param there the facility whose device it is inside */
export function cnSeenElsewhere(there: string): Words {
  return {
    zh: `在库血袋出现在 ${there} 的设备内：请取回，或办理调拨`,
    en: `In stock, and seen inside a device at ${there}: fetch it, or have it sent and received`,
  }
}

export const cnInsideRetired: Words = {
  zh: '血袋在已停用的设备内，无人监测温度：请立即转移至其他设备，或登记去向',
  en: 'Inside a device that was retired, where nobody measures: move it to another one now, or record its fate',
}

export const cnTakenWithoutIssue: Words = {
  zh: '未经发血，离开设备已超过允许时间：请找到血袋，并核查能否使用',
  en: 'Out of every container for too long, and not issued: find it, and see whether it may be used',
}

export const cnTakenFromLocked: Readonly<Record<'taken_unscanned' | 'taken_by_key', Words>> = {
  taken_unscanned: {
    zh: '开门后取出，但未扫描或未获准发出：请立即找到血袋，放回或办理发血',
    en: 'Taken at an open door, and not scanned or not answered GO: find it now, and put it back or have it issued',
  },
  taken_by_key: {
    zh: '未经刷卡开门即取出（可能使用机械钥匙）：请立即找到血袋，放回或办理发血，并说明原因',
    en: 'Taken without a door session, perhaps by key: find it now, put it back or have it issued, and say why',
  },
}

export const cnReviews: Readonly<Record<ReviewReason, Words>> = {
  emergency_release: {
    zh: '紧急发血：请补做交叉配血，并登记负责医师及理由',
    en: 'Released in an emergency: crossmatch it now, and record the physician who answers for it and why',
  },
  glass_broken: {
    zh: '未经电话确认强制取血：请核查原因，补做交叉配血，并登记负责医师',
    en: 'Taken although somebody was to be called: look into it, crossmatch it now, and record the physician who answers for it',
  },
}

/** What was found to speak against a bag that was handed out; `isGiven`: nobody can stop that any more. */
export function cnIncompatibleOut(found: readonly Finding[], isGiven: boolean): Words {
  const words = found.map(wordsOf)
  const [zh, en] = [words.map((one) => one.zh).join('、'), words.map((one) => one.en).join('; ')]
  return isGiven
    ? {
        zh: `已输注，事后发现：${zh}。请查看患者有无溶血反应，调查并上报`,
        en: `Transfused, and found since: ${en}. See whether the patient haemolyses, look into it, and report it`,
      }
    : {
        zh: `已发出，事后发现：${zh}。不得输注，正在输注的立即停止；请立即致电病区，办理退回`,
        en: `Issued, and found since: ${en}. Do not give it, stop where it is being given; call the ward now, and have it returned`,
      }
}

/** What a finding is, without what a nurse is told to do. */
function wordsOf(code: Finding): Words {
  const rule = cnAnswers.rules.find((one) => one.code === code)
  return rule
    ? { zh: rule.zh.split('，')[0] ?? rule.zh, en: rule.en.split(':')[0] ?? rule.en }
    : { zh: code, en: code }
}

export const cnLookBack: Words = {
  zh: '已输注，事后发现储存温度超限：请追溯患者，并记录结论',
  en: 'Transfused, and found since to have been kept outside its limits: see to the patient, and record the conclusion',
}

/** @param recall its number */
export function cnLookBackOf(recall: number): Words {
  return {
    zh: `已输注，事后被第 ${recall} 号召回追溯：请追溯患者，并记录结论`,
    en: `Transfused, and called back since by recall ${recall}: see to the patient, and record the conclusion`,
  }
}

/** @param recall its number */
export function cnRecalledOut(recall: number): Words {
  return {
    zh: `已被第 ${recall} 号召回，但不在任何设备内：请立即找到，不得使用`,
    en: `Called back by recall ${recall}, and in no device: find it now, and keep it from being used`,
  }
}

export type RescueTaskFacts = {
  readonly to: string
  /** The device it is seen inside of, where that is neither the one that fails nor the one it is to go to. */
  readonly elsewhere: string | null
  /** Where it is to go fails as well by now. */
  readonly isToInAlarm: boolean
  /** It was retired since, or moved to another facility. */
  readonly isToGone: boolean
}

export function cnRescueTask(
  kind: 'rescue_to_carry' | 'rescue_overdue',
  { to, elsewhere, isToInAlarm, isToGone }: RescueTaskFacts,
): Words {
  if (isToGone)
    return {
      zh: `原定转移至 ${to}，但该设备已停用或已移至其他机构：请放弃该转移，重新制定方案`,
      en: `It was to be carried to ${to}, which was retired or moved away since: give that up, and plan again`,
    }
  if (isToInAlarm)
    return {
      zh: `原定转移至 ${to}，但该设备也在报警：请放弃该转移，重新制定方案`,
      en: `It was to be carried to ${to}, which is in alarm now: give that up, and plan again`,
    }
  const seen =
    elsewhere === null
      ? { zh: '', en: '' }
      : { zh: `（现在 ${elsewhere} 内）`, en: `; it is inside ${elsewhere}` }
  return kind === 'rescue_to_carry'
    ? { zh: `设备故障，请将血袋转移至 ${to}${seen.zh}`, en: `Its device fails: carry it to ${to}${seen.en}` }
    : {
        zh: `应已转移至 ${to}，但未见放入${seen.zh}：请立即查找`,
        en: `It was to be carried to ${to}, and was not seen there${seen.en}: look for it now`,
      }
}

export function cnAlarmTestDue(kind: AlarmKind): Words {
  const { zh, en } = alarmWords[kind]
  return {
    zh: `报警测试到期，或上次未通过：请测试“${zh}”并登记结果`,
    en: `Due for an alarm test, or the last one failed: test “${en}”, and record the result`,
  }
}

/** What should have been heard of a bag, and was not. */
export const cnFateTask = {
  transfusion_not_ended: {
    zh: '输注已开始，超时仍未登记结束：请停止输注，并登记结束或中断',
    en: 'It began to be given, and its end was not recorded in time: give no more of it, and record how it ended',
  },
  bedside_missing: {
    zh: '发血后床旁尚无登记：请致电病区核实',
    en: 'Issued, and nothing was recorded at the bedside since: call the ward',
  },
  presumed_transfused: {
    zh: '发血后长时间无登记，推定已输注：请核实并登记真实去向',
    en: 'Issued, and nothing was heard since: presumed given. Find out, and record what really became of it',
  },
  return_to_inspect: {
    zh: '退回待检：请检查后放行或报废',
    en: 'It came back: inspect it, and reinstate or discard it',
  },
  reservation_ending: {
    zh: '预留即将到期：请续留，或释放库存',
    en: 'It will soon be kept for its patient no more: keep it on, or let it go',
  },
  expired_on_shelf: {
    zh: '已过期，仍在库：请取出并登记报废',
    en: 'Expired, and in stock still: take it out, and discard it',
  },
  fate_unknown: {
    zh: '过期已久，去向不明：请查找，并登记真实去向',
    en: 'It expired long ago, and nobody knows what became of it: find out, and record it',
  },
} as const satisfies Record<string, Words>

export function cnJourneyOverdue(state: BagState): Words {
  if (state === 'distributed')
    return {
      zh: '已分配但未发出：请发运，或撤回',
      en: 'It was to be sent, and has not left: send it, or take it back into stock',
    }
  return state === 'arrived'
    ? {
        zh: '已到达但未接收：请接收，或拒收',
        en: 'It is at the door, and was not received: receive or refuse it',
      }
    : { zh: '运输超时未到：请联系承运人', en: 'On its way for longer than it may: call the courier' }
}

/** @param stepMs so long before it expires */
export function cnExpiresSoon(stepMs: number): Words {
  const hours = Math.round(stepMs / 3_600_000)
  const [zh, en] =
    hours > 24 ? [`${hours / 24} 天`, `${hours / 24} days`] : [`${hours} 小时`, `${hours} hours`]
  return { zh: `${zh}内到期：请优先使用，或调剂`, en: `It expires within ${en}: use it first, or send it on` }
}

export const cnSealMismatch: Words = {
  zh: '转运箱封签不符：请核对箱内血袋，并登记结论',
  en: 'The seal of a box was another: look at the bags that were in it, and record the conclusion',
}

export function cnUnknownProduct(code: string): Words {
  return {
    zh: `产品码 ${code} 未登记，血袋已暂停使用：请核对标签，并申请登记该产品码`,
    en: `Product code ${code} is not in the catalogue, and the bag is held: read its label again, and propose the code`,
  }
}

const offlineFaults: Readonly<Record<OfflineFault, Words>> = {
  issued_elsewhere: { zh: '另有发血记录', en: 'it was handed out by other word' },
  foreign_bag: { zh: '不属于本机构', en: 'it is none of this facility’s' },
  list_unknown: { zh: '脱机名单无法核实', en: 'the list it went by is none of ours' },
  answer_differs: { zh: '名单上的答复不同', en: 'that list gives another answer' },
  time_doubtful: { zh: '时间不可信', en: 'its time cannot be right' },
}

/** @param conflicts what speaks against what a terminal handed out while it was cut off */
export function cnOfflineConflict(conflicts: readonly OfflineConflict[]): Words {
  const words = conflicts.map((conflict) =>
    conflict in offlineFaults ? offlineFaults[conflict as OfflineFault] : wordsOf(conflict as Finding),
  )
  return {
    zh: `脱机发血，但${words.map(({ zh }) => zh).join('、')}：请立即查找血袋，核查并记录结论`,
    en: `Handed out while cut off, but: ${words.map(({ en }) => en).join('; ')}. Find the bag now, look into it, and record the conclusion`,
  }
}
