import type { Context } from '../context.ts'
import { type CodeShape, checkProfile } from '../domain/barcode-profile.ts'
import { Refusal } from '../domain/refusal.ts'
import { insertProfile } from '../stores/barcode-profiles.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from './demand.ts'

export type ProfileInput = {
  readonly facility: string
  readonly profile: string
  readonly region: string
  readonly codes: readonly CodeShape[]
  /** ms UTC; not in the past: what was read by then was read by what held then. */
  readonly effectiveFrom?: number | undefined
}

/** Say how a station's own barcodes are read. @throws Refusal `invalid_request`, `not_found`, `forbidden`, `conflict` */
export async function setBarcodeProfile(ctx: Context, input: ProfileInput): Promise<void> {
  const now = ctx.now()
  const { effectiveFrom = now } = input
  checkProfile(input.codes)
  if (effectiveFrom < now) throw new Refusal('invalid_request', 'effectiveFrom: is over already')
  await ctx.database.db.transaction(async (tx) => {
    const facility = await findFacility(tx, input.facility)
    demandRight(ctx, 'barcode.manage', [facility.id], noFacility(input.facility))
    await insertProfile(tx, ctx.actor, { ...input, facility, effectiveFrom }, now)
  })
}
