import { type Abo, abos, type Rhd, rhds } from '../../../schema/vocabulary.ts'
import type { BloodGroup } from '../compatibility.ts'

/** For what a code of a group leaves a bag to: the one it was meant for, or an emergency. */
export const groupUses = [
  'directed_only',
  'emergency_only',
  'directed_biohazard',
  'directed_crossover',
  'anybody',
  'autologous_crossover',
  'autologous_only',
  'autologous_biohazard',
] as const
export type GroupUse = (typeof groupUses)[number]

/** What stands in the place of a group and is none. */
export const groupMessages = {
  Mq: 'quarantine',
  Md: 'discard',
  Mx: 'not_for_transfusion',
  Mb: 'biohazard',
  Mr: 'research',
  Mf: 'fractionation',
  Ma: 'autologous',
  '00': 'none',
} as const satisfies Record<string, string>
export type GroupMessage = (typeof groupMessages)[keyof typeof groupMessages]

/**
 * What the code of data structure 002 says (ST-001 v6.2.2, table of ABO/RhD codes). Only a `group` for `anybody` whose RhD
 * is known may be allocated without a person who looks at the label.
 */
export type GroupMeaning =
  | { readonly kind: 'group'; readonly abo: Abo; readonly rhd: Rhd | null; readonly use: GroupUse }
  /** Of several donors. Of which group A0 to D0 are our reference does not say, and nobody guesses. */
  | { readonly kind: 'pooled'; readonly rhd: Rhd | null }
  /** Bombay and para-Bombay: O by the usual tests, and to be had by nobody whom O fits. */
  | { readonly kind: 'bombay' }
  | { readonly kind: 'message'; readonly message: GroupMessage }
  /** A code this service does not know. */
  | { readonly kind: 'unknown' }

/** The codes for anybody. */
const defaults: Readonly<Record<Abo, Readonly<Record<Rhd, number>>>> = {
  O: { negative: 95, positive: 51 },
  A: { negative: 6, positive: 62 },
  B: { negative: 17, positive: 73 },
  AB: { negative: 28, positive: 84 },
}

const withoutRhd: Readonly<Record<string, Abo>> = { '55': 'O', '66': 'A', '77': 'B', '88': 'AB' }

const pools: Readonly<Record<string, Rhd | null>> = {
  ...{ A0: null, B0: null, C0: null, D0: null },
  ...{ E0: 'positive', F0: 'negative', G0: null, H0: null },
}

/** How many codes in front of its default a group's first one is. */
const before = groupUses.indexOf('anybody')

const meanings: ReadonlyMap<string, GroupMeaning> = new Map([
  ...abos.flatMap((abo) => rhds.flatMap((rhd) => usesOf(abo, rhd))),
  ...Object.entries(withoutRhd).map(([code, abo]): [string, GroupMeaning] => [
    code,
    { kind: 'group', abo, rhd: null, use: 'anybody' },
  ]),
  ...Object.entries(pools).map(([code, rhd]): [string, GroupMeaning] => [code, { kind: 'pooled', rhd }]),
  ...['D6', 'E6', 'G6', 'H6', 'I6'].map((code): [string, GroupMeaning] => [code, { kind: 'bombay' }]),
  ...Object.entries(groupMessages).map(([code, message]): [string, GroupMeaning] => [
    code,
    { kind: 'message', message },
  ]),
])

function usesOf(abo: Abo, rhd: Rhd): [string, GroupMeaning][] {
  return groupUses.map((use, index) => [
    spelt(defaults[abo][rhd] + index - before),
    { kind: 'group', abo, rhd, use },
  ])
}

export function meaningOfGroup(code: string): GroupMeaning {
  return meanings.get(code) ?? { kind: 'unknown' }
}

/** The group a bag may be allocated by without a person who looks at its label; null where there is none. */
export function allocatableGroup(code: string): BloodGroup | null {
  const meaning = meaningOfGroup(code)
  if (meaning.kind !== 'group' || meaning.use !== 'anybody' || meaning.rhd === null) return null
  return { abo: meaning.abo, rhd: meaning.rhd }
}

/** The code of a group for anybody. */
export function codeOfGroup({ abo, rhd }: BloodGroup): string {
  return spelt(defaults[abo][rhd])
}

function spelt(code: number): string {
  return String(code).padStart(2, '0')
}
