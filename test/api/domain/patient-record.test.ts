import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BagFacts, Patient } from '../../../api/domain/bag.ts'
import {
  type BagFit,
  type Crossmatch,
  crossmatchUntil,
  nothingKnown,
  obstaclesToElectronic,
  standingOfCrossmatches,
} from '../../../api/domain/crossmatch.ts'
import {
  type Grouping,
  groupOf,
  type PatientRecord,
  sampleUntilOf,
} from '../../../api/domain/patient-record.ts'
import { boundsOf, isValidSample, type Sample, untilOf } from '../../../api/domain/sample.ts'
import { findingsOfScan } from '../../../api/domain/take-out.ts'
import { crossmatchRules } from '../../../api/policies/crossmatches.ts'
import { harmless, sampleRules } from '../../../api/policies/samples.ts'
import {
  abos,
  antigens,
  crossmatchMethods,
  crossmatchResults,
  electronicObstacles,
  groupingMethods,
  jurisdictions,
  requirements,
  rhds,
  specificities,
  unitTraits,
} from '../../../schema/vocabulary.ts'

const hour = 3_600_000
const day = 24 * hour
const now = 1_000 * day

function aSample(id: string, changes: Partial<Sample> = {}): Sample {
  const { collectedAt = now - hour } = changes
  const bounds = boundsOf(sampleRules.UK, collectedAt)
  return { id, collectedAt, exposed: false, ...bounds, isRejected: false, ...changes }
}

const aGrouping = (sampleId: string, changes: Partial<Grouping> = {}): Grouping => ({
  ...{ sampleId, abo: 'A', rhd: 'positive', method: 'tube', by: sampleId },
  ...changes,
})

const anEmptyRecord: PatientRecord = {
  samples: [],
  groupings: [],
  screens: [],
  antibodies: [],
  requirements: [],
  exposedAt: null,
}

/** Two samples of two days, grouped alike by two, the newer one screened and found to hold nothing. */
const aClearRecord: PatientRecord = {
  ...anEmptyRecord,
  samples: [aSample('old', { collectedAt: now - 30 * day }), aSample('new')],
  groupings: [aGrouping('old'), aGrouping('new')],
  screens: [{ sampleId: 'new', positive: false }],
}

function patientWith(record: PatientRecord | null, changes: Partial<Patient> = {}): Patient {
  const word = { abo: null, rhd: null }
  const grouped = record ? groupOf(record, word) : { group: word, doubt: null }
  const sampleUntil = record ? sampleUntilOf(record) : null
  return { pseudonym: 'P1', ...grouped, antiD: false, sampleUntil, record, ...changes }
}

const aBag: BagFacts = {
  id: 'bag',
  label: 'bag',
  component: 'red_cells',
  state: 'available',
  expiresAt: now + 30 * day,
  group: { abo: 'A', rhd: 'positive' },
  lowTitre: false,
  isForAnybody: true,
  holderId: 1,
  destinationId: null,
  reservation: null,
  holds: [],
}

const aCrossmatch = (changes: Partial<Crossmatch> = {}): Crossmatch => ({
  ...{ sampleId: 'new', method: 'serological', result: 'compatible', at: now - hour, until: now + day },
  ...changes,
})

/** What a scan finds besides what is asked about. */
function scan(patient: Patient, fit: BagFit, changes: Partial<Parameters<typeof findingsOfScan>[0]> = {}) {
  return findingsOfScan({
    bag: aBag,
    kept: { wasOutOfRange: false, unverifiedMs: 0, uncontrolledMs: 0 },
    patient,
    emergency: false,
    override: false,
    now,
    handlingMs: hour,
    label: { group: null, expiresAt: null },
    isElsewhere: false,
    isUnchecked: false,
    fit,
    crossmatch: crossmatchRules.UK,
    ...changes,
  })
}

