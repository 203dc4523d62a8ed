import type { ListKey, SignedDocument } from '../../schema/offline-list.ts'
import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { keysInUse } from '../stores/list-keys.ts'
import { listDecisions } from '../stores/offline-decisions.ts'
import { findList } from '../stores/offline-lists.ts'
import { signPatients } from './make-offline-list.ts'
import { reachTerminal } from './tell-decisions.ts'

type Documents = {
  readonly keys: ListKey[]
  readonly list: SignedDocument | null
  readonly patients: SignedDocument
}

/** What the terminal of a device decides by. @throws Refusal `not_found`, `forbidden` */
export async function readDocuments(ctx: Context, name: string, secret: string): Promise<Documents> {
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachTerminal(ctx, tx, name)
    const now = ctx.now()
    const { facilityId } = inForce(device.placements, now)
    const patients = await signPatients(tx, ctx.actor, { device: name, facilityId }, secret, now)
    const list = await findList(tx, device.id)
    // One of where it stood before is none of its.
    const own = list?.facilityId === facilityId ? list.signed : null
    return { keys: await keysInUse(tx), list: own, patients }
  })
}

/** What it decided, told last in front. @throws Refusal `not_found`, `forbidden` */
export async function readDecisions(ctx: Context, name: string, limit: number) {
  const device = await ctx.database.db.transaction((tx) => reachTerminal(ctx, tx, name))
  const reach = reachOf(ctx.grants, 'bag.take_out')
  const decisions = await listDecisions(ctx.database.db, device.id, limit)
  return decisions.filter(({ facilityId }) => isWithin(reach, [facilityId]))
}

/** May the caller know the patients there? */
export function knowsPatientsAt({ grants }: Pick<Context, 'grants'>, facilityId: number): boolean {
  return isWithin(reachOf(grants, 'patient.read'), [facilityId])
}
