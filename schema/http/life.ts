import { z } from 'zod'
import { Tag } from '../messages.ts'
import { Name } from '../topics.ts'
import {
  abos,
  bagStates,
  components,
  findings,
  holdKinds,
  lateCrossmatches,
  markers,
  processes,
  returnPolicies,
  rhds,
  sexes,
  unitsOfMeasure,
} from '../vocabulary.ts'
import { Bag, BagId, BloodGroup, din, label, scanned } from './bags.ts'
import { Unlock } from './commands.ts'
import { checks } from './ends.ts'
import { Amount, Code } from './products.ts'
import { Manifestation, signedBy } from './signatures.ts'
import { InstantInput, InstantText, limit, orNull, text } from './values.ts'

export const reason = text(1_000)
const pseudonym = Name.meta({ description: 'the facility’s own pseudonym of a patient; never a name' })
const group = { abo: z.enum(abos), rhd: z.enum(rhds) }
const productCode = z.string().min(1).max(20).meta({ example: 'E0336V00' })

export const DonationInput = z
  .strictObject({
    din,
    donor: Name.meta({ description: 'the centre’s own pseudonym of the donor' }),
    facility: Name,
    productCode,
    component: z
      .enum(components)
      .optional()
      .meta({ description: 'where the catalogue does not know the code' }),
    expiresAt: InstantInput.meta({ description: 'as labelled, exclusive; the catalogue may say sooner' }),
    collectedAt: InstantInput.optional().meta({ description: 'otherwise now' }),
    amount: Amount.optional().meta({ description: 'otherwise what is usual' }),
  })
  .meta({ id: 'DonationInput' })

export const DonationParams = z.strictObject({ din })

export const GroupingInput = z.strictObject(group).meta({ id: 'GroupingInput' })

export const TestsInput = z
  .strictObject({
    results: z
      .array(z.strictObject({ marker: z.enum(markers), reactive: z.boolean() }))
      .min(1)
      .max(50),
  })
  .meta({ id: 'TestsInput' })

export const Donation = z
  .object({
    din: z.string().meta({ description: 'with its check character' }),
    groupings: z
      .array(z.object(group))
      .meta({ description: 'two that agree, each by another, make the group' }),
    tested: z.array(z.enum(markers)),
    reactive: z.array(z.enum(markers)),
  })
  .meta({ id: 'Donation' })

export const ReasonInput = z.strictObject({ reason }).meta({ id: 'BagReasonInput' })

export const Recalled = z.object({ held: z.array(z.uuid()) }).meta({ id: 'Recalled' })

export const SignedReasonInput = z
  .strictObject({ reason, signature: signedBy })
  .meta({ id: 'SignedReasonInput' })

export const ReleaseInput = z.strictObject({ signature: signedBy }).meta({ id: 'ReleaseInput' })

export const NothingInput = z.strictObject({}).meta({ id: 'NothingInput' })

const order = z.uuid().toLowerCase().optional().meta({
  description: 'the order it is for: of this patient, and approved unless in an emergency',
})

export const ReserveInput = z
  .strictObject({ patient: pseudonym, until: InstantInput, order })
  .meta({ id: 'ReserveInput' })

export const DistributeInput = z
  .strictObject({ to: Name.meta({ description: 'the facility it goes to' }), box: Name.optional() })
  .meta({ id: 'DistributeInput' })

export const ReceiveInput = z
  .strictObject({
    remark: text(1_000).optional(),
    inspection: checks.optional(),
    seal: text(100).optional().meta({ description: 'of the box it came in, as it was found' }),
  })
  .meta({ id: 'ReceiveInput', description: 'label, look and logger were checked' })

/** How a patient looks whose group nobody knows. */
const seen = {
  sex: z.enum(sexes).optional(),
  ageYears: z.int().min(0).max(130).optional().meta({ description: 'as they look, in an emergency' }),
}

/** What nobody authorises by it must not look as if somebody had. */
const isOfEmergency = ({ emergency, signature }: { emergency: boolean; signature?: unknown }) =>
  emergency || signature === undefined
const ofEmergency = { path: ['signature'], message: 'is of an emergency' }

export const IssueInput = z
  .strictObject({
    patient: pseudonym.optional().meta({ description: 'not needed in an emergency only' }),
    emergency: z.boolean().default(false),
    override: reason
      .optional()
      .meta({ description: 'a physician’s word for RhD-positive cells: who and why' }),
    reason: reason
      .optional()
      .meta({ description: 'why in an emergency, or although not all of it is verified' }),
    order,
    signature: signedBy,
    ...seen,
  })
  .refine(({ patient, emergency }) => patient !== undefined || emergency, {
    path: ['patient'],
    message: 'say for whom, or that it is an emergency',
  })
  .refine(({ emergency, reason }) => !emergency || reason !== undefined, {
    path: ['reason'],
    message: 'an emergency needs one',
  })
  .refine(isOfEmergency, ofEmergency)
  .meta({ id: 'IssueInput' })

