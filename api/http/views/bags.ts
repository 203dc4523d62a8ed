import type { z } from 'zod'
import type { BagDetail, Bags, Trace as TraceBody } from '../../../schema/http/bags.ts'
import { inForce } from '../../domain/effective.ts'
import type { Exposure } from '../../domain/exposure.ts'
import { dinCheckCharacter } from '../../domain/isbt128.ts'
import { isVouchedFor } from '../../domain/place.ts'
import type { Bag, tagsOf } from '../../stores/bags.ts'
import type { Device } from '../../stores/devices.ts'
import type { datedPlacesOf } from '../../stores/sightings.ts'
import type { Trace } from '../../usecases/trace-bag.ts'
import { celsiusOrNull, iso, isoOrNull, minutes } from '../units.ts'

export function bagView(bag: Bag): z.infer<typeof Bags>['bags'][number] {
  const { id, scheme, identifier, productCode, collectionType, division, component } = bag
  return {
    bagId: id,
    scheme,
    din: `${identifier}${dinCheckCharacter(identifier)}`,
    productCode: `${productCode}${collectionType}${division}`,
    component,
    expiresAt: iso(bag.expiresAt),
    registeredAt: iso(bag.registeredAt),
  }
}

type Place = Awaited<ReturnType<typeof datedPlacesOf>>[number]

export function bagDetail(
  bag: Bag,
  tags: Awaited<ReturnType<typeof tagsOf>>,
  place: (Place & { readonly placements: Device['placements'] }) | null,
  now: number,
): z.infer<typeof BagDetail> {
  return {
    ...bagView(bag),
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

export function traceView({
  bag,
  asOf,
  policy,
  places,
  beforeFirstSeen,
  total,
}: Trace): z.infer<typeof TraceBody> {
  return {
    bag: bagView(bag),
    asOf: iso(asOf),
    policy: { ...policy, versions: [...policy.versions] },
    beforeFirstSeen: beforeFirstSeen && { from: iso(beforeFirstSeen.from), to: iso(beforeFirstSeen.to) },
    places: places.map(({ from, to, exposure, uncontrolledMs, ...place }) => ({
      ...place,
      from: iso(from),
      to: iso(to),
      ...exposureView({ ...exposure, uncontrolledMs }),
    })),
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
