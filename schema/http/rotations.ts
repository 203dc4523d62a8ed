import { z } from 'zod'
import { Name } from '../topics.ts'
import { abos, components, rhds, rotationReasons, unitsOfMeasure } from '../vocabulary.ts'
import { InstantInput, InstantText, limit, orNull, text } from './values.ts'

const words = { zh: z.string(), en: z.string() }
const chance = z.number().min(0).max(1)

export const RotationProposalsQuery = z.strictObject({ limit: limit(31, 1) })

export const RotationParams = z.strictObject({ proposalId: z.uuid().toLowerCase() })

export const RotationAcceptInput = z
  .strictObject({
    journeys: z
      .array(z.strictObject({ from: Name, to: Name }))
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'of those proposed; left out: all' }),
    until: InstantInput.optional().meta({
      description: 'the bags are promised until then; left out: two hours',
    }),
    comment: text(1_000).optional(),
  })
  .meta({ id: 'RotationAcceptInput' })

const Move = z.object({
  bagId: z.uuid(),
  component: z.enum(components),
  group: orNull(z.object({ abo: z.enum(abos), rhd: z.enum(rhds) })),
  amount: z.number(),
  uom: orNull(z.enum(unitsOfMeasure)),
  expiresAt: InstantText,
  usedHere: chance.meta({ description: 'how likely a patient gets it if it stays and all others go' }),
  usedThere: chance,
  saved: z
    .number()
    .meta({ description: 'bags saved where it leaves, on average: itself, and those behind it' }),
  risk: z.object({ expires: z.number(), lost: z.number(), short: z.number() }).meta({
    description: 'bags: wasted where it goes, lost on the way, and what patients count for who find none',
  }),
  reasons: z.array(z.object({ reason: z.enum(rotationReasons), ...words })),
  isStillFree: z.boolean().meta({ description: 'it is there yet, and nothing speaks against it now' }),
})

export const RotationProposals = z
  .object({
    proposals: z
      .array(
        z.object({
          proposalId: z.uuid(),
          day: z.iso.date().meta({ description: 'by the clock of the blood centre' }),
          at: InstantText.meta({ description: 'of what was known then' }),
          policies: z.object({ rotation: z.int(), transfer: z.int() }),
          score: orNull(
            z.object({
              expireIfNothing: z
                .number()
                .meta({ description: 'bags that expire unused if nobody moves anything' }),
              expire: z.number().meta({ description: 'and with it' }),
              lost: z.number(),
              short: z.number().meta({ description: 'patients more who find none where bags leave' }),
              carrying: z.number().meta({ description: 'what journeys and boxes cost, in bags' }),
              net: z.number(),
            }),
          ).meta({ description: 'of the whole city; null for who sees a part of it only' }),
          journeys: z.array(
            z.object({
              from: z.string(),
              to: z.string(),
              minutes: z
                .int()
                .meta({ description: 'from picking until the last is in hand, in four of five cases' }),
              boxes: z.int(),
              saved: z.number().meta({ description: 'bags it saves, less what it risks' }),
              moves: z.array(Move),
            }),
          ),
        }),
      )
      .meta({ description: 'the newest day first; a proposal moves nothing by itself' }),
  })
  .meta({ id: 'RotationProposals' })
