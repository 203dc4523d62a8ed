import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  abos,
  bagStates,
  bagVerbs,
  components,
  holdKinds,
  markers,
  placeStates,
  rhds,
  sightingKinds,
  sightingSources,
  unitSchemes,
  unitsOfMeasure,
} from '../vocabulary.ts'
import { instant, oneOf } from './columns.ts'
import { deviceCommand } from './commands.ts'
import { boot, device } from './devices.ts'
import { facility } from './facilities.ts'
import { rejudgement } from './policies.ts'
import { modification } from './products.ts'

/** What was given at one time by one donor, of whom only a pseudonym is known. Its bags share its identifier. */
export const donation = pgTable(
  'donation',
  {
    id: uuid().primaryKey(),
    scheme: text().notNull(),
    identifier: text().notNull(),
    /** The collecting centre's pseudonym of the donor; hospitals never see it. */
    donor: text().notNull(),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    collectedAt: instant().notNull(),
    registeredAt: instant().notNull(),
  },
  (t) => [unique('donation_identity').on(t.scheme, t.identifier), index('donation_donor').on(t.donor)],
)

/** A group as one person or instrument determined it; two that agree make it known. Append-only. */
export const grouping = pgTable(
  'grouping',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    donationId: uuid()
      .notNull()
      .references(() => donation.id),
    abo: text({ enum: abos }).notNull(),
    rhd: text({ enum: rhds }).notNull(),
    actor: jsonb().notNull(),
    at: instant().notNull(),
  },
  (t) => [
    index('grouping_donation').on(t.donationId),
    oneOf('grouping_abo', t.abo, abos),
    oneOf('grouping_rhd', t.rhd, rhds),
  ],
)

/** What a donation was tested for. Append-only; reactive once is reactive. */
export const testResult = pgTable(
  'test_result',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    donationId: uuid()
      .notNull()
      .references(() => donation.id),
    marker: text({ enum: markers }).notNull(),
    reactive: boolean().notNull(),
    actor: jsonb().notNull(),
    at: instant().notNull(),
  },
  (t) => [index('test_result_donation').on(t.donationId), oneOf('test_result_marker', t.marker, markers)],
)

/** One physical bag: donation, product and division. A donation identification number alone names several bags. */
export const bag = pgTable(
  'bag',
  {
    id: uuid().primaryKey(),
    /** Who numbers it. */
    scheme: text().notNull(),
    /** The 13 characters of the DIN, without flags and check character; of a station's own number a key that names both. */
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
    /** Where it is being sent; null while it is not. */
    destinationId: integer().references(() => facility.id),
    /** Null of bags that were registered by their label alone. */
    donationId: uuid().references(() => donation.id),
    /** A projection of its events, guarded by `version`: how many there are. */
    state: text({ enum: bagStates }).notNull().default('available'),
    version: integer().notNull().default(0),
    /** Moves whenever anything of the bag is locked to be changed: who decided by what stood before finds out. */
    revision: integer().notNull().default(0),
    /** As labelled; null while the donation is not grouped. */
    abo: text({ enum: abos }),
    rhd: text({ enum: rhds }),
    /** Labelled as having few antibodies against A and B. */
    lowTitre: boolean().notNull().default(false),
    /** Of what it was made of, the earliest; null where nobody said: then no later than it was registered. */
    collectedAt: instant(),
    /** How many bags went into it, and how much it holds; null where nobody said. */
    bagCount: integer().notNull().default(1),
    amount: doublePrecision(),
    uom: text({ enum: unitsOfMeasure }),
    /** The pseudonym of the patient it is kept for, or the facility it is promised to by a transfer; and until when. */
    reservedFor: text(),
    reservedToId: integer().references(() => facility.id),
    reservedUntil: instant(),
  },
  (t) => [
    index('bag_holder').on(t.holderId, t.state, t.expiresAt),
    index('bag_donation').on(t.donationId),
    index('bag_under_way').on(t.holderId).where(sql`state in ('in_transit', 'arrived')`),
    index('bag_issued').on(t.holderId).where(sql`state = 'issued'`),
    index('bag_living').on(t.expiresAt).where(sql`state not in ('processed', 'transfused', 'discarded')`),
    index('bag_fated').on(t.holderId).where(sql`state in ('processed', 'transfused', 'discarded')`),
    index('bag_reserved').on(t.reservedUntil).where(sql`reserved_until is not null`),
    index('bag_waiting').on(t.state, t.holderId).where(sql`state in ('distributed', 'returned')`),
    oneOf('bag_scheme', t.scheme, unitSchemes),
    oneOf('bag_state', t.state, bagStates),
    oneOf('bag_abo', t.abo, abos),
    oneOf('bag_rhd', t.rhd, rhds),
    check('bag_group', sql`(${t.abo} is null) = (${t.rhd} is null)`),
    check(
      'bag_reservation',
      sql`num_nonnulls(${t.reservedFor}, ${t.reservedToId}) = num_nonnulls(${t.reservedUntil})`,
    ),
    unique('bag_identity').on(t.scheme, t.identifier, t.productCode, t.division),
    oneOf('bag_component', t.component, components),
    oneOf('bag_uom', t.uom, unitsOfMeasure),
    check(
      'bag_amount',
      sql`${t.bagCount} > 0 and ${t.amount} > 0 and (${t.amount} is null) = (${t.uom} is null)`,
    ),
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
    /**
     * Since when somebody says so: what was seen of the tag from `from` until then is told of the bag, but hands none
     * out. Null of those from before that was asked.
     */
    vouchedFrom: instant(),
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
    index('bag_place_taken')
      .on(t.knownFrom)
      .where(sql`known_to is null and "to" is null and state = 'in_hand'`),
    index('bag_place_device').on(t.deviceId).where(sql`known_to is null`),
  ],
)

