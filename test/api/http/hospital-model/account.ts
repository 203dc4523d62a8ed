import type {
  Abo,
  BagState,
  CrossmatchMethod,
  CrossmatchResult,
  Grade,
  Requirement,
  Rhd,
  Role,
  TransfusionVerb,
  Urgency,
} from '../../../../schema/vocabulary.ts'
import type { Door } from '../door.ts'

/*
 * What the model of a hospital keeps of it. It is an account of its own: nothing of it comes from the rules of the service,
 * and what the law asks is written down here once more, so that a rule that is wrong there is not wrong here as well.
 */

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

export type Land = {
  /** For so long a sample is relied on, of who was transfused or pregnant and of who was not, ms. */
  readonly exposedMs: number
  readonly unexposedMs: number
  /** May a bag be crossmatched by what is on record alone? */
  readonly electronic: boolean
  /** So many check at the bedside. */
  readonly checkers: number
  readonly isDiscardWitnessed: boolean
  /** Is what was handed out used again, where it was out for half an hour at most? */
  readonly returns: boolean
  /** Do RhD-positive cells go to whoever is not grouped, in an emergency: to all, or to a man of forty? */
  readonly rhdInEmergency: 'all' | 'men'
  /** Whose word an order takes, by what was ordered in a day, mL. */
  readonly approvals: (dayMl: number) => readonly Grade[]
}

export const lands = {
  CN: {
    ...{ exposedMs: 3 * day, unexposedMs: 3 * day, electronic: false, checkers: 2 },
    ...{ isDiscardWitnessed: true, returns: false, rhdInEmergency: 'all' },
    approvals: (dayMl) => {
      if (dayMl < 800) return ['senior_physician']
      return dayMl < 1_600 ? ['senior_physician', 'department_head'] : ['department_head', 'medical_affairs']
    },
  },
  UK: {
    ...{ exposedMs: 3 * day, unexposedMs: 7 * day, electronic: true, checkers: 1 },
    ...{ isDiscardWitnessed: false, returns: true, rhdInEmergency: 'men', approvals: () => [] },
  },
} as const satisfies Record<string, Land>

/** A reading speaks for so long: the policies and the fridges of the model say so. */
export const silenceMs = 6 * hour
/** A bag is in hands for so long at the most. */
export const handlingMs = 30 * minute
export const sessionMs = 5 * minute
export const unlockMs = 15_000
export const crossmatchMs = 3 * day

/** Who works there: their usernames, and the administrator. */
export const people = {
  lab1: 'transfusion_lab',
  lab2: 'transfusion_lab',
  nurse1: 'nurse',
  nurse2: 'nurse',
  doctor: 'physician',
  senior: 'senior_physician',
  head: 'department_head',
  affairs: 'medical_affairs',
} as const
export type Person = keyof typeof people

/** The senior physician stands in for the head of the department as well. */
export const rolesOf = (name: Person): readonly Role[] =>
  name === 'senior' ? ['senior_physician', 'department_head'] : [people[name]]

export type Sample = {
  readonly id: string
  readonly at: number
  readonly exposed: boolean | null
  isRejected: boolean
  readonly groupings: {
    readonly abo: Abo
    readonly rhd: Rhd
    readonly by: Person
    readonly automated: boolean
    readonly at: number
  }[]
  readonly screens: boolean[]
}

export type Patient = {
  readonly name: string
  readonly abo: Abo | null
  readonly rhd: Rhd | null
  antiD: boolean
  /** As was said in a word. */
  readonly sampleUntil: number | null
  /** Anything at all is on record. */
  hasRecord: boolean
  readonly samples: Sample[]
  /** Those that matter. */
  readonly antibodies: Set<'K' | 'E' | 'D'>
  readonly needs: Set<Requirement>
  readonly told: string[]
}

export type Crossmatch = {
  readonly patient: Patient
  readonly sample: Sample
  readonly method: CrossmatchMethod
  readonly result: CrossmatchResult
  readonly at: number
  readonly until: number
}

export type Observed = {
  readonly verb: TransfusionVerb
  readonly at: number
  readonly patient: string | null
  /** By whose hand it was told, who named others at the bedside. */
  readonly hand: number
}

