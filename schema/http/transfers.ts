import { z } from 'zod'
import { Name } from '../topics.ts'
import {
  abos,
  components,
  orderedComponents,
  requirements,
  rhds,
  sexes,
  transferBagStates,
  transferObstacles,
  transferPacks,
  transferReasons,
  transferRejections,
  transferRequestStates,
  transferStates,
  transferTiers,
  unitsOfMeasure,
  urgencies,
} from '../vocabulary.ts'
import { Amount } from './products.ts'
import { InstantInput, InstantText, limit, orNull, text } from './values.ts'

const words = { zh: z.string(), en: z.string() }
const Level = z
  .number()
  .min(0)
  .max(100_000)
  .multipleOf(0.01, 'has more than two decimals')
  .meta({ description: 'in the unit of measure, at most two decimals' })

const cell = {
  component: z.enum(components),
  abo: z.enum(abos),
  rhd: z.enum(rhds),
  uom: z.enum(unitsOfMeasure),
}

const StockLevelInput = z
  .strictObject({
    ...cell,
    target: Level.meta({ description: 'what is aimed at: what leaves it below is counted, and may leave' }),
    minimum: Level.meta({ description: 'what lies below goes to emergencies only, and with approval' }),
    critical: Level.meta({ description: 'what lies below never leaves' }),
  })
  .refine(({ critical, minimum, target }) => critical <= minimum && minimum <= target, {
    error: 'critical must not be above minimum, nor minimum above target',
  })
  .meta({ id: 'StockLevelInput' })

export const StockLevelsInput = z
  .strictObject({ levels: z.array(StockLevelInput).min(1).max(500) })
  .meta({ id: 'StockLevelsInput' })

export const StockLevels = z
  .object({
    facility: z.string(),
    levels: z
      .array(
        z
          .object({
            ...cell,
            target: z.number(),
            minimum: z.number(),
            critical: z.number(),
            setAt: InstantText,
          })
          .meta({ id: 'StockLevel' }),
      )
      .meta({ description: 'as each was said last; of what none speaks all may leave' }),
  })
  .meta({ id: 'StockLevels' })

const LineInput = z.strictObject({
  component: z.enum(orderedComponents),
  amount: Amount,
  uom: z.enum(unitsOfMeasure).meta({ description: 'one the component is counted in' }),
})

const TransferPatientInput = z
  .strictObject({
    abo: orNull(z.enum(abos)).default(null).meta({ description: 'null: not known' }),
    rhd: orNull(z.enum(rhds)).default(null),
    antiD: z.boolean().default(false),
    sex: orNull(z.enum(sexes)).default(null),
    ageYears: orNull(z.int().min(0).max(130)).default(null),
    rhdPositiveAllowed: z.boolean().optional().meta({
      description: 'a physician’s word; left out: the rule of the jurisdiction for emergencies',
    }),
    physician: text(200).optional().meta({ description: 'whose word that is, where it is yes' }),
    requires: z.array(z.enum(requirements)).max(4).default([]),
  })
  .meta({ id: 'TransferPatientInput', description: 'what must fit, and nothing of who it is' })

export const TransferRequestInput = z
  .strictObject({
    urgency: z.enum(urgencies),
    deadline: InstantInput.meta({ description: 'when it must be in hand: after now' }),
    lines: z.array(LineInput).min(1).max(9).optional(),
    pack: z.enum(transferPacks).optional().meta({
      description: 'mtp: for massive transfusion, what policy says is in it; in place of lines',
    }),
    patient: TransferPatientInput.prefault({}),
    prealert: z
      .strictObject({
        eta: InstantInput,
        device: Name.optional().meta({ description: 'a device of the ambulance, by its name' }),
      })
      .optional()
      .meta({ description: 'who needs it is on the way' }),
  })
  .refine(({ lines, pack }) => (lines === undefined) !== (pack === undefined), {
    path: ['lines'],
    message: 'say what is asked for: lines, or a pack',
  })
  .meta({ id: 'TransferRequestInput' })

export const TransferRequestParams = z.strictObject({ requestId: z.uuid().toLowerCase() })
export const TransferPlanParams = z.strictObject({ planId: z.uuid().toLowerCase() })
export const TransferParams = z.strictObject({ transferId: z.uuid().toLowerCase() })

export const TransferReasonInput = z.strictObject({ reason: text(1_000) }).meta({ id: 'TransferReasonInput' })

export const TransferRequestsQuery = z.strictObject({ limit: limit(200, 200) })

const progress = {
  missing: z
    .number()
    .meta({ description: 'nothing comes for so much; a bag that is held or has expired is nothing' }),
  promised: z.number(),
  underWay: z.number(),
  received: z.number(),
}

export const TransferRequest = z
  .object({
    requestId: z.uuid(),
    facility: z.string(),
    urgency: z.enum(urgencies),
    deadline: InstantText,
    pack: orNull(z.enum(transferPacks)),
    patient: z.object({
      abo: orNull(z.enum(abos)),
      rhd: orNull(z.enum(rhds)),
      antiD: z.boolean(),
      sex: orNull(z.enum(sexes)),
      ageYears: orNull(z.int()),
      rhdPositiveAllowed: z.boolean(),
      physician: orNull(z.string()),
      requires: z.array(z.enum(requirements)),
    }),
    prealert: orNull(z.object({ eta: InstantText, device: orNull(z.string()) })),
    state: z.enum(transferRequestStates).meta({
      description:
        'by what was accepted for it and where that is: open, nothing was. planned: bags are promised. under_way: some have ' +
        'left. received: all is there',
    }),
    lines: z.array(
      z.object({
        line: z.int(),
        component: z.enum(orderedComponents),
        amount: z.number(),
        uom: z.enum(unitsOfMeasure),
        ...progress,
      }),
    ),
    at: InstantText,
    by: z.string(),
    cancelled: orNull(z.object({ reason: z.string(), by: z.string(), at: InstantText })),
  })
  .meta({ id: 'TransferRequest' })

