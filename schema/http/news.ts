import { z } from 'zod'
import { Name } from '../topics.ts'
import { attemptOutcomes } from '../vocabulary.ts'
import { InstantText, limit, orNull } from './values.ts'

const lastXid = 2n ** 64n - 1n

/** `xid-id`, or 0: before all there is. */
const cursor = z
  .string()
  .regex(/^(0|\d{1,20}-\d{1,16})$/, 'is not what an id of the stream looks like')
  .transform((given) => {
    const [xid = '0', id = '0'] = given.split('-')
    return { xid, id: Number(id) }
  })
  .refine(
    ({ xid, id }) => BigInt(xid) <= lastXid && Number.isSafeInteger(id),
    'is not what an id of the stream looks like',
  )

export const NewsQuery = z.strictObject({
  after: cursor.optional().meta({
    description: 'begin after this id; 0: with all there is; without one: with what comes from now on',
    example: '0',
  }),
})

export const NewsHeaders = z.object({
  'last-event-id': cursor.optional().meta({
    description: 'the last id that was heard: nothing after it is missed. Goes before `after`',
    example: '781-12',
  }),
})

export const NewsStream = z.string().meta({
  id: 'NewsStream',
  description:
    'Server-Sent Events: `id` to go on from, `event` the kind, `data` the JSON of {at, kind, subject, data}. ' +
    'An id alone and a comment are signs of life.',
})

export const WebhookInput = z
  .strictObject({
    name: Name.meta({ example: 'hospital-system' }),
    url: z.string().max(2_000).meta({
      description: 'https, or http to this very machine',
      example: 'https://his.example.org/hemotrail',
    }),
    facility: orNull(Name).meta({ description: 'the facility whose news it is for; null: all of them' }),
  })
  .meta({ id: 'WebhookInput' })

export const NewWebhook = z
  .object({
    name: Name,
    secret: z.string().meta({ description: 'shown once: what deliveries are signed with' }),
  })
  .meta({ id: 'NewWebhook' })

const Webhook = z
  .object({
    name: Name,
    url: z.string(),
    facility: orNull(Name),
    createdAt: InstantText,
    endedAt: orNull(InstantText),
  })
  .meta({ id: 'Webhook' })

export const Webhooks = z
  .object({ webhooks: z.array(Webhook).meta({ description: 'by name' }) })
  .meta({ id: 'Webhooks' })

export const WebhookParams = z.strictObject({ name: Name })

export const DeliveriesQuery = z.strictObject({
  before: z.coerce.number().int().min(1).optional().meta({ description: 'only those with a smaller number' }),
  limit: limit(1_000, 100),
})

const Delivery = z
  .object({
    number: z.int(),
    delivery: z.string().meta({ description: 'what Hemotrail-Delivery said: the id of the news' }),
    kind: z.string(),
    subject: z.string(),
    attempt: z.int().min(1),
    at: InstantText,
    outcome: z.enum(attemptOutcomes),
    status: orNull(z.int()).meta({ description: 'the HTTP status it answered; null where nothing did' }),
    error: orNull(z.string()),
  })
  .meta({ id: 'Delivery', description: 'one attempt to tell a webhook of one piece of news' })

export const Deliveries = z
  .object({
    deliveries: z.array(Delivery).meta({ description: 'newest first' }),
    next: orNull(z.int()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
  })
  .meta({ id: 'Deliveries' })
