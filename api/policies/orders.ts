import type {
  Grade,
  Indication,
  Jurisdiction,
  OrderedComponent,
  UnitOfMeasure,
} from '../../schema/vocabulary.ts'
import type { OrderRule } from '../domain/order.ts'
import type { Words } from './tasks.ts'

const hour = 3_600_000

/**
 * What is ordered in the units of the catalogue, and how many mL each counts for towards a day: red cells and whole blood of
 * 200 mL a unit; of what is made of it, what it holds. The measures speak of blood and do not say how components count.
 */
const counts = {
  red_cells: { U: 200 },
  whole_blood: { U: 200, mL: 1 },
  plasma: { mL: 1 },
  platelets: { U: 25, dose: 250 },
  cryoprecipitate: { U: 25 },
  granulocytes: { dose: 250 },
} satisfies OrderRule['counts']

const components = ['counts.plasma', 'counts.platelets', 'counts.cryoprecipitate', 'counts.granulocytes']

/** No statute was found that asks for more than the word of who orders: a hospital may. */
const nobody: OrderRule = {
  tiers: [{ fromMl: 0, approvals: [] }],
  dayMs: 24 * hour,
  counts,
  source: 'none was found',
  uncertain: ['tiers', 'counts'],
}

/**
 * Whose word an order takes. China counts by the day: any 24 hours that end with the order, so that no day of the calendar
 * holds more, and what was ordered in an emergency counts, too. The version is kept with every order: another figure is
 * another version.
 */
export const orderRules: Readonly<Record<Jurisdiction, OrderRule>> = {
  CN: {
    ...nobody,
    tiers: [
      { fromMl: 0, approvals: ['senior_physician'] },
      { fromMl: 800, approvals: ['senior_physician', 'department_head'] },
      { fromMl: 1_600, approvals: ['department_head', 'medical_affairs'] },
    ],
    source: '医疗机构临床用血管理办法 2012 art. 20',
    uncertain: ['dayMs', ...components],
  },
  UK: nobody,
  EU: nobody,
  US: nobody,
}

export const orderRulesVersion = 1

/** So long before it is needed an order that is not filled is a task, ms. */
export const orderUnfilledMs = 2 * hour

/** So long after it was needed an order that nobody filled is a task no more: whoever needs blood then has ordered anew. */
export const orderForgottenMs = 7 * 24 * hour

export const gradeWords: Readonly<Record<Grade, Words>> = {
  senior_physician: { zh: '上级医师', en: 'a senior physician' },
  department_head: { zh: '科室主任', en: 'the head of the department' },
  medical_affairs: { zh: '医务部门', en: 'the medical affairs department' },
}

const indicationWords: Readonly<Record<Indication, Words>> = {
  haemorrhage: { zh: '急性失血', en: 'haemorrhage' },
  surgery: { zh: '手术', en: 'surgery' },
  anaemia: { zh: '贫血', en: 'anaemia' },
  thrombocytopenia: { zh: '血小板减少', en: 'thrombocytopenia' },
  coagulopathy: { zh: '凝血功能障碍', en: 'coagulopathy' },
  obstetric: { zh: '产科', en: 'obstetrics' },
  neonatal: { zh: '新生儿', en: 'a newborn' },
  plasma_exchange: { zh: '血浆置换', en: 'plasma exchange' },
  infection: { zh: '感染', en: 'infection' },
  other: { zh: '其他', en: 'another reason' },
}

const componentWords: Readonly<Record<OrderedComponent, Words>> = {
  red_cells: { zh: '红细胞', en: 'red cells' },
  whole_blood: { zh: '全血', en: 'whole blood' },
  plasma: { zh: '血浆', en: 'plasma' },
  platelets: { zh: '血小板', en: 'platelets' },
  cryoprecipitate: { zh: '冷沉淀', en: 'cryoprecipitate' },
  granulocytes: { zh: '粒细胞', en: 'granulocytes' },
}

const unitWords: Readonly<Record<UnitOfMeasure, Words>> = {
  U: { zh: 'U', en: 'U' },
  mL: { zh: 'mL', en: 'mL' },
  dose: { zh: '治疗量', en: 'doses' },
}

type Ordered = {
  readonly component: OrderedComponent
  readonly amount: number
  readonly uom: UnitOfMeasure
  readonly indication: Indication
}

function orderWords({ component, amount, uom, indication }: Ordered, lang: keyof Words): string {
  const what = `${componentWords[component][lang]} ${amount} ${unitWords[uom][lang]}`
  return lang === 'zh'
    ? `${what}（${indicationWords[indication].zh}）`
    : `${what} for ${indicationWords[indication].en}`
}

/** @param isGoing an emergency: it is handed out whether or not anybody has approved it */
export function cnOrderUnapproved(order: Ordered, next: Grade, isGoing: boolean): Words {
  const { zh, en } = gradeWords[next]
  return isGoing
    ? {
        zh: `紧急用血 ${orderWords(order, 'zh')}：请${zh}事后补办审批`,
        en: `Ordered in an emergency, ${orderWords(order, 'en')}: ${en} is to approve it afterwards`,
      }
    : {
        zh: `用血申请 ${orderWords(order, 'zh')}：待${zh}审批`,
        en: `Ordered, ${orderWords(order, 'en')}: it waits for ${en}`,
      }
}

/** @param left so much of it is still to come */
export function cnOrderUnfilled(order: Ordered, left: number): Words {
  const unit = unitWords[order.uom]
  return {
    zh: `用血申请 ${orderWords(order, 'zh')}，临近用血时间，尚缺 ${left} ${unit.zh}：请备血，或取消申请`,
    en: `Ordered, ${orderWords(order, 'en')}, and soon needed: ${left} ${unit.en} of it are missing. Get them ready, or cancel the order`,
  }
}

export const cnGroupingDiscrepancy: Words = {
  zh: '患者血型结果不一致，血型不予采信：请重新采样复查，查明后作废错误标本',
  en: 'The groupings of a patient differ, and none is relied on: group a new sample, and reject the one that is wrong',
}

export const cnSampleEnding: Words = {
  zh: '已为患者预留血液，但标本即将或已经失效：请重新采样，或释放预留',
  en: 'Bags are kept for a patient whose sample runs out, or has: take another one, or let the bags go',
}

/** @param reason why, in a sentence */
export function cnHl7Refused(type: string, sender: string, reason: string): Words {
  return {
    zh: `${sender} 的消息 ${type} 未被接收：请查明原因，更正后重发，或登记结论（${reason}）`,
    en: `A message ${type} of ${sender} was not done: ${reason}. Find out why, have it sent again, or record the conclusion`,
  }
}