export const TransfuseInput = z
  .strictObject({
    patient: pseudonym.optional(),
    startedAt: InstantInput,
    endedAt: InstantInput.optional(),
    reaction: z.boolean().default(false),
  })
  .refine(({ startedAt, endedAt }) => endedAt === undefined || endedAt >= startedAt, {
    path: ['endedAt'],
    message: 'must not be before startedAt',
  })
  .meta({ id: 'TransfuseInput' })

const child = z.strictObject({
  productCode,
  component: z.enum(components).optional().meta({ description: 'checked against the catalogue' }),
  expiresAt: InstantInput,
  lowTitre: z.boolean().default(false),
})

export const ProcessInput = z
  .strictObject({ children: z.array(child).min(1).max(20) })
  .meta({ id: 'ProcessInput' })

const wanted = z.strictObject({
  product: Code.optional().meta({ description: 'needed where the catalogue allows several' }),
  expiresAt: InstantInput.optional().meta({
    description: 'as labelled, exclusive; the catalogue may say sooner',
  }),
  amount: Amount.optional().meta({ description: 'otherwise an equal part, or what is usual' }),
  lowTitre: z.boolean().optional().meta({ description: 'otherwise as what it is made of' }),
  tag: Tag.optional().meta({
    description: 'which tag it carries from now on, be it that of what it is made of',
  }),
})

export const ModificationInput = z
  .strictObject({
    process: z.enum(processes),
    bags: z.array(BagId).min(1).max(50).meta({ description: 'several for a pool only' }),
    children: z
      .array(wanted)
      .min(1)
      .max(26)
      .default([{}])
      .meta({ description: 'what is made, parts of a split in the order of their divisions' }),
    din: din.optional().meta({ description: 'of a pool: a number of its own' }),
    method: text(200).optional(),
    equipment: text(200).optional().meta({ description: 'what it was done with' }),
    lots: z.array(text(100)).max(50).default([]).meta({ description: 'of what was used up' }),
  })
  .meta({ id: 'ModificationInput' })

export const Modification = z
  .object({ modificationId: z.uuid(), process: z.enum(processes), children: z.array(Bag) })
  .meta({ id: 'Modification', description: 'what was made, and of what is in the events of each' })

export const Children = z.object({ children: z.array(Bag) }).meta({ id: 'Children' })

export const HoldInput = z
  .strictObject({ kind: z.enum(holdKinds).exclude(['unknown_product']), reason })
  .meta({ id: 'HoldInput' })

export const HoldParams = z.strictObject({
  bagId: BagId,
  holdId: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1),
})

export const BagEvents = z
  .object({
    events: z.array(
      z
        .object({
          version: z.int(),
          verb: z.string(),
          from: orNull(z.enum(bagStates)),
          to: z.enum(bagStates),
          at: InstantText,
          data: z.record(z.string(), z.unknown()),
          signatures: z.array(Manifestation).meta({ description: 'electronic signatures of it' }),
        })
        .meta({ id: 'BagEvent' }),
    ),
  })
  .meta({ id: 'BagEvents', description: 'oldest first; patients are told where they are known' })

export const PatientInput = z
  .strictObject({
    abo: orNull(z.enum(abos)).default(null),
    rhd: orNull(z.enum(rhds)).default(null),
    antiD: z.boolean().default(false),
    sampleUntil: InstantInput.optional().meta({
      description: 'until when the newest sample may be relied on',
    }),
  })
  .meta({ id: 'PatientInput' })

export const PatientParams = z.strictObject({ code: Name, pseudonym })

export const Patient = z
  .object({
    pseudonym: z.string(),
    abo: orNull(z.enum(abos)),
    rhd: orNull(z.enum(rhds)),
    antiD: z.boolean(),
    sampleUntil: orNull(InstantText),
  })
  .meta({ id: 'Patient' })

export const TakeOutInput = z
  .strictObject({
    device: Name,
    patient: pseudonym.optional(),
    emergency: z.boolean().default(false),
    reason: reason.optional().meta({ description: 'needed in an emergency' }),
    order,
    signature: signedBy,
    ...seen,
  })
  .refine(isOfEmergency, ofEmergency)
  .meta({ id: 'TakeOutInput' })

export const TakeOut = z
  .object({
    takeOutId: z.uuid(),
    expiresAt: InstantText,
    checkNeeded: z.boolean().meta({ description: 'another person must check before a scan is answered GO' }),
    unlock: Unlock,
    bags: z
      .array(
        Bag.extend({
          needsOverride: z.boolean().meta({ description: 'a physician must give their word for it' }),
        }).meta({ id: 'SuggestedBag' }),
      )
      .meta({
        description: 'what may be taken as far as group, date, holds and allocation go, the best first',
      }),
  })
  .meta({ id: 'TakeOut' })

export const TakeOutParams = z.strictObject({ takeOutId: z.uuid().toLowerCase() })

export const ScanInput = z
  .strictObject({
    din: label,
    productCode: scanned.optional().meta({
      description: 'typed or scanned; not needed where what was scanned as `din` brings it along',
    }),
    override: reason
      .optional()
      .meta({ description: 'a physician’s word for RhD-positive cells: who and why' }),
    breakGlass: reason.optional().meta({
      description: 'why it is taken though the answer is CALL and nobody can be asked: reviewed afterwards',
    }),
  })
  .meta({ id: 'ScanInput' })

