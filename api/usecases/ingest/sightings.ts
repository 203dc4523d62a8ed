import { offsetOf } from '../../domain/clock.ts'
import { lockBags } from '../../stores/bags.ts'
import type { Transaction } from '../../stores/database.ts'
import {
  bagsOfTags,
  bagsPlacedIn,
  bagsToRefold,
  type InventoryRow,
  insertInventories,
  insertSightings,
  lockInventories,
  lockTags,
  refoldPlaces,
  type SeenAnew,
  type SightingRow,
} from '../../stores/sightings.ts'
import type { Taken } from './taken.ts'

/**
 * Lock, before anything else of the batch, the tags it speaks of, what is inventoried of the devices that saw them, and
 * the bags they are or were on; with an inventory, the bags placed in that device too.
 *
 * @returns the bags, by ascending id
 */
export async function lockSightings(tx: Transaction, messages: readonly Taken[]): Promise<readonly string[]> {
  const tags = new Set<string>()
  const devices = new Set<number>()
  const inventoried = new Set<number>()
  for (const { device, decoded } of messages) {
    for (const { added, removed, inventory } of decoded.bags) {
      for (const tag of [...added, ...removed, ...(inventory ?? [])]) tags.add(tag)
      devices.add(device.id)
      if (inventory) inventoried.add(device.id)
    }
  }
  if (devices.size === 0) return []
  await lockTags(tx, tags)
  await lockInventories(tx, devices)
  const bags = new Set(await bagsOfTags(tx, [...tags]))
  for (const deviceId of inventoried) for (const bagId of await bagsPlacedIn(tx, deviceId)) bags.add(bagId)
  return lockBags(tx, [...bags])
}

/**
 * Append what was seen of tags, then fold the places of those bags again of which it says anything new. Unknown tags are
 * kept as they are.
 *
 * @param bags that are locked for it
 */
export async function takeSightings(
  tx: Transaction,
  messages: readonly Taken[],
  bags: readonly string[],
  now: number,
): Promise<void> {
  const sightings: SightingRow[] = []
  const inventories: InventoryRow[] = []
  const anew = {
    sightings: [] as SeenAnew['sightings'][number][],
    inventories: [] as SeenAnew['inventories'][number][],
  }
  for (const { incoming, device, boot, decoded } of messages) {
    for (const { element, at, session, added, removed, inventory } of decoded.bags) {
      const row = {
        source: 'rfid' as const,
        deviceId: device.id,
        at,
        bootId: boot.id,
        seq: decoded.seq,
        element,
        session,
        receivedAt: incoming.receivedAt,
      }
      const eventAt = at + offsetOf(device.clockFacts, boot.boot, decoded.seq)
      const see = (kind: SightingRow['kind'], tags: ReadonlySet<string>) => {
        for (const tag of tags) {
          sightings.push({ ...row, tag, kind })
          anew.sightings.push({ tag, kind, deviceId: device.id, at: eventAt })
        }
      }
      see('added', new Set(added))
      see('removed', new Set(removed))
      if (!inventory) continue
      const tags = new Set(inventory)
      see('seen', tags)
      inventories.push({ bootId: boot.id, seq: decoded.seq, deviceId: device.id, at })
      anew.inventories.push({ deviceId: device.id, at: eventAt, tags })
    }
  }
  await insertSightings(tx, sightings)
  await insertInventories(tx, inventories)
  await refoldPlaces(tx, await bagsToRefold(tx, bags, anew), now)
}
