import type {
  OrderedComponent,
  TransferPack,
  TransferReason,
  TransferRejection,
  TransferTier,
  UnitOfMeasure,
} from '../../schema/vocabulary.ts'
import { transferTiers } from '../../schema/vocabulary.ts'
import type { TransferPolicy } from '../domain/transfer/problem.ts'
import type { Drives, Roads } from '../domain/transfer/travel.ts'
import { orderRules } from './orders.ts'
import type { Words } from './tasks.ts'

const hour = 3_600_000

/** What is used within the day of its arrival must keep for it: red cells 24 h, platelets 12 h. */
const keepsADay = 24 * hour

/**
 * How transfers are planned. That a box is validated for half as long again, and what must be left of a life, is asked of
 * redistribution programmes; the order of the tiers is what a bleeding patient needs first: to get blood at all, then soon,
 * then the best fitting, and only then what is easy to carry and what would expire. The other figures are engineering
 * defaults: a transfusion professional must confirm all of them.
 */
export const cnTransfer: TransferPolicy = {
  version: 1,
  counts: orderRules.CN.counts,
  packMinutes: { cold: 10, room: 10, frozen: 15 },
  handoverMinutes: 5,
  boxOf: {
    red_cells: 'cold',
    whole_blood: 'cold',
    thawed_plasma: 'cold',
    platelets: 'room',
    thawed_cryoprecipitate: 'room',
    granulocytes: 'room',
    plasma: 'frozen',
    cryoprecipitate: 'frozen',
    frozen_red_cells: 'frozen',
  },
  boxes: {
    cold: { bags: 20, validatedMinutes: 8 * 60 },
    room: { bags: 10, validatedMinutes: 8 * 60 },
    frozen: { bags: 30, validatedMinutes: 12 * 60 },
  },
  spread: { p50: 75, p95: 135 },
  boxPercent: 150,
  lifeLeftMs: {
    red_cells: keepsADay,
    whole_blood: keepsADay,
    plasma: keepsADay,
    cryoprecipitate: keepsADay,
    frozen_red_cells: keepsADay,
    platelets: 12 * hour,
    granulocytes: 6 * hour,
    thawed_plasma: 4 * hour,
    thawed_cryoprecipitate: 2 * hour,
  },
  reserveFor: ['emergency'],
  tiers: transferTiers,
  trip: 1,
  box: 1,
  unusedPercent: { emergency: 40, urgent: 20, routine: 20 },
  coverDays: 14,
  riskStep: 5,
}

/** A figure of each hour of the wall clock: fast at night, slow in the two rush hours of a large city. */
function byHour({
  night,
  day,
  rush,
}: {
  readonly night: number
  readonly day: number
  readonly rush: number
}) {
  return Array.from({ length: 24 }, (_, hour) => {
    if (hour < 6 || hour >= 22) return night
    return [7, 8, 9, 17, 18, 19].includes(hour) ? rush : day
  })
}

/**
 * Streets of a large city. Engineering defaults, for where no table and no server of routes is configured, or is not
 * believed.
 */
export const cnTransferRoads: Roads = {
  detour: 1.35,
  kmhAt: byHour({ night: 40, day: 28, rush: 20 }),
  accessMinutes: 3,
}

/**
 * What a server of routes says is of empty streets: how much longer four of five drives take at most, and what no drive
 * is. Engineering defaults, to be measured in the city.
 */
export const cnTransferDrives: Drives = {
  percentAt: byHour({ night: 120, day: 160, rush: 220 }),
  mostKmh: 150,
  leastKmh: 1,
  roundMinutes: 20,
  mostStrayM: 1_000,
}

/** A position that was told longer ago, or so far ahead, is not where a vehicle is, ms. Engineering default. */
export const positionFreshMs = 10 * 60_000

/** What each tier makes as little of as can be, and what it is counted in. */
export const cnTransferTiers: Readonly<Record<TransferTier, Words>> = {
  unmet_emergency: { zh: '未满足的紧急用血量', en: 'what emergencies lack' },
  unmet_urgent: { zh: '未满足的加急用血量', en: 'what is urgent and lacks' },
  unmet_routine: { zh: '未满足的常规用血量', en: 'what is routine and lacks' },
  reserve: { zh: '动用其他机构储备的血量', en: 'what donors give of their reserve' },
  arrival: { zh: '到达时间（血量×分钟，按第80百分位）', en: 'until it arrives (blood × minutes, p80)' },
  substitution: { zh: '异型替代', en: 'blood of another group than the patient’s' },
  carrying: { zh: '行程与运输箱数量', en: 'journeys and boxes' },
  below_target: { zh: '使其他机构低于目标库存的血量', en: 'what leaves donors below their target' },
  expiry: { zh: '过期风险', en: 'the risk that blood expires' },
}

