import type { Context } from '../context.ts'
import type { Database, Transaction } from '../stores/database.ts'
import { endWebhook, findWebhook, insertWebhook, noWebhook, type Webhook } from '../stores/webhooks.ts'
import { placeOf } from './create-person.ts'
import { demandRight } from './demand.ts'
import { checkWebhookUrl } from './webhook-address.ts'

/**
 * Send news on to somebody else's service.
 *
 * @returns the secret deliveries are signed with, told this once
 * @throws Refusal `invalid_request` for an address that is not called, `not_found`, `forbidden`, `already_exists`
 */
export async function createWebhook(
  ctx: Context,
  { name, url, facility }: { readonly name: string; readonly url: string; readonly facility: string | null },
): Promise<string> {
  const { href } = checkWebhookUrl(url)
  return ctx.database.db.transaction(async (tx) => {
    const facilityId = await placeOf(ctx, tx, facility, 'webhook.manage')
    return insertWebhook(tx, ctx.actor, { name, url: href, facilityId }, ctx.now())
  })
}

/** @throws Refusal `not_found`, `forbidden`, `conflict` */
export async function dismissWebhook(ctx: Context, name: string, reason: string): Promise<void> {
  await ctx.database.db.transaction(async (tx) => {
    await reachWebhook(ctx, tx, name)
    await endWebhook(tx, ctx.actor, name, reason, ctx.now())
  })
}

/** The webhook, if the caller may manage it. @throws Refusal `not_found`, `forbidden` */
export async function reachWebhook(ctx: Context, db: Database | Transaction, name: string): Promise<Webhook> {
  const webhook = await findWebhook(db, name)
  demandRight(ctx, 'webhook.manage', [webhook.facilityId], noWebhook(name))
  return webhook
}
