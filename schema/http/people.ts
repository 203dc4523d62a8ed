import { z } from 'zod'
import { Name } from '../topics.ts'
import { roles } from '../vocabulary.ts'
import { InstantText, limit, orNull, text } from './values.ts'

const username = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$/,
    '3 to 64 of A-Z a-z 0-9 . _ - , beginning with a letter or digit',
  )
  .toLowerCase()
  .meta({ description: 'in either case; kept in lower case', example: 'chen.li' })

const password = z.string().min(1).max(1_000).meta({ description: '12 to 128 characters' })

const role = {
  role: z.enum(roles),
  facility: orNull(Name).meta({ description: 'the facility it is held for; null: all of them' }),
}

export const RoleInput = z.strictObject(role).meta({ id: 'RoleInput' })

const HeldRole = z.object(role).meta({ id: 'HeldRole' })

export const PersonInput = z
  .strictObject({
    username,
    name: text(200).meta({ example: '陈丽' }),
    email: z.email().max(320).optional(),
    password: password.optional().meta({ description: 'without one only an OpenID provider lets them in' }),
    roles: z.array(RoleInput).max(50),
  })
  .meta({ id: 'PersonInput' })

export const Person = z
  .object({
    username: z.string(),
    name: z.string(),
    createdAt: InstantText,
    endedAt: orNull(InstantText).meta({ description: 'when they left; null while they have not' }),
    roles: z.array(HeldRole),
  })
  .meta({ id: 'Person' })

export const PeopleQuery = z.strictObject({
  after: username.optional().meta({ description: 'only usernames after this one' }),
  limit: limit(1_000, 100),
})

export const People = z
  .object({
    people: z.array(Person).meta({ description: 'by username' }),
    next: orNull(z.string()).meta({
      description: 'ask for what comes `after` this; null where nothing does',
    }),
  })
  .meta({ id: 'People' })

export const PersonParams = z.strictObject({ username })

export const RoleQuery = z.strictObject({
  role: role.role,
  facility: Name.optional().meta({ description: 'the facility it is held for; without one: all of them' }),
})

export const PasswordInput = z.strictObject({ password }).meta({ id: 'PasswordInput' })

export const BadgeInput = z
  .strictObject({
    badge: text(200).meta({ description: 'what the badge reads as' }),
    pin: z.string().min(1).max(20).meta({ description: '6 to 8 digits, no plain row of them' }),
  })
  .meta({ id: 'BadgeInput' })

export const ReasonInput = z.strictObject({ reason: text(1_000) }).meta({ id: 'ReasonInput' })

export const SignInInput = z
  .strictObject({ username: z.string().min(1).max(200), password })
  .meta({ id: 'SignInInput' })

const session = {
  token: z.string().meta({ description: 'send it as Authorization: Bearer' }),
  expiresAt: InstantText,
  person: Person,
}

export const Session = z.object(session).meta({ id: 'Session', description: 'shown once' })

export const SignedOut = z.object({ signedOut: z.literal(true) }).meta({ id: 'SignedOut' })

export const Caller = z
  .object({
    kind: z.enum(['person', 'integration']),
    name: z.string().meta({ description: 'a username, or the name of a key' }),
    roles: z.array(HeldRole),
  })
  .meta({ id: 'Caller', description: 'who asks, and what they may do' })

export const ApiKeyInput = z
  .strictObject({ name: Name.meta({ example: 'simulator' }), ...role })
  .meta({ id: 'ApiKeyInput' })

const ApiKey = z
  .object({ name: Name, ...role, createdAt: InstantText, revokedAt: orNull(InstantText) })
  .meta({ id: 'ApiKey' })

export const ApiKeys = z.object({ keys: z.array(ApiKey) }).meta({ id: 'ApiKeys' })

export const NewApiKey = z
  .object({
    name: Name,
    key: z.string().meta({ description: 'shown once: send it as Authorization: Bearer' }),
  })
  .meta({ id: 'NewApiKey' })

export const ApiKeyParams = z.strictObject({ name: Name })
