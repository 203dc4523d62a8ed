import type { ListKey } from '../../schema/offline-list.ts'
import type { Context } from '../context.ts'
import { keysInUse } from '../stores/list-keys.ts'
import { demandEverywhere } from './demand.ts'
import { rotateListKey } from './offer-lists.ts'

/** Sign lists by a new key from now on. @throws Refusal `forbidden` */
export async function rotateKeys(ctx: Context, secret: string, retireOlder: boolean): Promise<ListKey[]> {
  demandEverywhere(ctx, 'key.manage')
  await rotateListKey({ ...ctx, secret }, ctx.actor, retireOlder)
  return keysInUse(ctx.database.db)
}
