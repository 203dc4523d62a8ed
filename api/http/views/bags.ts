import type { z } from 'zod'
import type { BagDetail, Bags, Trace as TraceBody } from '../../../schema/http/bags.ts'
import type { ReturnClock as ReturnClockBody } from '../../../schema/http/life.ts'
import type { HoldKind } from '../../../schema/vocabulary.ts'
import { inForce } from '../../domain/effective.ts'
import type { Exposure } from '../../domain/exposure.ts'
import { isVouchedFor } from '../../domain/place.ts'
import type { ReturnClock } from '../../domain/return-clock.ts'
import { shownNumber, shownProduct } from '../../domain/unit-id.ts'
import type { Bag, tagsOf } from '../../stores/bags.ts'
import type { Device } from '../../stores/devices.ts'
import type { datedPlacesOf } from '../../stores/sightings.ts'
import type { Trace } from '../../usecases/trace-bag.ts'
import { celsiusOrNull, iso, isoOrNull, minutes } from '../units.ts'

/** Codes of facilities by id, for views. */
export type Codes = ReadonlyMap<number, string>

export function bagView(bag: Bag, codes: Codes): z.infer<typeof Bags>['bags'][number] {
  const { id, scheme, identifier, productCode, collectionType, division, component } = bag
  const { abo, rhd, holderId, destinationId } = bag
  return {
    bagId: id,
    scheme,
    din: shownNumber(identifier),
    productCode: shownProduct(identifier, { productCode, collectionType, division }),
    component,
    bagCount: bag.bagCount,
    amount: bag.amount,
    uom: bag.uom,
    expiresAt: iso(bag.expiresAt),
    registeredAt: iso(bag.registeredAt),
    state: bag.state,
    group: abo !== null && rhd !== null ? { abo, rhd } : null,
    lowTitre: bag.lowTitre,
    holder: holderId === null ? null : (codes.get(holderId) ?? null),
    destination: destinationId === null ? null : (codes.get(destinationId) ?? null),
    reservedUntil: isoOrNull(bag.reservedUntil),
    promisedTo: bag.reservedToId === null ? null : (codes.get(bag.reservedToId) ?? null),
  }
}

export function clockView({ returns, governs, ...clock }: ReturnClock): z.infer<typeof ReturnClockBody> {
  const { outSince, by, ruleBy, estimateBy, transfuseBy } = clock
  return {
    ...{ returns, governs, outSince: iso(outSince), by: isoOrNull(by) },
    ...{ ruleBy: isoOrNull(ruleBy), estimateBy: isoOrNull(estimateBy), transfuseBy: iso(transfuseBy) },
  }
}

type Place = Awaited<ReturnType<typeof datedPlacesOf>>[number]

/** What else is told of one bag. */
type Known = {
  readonly tags: Awaited<ReturnType<typeof tagsOf>>
  /** Those that stand. */
  readonly holds: readonly { id: number; kind: HoldKind; reason: string; placedAt: number }[]
  readonly knowsPatients: boolean
}

export function bagDetail(
  bag: Bag,
  codes: Codes,
  { tags, holds, knowsPatients }: Known,
  place: (Place & { readonly placements: Device['placements'] }) | null,
  now: number,
): z.infer<typeof BagDetail> {
  return {
    ...bagView(bag, codes),
    reservedFor: knowsPatients ? bag.reservedFor : null,
    holds: holds.map(({ id, kind, reason, placedAt }) => ({
      holdId: id,
      kind,
      reason,
      placedAt: iso(placedAt),
    })),
    tags: tags.map(({ tag, from, to }) => ({ tag, from: iso(from), to: isoOrNull(to) })),
    place: place && {
      state: place.state,
      device: place.device,
      facility: inForce(place.placements, now).facility,
      from: iso(place.from),
      timeVerified: isVouchedFor(place),
    },
  }
}

export function traceView(
  { bag, asOf, policy, places, beforeFirstSeen, inherited, total }: Trace,
  codes: Codes,
): z.infer<typeof TraceBody> {
  return {
    bag: bagView(bag, codes),
    asOf: iso(asOf),
    policy: { ...policy, storage: [...policy.storage], transport: [...policy.transport] },
    beforeFirstSeen: beforeFirstSeen && { from: iso(beforeFirstSeen.from), to: iso(beforeFirstSeen.to) },
    places: places.map(({ from, to, exposure, uncontrolledMs, ...place }) => ({
      ...place,
      from: iso(from),
      to: iso(to),
      ...exposureView({ ...exposure, uncontrolledMs }),
    })),
    inherited: inherited && exposureView(inherited),
    total: exposureView(total),
  }
}

function exposureView(
  exposure: Exposure & { readonly uncontrolledMs: number },
): z.infer<typeof TraceBody>['total'] {
  const ms = {
    inRange: exposure.inRangeMs,
    below: exposure.belowMs,
    above: exposure.aboveMs,
    unverified: exposure.unverifiedMs,
    uncontrolled: exposure.uncontrolledMs,
  }
  return {
    minutes: {
      inRange: minutes(ms.inRange),
      below: minutes(ms.below),
      above: minutes(ms.above),
      unverified: minutes(ms.unverified),
      uncontrolled: minutes(ms.uncontrolled),
    },
    ms,
    coldest: celsiusOrNull(exposure.coldest),
    warmest: celsiusOrNull(exposure.warmest),
  }
}
