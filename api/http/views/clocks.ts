import type { z } from 'zod'
import type { ClockFacts, ClockFaults } from '../../../schema/http/clocks.ts'
import type { ClockFault, listClockFacts } from '../../stores/clocks.ts'
import { iso } from '../units.ts'

type ClockFact = Awaited<ReturnType<typeof listClockFacts>>[number]

export function clockFactView(fact: ClockFact): z.infer<typeof ClockFacts>['clockFacts'][number] {
  const { boot, fromSeq, toSeq, offsetMs, reason, decidedBy, decidedAt } = fact
  return { boot, fromSeq, toSeq, offsetMs, reason, decidedBy, decidedAt: iso(decidedAt) }
}

export function clockFaultView(fault: ClockFault): z.infer<typeof ClockFaults>['clockFaults'][number] {
  return { ...fault, raisedAt: iso(fault.raisedAt) }
}
