import { randomBytes } from 'node:crypto'
import type { Context } from '../context.ts'
import { planBag, type SaidOfBag } from '../domain/registration.ts'
import type { Bag } from '../stores/bags.ts'
import { lockIdentifier } from '../stores/donations.ts'
import { askedOf, knownOf, registerBags } from '../stores/registrations.ts'
import { readUnit } from './read-unit.ts'
import { registrars } from './registrar.ts'

export type RegisterBagInput = SaidOfBag & {
  /** As typed with its check character, or as scanned, in any mode of the scanner. */
  readonly din: string
  /** Not needed where what was scanned as `din` brings it along. */
  readonly productCode?: string | undefined
  /** The code of who registers and holds it; not needed of whoever may register for one facility only. */
  readonly facility?: string | undefined
}

/**
 * Register one bag by its label, by the rules of `planBag`. What it is, and how long it keeps at the most, is told by the
 * catalogue.
 *
 * @throws Refusal `invalid_din`, `invalid_request`, `not_found`, `forbidden`, `already_exists`, `conflict`,
 * `invalid_barcode`
 */
export async function registerBag(ctx: Context, input: RegisterBagInput): Promise<Bag> {
  const now = ctx.now()
  return ctx.database.db.transaction(async (tx) => {
    const by = (await registrars(ctx, tx, 'bag.register', [input.facility]))(input.facility)
    const read = await readUnit(tx, input, now)
    await lockIdentifier(tx, read.identifier)
    const asked = askedOf(read, by)
    const known = (await knownOf(tx, [asked], now))(asked)
    const planned = { id: uuidv7(now), ...planBag(input, read, by, known, now) }
    const [bag] = await registerBags(tx, ctx.actor, [planned], now)
    return bag as Bag
  })
}

/** RFC 9562 § 5.7: 48 bits of milliseconds, then random bits, so that ids sort by time of making. */
export function uuidv7(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
