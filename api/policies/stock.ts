import type { Component, ShortagePhase, ShortageReason, StockStanding } from '../../schema/vocabulary.ts'
import type { StockPolicy } from '../domain/stock-overview.ts'
import type { Words } from './tasks.ts'

const hour = 3_600_000
const day = 24 * hour

/** What is used within days is watched by the day, what keeps a year by the month, what was thawed by the hour. */
const ofDays = [day, 3 * day, 7 * day]
const ofPlatelets = [day, 2 * day, 3 * day]
const ofMonths = [7 * day, 30 * day, 90 * day]
const ofHours = [2 * hour, 6 * hour, day]

/**
 * How the stock is told at a glance. The phases are those of the shortage plans of the United Kingdom (NBTC: green, supply
 * meets demand; amber, reduced; red, severe) and of Canada. NHSBT aims at six days of red cells and at least one of platelets,
 * and went to amber at about two days of red cells (October 2022; 1.6 days of O RhD-negative in July 2024): these are figures
 * of a country's stock by group, taken here for a city's and for a hospital's. For red, and for what is frozen, no public
 * figure was found. Days of cover count as demand what was given, thrown away or expired (the inventory index of Canadian
 * Blood Services); how much must be known for that are engineering defaults. A transfusion professional must confirm all of
 * them: they recommend, and nothing is refused because of them.
 */
export const cnStock: StockPolicy = {
  version: 1,
  bandsMs: {
    red_cells: ofDays,
    whole_blood: ofDays,
    platelets: ofPlatelets,
    plasma: ofMonths,
    cryoprecipitate: ofMonths,
    frozen_red_cells: ofMonths,
    granulocytes: ofHours,
    thawed_plasma: ofHours,
    thawed_cryoprecipitate: ofHours,
  },
  cover: { leastDays: 7, leastBags: 4 },
  shortage: {
    red_cells: { amberDays: 2, redDays: 1 },
    whole_blood: { amberDays: 2, redDays: 1 },
    platelets: { amberDays: 1, redDays: 0.5 },
    plasma: { amberDays: 2, redDays: 1 },
    cryoprecipitate: { amberDays: 2, redDays: 1 },
    // Made, or thawed, for a patient: nobody keeps days of it.
    frozen_red_cells: null,
    granulocytes: null,
    thawed_plasma: null,
    thawed_cryoprecipitate: null,
  },
}

export const cnShortagePhases: Readonly<Record<ShortagePhase, Words>> = {
  red: { zh: '红色：严重短缺', en: 'red: severe shortage' },
  amber: { zh: '黄色：供应偏紧', en: 'amber: reduced supply' },
  unknown: { zh: '未知：无法判断', en: 'unknown: nothing to judge it by' },
  green: { zh: '绿色：供应正常', en: 'green: supply meets demand' },
}

export const cnShortageReasons: Readonly<Record<ShortageReason, Words>> = {
  at_critical: { zh: '已降至或低于本机构的警戒线', en: 'at or below what the site calls critical' },
  few_days_red: { zh: '可用天数低于红色界限', en: 'it lasts fewer days than the limit for red' },
  below_minimum: { zh: '低于本机构的最低库存', en: 'below the minimum the site keeps' },
  few_days_amber: { zh: '可用天数低于黄色界限', en: 'it lasts fewer days than the limit for amber' },
  minimum_kept: { zh: '不低于本机构的最低库存', en: 'the minimum the site keeps is there' },
  days_enough: { zh: '可用天数充足', en: 'it lasts long enough at its use' },
  nothing_to_go_by: {
    zh: '未设库存线，近期用量不足以估算',
    en: 'no levels are set, and too little was used to reckon by',
  },
}

export const cnStockStandings: Readonly<Record<StockStanding, Words>> = {
  expired: { zh: '已过期', en: 'expired' },
  held: { zh: '已隔离', en: 'held' },
  coming: { zh: '在途', en: 'on its way here' },
  waiting: { zh: '未放行或未定型', en: 'not released, or not grouped' },
  special: { zh: '专用标签', en: 'labelled for a special use' },
  unproven: { zh: '冷链记录不完整或超限', en: 'its cold chain is not shown to be whole' },
  promised: { zh: '已承诺调往其他机构', en: 'promised to another facility' },
  reserved: { zh: '已为患者预留', en: 'reserved for a patient' },
  ready: { zh: '可发出', en: 'ready to be issued' },
}

/** A band by its end: what expires within it. Null: later than all ends. */
export function cnBand(component: Component, endMs: number | null): Words {
  if (endMs === null) {
    const last = spanOf(cnStock.bandsMs[component].at(-1) ?? 0)
    return { zh: `${last.zh}后到期`, en: `in more than ${last.en}` }
  }
  const span = spanOf(endMs)
  return { zh: `${span.zh}内到期`, en: `within ${span.en}` }
}

function spanOf(ms: number): Words {
  const hours = ms / hour
  if (hours <= 24) return { zh: `${hours} 小时`, en: `${hours} h` }
  return { zh: `${hours / 24} 天`, en: `${hours / 24} days` }
}