const anyRecord: fc.Arbitrary<PatientRecord> = fc
  .array(
    fc.record({
      age: fc.integer({ min: 0, max: 20 * day }),
      exposed: fc.constantFrom(true, false, null),
      isRejected: fc.boolean(),
      groupings: fc.array(
        fc.record({
          abo: fc.constantFrom(...abos),
          rhd: fc.constantFrom(...rhds),
          method: fc.constantFrom(...groupingMethods),
          by: fc.constantFrom('ann', 'ben'),
        }),
        { maxLength: 3 },
      ),
      screens: fc.array(fc.boolean(), { maxLength: 2 }),
    }),
    { maxLength: 4 },
  )
  .chain((drawn) =>
    fc.record({
      samples: fc.constant(
        drawn.map(({ age, exposed, isRejected }, number) =>
          aSample(`s${number}`, { collectedAt: now - age, exposed, isRejected }),
        ),
      ),
      groupings: fc.constant(
        drawn.flatMap(({ groupings }, number) =>
          groupings.map((grouping) => ({ sampleId: `s${number}`, ...grouping })),
        ),
      ),
      screens: fc.constant(
        drawn.flatMap(({ screens }, number) =>
          screens.map((positive) => ({ sampleId: `s${number}`, positive })),
        ),
      ),
      antibodies: fc.uniqueArray(fc.constantFrom(...specificities), { maxLength: 2 }),
      requirements: fc.uniqueArray(fc.constantFrom(...requirements), { maxLength: 2 }),
      exposedAt: fc.option(fc.integer({ min: now - 200 * day, max: now })),
    }),
  )

const anyCrossmatch = fc.record({
  sampleId: fc.constantFrom('s0', 's1', 's2', 'of nobody'),
  method: fc.constantFrom(...crossmatchMethods),
  result: fc.constantFrom(...crossmatchResults),
  at: fc.integer({ min: now - 4 * day, max: now }),
  until: fc.integer({ min: now - day, max: now + 3 * day }),
})

describe('a sample', () => {
  test('may be relied on in [when it was taken, until) and at no other millisecond', () => {
    const anyTime = fc.integer({ min: -5, max: 400 * day })
    fc.assert(
      fc.property(
        fc.constantFrom(...jurisdictions),
        fc.constantFrom(true, false, null),
        fc.option(anyTime),
        anyTime,
        (jurisdiction, exposed, exposedAt, at) => {
          const rule = sampleRules[jurisdiction]
          const collectedAt = 200 * day
          const sample = aSample('s', { collectedAt, exposed, ...boundsOf(rule, collectedAt) })
          const isExposed =
            exposed !== false || (exposedAt !== null && exposedAt >= collectedAt - rule.lookBackMs)
          const until = collectedAt + (isExposed ? rule.exposedMs : rule.unexposedMs)
          expect(untilOf(sample, exposedAt)).toBe(until)
          for (const instant of [at, collectedAt - 1, collectedAt, until - 1, until])
            expect(isValidSample(sample, exposedAt, instant)).toBe(collectedAt <= instant && instant < until)
          expect(isValidSample({ ...sample, isRejected: true }, exposedAt, at)).toBe(false)
        },
      ),
    )
  })

  test('never lasts longer for what becomes known of the patient', () => {
    fc.assert(
      fc.property(anyRecord, fc.integer({ min: 0, max: now }), (record, given) => {
        const before = sampleUntilOf(record)
        const exposedAt = Math.max(record.exposedAt ?? 0, given)
        expect(sampleUntilOf({ ...record, exposedAt }) ?? 0).toBeLessThanOrEqual(before ?? 0)
      }),
    )
  })

  test('that is rejected counts for nothing', () => {
    expect(sampleUntilOf({ samples: [aSample('s', { isRejected: true })], exposedAt: null })).toBeNull()
    expect(sampleUntilOf(aClearRecord)).toBe(now - hour + 7 * day)
    expect(sampleUntilOf({ ...aClearRecord, exposedAt: now })).toBe(now - hour + 3 * day)
  })
})

