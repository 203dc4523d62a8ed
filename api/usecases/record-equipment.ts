import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { mustMap } from '../domain/equipment.ts'
import { Refusal } from '../domain/refusal.ts'
import { equipmentPolicies } from '../policies/equipment.ts'
import { type EquipmentRecord, insertRecord, type NewRecord, type RecordKind } from '../stores/equipment.ts'
import { findFacility } from '../stores/facilities.ts'
import { demandSomebody, reachDevice } from './demand.ts'

export type MadeKind = Exclude<RecordKind, 'manual_reading'>

/**
 * Write down that a device was calibrated, qualified, mended or mapped. Nothing is written down before it is done.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`, `invalid_request`
 */
export async function recordEquipment<K extends MadeKind>(
  ctx: Context,
  kind: K,
  input: { readonly device: string; readonly record: NewRecord<K> },
): Promise<EquipmentRecord<K>> {
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'equipment.record')
    demandSomebody(ctx, 'the record of a device is written')
    const now = ctx.now()
    // Whichever kind it is: these are the instants at which something was done.
    const told = input.record as Partial<Record<'doneAt' | 'backInServiceAt' | 'to', number | null>>
    for (const name of ['doneAt', 'backInServiceAt', 'to'] as const)
      if ((told[name] ?? 0) > now) throw new Refusal('invalid_request', `${name}: is still to come`)
    if (kind === 'mapping') {
      const { jurisdiction } = await findFacility(tx, inForce(device.placements, now).facility)
      mustMap(input.record as NewRecord<'mapping'>, equipmentPolicies[jurisdiction].mapping)
    }
    return insertRecord(tx, ctx.actor, kind, device, input.record, now)
  })
}
