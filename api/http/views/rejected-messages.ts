import type { z } from 'zod'
import type {
  Readmission as ReadmissionBody,
  RejectedMessage,
} from '../../../schema/http/rejected-messages.ts'
import type { RejectionCode } from '../../../schema/vocabulary.ts'
import type { Rejection } from '../../stores/rejections.ts'
import type { Readmission } from '../../usecases/readmit-message.ts'
import { iso, isoOrNull } from '../units.ts'

/** Only bytes that are UTF-8 to the last one are shown as text, and then all of them. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function rejectedMessageView(rejection: Rejection): z.infer<typeof RejectedMessage> {
  const { id, device, topic, boot, seq, code, reason, elements, receivedAt, times, readmittedAt, payload } =
    rejection
  return {
    id,
    device,
    topic,
    boot,
    seq,
    code: code as RejectionCode,
    reason,
    elements: elements?.map((element) => ({ ...element, code: element.code as RejectionCode })) ?? null,
    receivedAt: iso(receivedAt),
    times,
    readmittedAt: isoOrNull(readmittedAt),
    payload: payload.toString('base64'),
    text: textOf(payload),
  }
}

function textOf(payload: Buffer): string | null {
  try {
    return utf8.decode(payload)
  } catch {
    return null
  }
}

export function readmissionView({ readmitted, left }: Readmission): z.infer<typeof ReadmissionBody> {
  return { readmitted, left: left.map((still) => ({ ...still, code: still.code as RejectionCode })) }
}
