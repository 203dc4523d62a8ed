import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BagFacts } from '../../../api/domain/bag.ts'
import type { BagFit } from '../../../api/domain/crossmatch.ts'
import { type KnownPatient, type PatientRecord, patientOf } from '../../../api/domain/patient-record.ts'
import { findingsOfScan } from '../../../api/domain/take-out.ts'
import { type HandedOutFor, knewOf, turnedOut } from '../../../api/domain/turned-out.ts'
import {
  abos,
  components,
  crossmatchMethods,
  crossmatchResults,
  type Finding,
  groupingMethods,
  requirements,
  rhds,
} from '../../../schema/vocabulary.ts'

const hour = 3_600_000
const day = 24 * hour
const now = 1_000 * day

const ids = ['S1', 'S2', 'S3'] as const
const one = <const T>(...values: readonly T[]) => fc.constantFrom(...values)
const group = fc.record({ abo: one(...abos), rhd: one(...rhds) })

const record: fc.Arbitrary<PatientRecord> = fc.record({
  samples: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()).map((rejected) =>
    ids.map((id, index) => {
      const collectedAt = now - (index + 1) * hour
      const bounds = { shortUntil: collectedAt + 3 * day, longUntil: collectedAt + 7 * day }
      const since = { exposed: false, exposureSince: collectedAt - 90 * day }
      return { id, collectedAt, ...since, ...bounds, isRejected: rejected[index] ?? false }
    }),
  ),
  groupings: fc.array(
    fc.record({
      // Mostly alike, or few would have a group.
      ...{ abo: one('A', 'A', 'A', 'A', 'B'), rhd: one('positive', 'positive', 'positive', 'negative') },
      ...{ sampleId: one(...ids), method: one(...groupingMethods), by: one('Ann', 'Ben') },
    }),
    { maxLength: 4 },
  ),
  screens: fc.array(fc.record({ sampleId: one(...ids), positive: fc.boolean() }), { maxLength: 2 }),
  antibodies: fc.subarray(['D', 'K', 'E', 'unidentified'] as const),
  requirements: fc.subarray([...requirements]),
  exposedAt: one(null, now - day),
})

const known: fc.Arbitrary<KnownPatient> = fc
  .record({
    pseudonym: fc.constant('P1'),
    word: one({ abo: null, rhd: null }, { abo: 'A', rhd: 'positive' }, { abo: 'O', rhd: 'negative' }),
    antiD: fc.boolean(),
    sampleUntil: one(null, now + day),
    record: fc.option(record),
  })
  .map((patient) => ({
    ...patient,
    antiD: patient.antiD || patient.record?.antibodies.includes('D') === true,
  }))

const fit: fc.Arbitrary<BagFit> = fc.record({
  crossmatches: fc.array(
    fc.record({
      ...{ sampleId: one(...ids), method: one(...crossmatchMethods), result: one(...crossmatchResults) },
      ...{ at: fc.constant(now - hour / 2), until: fc.constant(now + day) },
    }),
    { maxLength: 3 },
  ),
  traits: fc
    .record({ K: one(true, false, null), E: one(true, false, null) })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, present]) => present !== null))),
  treatments: fc.constant([]),
})

const bag: fc.Arbitrary<BagFacts> = fc.record({
  ...{ id: fc.constant('B1'), label: fc.constant('B1'), component: one(...components), group },
  ...{ state: fc.constant('available' as const), expiresAt: fc.constant(now + 30 * day) },
  ...{ lowTitre: fc.boolean(), isForAnybody: fc.constant(true), holderId: fc.constant(1) },
  ...{ destinationId: fc.constant(null), reservation: fc.constant(null), holds: fc.constant([]) },
})

const kept = { wasOutOfRange: false, unverifiedMs: 0, uncontrolledMs: 0 }

/** Nobody hands a bag out over these, unless it is an antigen in an emergency. */
const never: readonly Finding[] = [
  ...(['wrong_group', 'group_discrepancy', 'group_unconfirmed', 'crossmatch_incompatible'] as const),
  'antigen_positive',
]

describe('what turns out of a bag that was handed out', () => {
  const handedOut = fc.record({ bag, known, fit, emergency: fc.boolean(), hasOverride: fc.boolean() })
  const issueOf = ({ bag: facts, known: patient, fit: its, emergency, hasOverride }: Issued) => {
    const found = findingsOfScan({
      ...{ bag: facts, kept, patient: patientOf(patient), emergency, override: hasOverride, now, fit: its },
      ...{
        handlingMs: hour,
        label: { group: null, expiresAt: null },
        isElsewhere: false,
        isUnchecked: false,
      },
    })
    const isIssued = !found.some(
      (finding) => never.includes(finding) && !(emergency && finding === 'antigen_positive'),
    )
    const out: HandedOutFor = {
      ...{ bag: facts, patient, fit: its, emergency, isGiven: false },
      hasOverride: hasOverride || found.includes('rhd_override_missing'),
      knew: knewOf(facts, patientOf(patient), its, now),
      waived: found,
    }
    return { isIssued, out }
  }
  type Issued = typeof handedOut extends fc.Arbitrary<infer T> ? T : never

  test('is nothing while nothing more is found, however much time passes and whatever else is given', () => {
    let count = 0
    fc.assert(
      fc.property(handedOut, fc.nat(40 * day), (issued, laterMs) => {
        const { isIssued, out } = issueOf(issued)
        fc.pre(isIssued)
        count += 1
        const { patient } = out
        const later = now + laterMs
        const given = patient.record && { ...patient, record: { ...patient.record, exposedAt: now } }
        expect(turnedOut({ ...out, patient: given ?? patient }, later)).toEqual([])
      }),
      { numRuns: 3_000 },
    )
    expect(count).toBe(3_000)
  })

  test('is what a scan would stop or call for, of what was not waived; of what was given only what harms', () => {
    const asked = fc.tuple(handedOut, record, fit)
    fc.assert(
      fc.property(asked, ([issued, since, fitSince]) => {
        const { isIssued, out } = issueOf(issued)
        fc.pre(isIssued)
        const patient = { ...out.patient, record: since }
        const all = { ...out, patient, fit: fitSince }
        const found = turnedOut(all, now)
        const scanned = findingsOfScan({
          ...{ bag: issued.bag, kept, patient: patientOf(patient), emergency: false, override: false, now },
          ...{ handlingMs: hour, label: { group: null, expiresAt: null }, fit: fitSince },
          ...{ isElsewhere: false, isUnchecked: false, crossmatch: { components } },
        })
        for (const finding of found) expect(scanned).toContain(finding)
        // A scan says no more than STOP to what harms, and none of it is kept to itself.
        const harms = scanned.filter((finding) => never.includes(finding) && finding !== 'group_unconfirmed')
        const knew = [...(out.knew?.present ?? [])]
        for (const finding of harms)
          if (finding !== 'antigen_positive' || knew.length === 0) expect(found).toContain(finding)
        const given = turnedOut({ ...all, isGiven: true }, now)
        for (const finding of given) expect(found).toContain(finding)
      }),
      { numRuns: 3_000 },
    )
  })
})
