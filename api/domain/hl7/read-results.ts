import { type Abo, type GroupingMethod, groupingMethods, type Rhd } from '../../../schema/vocabulary.ts'
import { Refusal } from '../refusal.ts'
import {
  beginningOf,
  groupsOf,
  type Hl7Message,
  type Hl7Segment,
  mustStandOnce,
  segmentsOf,
  valueAt,
} from './message.ts'

/** What was found in one sample. */
export type Hl7Result = {
  /** As the tube is labelled. */
  readonly sample: string
  readonly group: { readonly abo: Abo; readonly rhd: Rhd; readonly method: GroupingMethod } | null
  readonly screenPositive: boolean | null
  /** Who answers for it there (OBX-16); null where that is not told. */
  readonly observer: string | null
}

/**
 * Each OBR with what follows it: what one sample showed.
 *
 * @param method how groups are determined there where OBX-17 does not say; undefined where it must
 * @throws Refusal `invalid_request`, `conflict`
 */
export function resultsOf(message: Hl7Message, method: GroupingMethod | undefined): Hl7Result[] {
  const isResult = (segment: Hl7Segment) =>
    segment.name === 'SPM' ||
    (segment.name === 'OBX' && codesRead.has(valueAt(message, segment, { field: 3 })))
  return groupsOf(message, 'OBR', isResult).map((group) => resultOf(group, method))
}

/** LOINC: ABO, Rh, both at once, and whether there are antibodies at all. */
const loinc = { abo: '883-9', rhd: '10331-7', both: '882-1', screen: '890-4' } as const
export const codesRead: ReadonlySet<string> = new Set(Object.values(loinc))

/** A group, a sign, the number of a person: none is longer. */
const mostOfAValue = 100

function resultOf(group: Hl7Message, usual: GroupingMethod | undefined): Hl7Result {
  const [obr, specimen] = ['OBR', 'SPM'].map((name) => segmentsOf(group, name)[0])
  mustStandOnce(group, ['SPM'])
  const sample =
    valueAt(group, specimen, { field: 2, component: 2 }) ||
    valueAt(group, specimen, { field: 2 }) ||
    valueAt(group, obr, { field: 3 })
  if (sample === '') throw new Refusal('invalid_request', 'SPM-2: names no sample, nor does OBR-3')
  const found = new Map<
    string,
    { readonly value: string; readonly method: string; readonly observer: string }
  >()
  for (const obx of segmentsOf(group, 'OBX')) {
    const at = (field: number, component = 1) => valueAt(group, obx, { field, component })
    const code = at(3)
    if (!codesRead.has(code)) continue
    const status = at(11)
    if (status !== 'F' && status !== 'C')
      throw new Refusal(
        'conflict',
        `OBX-11: ${code} is ${status || 'nothing'}, and only what is final is taken`,
      )
    if (found.has(code)) throw new Refusal('conflict', `OBX-3: ${code} stands there twice`)
    for (const field of [5, 16])
      if (at(field).length > mostOfAValue)
        throw new Refusal(
          'invalid_request',
          `OBX-${field}: of ${code} is longer than ${mostOfAValue} characters`,
        )
    found.set(code, { value: at(5), method: at(17), observer: at(16) })
  }
  if (found.size === 0)
    throw new Refusal('invalid_request', `OBX-3: holds none of ${Object.values(loinc).join(', ')}`)
  const screened = found.get(loinc.screen)
  const grouped = [loinc.abo, loinc.rhd, loinc.both].flatMap((code) => found.get(code) ?? [])
  const observers = new Set([...grouped, ...(screened ? [screened] : [])].map(({ observer }) => observer))
  if (observers.size > 1) throw new Refusal('conflict', 'OBX-16: names several observers of one sample')
  const [observer] = observers
  return {
    sample,
    group: grouped.length > 0 ? { ...groupOfResults(found), method: methodOf(grouped, usual) } : null,
    screenPositive: screened ? signOf(screened.value, loinc.screen) : null,
    observer: observer || null,
  }
}

function methodOf(
  grouped: readonly { readonly method: string }[],
  usual: GroupingMethod | undefined,
): GroupingMethod {
  const told = new Set(grouped.map(({ method }) => method))
  const [only = ''] = told
  const method = told.size > 1 ? undefined : only === '' ? usual : groupingMethods.find((one) => one === only)
  if (!method)
    throw new Refusal('invalid_request', `OBX-17: the method is one of ${groupingMethods.join(', ')}`)
  return method
}

function groupOfResults(found: ReadonlyMap<string, { readonly value: string }>): { abo: Abo; rhd: Rhd } {
  const [abo, rhd, both] = [loinc.abo, loinc.rhd, loinc.both].map((code) => found.get(code)?.value)
  const apart = abo !== undefined && rhd !== undefined ? { abo: aboOf(abo), rhd: rhdOf(rhd) } : null
  const together = both === undefined ? null : bothOf(both)
  if (apart && together && (apart.abo !== together.abo || apart.rhd !== together.rhd))
    throw new Refusal('conflict', 'OBX-5: the message contradicts itself about the group')
  const group = together ?? apart
  if (!group || (together && !apart && (abo !== undefined || rhd !== undefined)))
    throw new Refusal('invalid_request', 'OBX-5: a group is ABO and RhD of the same sample')
  return group
}

function aboOf(value: string): Abo {
  const found = /^(?:GROUP |TYPE )?(AB|A|B|O)(?: ?型)?$/.exec(value.toUpperCase())?.[1]
  if (!found) throw new Refusal('invalid_request', `OBX-5: ${beginningOf(value, 40)} is no ABO group`)
  return found as Abo
}

function rhdOf(value: string): Rhd {
  return signOf(value.replace(/^rh ?(\(d\)|d)? ?/i, ''), loinc.rhd) ? 'positive' : 'negative'
}

function bothOf(value: string): { abo: Abo; rhd: Rhd } {
  const parts = /^(AB|A|B|O) ?(?:型)?[ ,]*(\S.*)$/i.exec(value)
  if (!parts) throw new Refusal('invalid_request', `OBX-5: ${beginningOf(value, 40)} is no group`)
  return { abo: aboOf(parts[1] as string), rhd: rhdOf(parts[2] as string) }
}

/** Weak, partial, inconclusive: nothing of that is positive or negative. */
function signOf(value: string, code: string): boolean {
  const word = value.toLowerCase().replace(/[()]/g, '').trim()
  if (['pos', 'positive', 'p', '+', '阳性', '阳'].includes(word)) return true
  if (['neg', 'negative', 'n', '-', '阴性', '阴'].includes(word)) return false
  throw new Refusal(
    'invalid_request',
    `OBX-5: ${beginningOf(value, 40)} of ${code} is neither positive nor negative`,
  )
}
