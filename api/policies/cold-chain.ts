import type { Component, Jurisdiction, Phase, ReturnPolicy } from '../../schema/vocabulary.ts'
import { components, jurisdictions } from '../../schema/vocabulary.ts'
import type { AlarmSettings, Allowance, PolicyContent } from '../domain/policy.ts'

const minute = 60_000
const hour = 60 * minute

/** Hundredths of °C. Colder than any freezer: what is kept frozen has no lower limit. */
const noLowerLimit = -10_000

type Limits = { readonly low: number; readonly high: number }

const cold: Limits = { low: 200, high: 600 }
const coldInUs: Limits = { low: 100, high: 600 }
const frozen: Limits = { low: noLowerLimit, high: -1_800 }
const deepFrozen: Limits = { low: noLowerLimit, high: -6_500 }
const room: Limits = { low: 2_000, high: 2_400 }

type Told = Limits & {
  readonly source: string
  /** What nobody was found to say, or only from memory: it is the service's own, until somebody confirms it. */
  readonly uncertain?: readonly string[]
  readonly longestMs?: number
  readonly occasions?: number
  readonly allowances?: readonly Allowance[]
}

const isCold = (component: Component) => component === 'red_cells' || component === 'whole_blood'
const isFrozen = (component: Component) => component === 'plasma' || component === 'cryoprecipitate'
const isAtRoom = (component: Component) =>
  component === 'platelets' || component === 'thawed_cryoprecipitate' || component === 'granulocytes'

const storageSources: Record<Jurisdiction, string> = {
  CN: 'WS 399-2012, WS 399-2023',
  UK: 'Guidelines for the Blood Transfusion Services (Red Book)',
  EU: '2004/33/EC Annex IV',
  US: '21 CFR 610.53',
}

/** Of what is thawed, and of granulocytes. */
const lateSource = 'AABB table of storage and transport; Canadian guidance of 2016'

/**
 * The Red Book allows red cells one equipment failure in their life: core within 1 to 10 °C, for 5 h at most, in a closed
 * system.
 */
const ukFailure: Allowance = { low: 100, high: 1_000, longestMs: 5 * hour, occasions: 1 }

function storageOf(jurisdiction: Jurisdiction, component: Component): Told {
  const source = storageSources[jurisdiction]
  if (component === 'platelets') return { ...room, source }
  // What follows is from summaries and memory where nothing else is said: a professional must confirm it.
  if (isAtRoom(component)) return { ...room, source: lateSource, uncertain: ['low', 'high'] }
  if (component === 'frozen_red_cells')
    return { ...deepFrozen, source, uncertain: jurisdiction === 'US' ? [] : ['high'] }
  if (component === 'thawed_plasma')
    return { ...(jurisdiction === 'US' ? coldInUs : cold), source: lateSource, uncertain: ['low', 'high'] }
  if (isFrozen(component)) {
    // There the temperature depends on the process, and the shelf life on the temperature.
    const isByProcess = jurisdiction === 'EU' || jurisdiction === 'UK'
    return { ...frozen, source, uncertain: isByProcess ? ['high'] : [] }
  }
  if (jurisdiction === 'US') return { ...coldInUs, source }
  const allowances = jurisdiction === 'UK' && component === 'red_cells' ? [ukFailure] : []
  return { ...cold, source, allowances }
}

/** A journey has limits of its own, wider where it is short. */
const journeys: Record<Jurisdiction, Told> = {
  CN: { low: 200, high: 1_000, longestMs: 24 * hour, source: 'WS/T 400', uncertain: ['high', 'longestMs'] },
  UK: { low: 200, high: 1_000, longestMs: 12 * hour, source: 'Red Book: surface of the bag' },
  EU: { low: 200, high: 1_000, longestMs: 24 * hour, source: 'Council of Europe guide', uncertain: ['low'] },
  US: { low: 100, high: 1_000, source: '21 CFR 600.15' },
}