export type Issue = {
  readonly at: number
  readonly patient: Patient | null
  readonly order: Order | null
  readonly session: Session | null
  readonly by: Person
  readonly emergency: boolean
  /** RhD-positive cells were agreed to. */
  readonly hasWord: boolean
  /** What spoke against it for the patient then, each antigen by its name. */
  readonly against: readonly string[]
  /** What stood of the patient then: a crossmatch of it that fits, and a group that was found. */
  readonly isCrossmatched: boolean
  readonly isGrouped: boolean
  /** So many observations were told of it before. */
  readonly observedBefore: number
  /** Why somebody looks at it afterwards; null where nobody need, or has. */
  review: 'emergency_release' | 'glass_broken' | null
}

export type Hold = { readonly id: number; readonly kind: string; readonly by: Person; recall: Recall | null }

export type Unit = {
  readonly id: string
  readonly din: string
  readonly code: 'E0336' | 'E0337'
  readonly abo: Abo
  readonly rhd: Rhd
  readonly tag: string
  readonly expiresAt: number
  state: BagState
  version: number
  holds: Hold[]
  kept: { readonly patient: Patient; readonly until: number; readonly order: Order | null } | null
  readonly traits: Map<string, boolean>
  readonly crossmatches: Crossmatch[]
  /** Where it was, in turn: inside the fridge or in hands. */
  readonly stays: { readonly isInside: boolean; readonly from: number; to: number | null }[]
  /** Since when it counts how it was kept. */
  vouchedAt: number
  /** Since when it has been in its state, and since when its fate is recorded. */
  since: number
  overAt: number | null
  readonly issues: Issue[]
  readonly observed: Observed[]
  /** What spoke against giving it, for each time that was told. */
  readonly against: string[][]
  hasExpired: boolean
  lastVerb: string
  readonly lookBacks: { readonly recall: Recall; readonly number: number; isOpen: boolean }[]
  readonly told: string[]
}

export type Recall = {
  readonly number: number
  readonly unit: Unit
  readonly by: Person
  isOpen: boolean
  hold: Hold | null
  readonly told: string[]
}

export type Order = {
  readonly id: string
  readonly patient: Patient
  readonly amount: number
  readonly urgency: Urgency
  readonly at: number
  readonly neededAt: number
  readonly by: Person
  readonly approvals: readonly Grade[]
  readonly given: { readonly grade: Grade; readonly by: Person }[]
  ended: 'rejected' | 'cancelled' | null
  readonly told: string[]
}

export type Session = {
  readonly id: string
  readonly at: number
  readonly by: Person
  readonly patient: Patient | null
  readonly emergency: boolean
  readonly order: Order | null
  readonly isRhdAllowed: boolean
  readonly isCheckNeeded: boolean
  isChecked: boolean
  readonly isCrossmatchNeeded: boolean
  readonly unlock: string
  reply: { readonly state: 'done' | 'failed'; readonly at: number } | null
  /** What was answered to its scans. */
  readonly answers: string[]
  readonly told: string[]
}

/** The people of all hospitals, and how they come in. */
export type City = {
  readonly door: Door
  readonly keys: Readonly<Record<Person, string>>
  readonly ids: Readonly<Record<Person, string>>
  drawn: number
  /** How many signatures were made in all. */
  signatures: number
}

/** One hospital with one fridge, which begins with nothing but two patients. */
export type Hospital = {
  readonly city: City
  readonly door: Door
  readonly code: string
  readonly id: number
  readonly land: Land
  readonly device: string
  readonly units: Unit[]
  readonly patients: readonly Patient[]
  readonly orders: Order[]
  readonly sessions: Session[]
  readonly recalls: Recall[]
  rules: { secondChecker: boolean; crossmatch: boolean }
  demands: Set<string>
  /** Nothing was heard of the fridge in these. */
  readonly silences: { readonly from: number; readonly to: number }[]
  heardAt: number
  seq: number
}

export const nowOf = ({ door }: { readonly door: Door }) => door.world.clock.now

/** What was done at least once, and what was refused with which word. */
export const seen = new Map<string, number>()
export const count = (word: string) => seen.set(word, (seen.get(word) ?? 0) + 1)
