import type { CommandKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { lifetimeMs } from '../domain/command.ts'
import { inForce } from '../domain/effective.ts'
import { Refusal } from '../domain/refusal.ts'
import { type DeviceCommand, insertCommand } from '../stores/commands.ts'
import type { Transaction } from '../stores/database.ts'
import type { Device } from '../stores/devices.ts'
import { reachDevice } from './demand.ts'
import { uuidv7 } from './register-bag.ts'

export type CommandInput = {
  readonly device: string
  /** Doors are opened for a take-out, and for nothing else; settings follow from profile and policy. */
  readonly kind: Exclude<CommandKind, 'unlock' | 'configure'>
  readonly body: object
}

/** Have a device told to do something. @throws Refusal `not_found`, `forbidden`, `device_revoked` */
export async function commandDevice(ctx: Context, { device: name, ...told }: CommandInput) {
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, name, 'device.command')
    if (device.revokedAt !== null)
      throw new Refusal('device_revoked', `device ${name} is revoked and is told nothing`)
    return issueCommand(tx, ctx.actor, device, told, ctx.now())
  })
}

/** Queue a command in the transaction of what asks for it. It is sent once that is committed, if the device listens. */
export function issueCommand(
  tx: Transaction,
  actor: Actor,
  { id: deviceId, name, placements }: Device,
  { kind, body }: { readonly kind: CommandKind; readonly body: object },
  now: number,
): Promise<DeviceCommand> {
  const { facilityId } = inForce(placements, now)
  const times = { issuedAt: now, expiresAt: now + lifetimeMs[kind] }
  return insertCommand(tx, actor, name, { id: uuidv7(now), deviceId, facilityId, kind, body, ...times })
}
