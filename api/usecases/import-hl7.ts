import type { Context } from '../context.ts'
import { findFacility } from '../stores/facilities.ts'
import { concludeRefusal, findHl7Refusal, type KnownRefusal, noHl7Refusal } from '../stores/hl7.ts'
import { demandRight } from './demand.ts'
import { type Hl7Party, noParty, partyOf, takeHl7 } from './take-hl7.ts'

/**
 * Do a message that somebody brings who is not its sender: of a sender they may import for.
 *
 * @returns its acknowledgement
 * @throws Refusal what it was refused for; it is kept to be looked at
 */
export async function importHl7(
  ctx: Context,
  parties: readonly Hl7Party[],
  bytes: Uint8Array,
): Promise<string> {
  const { party, header } = partyOf(parties, bytes)
  const { id } = await findFacility(ctx.database.db, party.at)
  demandRight(ctx, 'hl7.import', [id], noParty(header))
  const { text, refusal } = await takeHl7(ctx, party, bytes, ctx.actor)
  if (refusal) throw refusal
  return text
}

/** Say what came of a message that was not done. @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function concludeHl7(ctx: Context, id: number, conclusion: string): Promise<KnownRefusal> {
  return ctx.database.db.transaction(async (tx) => {
    const refusal = await findHl7Refusal(tx, id)
    demandRight(ctx, 'hl7.conclude', [refusal.facilityId], noHl7Refusal(id))
    await concludeRefusal(tx, ctx.actor, refusal, conclusion, ctx.now())
    return findHl7Refusal(tx, id)
  })
}
