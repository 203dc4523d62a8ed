import { z } from 'zod'
import { Tag } from '../messages.ts'
import { Name } from '../topics.ts'
import {
  abos,
  bagStates,
  components,
  holdKinds,
  jurisdictions,
  phases,
  placeStates,
  probeKinds,
  rhds,
  unitsOfMeasure,
} from '../vocabulary.ts'
import { Amount } from './products.ts'
import { Celsius, Count, InstantInput, InstantText, limit, Milliseconds, orNull } from './values.ts'

/** Written in either case; told and kept in lower case. */
export const BagId = z.uuid().toLowerCase()

/** What a scanner gives, in any of its modes. */
export const scanned = z.string().min(1).max(400)

export const din = scanned.meta({
  description: 'typed with the check character printed behind it, or scanned with = and flags',
  example: 'A9999 26 000123 P',
})

export const label = scanned.meta({
  description:
    'the number typed with the check character printed behind it, or what the scanner read: of one barcode, of several with nothing in between, of a Data Matrix symbol, or of a station’s own',
  example: 'A9999 26 000123 P',
})

export const BagInput = z
  .strictObject({
    din: label,
    productCode: scanned.optional().meta({
      description:
        'description code, collection type and division, typed or scanned; not needed where what was scanned as `din` brings it along',
      example: 'E0336V00',
    }),
    component: z.enum(components).optional().meta({
      description:
        'what its code says; needed where the catalogue does not know that, and then it is held until it does',
    }),
    expiresAt: InstantInput.optional().meta({
      description:
        'as labelled, exclusive: the end of the last usable minute; not needed where it was scanned; the catalogue may say sooner',
    }),
    collectedAt: InstantInput.optional().meta({ description: 'otherwise no later than now' }),
    amount: Amount.optional().meta({ description: 'otherwise what is usual' }),
    group: z
      .strictObject({ abo: z.enum(abos), rhd: z.enum(rhds) })
      .optional()
      .meta({ description: 'as labelled, where it was not scanned; a bag without one is issued to nobody' }),
    facility: Name.optional().meta({
      description: 'who registers and holds it; not needed of whoever may register for one facility only',
    }),
  })
  .meta({ id: 'BagInput' })

export const BloodGroup = z.object({ abo: z.enum(abos), rhd: z.enum(rhds) }).meta({ id: 'BloodGroup' })

const bag = {
  bagId: z.uuid(),
  scheme: z.string().meta({ description: 'who numbers donations: ISBT128 or cn_local', example: 'ISBT128' }),
  din: z.string().meta({
    description:
      'donation identification number: 13 characters and their check character; a station’s own number as it is printed',
    example: 'A999926000123P',
  }),
  productCode: z.string().meta({ example: 'E0336V00' }),
  component: z.enum(components),
  bagCount: z.int().meta({ description: 'how many bags went into it: more than one in a pool' }),
  amount: orNull(z.number()).meta({ description: 'how much it holds; null where nobody said' }),
  uom: orNull(z.enum(unitsOfMeasure)).meta({ description: 'what that is counted in' }),
  expiresAt: InstantText.meta({
    description: 'exclusive; by its label or the catalogue, whichever is sooner',
  }),
  registeredAt: InstantText,
  state: z.enum(bagStates),
  group: orNull(BloodGroup).meta({
    description: 'null while the donation is not grouped',
  }),
  lowTitre: z.boolean(),
  holder: orNull(z.string()).meta({ description: 'the facility that answers for it' }),
  destination: orNull(z.string()).meta({ description: 'the facility it is being sent to' }),
  reservedUntil: orNull(InstantText),
  promisedTo: orNull(z.string()).meta({
    description: 'the facility a transfer takes it to, where it is kept for one',
  }),
}

export const Bag = z.object(bag).meta({ id: 'Bag' })

const timeVerified = z.boolean().meta({
  description:
    'false: the bag was seen coming, staying or going by a clock in doubt; what hangs on that is unverified until a clock fact settles it',
})

export const BagsQuery = z.strictObject({
  din: din.optional(),
  tag: Tag.optional().meta({ description: 'only bags that carry or carried this tag' }),
  before: BagId.optional().meta({ description: 'only bags registered before this one' }),
  limit: limit(1_000, 100),
})

