import type { z } from 'zod'
import type { StockLevels, Transfer, TransferPlan, TransferRequest } from '../../../schema/http/transfers.ts'
import { isUnderWay, missingOf, stateOfTransfer, sumOf } from '../../domain/transfer/promise.ts'
import { cnTransferRejections } from '../../policies/transfer.ts'
import { labelOf } from '../../stores/bags.ts'
import type { Level } from '../../stores/transfer-facts.ts'
import type { KnownRequest } from '../../stores/transfer-requests.ts'
import type { ToldTransfer } from '../../usecases/handle-transfer.ts'
import type { StoredPlan } from '../../usecases/plan-transfers.ts'
import { iso } from '../units.ts'

export function levelsView(facility: string, levels: readonly Level[]): z.infer<typeof StockLevels> {
  return {
    facility,
    levels: levels.map(({ facilityId: _, at, ...level }) => ({ ...level, setAt: iso(at) })),
  }
}

export function requestView(request: KnownRequest): z.infer<typeof TransferRequest> {
  const { id, facility, urgency, deadline, pack, state, lines, at, by, cancelled, eta, device } = request
  const { abo, rhd, antiD, sex, ageYears, rhdPositiveAllowed, physician, requires } = request
  return {
    ...{ requestId: id, facility, urgency, deadline: iso(deadline), pack, state },
    patient: {
      ...{ abo, rhd, antiD, sex, ageYears, rhdPositiveAllowed, physician },
      requires: [...requires],
    },
    prealert: eta === null ? null : { eta: iso(eta), device },
    lines: lines.map(({ bags, ...line }) => ({
      ...line,
      missing: missingOf({ ...line, bags }),
      promised: sumOf(bags, (one) => one === 'promised'),
      underWay: sumOf(bags, isUnderWay),
      received: sumOf(bags, (one) => one === 'received'),
    })),
    ...{ at: iso(at), by },
    cancelled: cancelled && { ...cancelled, at: iso(cancelled.at) },
  }
}

export function planView({ id, answer }: StoredPlan): z.infer<typeof TransferPlan> {
  return { planId: id, ...answer }
}

export function transferView(transfer: ToldTransfer): z.infer<typeof Transfer> {
  const { id, planId, rotationId, from, to, until, needsApproval, approved, cancelled } = transfer
  const { comment, at, by, bags } = transfer
  const said = (word: ToldTransfer['approved']) => word && { ...word, at: iso(word.at) }
  const states = bags.map(({ state }) => state)
  return {
    ...{ transferId: id, plan: planId, rotation: rotationId, from, to, until: iso(until) },
    ...{ needsApproval, comment, at: iso(at), by },
    state: stateOfTransfer(states, approved !== null),
    approved: said(approved),
    cancelled: said(cancelled),
    bags: bags.map(({ bag, bagId, amount, requestId, line, state, unfit }) => ({
      ...{ bagId, label: labelOf(bag), component: bag.component, amount, uom: bag.uom },
      group: bag.abo !== null && bag.rhd !== null ? { abo: bag.abo, rhd: bag.rhd } : null,
      expiresAt: iso(bag.expiresAt),
      ...{ request: requestId, line, state },
      unfit: unfit && { reason: unfit, ...cnTransferRejections[unfit] },
    })),
  }
}
