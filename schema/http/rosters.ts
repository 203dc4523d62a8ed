import { z } from 'zod'
import { Name } from '../topics.ts'
import { attemptOutcomes, escalationSteps, noticeChannels } from '../vocabulary.ts'
import { InstantInput, InstantText, limit, orNull, text } from './values.ts'

const Person = text(100).meta({
  description: 'who is told, as they are called there',
  example: 'night-nurse',
})
const Email = z.email().max(254)
const Step = z.enum(escalationSteps).meta({ description: 'whose turn it is while nobody acknowledges' })
const ShiftNumber = z.coerce.number().int().min(1).max(2_147_483_647)

const TimeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is a time of day like 08:00')
  .meta({ description: 'by the clock on the wall of the facility', example: '20:00' })

const TimeOfDayInput = TimeOfDay.transform((given) => {
  const [hours = 0, minutes = 0] = given.split(':').map(Number)
  return hours * 60 + minutes
})

const Weekday = z.int().min(1).max(7)

export const RosterParams = z.strictObject({ code: Name })
export const ContactParams = z.strictObject({ code: Name, contact: Person })
export const ShiftParams = z.strictObject({ code: Name, shiftId: ShiftNumber })
export const RosterQuery = z.strictObject({ limit: limit(1_000, 200) })

export const ContactInput = z
  .strictObject({
    name: Person,
    email: orNull(Email).default(null).meta({ description: 'only where the service sends e-mail' }),
    url: orNull(z.string().max(2_000)).default(null).meta({
      description:
        'a gateway that is called for this person, which may send a message or ring: https, or http to this very machine',
      example: 'https://sms.example.org/hemotrail',
    }),
  })
  .meta({ id: 'ContactInput' })

const Contact = z
  .object({ name: Person, email: orNull(z.string()), url: orNull(z.string()) })
  .meta({ id: 'Contact' })

export const Contacts = z
  .object({ contacts: z.array(Contact).meta({ description: 'by name' }) })
  .meta({ id: 'Contacts' })

export const NewContact = z
  .object({
    name: Person,
    secret: orNull(z.string()).meta({ description: 'shown once: what calls of its gateway are signed with' }),
  })
  .meta({ id: 'NewContact' })

export const ShiftInput = z
  .strictObject({
    step: Step,
    contact: Person,
    weekdays: z
      .array(Weekday)
      .min(1)
      .max(7)
      .refine((days) => new Set(days).size === days.length, 'names a day twice')
      .meta({ description: 'on which it begins: 1 is Monday, 7 Sunday', example: [1, 2, 3, 4, 5] }),
    from: TimeOfDayInput,
    to: TimeOfDayInput.meta({ description: 'the next day, where it is not later than `from`' }),
    effectiveFrom: InstantInput.optional().meta({ description: 'now, where it is not said' }),
    effectiveTo: orNull(InstantInput).default(null),
  })
  .meta({ id: 'ShiftInput' })

const Shift = z
  .object({
    shiftId: z.int(),
    step: Step,
    contact: Person,
    weekdays: z.array(Weekday),
    from: TimeOfDay,
    to: TimeOfDay,
    effectiveFrom: InstantText,
    effectiveTo: orNull(InstantText),
    onDuty: z.boolean().meta({ description: 'now' }),
  })
  .meta({ id: 'Shift' })

export const Roster = z
  .object({
    timeZone: z.string(),
    shifts: z.array(Shift).meta({ description: 'those that have not ended, in the order they were set' }),
  })
  .meta({ id: 'Roster' })

const Notice = z
  .object({
    notice: z.int(),
    to: Person,
    channel: z.enum(noticeChannels),
    step: Step,
    at: InstantText,
    delivered: orNull(z.boolean()).meta({ description: 'null while it is tried; false: given up' }),
    attempts: z.array(
      z.object({
        attempt: z.int().min(1),
        at: InstantText,
        outcome: z.enum(attemptOutcomes),
        status: orNull(z.int()).meta({ description: 'of HTTP or SMTP; null where nothing answered' }),
        error: orNull(z.string()),
      }),
    ),
  })
  .meta({ id: 'Notice', description: 'one person told of an alarm in one way, and every attempt to' })

export const Notices = z
  .object({ notices: z.array(Notice).meta({ description: 'oldest first' }) })
  .meta({ id: 'Notices' })
