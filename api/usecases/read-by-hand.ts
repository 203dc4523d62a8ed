import type { ProbeKind } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { clockFaultsOf } from '../stores/clocks.ts'
import type { Transaction } from '../stores/database.ts'
import { newestReadings } from '../stores/device-states.ts'
import type { Device } from '../stores/devices.ts'
import { type EquipmentRecord, insertRecord } from '../stores/equipment.ts'
import { demandSomebody, reachDevice } from './demand.ts'

/**
 * Write down what somebody reads off a device now, beside the newest value of the probe: of the load where nothing is
 * said, or of the air where the device has no load probe. What the probe sends later of this moment changes nothing.
 *
 * @throws Refusal `not_found`, `forbidden`, `person_required`
 */
export async function readByHand(
  ctx: Context,
  input: {
    readonly device: string
    readonly centi: number
    readonly probe?: ProbeKind | undefined
    readonly remark?: string | undefined
  },
): Promise<EquipmentRecord<'manual_reading'>> {
  return ctx.database.db.transaction(async (tx) => {
    const device = await reachDevice(ctx, tx, input.device, 'temperature.record')
    demandSomebody(ctx, 'a temperature is read')
    const now = ctx.now()
    const { centi, remark = null } = input
    const compared = await compare(tx, device, input.probe, now)
    return insertRecord(tx, ctx.actor, 'manual_reading', device, { centi, remark, ...compared }, now)
  })
}

/** The probe, and its newest value if it speaks for now: by a clock that is believed, and no silence ago. */
async function compare(tx: Transaction, device: Device, wanted: ProbeKind | undefined, now: number) {
  const newest = await newestReadings(tx, [device.id])
  const hasLoad = newest.some(({ probe }) => probe === 'load')
  const kind = wanted ?? (hasLoad || newest.length === 0 ? 'load' : 'air')
  const last = newest.find(({ probe }) => probe === kind)
  const isDoubted = (await clockFaultsOf(tx, device.id)).some(({ settled }) => !settled)
  const { maxSilenceMs } = inForce(device.profiles, now)
  const speaks = last && !isDoubted && Math.abs(now - last.at) <= maxSilenceMs
  return { probe: kind, probeCenti: speaks ? last.centi : null, probeAt: speaks ? last.at : null }
}
