import type { z } from 'zod'
import type { Rescue, RescuePlan } from '../../../schema/http/rescues.ts'
import type { Rejected } from '../../domain/rescue.ts'
import { cnRescueReasons, cnRescueRejections, cnRescueStays, cnRescueWays } from '../../policies/rescue.ts'
import type { HostRow } from '../../stores/rescue-facts.ts'
import type { ShownMove } from '../../stores/rescues.ts'
import type { readRescue } from '../../usecases/plan-rescue.ts'
import { celsius, iso, isoOrNull, minutes } from '../units.ts'

type Planned = Awaited<ReturnType<typeof readRescue>>

export function rescuePlanView({ plan, bags, hosts, found, moves }: Planned): z.infer<typeof RescuePlan> {
  const host = (id: number) => hosts.get(id) as HostRow
  const names = (ids: readonly number[]) => ids.map((id) => host(id).name)
  const bagView = (bagId: string) => {
    const { label = '', isHeld = false } = bags.get(bagId) ?? {}
    return { bagId, label, isHeld }
  }
  const rejectedView = (rejected: readonly Rejected[]) =>
    rejected.map(({ reason, devices }) => {
      return { reason, ...cnRescueRejections[reason], devices: names(devices) }
    })
  return {
    alarm: found.id,
    device: found.device,
    askedAt: iso(plan.askedAt),
    policy: plan.policy,
    limitAt: plan.limitAt && { p10: iso(plan.limitAt.p10), median: iso(plan.limitAt.median) },
    moves: plan.moves.map(({ order, bag, device, way, leaveBy, reasons, reading, placesLeft, rejected }) => ({
      ...{ order, ...bagView(bag), to: host(device).name, facility: host(device).facility },
      ...{ by: way.by, wayMinutes: minutes(way.ms), leaveBy: isoOrNull(leaveBy), placesLeft },
      reasons: reasons.map((reason) => ({ reason, ...cnRescueReasons[reason] })),
      reading: reading && { at: iso(reading.at), celsius: celsius(reading.centi) },
      rejected: rejectedView(rejected),
    })),
    stays: plan.stays.map(({ bag, reason, ask, rejected }) => {
      return {
        ...{ ...bagView(bag), reason, ...cnRescueStays[reason] },
        ...{ ask: names(ask), rejected: rejectedView(rejected) },
      }
    }),
    trips: plan.trips.map(({ device, by, bags: carried, wayMs, leaveBy }) => ({
      ...{ to: host(device).name, by, ...cnRescueWays[by], bags: [...carried] },
      ...{ wayMinutes: minutes(wayMs), leaveBy: isoOrNull(leaveBy) },
    })),
    carriers: plan.carriers,
    accepted: moves.map(moveView),
  }
}

export function moveView(move: ShownMove): z.infer<typeof Rescue>['moves'][number] {
  const { order, bagId, label, from, to, facility, by, state, inside, isToInAlarm, isToGone } = move
  const { leaveBy, acceptedAt, settledAt } = move
  return {
    ...{ order, bagId, label, from, to, facility, by, state, inside, isToInAlarm, isToGone },
    leaveBy: isoOrNull(leaveBy),
    acceptedAt: iso(acceptedAt),
    settledAt: isoOrNull(settledAt),
  }
}
