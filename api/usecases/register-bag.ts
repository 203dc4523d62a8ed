import { randomBytes } from 'node:crypto'
import type { Component } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { parseDin, parseProductCode } from '../domain/isbt128.ts'
import { type Bag, insertBag } from '../stores/bags.ts'

export type RegisterBagInput = {
  /** As typed with its check character, or as scanned with `=` and flags. */
  readonly din: string
  readonly productCode: string
  readonly component: Component
  /** Exclusive, ms UTC. */
  readonly expiresAt: number
}

/** @throws Refusal `invalid_din`, `invalid_request`, `already_exists` */
export async function registerBag(ctx: Context, input: RegisterBagInput): Promise<Bag> {
  const now = ctx.now()
  const bag: Bag = {
    id: uuidv7(now),
    scheme: 'ISBT128',
    identifier: parseDin(input.din),
    ...parseProductCode(input.productCode),
    component: input.component,
    expiresAt: input.expiresAt,
    registeredAt: now,
  }
  await ctx.database.db.transaction((tx) => insertBag(tx, ctx.actor, bag))
  return bag
}

/** RFC 9562 § 5.7: 48 bits of milliseconds, then random bits, so that ids sort by time of making. */
function uuidv7(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