export const Bags = z
  .object({
    bags: z.array(Bag).meta({ description: 'newest first' }),
    next: orNull(z.uuid()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
  })
  .meta({ id: 'Bags' })

export const BagDetail = z
  .object({
    ...bag,
    reservedFor: orNull(z.string()).meta({
      description: 'the pseudonym of the patient; told only to who may know patients of the holder',
    }),
    holds: z.array(
      z
        .object({ holdId: z.int(), kind: z.enum(holdKinds), reason: z.string(), placedAt: InstantText })
        .meta({ id: 'Hold' }),
    ),
    tags: z.array(
      z
        .object({ tag: Tag, from: InstantText, to: orNull(InstantText) })
        .meta({ id: 'TagAssignment', description: 'the tag is on the bag in [from, to)' }),
    ),
    place: orNull(
      z
        .object({
          state: z.enum(placeStates),
          device: Name.meta({ description: 'the device it is inside, or was last known in' }),
          facility: z.string().meta({ description: 'where that device stands now' }),
          from: InstantText,
          timeVerified,
        })
        .meta({ id: 'CurrentPlace' }),
    ).meta({ description: 'null: never seen' }),
  })
  .meta({ id: 'BagDetail' })

export const BagLabel = z.string().meta({ id: 'BagLabel', description: 'SVG, 100 mm by 100 mm' })

export const TagInput = z
  .strictObject({
    tag: Tag,
    from: InstantInput.optional().meta({
      description: 'since when it is on the bag; otherwise since it was free',
    }),
  })
  .meta({ id: 'TagInput' })

export const BagParams = z.strictObject({ bagId: BagId })

export const TagParams = z.strictObject({ bagId: BagId, tag: Tag })

export const UntagQuery = z.strictObject({
  at: InstantInput.optional().meta({ description: 'since when it is off the bag; otherwise now' }),
})

export const TraceQuery = z.strictObject({
  asOf: InstantInput.optional().meta({ description: 'what lasts, lasts up to then; otherwise now' }),
})

const minutes = z.number().min(0).meta({ description: 'minutes, rounded to two decimals' })

const Minutes = z
  .object({ inRange: minutes, below: minutes, above: minutes, unverified: minutes, uncontrolled: minutes })
  .meta({ id: 'ExposureMinutes' })

const ExactMs = z
  .object({
    inRange: Milliseconds,
    below: Milliseconds,
    above: Milliseconds,
    unverified: Milliseconds.meta({
      description:
        'no reading speaks for it, or none that is to be believed, or nobody knows for certain that the bag was there, ms',
    }),
    uncontrolled: Milliseconds.meta({ description: "in somebody's hands, ms" }),
  })
  .meta({ id: 'ExposureMs' })

const exposure = {
  minutes: Minutes,
  ms: ExactMs,
  coldest: orNull(Celsius),
  warmest: orNull(Celsius),
}

const Exposure = z.object(exposure).meta({ id: 'Exposure' })

const TracedPlace = z
  .object({
    state: z.enum(placeStates),
    device: Name,
    facility: z.string().meta({ description: 'where the device stood then' }),
    from: InstantText,
    to: InstantText,
    ongoing: z.boolean().meta({ description: 'still so as of the moment of asking' }),
    timeVerified,
    phase: orNull(z.enum(phases)).meta({
      description:
        'whose limits it was judged by there: a box is transport; null where it was in no container',
    }),
    probe: orNull(z.enum(probeKinds)).meta({ description: 'which probe speaks for the bag there' }),
    ...exposure,
  })
  .meta({ id: 'TracedPlace' })

export const Trace = z
  .object({
    bag: Bag,
    asOf: InstantText,
    policy: z
      .object({
        jurisdiction: z.enum(jurisdictions),
        storage: z
          .array(Count)
          .meta({ description: 'the versions it was judged by in fridges and the like' }),
        transport: z.array(Count).meta({ description: 'those it was judged by in transport boxes' }),
      })
      .meta({ id: 'PolicyUsed' }),
    beforeFirstSeen: orNull(
      z.object({ from: InstantText, to: InstantText }).meta({ id: 'BeforeFirstSeen' }),
    ).meta({
      description:
        'registered but not yet seen in any place, [from, to): unverified in the total; null where it was seen from its registration on',
    }),
    places: z.array(TracedPlace).meta({ description: 'oldest first' }),
    inherited: orNull(Exposure).meta({
      description: 'as a part of what it was made of, up to then; null where it was made of nothing',
    }),
    total: Exposure.meta({
      description: 'of all places, of the time before the first, and of what it was made of',
    }),
  })
  .meta({
    id: 'Trace',
    description: 'where a bag was and how cold, judged by the policy of its own component',
  })