/** Everything that was done to a bag, in order. Append-only; the bag's own row is its projection. */
export const bagEvent = pgTable(
  'bag_event',
  {
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    /** 1 for the first. */
    version: integer().notNull(),
    verb: text({ enum: ['collect', 'register', 'expire', ...bagVerbs] }).notNull(),
    from: text({ enum: bagStates }),
    to: text({ enum: bagStates }).notNull(),
    at: instant().notNull(),
    actor: jsonb().notNull(),
    /** What else is to be known of it: where to, for whom, why. */
    data: jsonb().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.bagId, t.version] }),
    index('bag_event_transfused_against')
      .on(t.at, t.bagId, t.version)
      .where(
        sql`verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction') and data->'discrepancies' <> '[]'`,
      ),
    index('bag_event_to_review').on(t.at, t.bagId, t.version).where(sql`verb = 'issue' and data ? 'review'`),
    index('bag_event_given_to')
      .on(sql`(data->>'patient')`)
      .where(
        sql`verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction')`,
      ),
    index('bag_event_issued_for').on(sql`(data->>'patient')`).where(sql`verb = 'issue'`),
    index('bag_event_for_order')
      .on(sql`(data->>'order')`)
      .where(sql`verb in ('issue', 'reserve') and data ? 'order'`),
    index('bag_event_sent_in').on(sql`(data->>'box')`).where(sql`verb = 'distribute'`),
    oneOf('bag_event_verb', t.verb, ['collect', 'register', 'expire', ...bagVerbs]),
    uniqueIndex('bag_event_expired').on(t.bagId).where(sql`verb = 'expire'`),
    oneOf('bag_event_from', t.from, bagStates),
    oneOf('bag_event_to', t.to, bagStates),
  ],
)

/** Which bags were made of which. */
export const bagLineage = pgTable(
  'bag_lineage',
  {
    parentId: uuid()
      .notNull()
      .references(() => bag.id),
    childId: uuid()
      .notNull()
      .references(() => bag.id),
    /** Null of those from before that was asked. */
    modificationId: uuid().references(() => modification.id),
    /** The child's account starts anew: the catalogue said so when it was made. */
    resetsExposure: boolean().notNull().default(false),
  },
  (t) => [primaryKey({ columns: [t.parentId, t.childId] }), index('bag_lineage_child').on(t.childId)],
)

