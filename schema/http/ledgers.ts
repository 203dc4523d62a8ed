import { z } from 'zod'
import {
  components,
  entryKinds,
  jurisdictions,
  ledgerReasons,
  phases,
  probeKinds,
  verdicts,
} from '../vocabulary.ts'
import { reason } from './life.ts'
import { Celsius, Count, InstantInput, InstantText, limit, orNull } from './values.ts'

export const LedgerEntry = z
  .object({
    kind: z.enum(entryKinds),
    from: InstantText,
    to: orNull(InstantText).meta({ description: 'null while it lasts' }),
    bagId: z.uuid().meta({ description: 'the bag itself, or one it was made of' }),
    phase: orNull(z.enum(phases)).meta({
      description: 'whose limits it was judged by; null in no container',
    }),
    device: orNull(z.string()),
    probe: orNull(z.enum(probeKinds)),
    coldest: orNull(Celsius),
    warmest: orNull(Celsius),
    verdict: z.enum(verdicts),
    reason: z.enum(ledgerReasons),
  })
  .meta({
    id: 'LedgerEntry',
    description: 'a stretch in which a bag was not measured within its limits, or a journey',
  })

export const LedgerPolicies = z
  .object({ storage: z.array(Count), transport: z.array(Count), in_hand: z.array(Count) })
  .meta({ id: 'LedgerPolicies', description: 'the versions it was judged by' })

/** Said beside a ledger, by its re-judgement. */
export const told = {
  revision: Count.meta({ description: 'how often it was told of the bag, each time otherwise' }),
  verdict: z.enum(verdicts),
  entries: z.array(LedgerEntry),
  policies: LedgerPolicies,
  knownAt: InstantText,
  ledger: z
    .object({ revision: Count, verdict: z.enum(verdicts) })
    .meta({ id: 'LedgerBeside', description: 'what stood in the ledger then' }),
}

/** A version of a policy, by what it is called. */
export const PolicyVersion = z
  .object({
    jurisdiction: z.enum(jurisdictions),
    component: z.enum(components),
    phase: z.enum(phases),
    version: Count,
  })
  .meta({ id: 'PolicyVersion' })

const RejudgedLedger = z
  .object({ rejudgement: Count, policy: PolicyVersion, from: InstantText, to: InstantText, ...told })
  .meta({
    id: 'RejudgedLedger',
    description: 'how it was kept as if that version had been in force in that span of event time',
  })

const Ledger = z
  .object({
    revision: Count,
    jurisdiction: z.enum(jurisdictions),
    verdict: z.enum(verdicts),
    entries: z.array(LedgerEntry).meta({ description: 'oldest first' }),
    policies: LedgerPolicies,
    knownFrom: InstantText,
    knownTo: orNull(InstantText).meta({
      description: 'when another took its place; null of the one that stands',
    }),
  })
  .meta({ id: 'Ledger' })

export const LedgersQuery = z.strictObject({ limit: limit(100, 1) })

export const Ledgers = z
  .object({
    ledgers: z.array(Ledger).meta({
      description:
        'what was believed of how the bag was kept, the newest first; none where it was never judged',
    }),
    rejudged: z.array(RejudgedLedger).meta({
      description:
        'what approved re-judgements say beside it now; nothing that is better than the ledger lifts a hold',
    }),
  })
  .meta({ id: 'Ledgers' })

export const ExposedQuery = z.strictObject({
  from: InstantInput.optional().meta({ description: 'a day before `to` where nothing is said' }),
  to: InstantInput.optional().meta({ description: 'now where nothing is said' }),
  limit: limit(1_000, 100),
})

export const Exposed = z
  .object({
    bags: z.array(
      z
        .object({
          bagId: z.uuid(),
          label: z.string(),
          state: z.string(),
          verdict: z.enum(verdicts),
          entries: z.array(LedgerEntry).meta({ description: 'those in the device at that time' }),
        })
        .meta({ id: 'ExposedBag' }),
    ),
  })
  .meta({ id: 'Exposed' })

export const ConclusionInput = z.strictObject({ conclusion: reason }).meta({ id: 'ConclusionInput' })
