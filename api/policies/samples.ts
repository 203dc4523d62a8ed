import type { Jurisdiction, Specificity } from '../../schema/vocabulary.ts'
import type { SampleRule } from '../domain/sample.ts'

const day = 86_400_000
const threeMonths = 92 * day

/**
 * For how long a sample may be relied on. Where it is not known whether the patient was transfused or pregnant in the
 * months before, as if they were. The version is kept with every sample: another figure is another version.
 */
export const sampleRules: Readonly<Record<Jurisdiction, SampleRule>> = {
  CN: {
    exposedMs: 3 * day,
    unexposedMs: 3 * day,
    lookBackMs: threeMonths,
    source: '临床输血技术规范 2000',
    uncertain: ['unexposedMs'],
  },
  UK: {
    exposedMs: 3 * day,
    unexposedMs: 7 * day,
    lookBackMs: threeMonths,
    source: 'BSH 2012',
    uncertain: ['unexposedMs', 'lookBackMs'],
  },
  EU: {
    exposedMs: 3 * day,
    unexposedMs: 7 * day,
    lookBackMs: threeMonths,
    source: 'national rules vary',
    uncertain: ['exposedMs', 'unexposedMs', 'lookBackMs'],
  },
  US: {
    exposedMs: 3 * day,
    unexposedMs: 14 * day,
    lookBackMs: threeMonths,
    source: '21 CFR 606.151(b)',
    uncertain: ['unexposedMs'],
  },
}

export const sampleRulesVersion = 1

/** So long before a sample runs out somebody is told who keeps bags for its patient, ms. */
export const sampleEndingMs = 12 * 3_600_000

/**
 * Antibodies that seldom harm, where they are found to be of no other kind: whoever records one may say that this one does.
 * To be confirmed by a transfusion professional.
 */
export const harmless: ReadonlySet<Specificity> = new Set(['N', 'Lea', 'Leb', 'P1', 'Lua'])
