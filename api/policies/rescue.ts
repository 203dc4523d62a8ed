import type {
  RescueClaim,
  RescueReason,
  RescueRejection,
  RescueStay,
  RescueWay,
} from '../../schema/vocabulary.ts'
import type { RescueRoutes } from '../domain/rescue-route.ts'
import type { RescuePolicy } from '../domain/rescue-target.ts'
import type { Words } from './tasks.ts'

/**
 * How bags are rescued. Where each component is stored is WS 399; that a way is planned to take half as long again is what
 * is asked of transport boxes; 15 minutes in hands is when the core of red cells reaches 10 °C. The other figures are
 * engineering defaults, and a transfusion professional must confirm all of them.
 */
export const cnRescue: RescuePolicy = {
  version: 3,
  homes: {
    red_cells: { kind: 'fridge', agitated: false },
    whole_blood: { kind: 'fridge', agitated: false },
    platelets: { kind: 'incubator', agitated: true },
    plasma: { kind: 'freezer', agitated: false },
    cryoprecipitate: { kind: 'freezer', agitated: false },
    thawed_plasma: { kind: 'fridge', agitated: false },
    thawed_cryoprecipitate: { kind: 'incubator', agitated: false },
    frozen_red_cells: { kind: 'freezer', agitated: false },
    granulocytes: { kind: 'incubator', agitated: false },
  },
  reservePercent: 10,
  maxReadingAgeMs: 10 * 60_000,
  // The longest way, there and back.
  defrostAheadMs: 4 * 3_600_000,
  cleanMs: 24 * 3_600_000,
  uncleanMinutes: 10,
  wayPercent: 150,
  maxWayMs: { foot: 15 * 60_000, car: 2 * 3_600_000 },
  bagsPerTrip: { foot: 10, car: 40 },
}

/**
 * How long ways are taken to be: within a facility, and by car between devices that tell where they are. Engineering
 * defaults, as the others.
 */
export const cnRescueRoutes: RescueRoutes = {
  withinMs: 5 * 60_000,
  loadingMs: 10 * 60_000,
  detour: 1.35,
  kmh: 30,
}

/** Who was to carry a bag and was not seen to have done it after so long is reminded, ms. */
export const cnRescueOverdueMs = 30 * 60_000

export const cnRescueWays: Readonly<Record<RescueWay, Words>> = {
  foot: { zh: '步行手提', en: 'carried by hand' },
  car: { zh: '车辆运输，使用经验证的运输箱', en: 'by car, in a validated box' },
}

export const cnRescueRejections: Readonly<Record<RescueRejection, Words>> = {
  is_failing: { zh: '即故障设备本身', en: 'it is the device that fails' },
  wrong_kind: { zh: '设备类型不适合该成分', en: 'this component is not stored in such a device' },
  no_agitation: { zh: '没有振荡，或振荡未运行', en: 'nothing agitates in it' },
  wrong_profile: { zh: '设备温度范围超出该血袋的储存范围', en: 'its limits are not within those of the bag' },
  retired: { zh: '设备已停用', en: 'it is out of service' },
  unqualified: { zh: '设备未经验证，或验证已过期', en: 'it is not qualified, or no longer' },
  calibration_overdue: {
    zh: '探头校准已过期或无记录',
    en: 'the calibration of a probe is overdue, or not on record',
  },
  in_alarm: { zh: '设备正在报警', en: 'it is in alarm' },
  silent: { zh: '设备失联', en: 'nothing is heard of it' },
  defrosting: { zh: '设备正在除霜，或即将除霜', en: 'it is being defrosted, or will be soon' },
  mixed_contents: { zh: '内有不应存放于此的成分', en: 'it holds what does not belong in it' },
  not_measured: { zh: '没有足够新的温度读数', en: 'it has no temperature that is new enough' },
  out_of_limits: {
    zh: '当前温度超出该血袋的储存范围',
    en: 'it is now colder or warmer than the bag may be kept',
  },
  no_way: { zh: '没有已知的运送路线', en: 'no way there is known' },
  too_far: { zh: '路程超过允许的时间', en: 'it is further than a bag may be carried' },
  too_late: { zh: '无法及时送达', en: 'the bag would be lost before it is there' },
  full: { zh: '设备已满', en: 'it is full' },
  reserve_only: { zh: '只剩备用容量', en: 'only its reserve is free' },
  room_unknown: { zh: '容量不明，请先致电确认', en: 'nobody has said how much it takes: call there first' },
  places_taken: { zh: '空位已分配给优先的血袋', en: 'its places went to bags that come first' },
}

export const cnRescueReasons: Readonly<Record<RescueReason, Words>> = {
  only_choice: { zh: '唯一可用的设备', en: 'the only one that will do' },
  nearest: { zh: '可用设备中最近', en: 'the nearest that will do' },
  nearer_taken: { zh: '更近的设备已无空位', en: 'nearer ones have no place left' },
  nearer_not_clean: { zh: '更近的设备近期有异常记录', en: 'nearer ones have no clean record' },
  clean_record: { zh: '近期记录良好', en: 'its record is clean' },
  record_not_clean: {
    zh: '近期有超限或数据中断，请留意',
    en: 'it was out of its limits, or unheard, not long ago: keep an eye on it',
  },
  other_facility: {
    zh: '属于其他机构，需办理调拨',
    en: 'it is at another facility: distribute, and receive',
  },
  by_car: { zh: '需车辆运输', en: 'it is reached by car' },
}

export const cnRescueStays: Readonly<Record<RescueStay, Words>> = {
  spent: { zh: '已超出允许的温度暴露：原处保留并暂停使用', en: 'Lost already: leave it, and hold it' },
  expired: { zh: '已过期：原处保留并暂停使用', en: 'Expired: leave it, and hold it' },
  no_device: {
    zh: '没有可用的设备：原处保留并暂停使用，请另想办法',
    en: 'No device will do: leave it, hold it, and look for another way',
  },
  places_taken: {
    zh: '空位不足，已让给优先的血袋：原处保留并暂停使用，请另想办法',
    en: 'Too few places, and others come first: leave it, hold it, and look for another way',
  },
}

export const cnRescueClaims: Readonly<Record<RescueClaim, Words>> = {
  reserved: { zh: '已为患者预留', en: 'reserved for a patient' },
  emergency_stock: { zh: '急救备血', en: 'kept for emergencies' },
}