export const ReturnClock = z
  .object({
    outSince: InstantText,
    returns: z
      .enum(returnPolicies)
      .meta({ description: 'may it be used for another patient when it is back?' }),
    by: orNull(InstantText).meta({
      description: 'until when it may be back in controlled storage: the stricter of the two',
    }),
    governs: orNull(z.enum(['rule', 'estimate'])),
    ruleBy: orNull(InstantText).meta({ description: 'by the written rule of minutes' }),
    estimateBy: orNull(InstantText).meta({ description: 'when its core is likely to be too warm' }),
    transfuseBy: InstantText,
  })
  .meta({ id: 'ReturnClock' })

export const TakeOutRules = z
  .object({
    secondChecker: z
      .boolean()
      .meta({ description: 'two must look at what is handed out, but in an emergency' }),
    telephone: orNull(z.string()).meta({ description: 'where a nurse calls who is told to' }),
    crossmatch: z.boolean().meta({
      description:
        'what is handed out must have been crossmatched here, but in an emergency; of patients whose samples are on ' +
        'record it must in any case',
    }),
  })
  .meta({ id: 'TakeOutRules' })

export const TakeOutRulesInput = z
  .strictObject({
    secondChecker: z.boolean(),
    telephone: orNull(
      z
        .string()
        .trim()
        .regex(/^[+0-9][0-9 ()-]{2,30}$/, 'is no telephone number'),
    ).default(null),
    crossmatch: z.boolean().default(false),
  })
  .meta({ id: 'TakeOutRulesInput' })

export const IssueReviewInput = z
  .strictObject({
    physician: text(200).meta({ description: 'who answers for it' }),
    justification: reason,
    crossmatch: z.enum(lateCrossmatches).meta({ description: 'as it was found afterwards' }),
  })
  .meta({ id: 'IssueReviewInput' })

export const ScanAnswer = z
  .object({
    answer: z.enum(['GO', 'STOP', 'CALL']).meta({
      description:
        'GO: it is issued. STOP: put it back. CALL: a person decides. Nothing is issued but with GO',
    }),
    reason: orNull(
      z.object({ code: z.enum(findings), zh: z.string(), en: z.string() }).meta({ id: 'ScanReason' }),
    ),
    findings: z.array(z.enum(findings)).meta({ description: 'all that speaks against it' }),
    bagId: orNull(z.uuid()),
    telephone: orNull(z.string()).meta({ description: 'where to call' }),
    clock: orNull(ReturnClock).meta({ description: 'of what was issued' }),
  })
  .meta({ id: 'ScanAnswer' })

const AnsweredScan = z
  .object({
    at: InstantText,
    scanned: z.string(),
    bagId: orNull(z.uuid()),
    answer: z.enum(['GO', 'STOP', 'CALL']),
    findings: z.array(z.enum(findings)),
  })
  .meta({ id: 'AnsweredScan' })

export const TakeOutSession = z
  .object({
    takeOutId: z.uuid(),
    device: z.string(),
    facility: z.string(),
    patient: orNull(z.string()).meta({ description: 'told who may know the patients there' }),
    emergency: z.boolean(),
    openedAt: InstantText,
    expiresAt: InstantText.meta({ description: 'until when bags may be scanned' }),
    unlock: orNull(Unlock),
    checkNeeded: z.boolean(),
    checkedAt: orNull(InstantText).meta({ description: 'when a second person checked' }),
    telephone: orNull(z.string()),
    scans: z.array(AnsweredScan).meta({ description: 'oldest first' }),
  })
  .meta({ id: 'TakeOutSession' })

export const StockQuery = z.strictObject({
  facility: Name.optional(),
  component: z.enum(components).optional(),
  abo: z.enum(abos).optional(),
  rhd: z.enum(rhds).optional(),
  issuable: z.enum(['true', 'false']).optional(),
  limit: limit(10_000, 1_000),
})

const StockBag = Bag.extend({
  device: orNull(z.string()).meta({ description: 'the device it is inside, or was last known in' }),
  issuable: z.boolean(),
  whyNot: z.array(z.enum(findings)).meta({ description: 'what keeps it from being issued to anybody' }),
}).meta({ id: 'StockBag' })

const StockLevel = z
  .object({
    facility: z.string(),
    component: z.enum(components),
    group: orNull(BloodGroup),
    bags: z.int(),
    issuable: z.int(),
    amounts: z
      .array(z.object({ uom: z.enum(unitsOfMeasure), amount: z.number() }))
      .meta({ description: 'how much they hold together, as far as that is known' }),
    firstExpiry: InstantText,
  })
  .meta({ id: 'StockLevel' })

export const Stock = z
  .object({
    levels: z.array(StockLevel).meta({ description: 'of the bags told below' }),
    bags: z.array(StockBag).meta({ description: 'what expires first comes first' }),
    more: z.boolean().meta({ description: 'there are more than the limit' }),
  })
  .meta({ id: 'Stock' })
