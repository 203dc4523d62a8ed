import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  smallint,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core'
import { components, placeStates, sightingKinds, sightingSources } from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { boot, device } from './devices.ts'
import { facility } from './facilities.ts'

/** One physical bag: donation, product and division. A donation identification number alone names several bags. */
export const bag = pgTable(
  'bag',
  {
    id: uuid().primaryKey(),
    /** Who numbers: 'ISBT128'. */
    scheme: text().notNull(),
    /** The 13 characters of the DIN, without flags and check character. */
    identifier: text().notNull(),
    /** Product description code, five characters, case kept. */
    productCode: text().notNull(),
    /** Collection type, one character, case kept. */
    collectionType: text().notNull(),
    division: text().notNull(),
    component: text({ enum: components }).notNull(),
    /** Exclusive: the end of the label's last usable minute. */
    expiresAt: instant().notNull(),
    registeredAt: instant().notNull(),
    /** Who registered it, and who answers for it now. Null of bags from before that was asked. */
    originId: integer().references(() => facility.id),
    holderId: integer().references(() => facility.id),
  },
  (t) => [
    index('bag_holder').on(t.holderId),
    unique('bag_identity').on(t.scheme, t.identifier, t.productCode, t.division),
    oneOf('bag_component', t.component, components),
  ],
)

/** Which bag a tag is on, [from, to) in event time. */
export const tagAssignment = pgTable(
  'tag_assignment',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    tag: text().notNull(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    from: instant().notNull(),
    to: instant(),
  },
  (t) => [
    index('tag_assignment_tag').on(t.tag),
    index('tag_assignment_bag').on(t.bagId),
    check('tag_assignment_interval', sql`${t.from} < ${t.to}`),
  ],
)

/** What was seen of a tag, by whom and where. An observation: appended, never refused, never changed. */
export const sighting = pgTable(
  'sighting',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    tag: text().notNull(),
    kind: text({ enum: sightingKinds }).notNull(),
    source: text({ enum: sightingSources }).notNull(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    /** The observer's own time. */
    at: instant().notNull(),
    bootId: integer().references(() => boot.id),
    seq: integer(),
    element: smallint(),
    session: text(),
    actor: jsonb(),
    receivedAt: instant().notNull(),
  },
  (t) => [
    oneOf('sighting_kind', t.kind, sightingKinds),
    oneOf('sighting_source', t.source, sightingSources),
    check('sighting_observer', sql`(${t.bootId} is null) = (${t.actor} is not null)`),
    index('sighting_tag').on(t.tag),
    unique('sighting_of_message').on(t.bootId, t.seq, t.element, t.tag, t.kind),
  ],
)

/** A device named every tag it held. The tags themselves are sightings of kind 'seen' of the same message. */
export const inventory = pgTable(
  'inventory',
  {
    bootId: integer()
      .notNull()
      .references(() => boot.id),
    seq: integer().notNull(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    at: instant().notNull(),
  },
  (t) => [unique('inventory_of_message').on(t.bootId, t.seq), index('inventory_device').on(t.deviceId, t.at)],
)

/**
 * Where a bag was, [from, to) in event time; `to` null while it is so. A fold of its sightings, so never edited:
 * superseded by `knownTo`.
 */
export const bagPlace = pgTable(
  'bag_place',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    state: text({ enum: placeStates }).notNull(),
    /** The device it is inside, or was last seen in. */
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    from: instant().notNull(),
    to: instant(),
    knownFrom: instant().notNull(),
    knownTo: instant(),
  },
  (t) => [
    oneOf('bag_place_state', t.state, placeStates),
    index('bag_place_current').on(t.bagId, t.from).where(sql`known_to is null`),
    index('bag_place_device').on(t.deviceId).where(sql`known_to is null`),
  ],
)
