import { z } from 'zod'
import {
  components,
  jurisdictions,
  phases,
  policyDecisions,
  proposalStates,
  returnPolicies,
} from '../vocabulary.ts'
import { Celsius, CelsiusInput, Count, InstantInput, InstantText, orNull, text } from './values.ts'

/** The longest that anything here may last: a century holds what is kept frozen. */
const mostSeconds = 3_155_760_000
const SecondsInput = z.int().min(1).max(mostSeconds)
/** What is kept in a row as whole milliseconds. */
const ShortSecondsInput = z.int().min(1).max(2_000_000)
const DelayInput = z.int().min(0).max(86_400)
const Occasions = z.int().min(1).max(1_000)

const allowance = {
  longestSeconds: SecondsInput.meta({ description: 'in all its life, s' }),
  occasions: Occasions.meta({ description: 'in all its life' }),
}

const alarm = {
  loadSeconds: DelayInput.meta({ description: 'how long the load may be outside before it alarms, s' }),
  airSeconds: DelayInput.meta({ description: 'how long the air may be, s' }),
  airActionSeconds: DelayInput.meta({ description: 'from when on that is an action alarm, s' }),
}

const named = {
  jurisdiction: z.enum(jurisdictions),
  component: z.enum(components),
  phase: z.enum(phases),
}

const AllowanceInput = z.strictObject({ low: CelsiusInput, high: CelsiusInput, ...allowance })
const AlarmInput = z.strictObject({ airLow: CelsiusInput, airHigh: CelsiusInput, ...alarm })

export const PolicyInput = z
  .strictObject({
    ...named,
    effectiveFrom: InstantInput,
    low: CelsiusInput,
    high: CelsiusInput,
    maxSilenceSeconds: ShortSecondsInput.meta({ description: 'the longest silence a reading may cover, s' }),
    longestSeconds: orNull(ShortSecondsInput)
      .optional()
      .meta({ description: 'how long this phase may last at a time, s' }),
    occasions: orNull(Occasions).optional().meta({ description: 'how often in its life' }),
    gapGraceSeconds: ShortSecondsInput.meta({
      description: 'what nothing was heard of for so long holds the bag, s',
    }),
    allowances: z.array(AllowanceInput).max(10).default([]),
    alarm: orNull(AlarmInput).optional(),
    returns: z.enum(returnPolicies).default('none'),
    source: text(500).meta({ description: 'who says so' }),
    uncertain: z
      .array(text(40))
      .max(20)
      .default([])
      .meta({ description: 'which of these are to be confirmed' }),
    reason: text(500).meta({ description: 'why it is proposed' }),
  })
  .meta({ id: 'PolicyInput', description: 'the next version of a policy, as somebody proposes it' })

const told = {
  ...named,
  effectiveFrom: InstantText,
  low: Celsius,
  high: Celsius,
  maxSilenceSeconds: z.number().meta({ description: 'the longest silence a reading may cover, s' }),
  longestSeconds: orNull(z.number()).meta({
    description: 'how long this phase may last at a time, s; null where nothing bounds it',
  }),
  occasions: orNull(Count).meta({ description: 'how often in its life; null where nothing bounds it' }),
  gapGraceSeconds: z.number().meta({
    description: 'what nothing was heard of for so long holds the bag until a person decides, s',
  }),
  allowances: z
    .array(z.object({ low: Celsius, high: Celsius, longestSeconds: z.number(), occasions: Count }))
    .meta({
      description: 'how far beyond its limits a bag may have been, for how long and how often in its life',
    }),
  alarm: orNull(
    z.object({
      loadSeconds: z.number(),
      airLow: Celsius,
      airHigh: Celsius,
      airSeconds: z.number(),
      airActionSeconds: z.number(),
    }),
  ).meta({ description: 'when a container of it alarms; null where it has none of its own' }),
  returns: z.enum(returnPolicies).meta({ description: 'may what was issued be used for another?' }),
  source: z.string(),
  uncertain: z.array(z.string()).meta({ description: 'which of these values are to be confirmed' }),
}

const Policy = z
  .object({
    ...told,
    version: Count,
    proposal: orNull(Count).meta({ description: 'null: it was there first' }),
  })
  .meta({ id: 'Policy', description: 'what a component must be kept at in one phase of its life' })

export const Policies = z.object({ policies: z.array(Policy) }).meta({ id: 'Policies' })

export const OpinionInput = z
  .strictObject({ decision: z.enum(policyDecisions), comment: text(500) })
  .meta({ id: 'PolicyOpinionInput' })

export const ProposalParams = z.strictObject({ id: z.coerce.number().int().min(1).max(2_147_483_647) })

export const PolicyProposal = z
  .object({
    id: Count,
    state: z.enum(proposalStates),
    policy: z.object(told).meta({ id: 'ProposedPolicy' }),
    reason: z.string(),
    by: z.string(),
    at: InstantText,
    opinions: z.array(
      z.object({ by: z.string(), decision: z.enum(policyDecisions), comment: z.string(), at: InstantText }),
    ),
  })
  .meta({ id: 'PolicyProposal', description: 'in force once two have approved it, and not who proposed it' })

export const PolicyProposals = z
  .object({ proposals: z.array(PolicyProposal) })
  .meta({ id: 'PolicyProposals' })
