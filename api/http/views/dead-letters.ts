import type { z } from 'zod'
import type { DeadLetters } from '../../../schema/http/dead-letters.ts'
import type { DeadLetter } from '../../stores/dead-letters.ts'
import { iso } from '../units.ts'

export function deadLetterView({
  id,
  device,
  at,
  readings,
  fromAt,
  toAt,
  reason,
}: DeadLetter): z.infer<typeof DeadLetters>['deadLetters'][number] {
  return { id, device, at: iso(at), readings, from: iso(fromAt), to: iso(toAt), reason }
}
