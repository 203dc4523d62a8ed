import type { policy } from '../../schema/tables/policies.ts'

/**
 * The policies of China the service starts with. Data: a version that stands in the database is never changed by an
 * upgrade, and what replaces it is another version.
 *
 * Red cells are stored at 2 to 6 °C (WS 399-2012, WS 399-2023). How long a single reading may speak for a bag is not
 * in either; 900 s is three of the five-minute intervals that UK guidance allows a load probe as its longest, and a
 * transfusion professional must confirm it. In force since before any record, for both editions agree.
 */
export const cnPolicies: readonly (typeof policy.$inferInsert)[] = [
  {
    jurisdiction: 'CN',
    component: 'red_cells',
    phase: 'storage',
    version: 1,
    effectiveFrom: 0,
    low: 200,
    high: 600,
    maxSilenceMs: 900_000,
    source: 'WS 399-2012, WS 399-2023; maxSilence: engineering default, to be confirmed',
  },
]