describe('a group', () => {
  const nothing = { abo: null, rhd: null }
  const known = { abo: 'A', rhd: 'positive' } as const

  test('is that of two groupings that agree, of samples taken apart, by two', () => {
    expect(groupOf(aClearRecord, nothing)).toEqual({ group: known, doubt: null })
    const unconfirmed = { group: nothing, doubt: 'unconfirmed' }
    const [first, second] = [aGrouping('old'), aGrouping('new')]
    expect(groupOf({ ...aClearRecord, groupings: [first] }, nothing)).toEqual(unconfirmed)
    expect(groupOf({ ...aClearRecord, groupings: [first, first] }, known)).toEqual(unconfirmed)
    const byOne = [first, { ...second, by: first.by }]
    expect(groupOf({ ...aClearRecord, groupings: byOne }, nothing)).toEqual(unconfirmed)
    const byOneMachine = byOne.map((one) => ({ ...one, method: 'automated' as const }))
    expect(groupOf({ ...aClearRecord, groupings: byOneMachine }, nothing).group).toEqual(known)
    const together = [aSample('old'), aSample('new')]
    expect(groupOf({ ...aClearRecord, samples: together }, nothing)).toEqual(unconfirmed)
  })

  test('is none where any grouping or the word of the facility differs, and is again once the sample is rejected', () => {
    const discrepancy = { group: nothing, doubt: 'discrepancy' }
    const third = aSample('third', { collectedAt: now - 2 * hour })
    const record = {
      samples: [...aClearRecord.samples, third],
      groupings: [...aClearRecord.groupings, aGrouping('third', { abo: 'B' })],
    }
    expect(groupOf(record, nothing)).toEqual(discrepancy)
    const rejected = { ...third, isRejected: true }
    const samples = [...aClearRecord.samples, rejected]
    expect(groupOf({ ...record, samples }, nothing)).toEqual({ group: known, doubt: null })
    expect(groupOf(aClearRecord, { abo: 'O', rhd: null })).toEqual(discrepancy)
    expect(groupOf(aClearRecord, { abo: 'A', rhd: 'negative' })).toEqual(discrepancy)
  })

  test('said in a word counts only as long as nothing was ever grouped', () => {
    expect(groupOf(anEmptyRecord, known)).toEqual({ group: known, doubt: null })
    const samples = [aSample('old', { isRejected: true })]
    const groupings = [aGrouping('old')]
    expect(groupOf({ samples, groupings }, known)).toEqual({ group: nothing, doubt: 'unconfirmed' })
  })

  test('is known only if at least two samples stand that all say it', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const { group, doubt } = groupOf(record, nothing)
        const standing = record.groupings.filter(({ sampleId }) =>
          record.samples.some(({ id, isRejected }) => id === sampleId && !isRejected),
        )
        const isKnown = group.abo !== null
        expect(isKnown).toBe(group.rhd !== null)
        if (isKnown) {
          expect(doubt).toBeNull()
          expect(new Set(standing.map(({ sampleId }) => sampleId)).size).toBeGreaterThan(1)
          expect(new Set(standing.map(({ abo, rhd }) => `${abo} ${rhd}`))).toEqual(
            new Set([`${group.abo} ${group.rhd}`]),
          )
        }
      }),
    )
  })

  test('that is in doubt hands out what fits everybody, and says of all else why not', () => {
    const record = { ...aClearRecord, groupings: [...aClearRecord.groupings, aGrouping('new', { abo: 'B' })] }
    const fit = { ...nothingKnown, crossmatches: [aCrossmatch()] }
    const doubtful = patientWith(record)
    expect(scan(doubtful, fit)).toEqual(['group_discrepancy'])
    expect(scan(doubtful, fit, { emergency: true })).toEqual(['group_discrepancy'])
    const universal = { ...aBag, group: { abo: 'O', rhd: 'negative' } as const }
    expect(scan(doubtful, fit, { bag: universal })).toEqual([])
    const once = patientWith({ ...aClearRecord, groupings: [aGrouping('new')] })
    expect(scan(once, fit)).toEqual(['group_unconfirmed'])
    expect(scan(patientWith(aClearRecord), fit)).toEqual([])
  })
})