export const TransferRequests = z
  .object({
    requests: z.array(TransferRequest).meta({
      description:
        'the first deadline in front, those that are over behind; those over for a day or cancelled are left out',
    }),
  })
  .meta({ id: 'TransferRequests' })

export const TransferPlanInput = z
  .strictObject({
    requests: z
      .array(z.uuid().toLowerCase())
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'planned together; left out: all that are open within reach' }),
  })
  .meta({ id: 'TransferPlanInput' })

const Arrival = z.object({ p50: z.number(), p80: z.number(), p95: z.number() }).meta({
  description: 'minutes from now until it is in hand: half of the time, as planned, in 19 of 20 cases',
})
const group = orNull(z.object({ abo: z.enum(abos), rhd: z.enum(rhds) }))
const uom = orNull(z.enum(unitsOfMeasure))
const Journeys = z.array(z.object({ from: z.string(), to: z.string(), bags: z.int() }))
const tier = { tier: z.enum(transferTiers), ...words, value: z.number() }
const Tiers = z.array(
  z.object({ ...tier, bound: z.number().meta({ description: 'no plan gets below this' }) }),
)

export const TransferPlan = z
  .object({
    planId: z.uuid(),
    askedAt: InstantText,
    policy: z.int().meta({ description: 'the version it was planned by' }),
    requests: z.array(z.uuid()),
    moves: z.array(
      z.object({
        bagId: z.uuid(),
        from: z.string(),
        to: z.string(),
        request: z.uuid(),
        line: z.int(),
        component: z.enum(components),
        group,
        amount: z.number(),
        uom,
        expiresAt: InstantText,
        arrival: Arrival,
        reasons: z.array(z.object({ reason: z.enum(transferReasons), ...words })),
      }),
    ),
    lines: z.array(
      z.object({
        request: z.uuid(),
        line: z.int(),
        facility: z.string(),
        component: z.enum(components),
        uom,
        asked: z.number().meta({ description: 'what was not promised to it yet' }),
        planned: z.number(),
        missing: z.number().meta({ description: 'no bag was found for so much' }),
        complete: orNull(Arrival).meta({ description: 'when the last bag of it is in hand' }),
        rejected: z
          .array(
            z.object({
              reason: z.enum(transferRejections),
              ...words,
              count: z.int(),
              bags: z.array(z.uuid()).meta({ description: 'the first 50 of them' }),
            }),
          )
          .meta({ description: 'every other bag, by the first thing that speaks against it' }),
      }),
    ),
    donors: z.array(
      z.object({
        facility: z.string(),
        component: z.enum(components),
        group,
        uom,
        before: z.number(),
        after: z.number(),
        target: orNull(z.number()),
        minimum: orNull(z.number()),
        critical: orNull(z.number()),
        daysBefore: orNull(z.number()).meta({ description: 'so long its stock lasts, by its own use' }),
        daysAfter: orNull(z.number()),
        needsApproval: z.boolean().meta({ description: 'it draws on the reserve' }),
      }),
    ),
    journeys: Journeys,
    tiers: Tiers.meta({ description: 'what was made as little of as can be, the first before all others' }),
    isProved: z.boolean().meta({ description: 'there is no better plan' }),
    gap: z.number().meta({ description: 'how far it may be from the best, of what it is' }),
    doNothing: z.array(z.object(tier)),
    secondBest: orNull(z.object({ journeys: Journeys, tiers: Tiers })),
  })
  .meta({ id: 'TransferPlan' })

export const TransferAcceptInput = z
  .strictObject({
    until: InstantInput.optional().meta({
      description:
        'the bags are promised until then; left out: two hours, or the last deadline where that is sooner',
    }),
    comment: text(1_000).optional(),
  })
  .meta({ id: 'TransferAcceptInput' })

export const TransferApprovalInput = z
  .strictObject({ comment: text(1_000).optional() })
  .meta({ id: 'TransferApprovalInput' })

export const TransfersQuery = z.strictObject({ limit: limit(200, 50) })

const said = orNull(z.object({ by: z.string(), at: InstantText, reason: orNull(z.string()) }))

export const Transfer = z
  .object({
    transferId: z.uuid(),
    plan: orNull(z.uuid()).meta({ description: 'the plan it was accepted of; null of a rotation' }),
    rotation: orNull(z.uuid()),
    from: z.string(),
    to: z.string(),
    state: z.enum(transferStates).meta({ description: 'by what was done to its bags since' }),
    until: InstantText.meta({ description: 'what has not left by then is promised no more' }),
    needsApproval: z.boolean(),
    approved: said,
    cancelled: said,
    comment: orNull(z.string()),
    at: InstantText,
    by: z.string(),
    bags: z.array(
      z.object({
        bagId: z.uuid(),
        label: z.string(),
        component: z.enum(components),
        group,
        amount: z.number(),
        uom,
        expiresAt: InstantText,
        request: orNull(z.uuid()).meta({ description: 'what it is for; null of what a rotation sends' }),
        line: orNull(z.int()),
        state: z.enum(transferBagStates),
        unfit: orNull(z.object({ reason: z.enum([...transferObstacles, 'expired']), ...words })).meta({
          description: 'what speaks against it now, where it is yet to come',
        }),
      }),
    ),
  })
  .meta({ id: 'Transfer' })

export const Transfers = z
  .object({ transfers: z.array(Transfer).meta({ description: 'newest first' }) })
  .meta({ id: 'Transfers' })
