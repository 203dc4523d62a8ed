import { z } from 'zod'
import { Name } from '../topics.ts'
import { actorKinds, alarmClasses, alarmKinds, alarmVerbs, causeSigns, causes } from '../vocabulary.ts'
import { Outlook } from './outlook.ts'
import { InstantText, limit, orNull, text } from './values.ts'

const AlarmNumber = z.coerce.number().int().min(1).max(2_147_483_647)

export const AlarmParams = z.strictObject({
  id: AlarmNumber.meta({ description: 'the number of the alarm' }),
})

export const AlarmsQuery = z.strictObject({
  facility: Name.optional().meta({ description: 'only those of this facility' }),
  open: z
    .enum(['true', 'false'])
    .transform((given) => given === 'true')
    .optional()
    .meta({ description: 'only those nobody has closed, or that somebody has' }),
  before: AlarmNumber.optional().meta({ description: 'only those with a smaller number' }),
  limit: limit(200, 50),
})

const alarm = {
  id: z.int(),
  device: orNull(Name).meta({ description: 'null where it is about bags' }),
  deviceLabel: orNull(z.string()).meta({ description: 'what people call the device, where not by its name' }),
  facility: Name.meta({ description: 'whose people are told: what lasts goes with its device' }),
  kind: z.enum(alarmKinds),
  part: z.string().meta({
    description: 'which probe or door; empty where it is the device itself; the id of a bag; a journey',
  }),
  bags: z
    .array(z.object({ bagId: z.string(), label: z.string() }))
    .meta({ description: 'the bags it is about, where it is not about a device' }),
  class: z.enum(alarmClasses),
  zh: z.string(),
  en: z.string(),
  from: InstantText.meta({ description: 'when what raised it began' }),
  raisedAt: InstantText,
  acknowledgedAt: orNull(InstantText),
  endedAt: orNull(InstantText).meta({ description: 'when it was found to be over; it closes nothing' }),
  retiredAt: orNull(InstantText).meta({
    description:
      'when its device was revoked while it lasted: nobody hears whether it is over, so it stays until somebody closes it',
  }),
  closedAt: orNull(InstantText),
  steps: z.int().meta({ description: 'how many have been paged in turn' }),
  cause: orNull(
    z.object({
      cause: z.enum(causes),
      signs: z.array(z.enum(causeSigns)).meta({ description: 'what decided' }),
      zh: z.string(),
      en: z.string(),
    }),
  ).meta({
    description:
      'why, as it looked when it was raised; null while that is not known, and where it needs none',
  }),
  outlook: orNull(Outlook).meta({
    description: 'when the load was foretold to leave its limits, as it looked when it was raised',
  }),
  rescue: orNull(z.object({ bags: z.int(), plan: z.string() })).meta({
    description:
      'how many bags are inside, and where to ask for the plan; null where it asks for no action, or is closed',
  }),
}

export const Alarms = z
  .object({
    alarms: z.array(z.object(alarm).meta({ id: 'Alarm' })).meta({ description: 'newest first' }),
    next: orNull(z.int()).meta({ description: 'ask for what comes `before` this; null where nothing does' }),
  })
  .meta({ id: 'Alarms' })

export const AlarmDetail = z
  .object({
    ...alarm,
    events: z
      .array(
        z.object({
          at: InstantText,
          verb: z.enum(alarmVerbs),
          by: z.object({ kind: z.enum(actorKinds), id: z.string() }),
          comment: orNull(z.string()),
          data: z.record(z.string(), z.unknown()),
        }),
      )
      .meta({ description: 'all that happened, oldest first' }),
  })
  .meta({ id: 'AlarmDetail' })

export const AlarmCommentInput = z
  .strictObject({ comment: text(500).meta({ description: 'what was found, or done' }) })
  .meta({ id: 'AlarmCommentInput' })
