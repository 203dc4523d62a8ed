import { lockBags } from '../../stores/bags.ts'
import type { Transaction } from '../../stores/database.ts'
import {
  bagsOfTags,
  bagsPlacedIn,
  type InventoryRow,
  insertInventories,
  insertSightings,
  lockInventories,
  lockTags,
  refoldPlaces,
  type SightingRow,
} from '../../stores/sightings.ts'
import type { Taken } from './taken.ts'

/**
 * Lock, before anything else of the batch, the tags it speaks of and the bags they are or were on; with an inventory,
 * the bags placed in that device too.
 *
 * @returns the bags, by ascending id
 */
export async function lockSightings(tx: Transaction, messages: readonly Taken[]): Promise<readonly string[]> {
  const tags = new Set<string>()
  const inventoried = new Set<number>()
  for (const { device, decoded } of messages) {
    for (const { added, removed, inventory } of decoded.bags) {
      for (const tag of [...added, ...removed, ...(inventory ?? [])]) tags.add(tag)
      if (inventory) inventoried.add(device.id)
    }
  }
  if (tags.size === 0 && inventoried.size === 0) return []
  await lockTags(tx, tags)
  await lockInventories(tx, inventoried)
  const bags = new Set(await bagsOfTags(tx, [...tags]))
  for (const deviceId of inventoried) for (const bagId of await bagsPlacedIn(tx, deviceId)) bags.add(bagId)
  return lockBags(tx, [...bags])
}

/** Append what was seen of tags, then fold the places of the bags concerned again. Unknown tags are kept as they are. */
export async function takeSightings(
  tx: Transaction,
  messages: readonly Taken[],
  bags: readonly string[],
  now: number,
): Promise<void> {
  const sightings: SightingRow[] = []
  const inventories: InventoryRow[] = []
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
      for (const tag of new Set(added)) sightings.push({ ...row, tag, kind: 'added' })
      for (const tag of new Set(removed)) sightings.push({ ...row, tag, kind: 'removed' })
      for (const tag of new Set(inventory ?? [])) sightings.push({ ...row, tag, kind: 'seen' })
      if (inventory) inventories.push({ bootId: boot.id, seq: decoded.seq, deviceId: device.id, at })
    }
  }
  await insertSightings(tx, sightings)
  await insertInventories(tx, inventories)
  for (const bagId of bags) await refoldPlaces(tx, bagId, now)
}