describe('a crossmatch', () => {
  const fitWith = (...crossmatches: Crossmatch[]): BagFit => ({ ...nothingKnown, crossmatches })
  const patient = patientWith(aClearRecord)

  test('that is missing, over or incompatible is said at a scan; an emergency waits for none', () => {
    expect(scan(patient, fitWith())).toEqual(['crossmatch_missing'])
    expect(scan(patient, fitWith(), { emergency: true })).toEqual([])
    expect(scan(patient, fitWith(), { crossmatch: undefined })).toEqual([])
    expect(scan(patient, fitWith(), { bag: { ...aBag, component: 'platelets' } })).toEqual([])
    expect(scan(patient, fitWith(aCrossmatch({ until: now })))).toEqual(['crossmatch_expired'])
    expect(scan(patient, fitWith(aCrossmatch({ until: now + 1 })))).toEqual([])
    const incompatible = fitWith(aCrossmatch({ result: 'incompatible', until: now - day }))
    for (const emergency of [false, true])
      expect(scan(patient, incompatible, { emergency })).toEqual(['crossmatch_incompatible'])
    expect(scan(patient, fitWith(aCrossmatch({ result: 'least_incompatible' })))).toEqual([
      'crossmatch_least_incompatible',
    ])
    expect(scan(patientWith(null), fitWith())).toContain('crossmatch_missing')
  })

  test('that found it incompatible is undone by cells and serum of a newer sample alone', () => {
    const incompatible = aCrossmatch({ sampleId: 'old', result: 'incompatible', at: now - 29 * day })
    const standing = (...more: Crossmatch[]) =>
      standingOfCrossmatches([incompatible, ...more], aClearRecord, false, now)
    expect(standing(aCrossmatch({ sampleId: 'old' }))).toBe('incompatible')
    expect(standing(aCrossmatch({ method: 'electronic' }))).toBe('incompatible')
    expect(standing(aCrossmatch())).toBe('compatible')
    const samples = aClearRecord.samples.map((one) => (one.id === 'old' ? { ...one, isRejected: true } : one))
    expect(standingOfCrossmatches([incompatible], { ...aClearRecord, samples }, false, now)).toBe('none')
  })

  test('by record alone is over once anything is found in the patient that only serum can answer for', () => {
    const crossmatches = [aCrossmatch({ method: 'electronic' })]
    const of = (changes: Partial<PatientRecord>, hasDoubt = false) =>
      standingOfCrossmatches(crossmatches, { ...aClearRecord, ...changes }, hasDoubt, now)
    expect(of({})).toBe('compatible')
    expect(of({ antibodies: ['K'] })).toBe('none')
    expect(of({ screens: [{ sampleId: 'old', positive: true }] })).toBe('none')
    expect(of({ requirements: ['serological_crossmatch'] })).toBe('none')
    expect(of({}, true)).toBe('none')
  })

  test('counts no longer than its sample, and never as compatible what none found to be', () => {
    fc.assert(
      fc.property(anyRecord, fc.array(anyCrossmatch, { maxLength: 5 }), (record, crossmatches) => {
        const hasDoubt = groupOf(record, { abo: null, rhd: null }).doubt !== null
        const standing = standingOfCrossmatches(crossmatches, record, hasDoubt, now)
        const valid = crossmatches.filter(({ sampleId, at, until }) => {
          const sample = record.samples.find(({ id }) => id === sampleId)
          return sample && isValidSample(sample, record.exposedAt, now) && at <= now && now < until
        })
        if (standing === 'compatible') {
          const fits = valid.filter(({ result }) => result === 'compatible')
          expect(fits).not.toEqual([])
          if (record.antibodies.length > 0)
            expect(fits.some(({ method }) => method === 'serological')).toBe(true)
        }
        if (standing === 'least_incompatible')
          expect(valid.map(({ result }) => result)).toContain('least_incompatible')
      }),
    )
    for (const jurisdiction of jurisdictions) {
      const rule = crossmatchRules[jurisdiction]
      const sample = aSample('s', { collectedAt: now - 2 * day, exposed: true })
      expect(crossmatchUntil(rule, sample, null, now)).toBe(now + day)
    }
  })
})

