import type { AlarmKind, TransfusionFault, UnconfirmedReason } from '../../schema/vocabulary.ts'
import { alarmWords } from './alarms.ts'

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

export const cnTakenWithoutIssue: Words = {
  zh: '未经发血，离开设备已超过允许时间：请找到血袋，并核查能否使用',
  en: 'Out of every container for too long, and not issued: find it, and see whether it may be used',
}

export const cnLookBack: Words = {
  zh: '已输注，事后发现储存温度超限：请追溯患者，并记录结论',
  en: 'Transfused, and found since to have been kept outside its limits: see to the patient, and record the conclusion',
}

export type RescueTaskFacts = {
  readonly to: string
  /** The device it is seen inside of, where that is neither the one that fails nor the one it is to go to. */
  readonly elsewhere: string | null
  /** Where it is to go fails as well by now. */
  readonly isToInAlarm: boolean
}

export function cnRescueTask(
  kind: 'rescue_to_carry' | 'rescue_overdue',
  { to, elsewhere, isToInAlarm }: RescueTaskFacts,
): Words {
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

export function cnUnknownProduct(code: string): Words {
  return {
    zh: `产品码 ${code} 未登记，血袋已暂停使用：请核对标签，并申请登记该产品码`,
    en: `Product code ${code} is not in the catalogue, and the bag is held: read its label again, and propose the code`,
  }
}