export const cnTransferRejections: Readonly<Record<TransferRejection, Words>> = {
  other_component: { zh: '不是所需成分', en: 'another component' },
  own_site: { zh: '本来就在需要它的机构', en: 'it is there already' },
  not_issuable: { zh: '目前不可发出', en: 'it may not be issued' },
  reserved: { zh: '已预留', en: 'it is reserved' },
  cold_chain: { zh: '冷链记录不完整或超限', en: 'its cold chain is not shown to be whole' },
  expired: { zh: '已过期', en: 'it has expired' },
  group_unconfirmed: { zh: '血型未确认', en: 'its group is not confirmed' },
  incompatible: { zh: '血型不相容', en: 'its group does not fit' },
  rhd_positive: { zh: 'RhD 阳性，患者不可用', en: 'RhD-positive, and the patient may not have it' },
  high_titre: { zh: '未标明低效价', en: 'not labelled as of low titre' },
  not_treated: { zh: '未经患者所需的处理', en: 'not treated as the patient needs' },
  amount_unknown: { zh: '血量不明', en: 'nobody knows how much it is' },
  other_unit: { zh: '计量单位不同', en: 'it is counted in another unit' },
  no_way: { zh: '没有已知的路线', en: 'no way there is known' },
  no_box: { zh: '没有合适的运输箱', en: 'there is no box for it' },
  box_too_short: { zh: '运输箱验证时间不足', en: 'no box is validated for so long a way' },
  too_late: { zh: '无法在期限前送达', en: 'it would come too late' },
  too_short_lived: { zh: '送达后剩余有效期不足', en: 'too little of its life would be left' },
  protected: { zh: '该机构须保留的库存', en: 'its site keeps it for itself' },
  not_needed: { zh: '已有更合适的血袋', en: 'others serve better' },
}

export const cnTransferReasons: Readonly<Record<TransferReason, Words>> = {
  only_source: { zh: '唯一可供的机构', en: 'the only site that can serve' },
  nearest: { zh: '可供机构中最近', en: 'the nearest that can serve' },
  nearer_taken: { zh: '更近的已用于其他需求', en: 'what is nearer is given already' },
  nearer_protected: { zh: '更近的机构须保留其库存', en: 'nearer sites keep theirs' },
  same_group: { zh: '与患者同型', en: 'the patient’s own group' },
  substitute: { zh: '相容的替代血型', en: 'of another group that fits' },
  same_box: { zh: '与其他血袋同行', en: 'it travels with others' },
  expires_first: { zh: '该处先到期', en: 'it expires first there' },
  from_reserve: { zh: '动用储备，须经批准', en: 'from the reserve: somebody there must approve' },
}

export type PackLine = {
  readonly component: OrderedComponent
  readonly amount: number
  readonly uom: UnitOfMeasure
}

/** What is asked for by one word, in native units. */
export const cnTransferPacks: Readonly<
  Record<TransferPack, Words & { readonly lines: readonly PackLine[]; readonly uncertain: readonly string[] }>
> = {
  mtp: {
    zh: '大量输血包',
    en: 'a pack for massive transfusion',
    lines: [
      { component: 'red_cells', amount: 10, uom: 'U' },
      { component: 'plasma', amount: 1_000, uom: 'mL' },
      { component: 'platelets', amount: 1, uom: 'dose' },
    ],
    // Packs of 1:1:1 put into the units of China: hospitals have their own.
    uncertain: ['lines'],
  },
}

/** Bags are promised for so long where nobody says otherwise, and for no longer than the last deadline, ms. */
export const transferPromiseMs = 2 * hour
export const transferPromiseMostMs = 24 * hour

/** What was used in so many days before now tells what is used in a day. */
export const transferUseDays = 28

/** So long after its deadline a request that was not met is a task no more: whoever bleeds then has been asked for anew. */
export const transferForgottenMs = 24 * hour

/**
 * The solver may take so long, for the best plan and for the second best each, and names so many bags for a reason. Short: a
 * POST with a key is one transaction all the while, which holds news up.
 */
export const transferPlanning = { limitMs: 3_000, secondBest: true, mostNamed: 50 } as const

/** @param missing so much of each line nothing comes for, as people write it */
export function cnTransferWanted(facility: string, missing: string): Words {
  return missing === ''
    ? {
        zh: `${facility} 紧急用血：已安排调剂，尚未全部收到`,
        en: `${facility} asked for blood: it is to come, and not all is there`,
      }
    : {
        zh: `${facility} 紧急用血，尚缺 ${missing}：请制定调剂方案`,
        en: `${facility} asks for blood and lacks ${missing}: plan a transfer`,
      }
}

export function cnTransferToApprove(to: string, bags: number): Words {
  return {
    zh: `向 ${to} 调剂 ${bags} 袋须动用本院储备：请批准或取消`,
    en: `${bags} bags for ${to} draw on what is kept here: approve it, or cancel it`,
  }
}

export function cnTransferToSend(to: string, bags: number): Words {
  return {
    zh: `${bags} 袋待发往 ${to}：请分配、装箱并发出`,
    en: `${bags} bags are promised to ${to}: distribute, pack and send them`,
  }
}

export function cnTransferBroken(from: string, to: string, bags: number): Words {
  return {
    zh: `${from} 调往 ${to} 的 ${bags} 袋不能使用或不会送达：请重新制定方案`,
    en: `${bags} bags from ${from} to ${to} do not come, or may not be used: plan again`,
  }
}
