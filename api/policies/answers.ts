import type { AnswerRule } from '../domain/take-out.ts'

const rules: readonly AnswerRule[] = [
  {
    code: 'list_unusable',
    answer: 'STOP',
    rank: 5,
    zh: '脱机名单缺失或过旧，无法判断，请放回并致电输血科',
    en: 'Offline, and no list that may still be used: put it back, call the transfusion lab',
  },
  { code: 'unknown_bag', answer: 'STOP', rank: 10, zh: '未知血袋，请放回', en: 'Unknown bag: put it back' },
  { code: 'recalled', answer: 'STOP', rank: 20, zh: '已召回，请放回', en: 'Recalled: put it back' },
  {
    code: 'unknown_product',
    answer: 'STOP',
    rank: 22,
    zh: '产品码未登记，请放回并致电输血科',
    en: 'Product code not known: put it back, call the transfusion lab',
  },
  {
    code: 'special_label',
    answer: 'STOP',
    rank: 25,
    zh: '特殊用途标签，请放回',
    en: 'Labelled for a special use: put it back',
  },
  {
    code: 'not_grouped',
    answer: 'STOP',
    rank: 28,
    zh: '血型未定，请放回',
    en: 'Group not known: put it back',
  },
  {
    code: 'group_discrepancy',
    answer: 'STOP',
    rank: 29,
    zh: '患者血型结果不一致，此袋不可用，请放回并致电输血科',
    en: 'The patient’s groupings differ, and this bag does not fit everybody: put it back, call the transfusion lab',
  },
  { code: 'wrong_group', answer: 'STOP', rank: 30, zh: '血型不符，请放回', en: 'Wrong group: put it back' },
  {
    code: 'group_unconfirmed',
    answer: 'STOP',
    rank: 31,
    zh: '患者血型未经第二份血样确认，此袋不可用，请放回并致电输血科',
    en: 'The patient’s group is not confirmed by a second sample: put it back, call the transfusion lab',
  },
  {
    code: 'crossmatch_incompatible',
    answer: 'STOP',
    rank: 32,
    zh: '交叉配血不相合，请放回',
    en: 'Crossmatch incompatible: put it back',
  },
  {
    code: 'antigen_positive',
    answer: 'STOP',
    rank: 33,
    zh: '患者有相应抗体，血袋抗原阳性，请放回',
    en: 'It has an antigen the patient has an antibody against: put it back',
  },
  {
    code: 'label_differs',
    answer: 'STOP',
    rank: 35,
    zh: '标签与记录不符，请放回',
    en: 'The label says another group than the record: put it back',
  },
  { code: 'not_released', answer: 'STOP', rank: 40, zh: '尚未放行，请放回', en: 'Not released: put it back' },
  {
    code: 'not_in_stock',
    answer: 'STOP',
    rank: 50,
    zh: '不在库存中，请放回',
    en: 'Not in stock: put it back',
  },
  { code: 'expired', answer: 'STOP', rank: 60, zh: '已过期，请放回', en: 'Expired: put it back' },
  {
    code: 'out_of_range',
    answer: 'STOP',
    rank: 70,
    zh: '储存温度超限，请放回',
    en: 'Was kept too warm or too cold: put it back',
  },
  { code: 'held', answer: 'STOP', rank: 80, zh: '已被暂停使用，请放回', en: 'Held: put it back' },
  {
    code: 'patient_unknown',
    answer: 'CALL',
    rank: 105,
    zh: '脱机资料中没有该患者，无法核对抗体、配血与特殊需求，请致电输血科',
    en: 'Offline, and nothing was told of this patient, nor of any antibody: call the transfusion lab',
  },
  {
    code: 'reserved_for_another',
    answer: 'CALL',
    rank: 110,
    zh: '已为其他患者预留，请致电输血科',
    en: 'Reserved for another patient: call the transfusion lab',
  },
  {
    code: 'crossmatch_least_incompatible',
    answer: 'CALL',
    rank: 115,
    zh: '交叉配血为最小不相合，需医师确认，请致电输血科',
    en: 'Crossmatch least incompatible, which needs a physician: call the transfusion lab',
  },
  {
    code: 'rhd_override_missing',
    answer: 'CALL',
    rank: 120,
    zh: 'RhD 阳性血液需医师确认，请致电输血科',
    en: 'RhD positive needs a physician: call the transfusion lab',
  },
  {
    code: 'requirement_unmet',
    answer: 'CALL',
    rank: 122,
    zh: '不符合患者的特殊输血要求，请致电输血科',
    en: 'Not as this patient needs it (irradiated, washed or CMV-negative): call the transfusion lab',
  },
  {
    code: 'antigen_unknown',
    answer: 'CALL',
    rank: 125,
    zh: '患者有抗体，血袋相应抗原未检测，请致电输血科',
    en: 'The patient has an antibody, and nobody typed the bag for it: call the transfusion lab',
  },
  {
    code: 'unverified',
    answer: 'CALL',
    rank: 130,
    zh: '储存温度无法核实，请致电输血科',
    en: 'How it was kept is not verified: call the transfusion lab',
  },
  {
    code: 'seen_elsewhere',
    answer: 'CALL',
    rank: 135,
    zh: '系统显示该血袋在另一设备内，请致电输血科',
    en: 'Shown inside another fridge: call the transfusion lab',
  },
  {
    code: 'uncontrolled_too_long',
    answer: 'CALL',
    rank: 140,
    zh: '离开冷藏时间过长，请致电输血科',
    en: 'Too long out of the fridge: call the transfusion lab',
  },
  {
    code: 'crossmatch_missing',
    answer: 'CALL',
    rank: 142,
    zh: '未做交叉配血，请致电输血科',
    en: 'Not crossmatched for this patient: call the transfusion lab',
  },
  {
    code: 'crossmatch_expired',
    answer: 'CALL',
    rank: 144,
    zh: '交叉配血已过期，请致电输血科',
    en: 'Its crossmatch has expired: call the transfusion lab',
  },
  {
    code: 'no_valid_sample',
    answer: 'CALL',
    rank: 150,
    zh: '无有效血样，请致电输血科',
    en: 'No valid sample of the patient: call the transfusion lab',
  },
  {
    code: 'second_checker_missing',
    answer: 'CALL',
    rank: 160,
    zh: '尚未双人核对，请另一人核对，或致电输血科',
    en: 'Not checked by a second person: have another check, or call the transfusion lab',
  },
  {
    code: 'list_stale',
    answer: 'CALL',
    rank: 170,
    zh: '脱机名单已过时，请致电输血科',
    en: 'Offline for too long to be sure: call the transfusion lab',
  },
]

/**
 * What is said at the fridge of each finding, the gravest first: policy, in the words a nurse reads. The version is kept
 * with every answer that was given by it: another wording, rank or answer is another version.
 */
export const cnAnswers = { version: 4, rules } as const

/** A bag may be in hands for so long on its way into or between fridges, ms (WS/T 433: 30 minutes). */
export const cnHandlingMs = 30 * 60_000
