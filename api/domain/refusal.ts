/** The closed list of expected refusals. Every door must answer each of them. */
export const refusalCodes = [
  'invalid_request',
  'unauthenticated',
  'locked_out',
  'forbidden',
  'not_found',
  'method_not_allowed',
  'already_exists',
  'conflict',
  'invalid_din',
  'invalid_barcode',
  'tag_in_use',
  'key_reused',
  'illegal_move',
  'not_in_catalogue',
  'held',
  'expired',
  'session_over',
  'reserved',
  'incompatible',
  'not_tested',
  'second_person',
  'signature_required',
  'signature_wrong',
  'person_required',
  'no_return',
  'special_label',
  'breached',
  'unverified',
  'device_revoked',
  'unavailable',
  'too_large',
  'unsupported_media_type',
] as const
export type RefusalCode = (typeof refusalCodes)[number]

/** An expected no: the caller can understand it and act on it. Anything else thrown is a bug or an outage. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  /** Each thing that is in the way and where it is, where there are many. */
  readonly issues: readonly Issue[] | undefined

  constructor(code: RefusalCode, message: string, issues?: readonly Issue[]) {
    super(message)
    this.code = code
    this.issues = issues
  }
}

export type Issue = { readonly path: string; readonly message: string }
