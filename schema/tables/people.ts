import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  customType,
  index,
  integer,
  pgTable,
  text,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { roles } from '../vocabulary.ts'
import { instant, oneOf, sha256 } from './columns.ts'
import { facility } from './facilities.ts'

/** An instant as better-auth wants it; stored as everywhere else, ms UTC. */
const date = customType<{ data: Date; driverData: number }>({
  dataType: () => 'bigint',
  toDriver: (value) => value.getTime(),
  fromDriver: (value) => new Date(value),
})

/** Somebody who can sign in. Never deleted, for what they did names them; `endedAt` ends it. */
export const person = pgTable('person', {
  id: text().primaryKey(),
  /** In lower case, unique; how they sign in. */
  username: text().notNull().unique(),
  name: text().notNull(),
  email: text().notNull().unique(),
  emailVerified: boolean().notNull().default(false),
  image: text(),
  createdAt: date().notNull(),
  updatedAt: date().notNull(),
  endedAt: instant(),
})

/** A sign-in that lasts. The token alone opens nothing: it is believed with the service's signature only. */
export const session = pgTable(
  'session',
  {
    id: text().primaryKey(),
    token: text().notNull().unique(),
    userId: text()
      .notNull()
      .references(() => person.id),
    expiresAt: date().notNull(),
    ipAddress: text(),
    userAgent: text(),
    createdAt: date().notNull(),
    updatedAt: date().notNull(),
  },
  (t) => [index('session_person').on(t.userId)],
)

/** How a person proves who they are: a password here (scrypt), or a subject of an OpenID provider. */
export const account = pgTable(
  'account',
  {
    id: text().primaryKey(),
    accountId: text().notNull(),
    providerId: text().notNull(),
    userId: text()
      .notNull()
      .references(() => person.id),
    accessToken: text(),
    refreshToken: text(),
    idToken: text(),
    accessTokenExpiresAt: date(),
    refreshTokenExpiresAt: date(),
    scope: text(),
    password: text(),
    createdAt: date().notNull(),
    updatedAt: date().notNull(),
  },
  (t) => [unique('account_of_provider').on(t.providerId, t.accountId), index('account_person').on(t.userId)],
)

/** What better-auth remembers between the steps of a sign-in with an OpenID provider. */
export const verification = pgTable('verification', {
  id: text().primaryKey(),
  identifier: text().notNull(),
  value: text().notNull(),
  expiresAt: date().notNull(),
  createdAt: date().notNull(),
  updatedAt: date().notNull(),
})

/** A role a person holds for one facility, or for all where `facilityId` is null; [from, to) by server time. */
export const roleGrant = pgTable(
  'role_grant',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    personId: text()
      .notNull()
      .references(() => person.id),
    role: text({ enum: roles }).notNull(),
    facilityId: integer().references(() => facility.id),
    from: instant().notNull(),
    to: instant(),
  },
  (t) => [
    oneOf('role_grant_role', t.role, roles),
    check('role_grant_interval', sql`${t.from} <= ${t.to}`),
    uniqueIndex('role_grant_once')
      .on(t.personId, t.role, sql`coalesce(facility_id, 0)`)
      .where(sql`"to" is null`),
  ],
)

/** The key of a machine: one role, for one facility or for all. Only its SHA-256 is kept. */
export const apiKey = pgTable(
  'api_key',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: text().notNull().unique(),
    hash: sha256().notNull().unique(),
    role: text({ enum: roles }).notNull(),
    facilityId: integer().references(() => facility.id),
    createdAt: instant().notNull(),
    revokedAt: instant(),
  },
  (t) => [oneOf('api_key_role', t.role, roles)],
)

/** A staff badge and its PIN (scrypt), by which a person who is known here says again who they are. */
export const badge = pgTable('badge', {
  personId: text()
    .primaryKey()
    .references(() => person.id),
  /** SHA-256 of what the badge reads as. */
  code: sha256().notNull().unique(),
  pin: text().notNull(),
  issuedAt: instant().notNull(),
})

/** Wrong passwords and PINs in a row, by what was claimed; gone with the first right one. */
export const failedSignIn = pgTable('failed_sign_in', {
  /** `username:…` or `badge:…`, the latter with the hash of the code. */
  claim: text().primaryKey(),
  failures: integer().notNull(),
  lastAt: instant().notNull(),
})
