import type { Component, Jurisdiction } from '../../schema/vocabulary.ts'
import type { CrossmatchRule } from '../domain/crossmatch.ts'

const hour = 3_600_000

/** What brings many red cells along. */
const withRedCells: readonly Component[] = ['red_cells', 'whole_blood', 'granulocytes']

/**
 * What must be crossmatched. By record alone only where that is accepted: in China no rule was found that accepts it. The
 * version is kept with every crossmatch: another figure is another version.
 */
export const crossmatchRules: Readonly<Record<Jurisdiction, CrossmatchRule>> = {
  CN: {
    components: withRedCells,
    validMs: 72 * hour,
    electronic: false,
    source: '临床输血技术规范 2000',
    uncertain: ['validMs', 'electronic'],
  },
  UK: {
    components: withRedCells,
    validMs: 72 * hour,
    electronic: true,
    source: 'BCSH 2012',
    uncertain: ['validMs'],
  },
  EU: {
    components: withRedCells,
    validMs: 72 * hour,
    electronic: false,
    source: 'national rules vary',
    uncertain: ['validMs', 'electronic'],
  },
  US: {
    components: withRedCells,
    validMs: 72 * hour,
    electronic: true,
    source: '21 CFR 606.151',
    uncertain: ['validMs'],
  },
}

export const crossmatchRulesVersion = 1
