import type { policy } from '../../schema/tables/policies.ts'
import type { Component } from '../../schema/vocabulary.ts'

/** Hundredths of °C. Colder than any freezer: what is kept frozen has no lower limit. */
const noLowerLimit = -10_000

/**
 * Where each component is stored (WS 399-2012, WS 399-2023). How long a single reading may speak for a bag is in
 * neither; 900 s is three of the five-minute intervals that UK guidance allows a load probe as its longest, and a
 * transfusion professional must confirm it.
 */
const storage: Record<Component, { readonly low: number; readonly high: number }> = {
  red_cells: { low: 200, high: 600 },
  whole_blood: { low: 200, high: 600 },
  platelets: { low: 2_000, high: 2_400 },
  plasma: { low: noLowerLimit, high: -1_800 },
  cryoprecipitate: { low: noLowerLimit, high: -1_800 },
}

/**
 * The policies of China the service starts with. Data: a version that stands in the database is never changed by an
 * upgrade, and what replaces it is another version. In force since before any record, for both editions agree.
 */
export const cnPolicies: readonly (typeof policy.$inferInsert)[] = Object.entries(storage).map(
  ([component, limits]) => ({
    jurisdiction: 'CN',
    component: component as Component,
    phase: 'storage',
    version: 1,
    effectiveFrom: 0,
    ...limits,
    maxSilenceMs: 900_000,
    source: 'WS 399-2012, WS 399-2023; maxSilence: engineering default, to be confirmed',
  }),
)
