import { z } from 'zod'
import { Name } from '../topics.ts'
import { bagStates, lotKinds, recallKinds, recallScopes, recallStates, recallWheres } from '../vocabulary.ts'
import { reason } from './life.ts'
import { signedBy } from './signatures.ts'
import { Count, InstantInput, InstantText, limit, Milliseconds, orNull, text } from './values.ts'

const sought = {
  facility: Name.meta({
    description: 'on whose behalf; pseudonyms of donors and patients are this facility’s',
  }),
  scope: z.enum(recallScopes).meta({
    description:
      'donor: all they gave, collected in the span. donation: all that was made of it. lot: all made with it. device: all that was ' +
      'in it in the span, those that left since as well. box: the same, and all that was sent in it. bag: one. patient: of what they ' +
      'were given in the span all else its donors gave. Always with what was made of these',
  }),
  of: text(128).meta({
    description: 'a pseudonym, a DIN with its check character, a lot number, a name, or the id of a bag',
  }),
  lotKind: z.enum(lotKinds).optional().meta({ description: 'of a lot; otherwise any that has this number' }),
  from: InstantInput.optional().meta({ description: 'needed of a device or a box' }),
  to: InstantInput.optional().meta({ description: 'exclusive; otherwise it lasts' }),
  kind: z
    .enum(recallKinds)
    .optional()
    .meta({ description: 'what the holds are: otherwise look_back of a patient, and recall of all else' }),
}

const lookLimit = limit(10_000, 200)

export const RecallInput = z
  .strictObject({ ...sought, reason, signature: signedBy })
  .meta({ id: 'RecallInput' })
export const DrillInput = z.strictObject({ ...sought, reason }).meta({ id: 'DrillInput' })
export const RecallPreviewQuery = z.strictObject({ ...sought, limit: lookLimit })
export const RecallQuery = z.strictObject({ limit: lookLimit })
export const RecallParams = z.strictObject({ number: z.coerce.number().int().min(1).max(2_147_483_647) })
export const RecallsQuery = z.strictObject({
  state: z.enum(recallStates).optional(),
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional().meta({
    description: 'only those with a smaller number: the next page',
  }),
  limit: limit(200, 50),
})
export const RecallEndInput = z.strictObject({ reason }).meta({ id: 'RecallEndInput' })

const reached = z
  .object({
    facility: orNull(z.string()),
    inside: Count.meta({ description: 'inside a device' }),
    out: Count.meta({ description: 'issued, on their way, or seen in no device: somebody must find them' }),
    given: Count.meta({ description: 'transfused' }),
    ended: Count.meta({ description: 'discarded, or made into others' }),
    held: Count.meta({ description: 'of all these, held by this recall still' }),
  })
  .meta({ id: 'RecallTally' })

const reachedBag = z
  .object({
    bagId: z.uuid(),
    label: z.string(),
    state: z.enum(bagStates),
    facility: orNull(z.string()),
    device: orNull(z.string()).meta({ description: 'it is inside of, or was seen in last' }),
    where: z.enum(recallWheres),
    isHeld: z.boolean().meta({ description: 'by this recall, still' }),
    lookBack: orNull(Count).meta({ description: 'the number of the case about whom it was given to' }),
  })
  .meta({ id: 'RecalledBag' })

const findings = {
  reached: z
    .array(reached)
    .meta({ description: 'who holds how many; only your own where you do not call back' }),
  bags: z.array(reachedBag).meta({ description: 'those you may see' }),
}

const recall = z.object({
  number: Count,
  kind: z.enum(recallKinds),
  scope: z.enum(recallScopes),
  of: orNull(z.string()).meta({ description: 'a donor or a patient is told to their own facility only' }),
  lotKind: orNull(z.enum(lotKinds)),
  from: orNull(InstantText),
  to: orNull(InstantText),
  facility: z.string(),
  reason: z.string(),
  state: z.enum(recallStates).meta({
    description:
      'open: what comes to belong to it is held as well. closed: its holds stay. lifted: they do not',
  }),
  openedAt: InstantText,
  endedAt: orNull(InstantText),
  endReason: orNull(z.string()),
})

export const Recall = recall.extend(findings).meta({ id: 'Recall' })
export const Recalls = z
  .object({ recalls: z.array(recall.meta({ id: 'RecallSummary' })) })
  .meta({ id: 'Recalls' })

export const RecallPreview = z
  .object({ ...findings, ms: Milliseconds.meta({ description: 'how long it took to find' }) })
  .meta({ id: 'RecallPreview' })

export const LotInput = z.strictObject({ kind: z.enum(lotKinds), number: text(64) }).meta({ id: 'LotInput' })
export const Lots = z
  .object({ lots: z.array(z.object({ kind: z.enum(lotKinds), number: z.string() })) })
  .meta({ id: 'Lots' })

export const LookBackParams = z.strictObject({ lookBack: z.coerce.number().int().min(1).max(2_147_483_647) })
export const RecipientInput = z.strictObject({ reason }).meta({ id: 'RecipientInput' })
export const Recipient = z
  .object({
    patient: orNull(z.string()).meta({ description: 'the pseudonym; null where nobody said' }),
    facility: orNull(z.string()).meta({ description: 'whose pseudonym it is' }),
  })
  .meta({ id: 'Recipient' })
