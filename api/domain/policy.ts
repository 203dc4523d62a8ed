import type {
  Component,
  Jurisdiction,
  Phase,
  PolicyDecision,
  ProposalState,
  ReturnPolicy,
} from '../../schema/vocabulary.ts'
import { Refusal } from './refusal.ts'

/** So many people must approve a policy before it is in force, none of them who proposed it. */
export const approvalsNeeded = 2

/**
 * So far beyond its limits may a bag have been, and still be used: within these limits, at most so long in all, and on
 * so many occasions. Inclusive, hundredths of a degree Celsius; ms.
 */
export type Allowance = {
  readonly low: number
  readonly high: number
  readonly longestMs: number
  readonly occasions: number
}

/**
 * When a container alarms: its load probe so long after it left the limits; the air so long after it left limits of its
 * own, and as an action alarm so long after. ms, hundredths of a degree Celsius.
 */
export type AlarmSettings = {
  readonly loadMs: number
  readonly airLow: number
  readonly airHigh: number
  readonly airMs: number
  readonly airActionMs: number
}

/** All that a version of a policy says. Inclusive limits, hundredths of a degree Celsius; ms. */
export type PolicyContent = {
  readonly jurisdiction: Jurisdiction
  readonly component: Component
  readonly phase: Phase
  readonly effectiveFrom: number
  readonly low: number
  readonly high: number
  readonly maxSilenceMs: number
  readonly longestMs: number | null
  readonly occasions: number | null
  readonly gapGraceMs: number
  readonly allowances: readonly Allowance[]
  readonly alarm: AlarmSettings | null
  readonly returns: ReturnPolicy
  readonly source: string
  readonly uncertain: readonly string[]
}

/** @throws Refusal `invalid_request` naming the rule that makes no sense, and why */
export function mustMakeSense({ low, high, allowances, alarm }: PolicyContent): void {
  if (low >= high) throw new Refusal('invalid_request', 'low: must be below high')
  allowances.forEach((allowance, index) => {
    if (allowance.low > low || allowance.high < high)
      throw new Refusal(
        'invalid_request',
        `allowances.${index}: must reach beyond the limits, not within them`,
      )
  })
  if (alarm && alarm.airLow >= alarm.airHigh)
    throw new Refusal('invalid_request', 'alarm.airLow: must be below airHigh')
  if (alarm && alarm.airActionMs < alarm.airMs)
    throw new Refusal('invalid_request', 'alarm.airActionSeconds: must not be less than airSeconds')
}

export type Opinion = { readonly by: string; readonly decision: PolicyDecision }

/** What has become of a proposal: one who rejects it ends it, and it takes two to approve it. */
export function stateOfProposal(opinions: readonly Opinion[]): ProposalState {
  if (opinions.some(({ decision }) => decision === 'reject')) return 'rejected'
  const approvals = opinions.filter(({ decision }) => decision === 'approve').length
  return approvals >= approvalsNeeded ? 'approved' : 'pending'
}

/** Something one person wants of all, and what others said of it. */
export type Proposed = { readonly by: string; readonly opinions: readonly Opinion[] }

/**
 * What becomes of a proposal by one more opinion. Nobody approves what they proposed, or twice; and nothing is approved
 * to be in force since before it was.
 *
 * @throws Refusal `conflict`, `second_person`
 */
export function decideOnProposal(
  proposal: Proposed & { readonly effectiveFrom: number },
  opinion: Opinion,
  now: number,
): ProposalState {
  const state = decideTogether(proposal, opinion)
  if (opinion.decision === 'approve' && proposal.effectiveFrom < now)
    throw new Refusal(
      'conflict',
      `it was to be in force from ${new Date(proposal.effectiveFrom).toISOString()}, which is over: propose it anew`,
    )
  return state
}

/**
 * What becomes of anything two must approve by one more opinion. Nobody approves what they proposed, or twice.
 *
 * @throws Refusal `conflict`, `second_person`
 */
export function decideTogether({ by: proposer, opinions }: Proposed, opinion: Opinion): ProposalState {
  const state = stateOfProposal(opinions)
  if (state !== 'pending') throw new Refusal('conflict', `the proposal is ${state} already`)
  if (opinions.some(({ by }) => by === opinion.by))
    throw new Refusal('second_person', 'you have approved it already: it takes another person')
  if (opinion.decision === 'approve' && opinion.by === proposer)
    throw new Refusal('second_person', 'you proposed it: others approve it')
  return stateOfProposal([...opinions, opinion])
}