/** Why a bag must not be used, until somebody lifts it. A bag may have several. */
export const bagHold = pgTable(
  'bag_hold',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    bagId: uuid()
      .notNull()
      .references(() => bag.id),
    kind: text({ enum: holdKinds }).notNull(),
    reason: text().notNull(),
    placedAt: instant().notNull(),
    placedBy: jsonb().notNull(),
    liftedAt: instant(),
    liftedBy: jsonb(),
    liftReason: text(),
    /** By what it was placed; null of all that a ledger or a person asked for. */
    rejudgementId: integer().references(() => rejudgement.id),
    /**
     * The revision of the bag's ledger that whoever lifted it released, or of what that re-judgement says beside it; null
     * where it was of nothing in them.
     */
    releasedRevision: integer(),
  },
  (t) => [
    oneOf('bag_hold_kind', t.kind, holdKinds),
    index('bag_hold_bag').on(t.bagId).where(sql`lifted_at is null`),
  ],
)

/** A patient as one facility knows them: by a pseudonym, with the group that was determined there. */
export const patient = pgTable(
  'patient',
  {
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    pseudonym: text().notNull(),
    abo: text({ enum: abos }),
    rhd: text({ enum: rhds }),
    /** Anti-D was found, now or ever: no RhD-positive cells on anybody's word. */
    antiD: boolean().notNull().default(false),
    /** Until when the newest sample may be relied on. */
    sampleUntil: instant(),
    /** Samples, antibodies or needs of theirs are on record: what is said above is then not all there is to know. */
    hasRecord: boolean().notNull().default(false),
    /** Moves with all that is said or found of them, so that nothing is handed out by what was read before. */
    revision: integer().notNull().default(0),
    /** When anything was last said of them, or found. */
    updatedAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.facilityId, t.pseudonym] }),
    index('patient_updated').on(t.updatedAt),
    oneOf('patient_abo', t.abo, abos),
    oneOf('patient_rhd', t.rhd, rhds),
  ],
)

/** A door session: somebody opened a device to take bags out for a patient, or in an emergency. */
export const takeOut = pgTable(
  'take_out',
  {
    id: uuid().primaryKey(),
    deviceId: integer()
      .notNull()
      .references(() => device.id),
    facilityId: integer()
      .notNull()
      .references(() => facility.id),
    /** Null in an emergency without one. */
    pseudonym: text(),
    emergency: boolean().notNull(),
    reason: text(),
    actor: jsonb().notNull(),
    openedAt: instant().notNull(),
    expiresAt: instant().notNull(),
    /** The command that opens the door. Null of sessions from before doors were told. */
    unlockId: uuid().references(() => deviceCommand.id),
    /** By the rules of the facility then: another person must have checked, and where to call. */
    checkNeeded: boolean().notNull().default(false),
    telephone: text(),
    /** Who checked, besides who opened it. */
    checkedBy: jsonb(),
    checkedAt: instant(),
    /** By the policy then, RhD-positive cells go to this patient in this emergency without a physician's word. */
    rhdPositiveAllowed: boolean().notNull().default(false),
    /** By the rules and the patient's record then, what is handed out must have been crossmatched. */
    crossmatchNeeded: boolean().notNull().default(false),
    /** The order it fills, where one was named; of the same patient. */
    orderId: uuid(),
  },
  (t) => [
    index('take_out_device').on(t.deviceId, t.openedAt),
    check('take_out_check', sql`(${t.checkedBy} is null) = (${t.checkedAt} is null)`),
  ],
)

/** What was answered to a scan, and why: GO, STOP or CALL. Append-only. */
export const scanAnswer = pgTable(
  'scan_answer',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    takeOutId: uuid()
      .notNull()
      .references(() => takeOut.id),
    /** What was read; the bag, where it is one we know. */
    scanned: text().notNull(),
    bagId: uuid().references(() => bag.id),
    answer: text({ enum: ['GO', 'STOP', 'CALL'] }).notNull(),
    findings: jsonb().notNull(),
    /** A physician's word that was given with it. */
    override: text(),
    /** Why the bag was taken although somebody was to be called. */
    glassBroken: text(),
    /** The versions of the table of answers and of the storage policy it was decided by. Null of the first ones. */
    policies: jsonb(),
    knownAt: instant().notNull(),
    actor: jsonb().notNull(),
  },
  (t) => [
    index('scan_answer_bag').on(t.bagId),
    index('scan_answer_take_out').on(t.takeOutId),
    oneOf('scan_answer_answer', t.answer, ['GO', 'STOP', 'CALL']),
  ],
)