describe('a crossmatch by record alone', () => {
  const obstacles = (
    record: PatientRecord,
    changes: Partial<Parameters<typeof obstaclesToElectronic>[0]> = {},
  ) => {
    const patient = patientWith(record)
    return obstaclesToElectronic({
      rule: { ...crossmatchRules.UK, electronic: true },
      patient,
      record,
      hasGroupDoubt: patient.doubt ?? null,
      sample: record.samples.find(({ id }) => id === 'new') ?? null,
      bag: aBag,
      crossmatches: [],
      now,
      ...changes,
    })
  }

  test('is allowed where nothing is left in doubt, and where it is accepted at all', () => {
    expect(obstacles(aClearRecord)).toEqual([])
    expect(obstacles(aClearRecord, { rule: crossmatchRules.CN })).toEqual(['not_accepted'])
  })

  test('is refused for each of its preconditions that fails', () => {
    const [old, fresh] = aClearRecord.groupings as [Grouping, Grouping]
    const with_ = (changes: Partial<PatientRecord>) => obstacles({ ...aClearRecord, ...changes })
    expect(with_({ requirements: ['serological_crossmatch'] })).toEqual(['excluded'])
    const differing = [old, { ...fresh, abo: 'O' as const }]
    expect(with_({ groupings: differing })).toEqual([
      'group_discrepancy',
      'group_unconfirmed',
      'bag_does_not_fit',
    ])
    expect(with_({ groupings: [fresh] })).toEqual(['group_unconfirmed', 'bag_does_not_fit'])
    const third = aSample('third', { collectedAt: now - day })
    const before = [old, aGrouping('third')]
    expect(with_({ samples: [...aClearRecord.samples, third], groupings: before })).toEqual([
      'sample_not_grouped',
    ])
    expect(with_({ screens: [] })).toEqual(['not_screened'])
    const screens = [...aClearRecord.screens, { sampleId: 'old', positive: true }]
    expect(with_({ screens })).toEqual(['screen_positive'])
    expect(with_({ antibodies: ['Jka'] })).toEqual(['antibody_history'])
    expect(obstacles(aClearRecord, { bag: { ...aBag, group: { abo: 'B', rhd: 'positive' } } })).toEqual([
      'bag_does_not_fit',
    ])
    expect(obstacles(aClearRecord, { bag: { ...aBag, group: null } })).toEqual(['bag_does_not_fit'])
    const crossmatches = [aCrossmatch({ result: 'incompatible' })]
    expect(obstacles(aClearRecord, { crossmatches })).toEqual(['incompatible_before'])
    expect(obstacles(aClearRecord, { now: now + 7 * day })).toEqual(['sample_not_valid'])
    expect(obstacles(aClearRecord, { sample: null })).toContain('sample_not_valid')
    expect(obstacles(aClearRecord, { patient: patientWith(aClearRecord, { antiD: true }) })).toContain(
      'antibody_history',
    )
  })

  test('is never allowed where any of its preconditions fails, however else things stand', () => {
    const clear = fc.constant(aClearRecord)
    fc.assert(
      fc.property(
        fc.oneof(anyRecord, clear),
        fc.array(anyCrossmatch, { maxLength: 2 }),
        fc.constantFrom(...jurisdictions),
        fc.boolean(),
        fc.constantFrom('new', 's0', 's1', 'of nobody'),
        (record, crossmatches, jurisdiction, antiD, by) => {
          const patient = patientWith(record, { antiD })
          const sample = record.samples.find(({ id }) => id === by) ?? null
          const found = obstaclesToElectronic({
            ...{ rule: crossmatchRules[jurisdiction], patient, record, sample, bag: aBag, crossmatches, now },
            hasGroupDoubt: patient.doubt ?? null,
          })
          const standing = (sampleId: string) =>
            record.samples.some(({ id, isRejected }) => id === sampleId && !isRejected)
          const isSafe =
            crossmatchRules[jurisdiction].electronic &&
            patient.group.abo === 'A' &&
            patient.group.rhd === 'positive' &&
            sample !== null &&
            isValidSample(sample, record.exposedAt, now) &&
            record.groupings.some(({ sampleId }) => sampleId === by) &&
            record.screens.some(({ sampleId, positive }) => sampleId === by && !positive) &&
            !record.screens.some(({ sampleId, positive }) => positive && standing(sampleId)) &&
            record.antibodies.length === 0 &&
            !antiD &&
            !record.requirements.includes('serological_crossmatch') &&
            !crossmatches.some(({ sampleId, result }) => standing(sampleId) && result !== 'compatible')
          // O and A RhD-negative would fit others; the bag is A RhD-positive.
          if (found.length === 0) expect(isSafe || patient.group.abo === 'AB').toBe(true)
          if (isSafe) expect(found).toEqual([])
          for (const one of found) expect(electronicObstacles).toContain(one)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('an antibody', () => {
  test('once recorded never stops mattering', () => {
    fc.assert(
      fc.property(
        anyRecord,
        fc.constantFrom(...antigens),
        fc.array(anyCrossmatch, { maxLength: 3 }),
        fc.record(Object.fromEntries(unitTraits.map((trait) => [trait, fc.boolean()])), { requiredKeys: [] }),
        fc.boolean(),
        (drawn, antigen, crossmatches, traits, emergency) => {
          const record = { ...drawn, antibodies: [...drawn.antibodies, antigen] }
          const patient = patientWith(record)
          const fit: BagFit = { crossmatches, traits, treatments: [] }
          const found = scan(patient, fit, { emergency })
          if (traits[antigen] === true) expect(found).toContain('antigen_positive')
          if (traits[antigen] === undefined && !emergency) expect(found).toContain('antigen_unknown')
          const byRecord = crossmatches.map((one) => ({ ...one, method: 'electronic' as const }))
          expect(standingOfCrossmatches(byRecord, record, false, now)).not.toBe('compatible')
        },
      ),
    )
  })

  test('asks for no antigen-negative plasma', () => {
    const record = { ...aClearRecord, antibodies: ['K' as const] }
    const plasma = { ...aBag, component: 'plasma' as const, group: { abo: 'AB', rhd: 'positive' } as const }
    expect(scan(patientWith(record), nothingKnown, { bag: plasma })).toEqual([])
  })

  test('of D is a matter of the group, and few kinds are harmless unless somebody says otherwise', () => {
    expect(harmless.has('D')).toBe(false)
    expect(harmless.has('unidentified')).toBe(false)
    expect([...harmless].every((one) => specificities.includes(one))).toBe(true)
  })
})

test('what a patient needs of every bag is asked of cells, and what nobody looked for is lacking', () => {
  const needs = (...needed: PatientRecord['requirements'][number][]) =>
    patientWith({ ...aClearRecord, requirements: needed })
  const fit = { ...nothingKnown, crossmatches: [aCrossmatch()] }
  expect(scan(needs('irradiated'), fit)).toEqual(['requirement_unmet'])
  expect(scan(needs('irradiated'), { ...fit, treatments: ['irradiate'] })).toEqual([])
  expect(scan(needs('washed'), { ...fit, treatments: ['irradiate'] })).toEqual(['requirement_unmet'])
  expect(scan(needs('cmv_negative'), fit)).toEqual(['requirement_unmet'])
  expect(scan(needs('cmv_negative'), { ...fit, traits: { cmv_antibody: false } })).toEqual([])
  expect(scan(needs('cmv_negative'), { ...fit, traits: { cmv_antibody: true } })).toEqual([
    'requirement_unmet',
  ])
  expect(scan(needs('serological_crossmatch'), fit)).toEqual([])
  const plasma = { ...aBag, component: 'plasma' as const }
  expect(scan(needs('irradiated'), fit, { bag: plasma })).toEqual([])
})
