import { deflateRawSync } from 'node:zlib'
import {
  type OfflineList,
  type OfflinePatients,
  type SignedDocument,
  whoIs,
} from '../../schema/offline-list.ts'
import type { Component } from '../../schema/vocabulary.ts'
import { components } from '../../schema/vocabulary.ts'
import type { Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import type { BagFacts } from '../domain/bag.ts'
import { inForce } from '../domain/effective.ts'
import { phaseIn } from '../domain/exposure.ts'
import type { ListedKept } from '../domain/offline.ts'
import { cnAnswers } from '../policies/answers.ts'
import { crossmatchRules } from '../policies/crossmatches.ts'
import { emergencyRules } from '../policies/emergency.ts'
import { cnOffline } from '../policies/offline.ts'
import { factsOfAll } from '../stores/bags.ts'
import { profilesInForce } from '../stores/barcode-profiles.ts'
import { traitsAndTreatmentsOf } from '../stores/crossmatches.ts'
import type { Transaction } from '../stores/database.ts'
import { findDevice, lockDevice } from '../stores/devices.ts'
import { facilityCodes, jurisdictionOf } from '../stores/facilities.ts'
import { bagsReleased } from '../stores/ledgers.ts'
import { currentSigner, type Signer, saltOf } from '../stores/list-keys.ts'
import {
  bagsInReach,
  insertList,
  nextSeq,
  type PatientInCare,
  patientsInCare,
} from '../stores/offline-lists.ts'
import { policyVersions } from '../stores/policies.ts'
import { type KeptFacts, keptByOnce, keptFactsOfAll } from '../stores/scans.ts'
import { rulesInForce } from '../stores/take-outs.ts'
import { howKept } from './how-kept.ts'
import { uuidv7 } from './register-bag.ts'

/** How the bags of a facility were kept, as of one moment; what it lacks nobody has asked for yet. */
export type KeptBook = { readonly at: number; readonly kept: Map<string, ListedKept | null> }

type ListedBags = OfflineList['bags']

/** What a facility's lists say alike. */
export type FacilityFacts = Omit<OfflineList, 'device' | 'seq' | 'leftOut'> & { readonly facilityId: number }

/** Most of a packet may be a list's payload, so that with all that is put around it none is too large (`maxPacketBytes`). */
const mostPayloadBytes = 150_000

/** What tells of patients goes by no packet, and may be more: as many as a reader takes (`SignedDocument`). */
const mostPatientsBytes = 700_000

/**
 * What terminals of a facility are to know. How bags were kept is the greater part of the work, and asked of those only that
 * may be handed out; where that was asked a moment ago, holds and states alone are read anew.
 *
 * @param book what is known of how bags were kept; filled with what it lacks
 */
export async function facilityFacts(
  { database, now: clock }: Pick<Deps, 'database' | 'now'>,
  facility: { readonly id: number; readonly code: string },
  secret: string,
  book: KeptBook,
): Promise<FacilityFacts> {
  const now = clock()
  const { db } = database
  const salt = saltOf(facility.id, secret)
  const rows = await bagsInReach(db, facility.id)
  const facts = await factsOfAll(
    db,
    rows.map(({ bag }) => bag),
  )
  const asked = rows.flatMap(({ bag }) =>
    bag.state === 'available' && bag.expiresAt > now && !book.kept.has(bag.id) ? [bag.id] : [],
  )
  await fillBook({ database, now: () => book.at }, book, asked)
  const jurisdiction = await jurisdictionOf(db, facility.id)
  const { secondChecker, telephone, crossmatch } = await rulesInForce(db, facility.id)
  const about = await traitsAndTreatmentsOf(
    db,
    facility.id,
    rows.map(({ bag }) => bag.id),
    now,
  )
  const handlingMs: Partial<Record<Component, number | null>> = {}
  for (const component of components) {
    const versions = await policyVersions(db, jurisdiction, component, 'in_hand')
    if (versions.length > 0) handlingMs[component] = inForce(versions, now).longestMs
  }
  return {
    ...{ v: 2, kind: 'holds', facilityId: facility.id, facility: facility.code },
    ...{ asOf: now, keptAt: book.at },
    validUntil: now + cnOffline.freshMs,
    refuseFrom: now + cnOffline.refuseMs,
    policy: { offline: cnOffline.version, answers: cnAnswers.version },
    // Nothing is filled without the network: a terminal is told of no order.
    rules: cnAnswers.rules.filter(({ code }) => !code.startsWith('order_')).map((rule) => ({ ...rule })),
    ...{ secondChecker, telephone, handlingMs },
    rhdPositive: emergencyRules[jurisdiction].rhdPositive,
    crossmatch: { components: [...crossmatchRules[jurisdiction].components], isForAll: crossmatch },
    stations: (await profilesInForce(db, now)).map(({ facility: station, region, profile, codes }) => ({
      ...{ facility: station, region, profile },
      codes: codes.map(({ codabar, fields }) => ({ codabar, fields: [...fields] })),
    })),
    bags: rows.map(({ bag, device, timeZone }, index): ListedBags[number] => {
      const { component, state, expiresAt, group, lowTitre, isForAnybody, reservation, holds } = facts[
        index
      ] as BagFacts
      const { id, scheme, identifier, productCode, collectionType, division } = bag
      const { traits = {}, treatments = [] } = about.get(id) ?? {}
      return {
        ...{ id, identifier, productCode, collectionType, division, device, timeZone },
        ...{ component, state, expiresAt, group, lowTitre, isForAnybody },
        scheme: scheme as ListedBags[number]['scheme'],
        reservation: reservation && {
          patient: whoIs(reservation.patient ?? nobody, salt),
          until: reservation.until,
        },
        holds: [...new Set(holds.map(({ kind }) => kind))],
        kept: book.kept.get(id) ?? null,
        ...(Object.keys(traits).length > 0 ? { traits } : {}),
        ...(treatments.length > 0 ? { treatments: [...treatments] } : {}),
      }
    }),
  }
}

/** Whom a bag is kept for that is promised to another facility: no pseudonym is this. */
const nobody = '\u0000'

/** So many bags are asked about in one statement. */
const atOnce = 200

async function fillBook(
  ctx: Pick<Deps, 'database' | 'now'>,
  { at, kept }: KeptBook,
  bagIds: readonly string[],
): Promise<void> {
  const read = keptByOnce()
  for (let from = 0; from < bagIds.length; from += atOnce) {
    const facts = await keptFactsOfAll(ctx.database, bagIds.slice(from, from + atOnce), at)
    const lives = [...facts.values()].flatMap((known) => known.lives.map((life) => life.bagId))
    const released = await bagsReleased(ctx.database.db, [...new Set(lives)])
    for (const [bagId, known] of facts) {
      const told = await howKept(ctx, known, read, released)
      kept.set(bagId, told && { ...told, ...placeOf(known, at) })
    }
  }
}

/** Where a bag is by now, and until when the last reading there speaks for it. */
function placeOf(
  { lives: [own], policies }: KeptFacts,
  now: number,
): Pick<ListedKept, 'place' | 'spokenUntil'> {
  const stay = own?.stays.at(-1)
  if (!own || !stay) return { place: null, spokenUntil: null }
  if (stay.to !== null) return { place: 'unknown', spokenUntil: null }
  if (stay.state !== 'inside') return { place: stay.state, spokenUntil: null }
  const probe = (['load', 'air'] as const).flatMap(
    (kind) => stay.probes.find((one) => one.kind === kind) ?? [],
  )[0]
  const versions = policies[own.component]?.[phaseIn(stay.kind)] ?? []
  if (!probe || versions.length === 0 || stay.profiles.length === 0)
    return { place: 'inside', spokenUntil: now }
  const longestMs = Math.min(inForce(versions, now).maxSilenceMs, inForce(stay.profiles, now).maxSilenceMs)
  return { place: 'inside', spokenUntil: probe.lastAt + longestMs }
}

/** Sign a list for a device and queue it. @returns false where the device is revoked, or stands elsewhere by now */
export async function offerList(
  tx: Transaction,
  actor: Actor,
  name: string,
  facts: FacilityFacts,
  signer: Signer,
): Promise<boolean> {
  const { facilityId, ...common } = facts
  const found = await findDevice(tx, name)
  await lockDevice(tx, found.id)
  if (found.revokedAt !== null || inForce(found.placements, facts.asOf).facilityId !== facilityId)
    return false
  const seq = await nextSeq(tx, found.id)
  const { signed, leftOut } = fitted({ ...common, device: name, seq }, signer)
  const bags = facts.bags.length - leftOut
  const about = { deviceId: found.id, device: name, facilityId, seq, asOf: facts.asOf }
  await insertList(tx, actor, { ...about, signed, bags, leftOut, commandId: uuidv7(facts.asOf) })
  return true
}

/**
 * As many bags as have room: those in the device itself first, then those that may be handed out, then the rest, each by
 * expiry. What is left out is counted, and not handed out.
 */
function fitted(
  list: Omit<OfflineList, 'leftOut'>,
  signer: Signer,
): { readonly signed: SignedDocument; readonly leftOut: number } {
  const turnOf = ({ device, state, holds }: ListedBags[number]) =>
    device === list.device ? 0 : state === 'available' && holds.length === 0 ? 1 : 2
  const bags = list.bags.map((bag) => ({ bag, turn: turnOf(bag) })).sort((a, b) => a.turn - b.turn)
  const { bytes, leftOut } = asManyAs(mostPayloadBytes, bags, (told, left) =>
    packed({ ...list, bags: told.map(({ bag }) => bag), leftOut: left } satisfies OfflineList),
  )
  return { signed: signedBy(signer, bytes), leftOut }
}

/** A document of as many as have room in so many bytes, the first in front. */
function asManyAs<T>(
  mostBytes: number,
  all: readonly T[],
  document: (told: readonly T[], leftOut: number) => Buffer,
): { readonly bytes: Buffer; readonly leftOut: number } {
  for (let room = all.length; ; ) {
    const leftOut = all.length - room
    const bytes = document(all.slice(0, room), leftOut)
    if (bytes.length <= mostBytes || room === 0) return { bytes, leftOut }
    room = Math.floor(Math.min(room - 1, room * (mostBytes / bytes.length) * 0.98))
  }
}

/** The patients bags of a facility may be for, for one of its terminals: as many as have room, those with records first. */
export async function signPatients(
  tx: Transaction,
  actor: Actor,
  { device, facilityId }: { readonly device: string; readonly facilityId: number },
  secret: string,
  now: number,
): Promise<SignedDocument> {
  const salt = saltOf(facilityId, secret)
  const known = await patientsInCare(tx, facilityId, now)
  const listed = known.patients.map((one) => listedPatient(one, salt))
  const facility = (await facilityCodes(tx, [facilityId])).get(facilityId) as string
  const common = {
    ...({ v: 2, kind: 'patients', device, facility, salt } as const),
    ...{ asOf: now, validUntil: now + cnOffline.freshMs },
  }
  const { bytes } = asManyAs(mostPatientsBytes, listed, (patients, left) =>
    packed({ ...common, patients: [...patients], leftOut: known.leftOut + left }),
  )
  return signedBy(await currentSigner(tx, actor, secret, now), bytes)
}

/** Samples, and who grouped them, are numbered here: what decides asks only which are the same. */
function listedPatient(
  { pseudonym, word, antiD, sampleUntil, record, crossmatches }: PatientInCare,
  salt: string,
): OfflinePatients['patients'][number] {
  const patient = { who: whoIs(pseudonym, salt), group: word, antiD, sampleUntil }
  if (!record) return patient
  const { samples, groupings, screens, antibodies, requirements, exposedAt } = record
  const sampleOf = shortNames(samples.map(({ id }) => id))
  const personOf = shortNames(groupings.map(({ by }) => by))
  const told = crossmatches.flatMap(({ sampleId, ...one }) =>
    sampleOf.has(sampleId) ? [{ ...one, sampleId: nameOf(sampleOf, sampleId) }] : [],
  )
  return {
    ...patient,
    record: {
      samples: samples.map((sample) => ({ ...sample, id: nameOf(sampleOf, sample.id) })),
      groupings: groupings.map((one) => ({
        ...one,
        sampleId: nameOf(sampleOf, one.sampleId),
        by: nameOf(personOf, one.by),
      })),
      screens: screens.map((one) => ({ ...one, sampleId: nameOf(sampleOf, one.sampleId) })),
      ...{ antibodies: [...antibodies], requirements: [...requirements], exposedAt },
    },
    ...(told.length > 0 ? { crossmatches: told } : {}),
  }
}

function shortNames(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map([...new Set(names)].map((name, number) => [name, number.toString(36)]))
}

const nameOf = (names: ReadonlyMap<string, string>, name: string) => names.get(name) as string

function packed(document: OfflineList | OfflinePatients): Buffer {
  return deflateRawSync(JSON.stringify(document))
}

function signedBy({ keyId, sign }: Signer, bytes: Buffer): SignedDocument {
  return { keyId, payload: bytes.toString('base64'), signature: sign(bytes).toString('base64') }
}
