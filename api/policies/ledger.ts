import type { HoldKind, LedgerReason } from '../../schema/vocabulary.ts'
import type { Judged } from '../domain/ledger.ts'
import { toCelsius } from '../domain/temperature.ts'

/** Which hold a stretch of a bag's ledger asks for. */
export const systemHolds: Readonly<Partial<Record<LedgerReason, HoldKind>>> = {
  outside_limits: 'breach',
  within_allowance: 'allowance',
  unheard_too_long: 'unverified_gap',
  nothing_will_come: 'unverified_gap',
  probe_fault_stands: 'unverified_gap',
}

const words: Readonly<Partial<Record<LedgerReason, { readonly zh: string; readonly en: string }>>> = {
  outside_limits: { zh: '储存温度超限', en: 'kept outside its limits' },
  within_allowance: {
    zh: '温度超限但在允许范围内，须由人员确认',
    en: 'outside its limits within what may be allowed once: a person decides',
  },
  unheard_too_long: {
    zh: '温度记录缺失且等待已超时',
    en: 'no temperature record, and it has been waited for long enough',
  },
  nothing_will_come: {
    zh: '温度记录缺失，设备数据已收齐',
    en: 'no temperature record, and the device has sent all it has',
  },
  probe_fault_stands: {
    zh: '温度探头读数不可信（读数不变、突变或与空气探头矛盾），温度未经证实',
    en: 'its probe is not to be believed (stuck, stepped as none can, or contradicted by the air): the temperature is not verified',
  },
}

/** At most so many stretches are told in the words of a hold; the ledger has them all. */
const mostTold = 3

/** Why a bag is held, for whoever finds it held: Chinese, then English. */
export function cnHeldFor(reasons: readonly Judged[]): string {
  const { zh, en } = toldOf(reasons)
  return `${zh} / ${en}`
}

/** The same where a re-judgement says so and the bag's ledger does not. */
export function cnRejudgedFor(
  rejudgement: number,
  { jurisdiction, component, phase, version }: PolicyName,
  reasons: readonly Judged[],
): string {
  const { zh, en } = toldOf(reasons)
  const policy = `${jurisdiction}/${component}/${phase}/v${version}`
  return `追溯复判第${rejudgement}号（按政策 ${policy}）：${zh} / re-judgement ${rejudgement} (by the policy ${policy}): ${en}`
}

type PolicyName = {
  readonly jurisdiction: string
  readonly component: string
  readonly phase: string
  readonly version: number
}

function toldOf(reasons: readonly Judged[]): { readonly zh: string; readonly en: string } {
  const told = reasons.slice(0, mostTold).map(({ entry, reason }) => {
    const { device, from, to, ongoing, coldest, warmest, kind } = entry
    const extreme = kind === 'low' ? coldest : warmest
    const measured = extreme === null ? '' : ` ${toCelsius(extreme).toFixed(2)} °C`
    const span = `${new Date(from).toISOString()}/${ongoing ? '…' : new Date(to).toISOString()}`
    const { zh, en } = words[reason] ?? { zh: reason, en: reason }
    return {
      zh: `${device ?? ''} ${span}${measured} ${zh}`.trim(),
      en: `${device ?? ''} ${span}${measured} ${en}`.trim(),
    }
  })
  const more = reasons.length > mostTold ? ' …' : ''
  return {
    zh: `${told.map(({ zh }) => zh).join('；')}${more}`,
    en: `${told.map(({ en }) => en).join('; ')}${more}`,
  }
}
