import { z } from 'zod'
import { ListKey, SignedDocument } from '../offline-list.ts'
import { Name } from '../topics.ts'
import { findings, offlineFaults, sexes } from '../vocabulary.ts'
import { label, scanned } from './bags.ts'
import { InstantInput, InstantText, orNull, text } from './values.ts'

const conflicts = z.array(z.enum([...findings, ...offlineFaults])).meta({
  description:
    'what speaks against what was handed out, by what is known here; each is looked into as a task',
})

/** One thing a terminal decided while it was cut off. Each is read alone: one bad one costs only itself. */
export const OfflineDecision = z
  .strictObject({
    decisionId: z.uuid().toLowerCase().meta({ description: 'told again, it is the same decision' }),
    occurredAt: InstantInput,
    uncertaintyMs: z.int().min(0).max(86_400_000).meta({ description: 'by how much its clock may be wrong' }),
    list: orNull(
      z.strictObject({
        seq: z.int().min(1).max(2_147_483_647),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal'),
      }),
    ).meta({ description: 'the list it went by; null where it had none' }),
    patientsAsOf: orNull(InstantInput).optional().meta({
      description: 'as of when it was told of patients; null where it was not',
    }),
    badge: text(200).optional().meta({ description: 'as it was read: nobody asked for a PIN' }),
    checker: text(200).optional().meta({ description: 'the badge of a second person' }),
    patient: Name.optional(),
    emergency: z.boolean(),
    sex: z.enum(sexes).optional(),
    ageYears: z.int().min(0).max(130).optional(),
    reason: text(1_000).optional(),
    override: text(1_000).optional(),
    breakGlass: text(1_000).optional(),
    scanned: z.strictObject({ din: label, productCode: scanned.optional() }),
    bagId: orNull(z.uuid().toLowerCase()),
    answer: z.enum(['GO', 'STOP', 'CALL']),
    findings: z.array(z.enum(findings)).max(findings.length),
  })
  .meta({ id: 'OfflineDecisionInput' })
export type OfflineDecision = z.output<typeof OfflineDecision>
/** As it crosses the wire. */
export type OfflineDecisionInput = z.input<typeof OfflineDecision>

/** The most decisions one request may carry. */
export const maxDecisions = 100

export const OfflineDecisionsInput = z
  .strictObject({
    decisions: z
      .array(z.unknown())
      .min(1)
      .max(maxDecisions)
      .meta({ description: 'each an OfflineDecisionInput, read alone' }),
  })
  .meta({ id: 'OfflineDecisionsInput' })

export const OfflineReceipt = z
  .object({
    receivedAt: InstantText.meta({ description: 'a list made later knows of what was told here' }),
    taken: z
      .array(
        z
          .object({
            decisionId: z.uuid(),
            isNew: z.boolean().meta({ description: 'false: it was told before, and nothing happened' }),
            conflicts,
          })
          .meta({ id: 'TakenDecision' }),
      )
      .meta({ description: 'in the order they happened' }),
    refused: z
      .array(
        z
          .object({ index: z.int(), code: z.enum(['unreadable', 'id_reused']), detail: z.string() })
          .meta({ id: 'RefusedDecision' }),
      )
      .meta({ description: 'not kept: these cannot be read, or their id was another decision’s' }),
  })
  .meta({ id: 'OfflineReceipt' })

export const OfflineDocuments = z
  .object({
    keys: z.array(ListKey).meta({ description: 'what is signed by any of these is ours' }),
    list: orNull(SignedDocument).meta({ description: 'the newest of the device' }),
    patients: SignedDocument.meta({ description: 'whom bags may be for: never sent over MQTT' }),
  })
  .meta({ id: 'OfflineDocuments' })

export const OfflineReviewInput = z
  .strictObject({ conclusion: text(1_000) })
  .meta({ id: 'OfflineReviewInput' })

export const OfflineDecisionParams = z.strictObject({ name: Name, decisionId: z.uuid().toLowerCase() })

export const OfflineDecisionView = z
  .object({
    decisionId: z.uuid(),
    occurredAt: InstantText,
    receivedAt: InstantText,
    uncertaintyMs: z.int(),
    listSeq: orNull(z.int()),
    badge: orNull(z.string()),
    checker: orNull(z.string()),
    patient: orNull(z.string()).meta({ description: 'told who may know the patients there' }),
    emergency: z.boolean(),
    scanned: z.string(),
    bagId: orNull(z.uuid()),
    answer: z.enum(['GO', 'STOP', 'CALL']),
    findings: z.array(z.enum(findings)),
    conflicts,
    reviews: z.array(z.object({ at: InstantText, conclusion: z.string() }).meta({ id: 'OfflineReview' })),
  })
  .meta({ id: 'OfflineDecision' })

export const OfflineDecisions = z
  .object({ decisions: z.array(OfflineDecisionView).meta({ description: 'told last in front' }) })
  .meta({ id: 'OfflineDecisions' })

export const RotationInput = z
  .strictObject({
    retireOlder: z.boolean().default(false).meta({
      description: 'at once, as after a key was stolen: terminals then know nothing until told again',
    }),
  })
  .meta({ id: 'ListKeyRotationInput' })

export const ListKeys = z.object({ keys: z.array(ListKey) }).meta({ id: 'ListKeys' })
