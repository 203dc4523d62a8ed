import type {
  Abo,
  BoxKind,
  Component,
  Requirement,
  Rhd,
  TransferObstacle,
  TransferTier,
  UnitOfMeasure,
  Urgency,
} from '../../../schema/vocabulary.ts'
import type { BloodGroup, RecipientGroup } from '../compatibility.ts'

/** Amounts are whole hundredths of a unit of measure, times ms UTC, ways whole minutes at the 80th percentile. */
export type TransferProblem = {
  readonly at: number
  readonly sites: readonly TransferSite[]
  /** Per site that asks: how long it is from each site, in the order of `sites`; null where no way is known. */
  readonly minutesTo: ReadonlyMap<string, readonly (number | null)[]>
  readonly stock: readonly TransferBag[]
  readonly levels: readonly TransferLevel[]
  readonly demands: readonly TransferDemand[]
  readonly policy: TransferPolicy
}

export type TransferSite = {
  readonly id: string
  /** Transport boxes at hand; null where nobody says, and any kind is taken to be. */
  readonly boxes: readonly BoxKind[] | null
}

export type TransferBag = {
  readonly id: string
  readonly site: string
  readonly component: Component
  /** Null until it is confirmed. */
  readonly group: BloodGroup | null
  /** Null where it is not known. */
  readonly amount: number | null
  readonly uom: UnitOfMeasure | null
  /** Exclusive. */
  readonly expiresAt: number
  readonly lowTitre: boolean
  readonly treated: readonly Requirement[]
  /** What keeps it from going to anybody. */
  readonly obstacle: TransferObstacle | null
}

/** What a site keeps of one component and group, for itself. */
export type TransferLevel = {
  readonly site: string
  readonly component: Component
  readonly abo: Abo
  readonly rhd: Rhd
  readonly uom: UnitOfMeasure
  readonly target: number
  readonly minimum: number
  readonly critical: number
  /** Promised already: to transfers that have not left, and to surgery. */
  readonly booked: number
  /** What is used, discarded or expires of it in a day; null where that is not known. */
  readonly perDay: number | null
}

/** One line of a request. Lines of one request have its site, deadline and urgency. */
export type TransferDemand = {
  readonly id: string
  readonly request: string
  readonly site: string
  readonly component: Component
  readonly group: RecipientGroup
  readonly rhdPositiveAllowed: boolean
  readonly requires: readonly Requirement[]
  readonly amount: number
  readonly uom: UnitOfMeasure
  readonly deadline: number
  readonly urgency: Urgency
}

export type TransferPolicy = {
  readonly version: number
  /** How many mL of blood a unit of measure stands for, whole: what makes units and doses comparable. */
  readonly counts: Readonly<Partial<Record<Component, Readonly<Partial<Record<UnitOfMeasure, number>>>>>>
  /** To pick, check and pack, before the way; and to receive and check in, after it. Minutes. */
  readonly packMinutes: Readonly<Record<BoxKind, number>>
  readonly handoverMinutes: number
  readonly boxOf: Readonly<Record<Component, BoxKind>>
  readonly boxes: Readonly<Record<BoxKind, { readonly bags: number; readonly validatedMinutes: number }>>
  /** What of the way's pessimistic time it takes half of the time, and in 19 of 20 cases, in percent. */
  readonly spread: { readonly p50: number; readonly p95: number }
  /** So much of the way's time a box must be validated for. */
  readonly boxPercent: number
  /** What must be left of a bag's life when it arrives, ms. */
  readonly lifeLeftMs: Readonly<Record<Component, number>>
  /** Whose need may draw on what lies between critical and minimum, with the donor's approval. */
  readonly reserveFor: readonly Urgency[]
  /** What is minimised, the first before all others. */
  readonly tiers: readonly TransferTier[]
  /** What a bag costs of another group than the patient's, by what the compatibility rule ranks it; and what a trip and a box do. */
  readonly trip: number
  readonly box: number
  /** Of a hundred bags that are sent so many are not given. */
  readonly unusedPercent: Readonly<Record<Urgency, number>>
  /** Where nobody knows what is used in a day, the stock is taken to last so many. */
  readonly coverDays: number
  /** Risks are rounded to so many percent: bags that hardly differ are one kind. */
  readonly riskStep: number
}

/** What a bag or a need counts for, hundredths of a mL; null where the policy does not say. */
export function weightOf(
  { component, amount, uom }: Pick<TransferBag, 'component' | 'amount' | 'uom'>,
  { counts }: TransferPolicy,
): number | null {
  const ml = uom && counts[wholeOf(component)]?.[uom]
  return amount === null || !ml ? null : amount * ml
}

/** What is thawed counts as what was frozen, and answers the same need. */
export function wholeOf(component: Component): Component {
  if (component === 'thawed_plasma') return 'plasma'
  return component === 'thawed_cryoprecipitate' ? 'cryoprecipitate' : component
}

/** The stock one level speaks of. */
export function cellOf({
  site,
  component,
  abo,
  rhd,
  uom,
}: Pick<TransferLevel, 'site' | 'component' | 'abo' | 'rhd' | 'uom'>): string {
  return [site, component, abo, rhd, uom].join('|')
}
