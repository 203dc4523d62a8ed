import { z } from 'zod'
import { policyDecisions, proposalStates, verdicts } from '../vocabulary.ts'
import { PolicyVersion, told } from './ledgers.ts'
import { Count, InstantInput, InstantText, limit, text } from './values.ts'

export const RejudgementInput = z
  .strictObject({
    ...PolicyVersion.shape,
    version: z
      .int()
      .min(1)
      .max(2_147_483_647)
      .meta({ description: 'by which to judge, as if it had been in force' }),
    from: InstantInput,
    to: InstantInput.meta({ description: 'exclusive; over already' }),
    reason: text(500).meta({ description: 'why it is proposed' }),
  })
  .meta({
    id: 'RejudgementInput',
    description: 'event time to be judged by a version that was not in force then',
  })

export const Rejudgement = z
  .object({
    id: Count,
    state: z.enum(proposalStates),
    policy: PolicyVersion,
    from: InstantText,
    to: InstantText,
    reason: z.string(),
    by: z.string(),
    at: InstantText,
    opinions: z.array(
      z.object({ by: z.string(), decision: z.enum(policyDecisions), comment: z.string(), at: InstantText }),
    ),
    verdicts: z
      .object({ OK: Count, UNVERIFIED: Count, HOLD: Count, BREACHED: Count })
      .meta({ id: 'RejudgedCounts', description: 'how many of the bags you may see it found to be so' }),
    remaining: Count.meta({ description: 'how many of them are still to be judged by it' }),
  })
  .meta({ id: 'Rejudgement', description: 'done once two have approved it, and not who proposed it' })

export const RejudgementsQuery = z.strictObject({ limit: limit(100, 20) })

export const Rejudgements = z
  .object({ rejudgements: z.array(Rejudgement).meta({ description: 'the newest first' }) })
  .meta({ id: 'Rejudgements' })

export const RejudgementOpinionInput = z
  .strictObject({ decision: z.enum(policyDecisions), comment: text(500) })
  .meta({ id: 'RejudgementOpinionInput' })

export const RejudgementParams = z.strictObject({ id: z.coerce.number().int().min(1).max(2_147_483_647) })

export const RejudgedQuery = z.strictObject({
  verdict: z.enum(verdicts).optional(),
  after: z.uuid().optional().meta({ description: 'the bag the last answer ended with' }),
  limit: limit(1_000, 100),
})

export const Rejudged = z
  .object({
    bags: z.array(
      z
        .object({ bagId: z.uuid(), label: z.string(), state: z.string(), ...told })
        .meta({ id: 'RejudgedBag' }),
    ),
  })
  .meta({ id: 'Rejudged', description: 'what a re-judgement says of bags, by their ids' })
