import { deviceEvent } from '../../schema/tables/messages.ts'
import type { Transaction } from './database.ts'
import { insertRows } from './rows.ts'

/** Keep doors, power, positions and replies as they were reported. */
export async function insertDeviceEvents(
  tx: Transaction,
  rows: readonly (typeof deviceEvent.$inferInsert)[],
): Promise<void> {
  await insertRows(tx, deviceEvent, rows)
}
