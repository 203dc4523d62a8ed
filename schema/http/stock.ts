import { z } from 'zod'
import { Name } from '../topics.ts'
import {
  abos,
  components,
  facilityKinds,
  orderedComponents,
  rhds,
  servings,
  shortagePhases,
  shortageReasons,
  stockStandings,
  transferRejections,
  unitsOfMeasure,
  urgencies,
} from '../vocabulary.ts'
import { InstantText, limit, orNull } from './values.ts'

const words = { zh: z.string(), en: z.string() }
const counted = { bags: z.int(), amount: z.number() }

export const StockOverviewQuery = z.strictObject({
  facility: Name.optional(),
  component: z.enum(components).optional(),
  phase: z.enum(shortagePhases).optional(),
  limit: limit(10_000, 1_000),
})

const kind = {
  component: z.enum(components),
  group: orNull(z.object({ abo: z.enum(abos), rhd: z.enum(rhds) })),
  uom: orNull(z.enum(unitsOfMeasure)).meta({ description: 'null of bags nobody knows the amount of' }),
}

const cell = {
  ...kind,
  ready: z.object(counted).meta({ description: 'what could be handed out now' }),
  bands: z
    .array(
      z.object({
        withinHours: orNull(z.number()).meta({ description: 'null: later than all others' }),
        ...words,
        ...counted,
      }),
    )
    .meta({ description: 'when what is ready expires' }),
  apart: z
    .array(z.object({ standing: z.enum(stockStandings), ...words, ...counted }))
    .meta({ description: 'all else there is, each bag once: it counts for nothing else here' }),
  usedPerDay: orNull(z.number()).meta({
    description:
      'given, thrown away or expired, on average; null where too little was, or for too short a time',
  }),
  coverDays: orNull(z.number()).meta({
    description:
      'so long what is ready lasts at that use, before it expires; null where the use is not known',
  }),
  phase: z.object({
    phase: z.enum(shortagePhases),
    ...words,
    reasons: z.array(z.object({ reason: z.enum(shortageReasons), ...words })),
  }),
}

export const StockOverview = z
  .object({
    at: InstantText,
    changesAt: orNull(InstantText).meta({
      description: 'when it changes by time alone; what happens before is told by /news',
    }),
    policy: z.int().meta({ description: 'the version of bands and phases' }),
    cells: z
      .array(
        z
          .object({
            facility: z.string(),
            ...cell,
            level: orNull(z.object({ target: z.number(), minimum: z.number(), critical: z.number() })).meta({
              description: 'what the site keeps; null where it has not said',
            }),
          })
          .meta({ id: 'StockCell' }),
      )
      .meta({
        description: 'what is shortest in front; what has run out is told where it is kept or was used',
      }),
    more: z.boolean(),
    city: orNull(z.array(z.object(cell).meta({ id: 'CityStockCell' }))).meta({
      description: 'all places together; null of what is asked of some only',
    }),
  })
  .meta({ id: 'StockOverview' })

const coordinate = (most: number) => z.coerce.number().min(-most).max(most)

export const StockNearestQuery = z
  .strictObject({
    component: z.enum(orderedComponents),
    abo: z.enum(abos).optional().meta({ description: 'of who needs it; left out: not known' }),
    rhd: z.enum(rhds).optional(),
    rhdPositiveAllowed: z.enum(['true', 'false']).default('false').meta({
      description: 'a physician has given their word for RhD-positive cells',
    }),
    amount: z.coerce.number().gt(0).max(1_000_000).multipleOf(0.01),
    uom: z.enum(unitsOfMeasure),
    urgency: z.enum(urgencies).default('urgent').meta({
      description:
        'an emergency may draw on what sites keep in reserve, once they approve; nothing else does',
    }),
    to: Name.optional().meta({ description: 'the facility that needs it; else lat and lon' }),
    lat: coordinate(90).optional(),
    lon: coordinate(180).optional(),
    limit: limit(100, 5),
  })
  .refine(({ to, lat, lon }) => (to === undefined) === (lat !== undefined && lon !== undefined), {
    path: ['to'],
    message: 'say where it is needed: to, or lat and lon',
  })
  .refine(({ to, lat, lon }) => to === undefined || (lat === undefined && lon === undefined), {
    path: ['to'],
    message: 'say where it is needed once',
  })

const position = orNull(z.object({ lat: z.number(), lon: z.number() }))

export const StockNearest = z
  .object({
    at: InstantText,
    policy: z.int(),
    to: z.object({ facility: orNull(z.string()), position }),
    sites: z
      .array(
        z.object({
          facility: z.string(),
          name: z.string(),
          kind: z.enum(facilityKinds),
          position,
          serves: z.enum(servings),
          bags: z.int(),
          amount: z.number().meta({ description: 'what it can give of it, and keep what it keeps' }),
          needsApproval: z.boolean().meta({ description: 'it would draw on its reserve' }),
          arrival: orNull(z.object({ p50: z.number(), p80: z.number() })).meta({
            description:
              'minutes until it is in hand, packing and handing over included; null: no way is known',
          }),
          travel: orNull(z.string()).meta({ description: 'who says how long the way takes' }),
          rejected: z.array(z.object({ reason: z.enum(transferRejections), ...words, bags: z.int() })).meta({
            description: 'why not more: what else it has, by the first thing that speaks against it',
          }),
        }),
      )
      .meta({
        description:
          'sites that have any that may fit, the nearest first, up to the last of so many that can give all; those no way is ' +
          'known to come last',
      }),
  })
  .meta({ id: 'StockNearest' })