function transportOf(jurisdiction: Jurisdiction, component: Component): Told {
  const { source } = journeys[jurisdiction]
  if (isCold(component)) return journeys[jurisdiction]
  if (component === 'platelets') return { ...room, source, longestMs: 24 * hour, uncertain: ['longestMs'] }
  // The table lets thawed plasma go from 1 °C on: elsewhere than in the US not below what it is stored at.
  if (component === 'thawed_plasma') {
    const { low } = jurisdiction === 'US' ? coldInUs : cold
    return { low, high: 1_000, source: lateSource, uncertain: ['low', 'high'] }
  }
  if (isAtRoom(component)) return { ...room, source: lateSource, uncertain: ['low', 'high'] }
  if (component === 'frozen_red_cells')
    return { ...deepFrozen, source: journeys.US.source, uncertain: jurisdiction === 'US' ? [] : ['high'] }
  return { ...frozen, source, uncertain: jurisdiction === 'US' ? [] : ['high'] }
}

/**
 * In somebody's hands nothing is measured, and minutes are all there is. Thirty is the rule of AABB, CSA and WS/T 433
 * for red cells; for what else there is nobody was found to say.
 */
function handlingOf(jurisdiction: Jurisdiction, component: Component): Told {
  const isSaid = isCold(component) && jurisdiction !== 'EU'
  const source = jurisdiction === 'CN' ? 'WS/T 433' : 'the 30-minute rule (AABB, CSA, NZBS)'
  const occasions = jurisdiction === 'UK' && isCold(component) ? { occasions: 3 } : {}
  return {
    ...storageOf(jurisdiction, component),
    longestMs: 30 * minute,
    allowances: [],
    ...occasions,
    source,
    uncertain: isSaid ? Object.keys(occasions) : ['longestMs'],
  }
}

const phases: Record<Phase, (jurisdiction: Jurisdiction, component: Component) => Told> = {
  storage: storageOf,
  transport: transportOf,
  in_hand: handlingOf,
}

/** 临床输血技术规范 2000: what was issued is not returned. Elsewhere it is by time, or by showing how cold it was. */
const returns: Record<Jurisdiction, { readonly returns: ReturnPolicy; readonly isSaid: boolean }> = {
  CN: { returns: 'none', isSaid: true },
  UK: { returns: 'timed', isSaid: true },
  EU: { returns: 'none', isSaid: false },
  US: { returns: 'temperature_proven', isSaid: true },
}

/**
 * When a container alarms (the model of UK guidance): its load at once, its air after ten minutes outside wider limits,
 * as an action alarm after thirty.
 */
function alarmOf(component: Component): AlarmSettings {
  const later = { loadMs: 0, airMs: 10 * minute, airActionMs: 30 * minute }
  if (isCold(component) || component === 'thawed_plasma') return { ...later, airLow: 200, airHigh: 800 }
  if (isAtRoom(component)) return { ...later, airLow: 2_000, airHigh: 2_400 }
  const { high } = component === 'frozen_red_cells' ? deepFrozen : frozen
  return { ...later, airLow: noLowerLimit, airHigh: high, airMs: 15 * minute }
}

/**
 * How long one reading may speak for a bag no source says; 900 s is three of the five-minute intervals that UK guidance
 * allows a load probe as its longest. Nor how long one may wait for what was not heard: a day.
 */
const ours = { maxSilenceMs: 15 * minute, gapGraceMs: 24 * hour }

/**
 * The policies the service starts with. Data: a version that stands in the database is never changed by an upgrade, and
 * what replaces it is another version. In force since before any record.
 */
export const seededPolicies: readonly (PolicyContent & { readonly version: 1 })[] = jurisdictions.flatMap(
  (jurisdiction) =>
    components.flatMap((component) =>
      (['storage', 'transport', 'in_hand'] as const).map((phase) => {
        const {
          uncertain = [],
          longestMs = null,
          occasions = null,
          allowances = [],
          ...told
        } = phases[phase](jurisdiction, component)
        const back = returns[jurisdiction]
        return {
          ...{ jurisdiction, component, phase, version: 1 as const, effectiveFrom: 0 },
          ...{ ...told, ...ours, longestMs, occasions, allowances },
          alarm: phase === 'in_hand' ? null : alarmOf(component),
          returns: back.returns,
          uncertain: ['maxSilenceMs', 'gapGraceMs', ...uncertain, ...(back.isSaid ? [] : ['returns'])],
        }
      }),
    ),
)
