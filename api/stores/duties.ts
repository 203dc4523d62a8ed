import { eq } from 'drizzle-orm'
import { duty } from '../../schema/tables/duties.ts'
import type { Database } from './database.ts'
import type { Duty } from './leader.ts'

/** Leave word that a duty was done. */
export async function recordDuty(db: Database, name: Duty, now: number): Promise<void> {
  const done = { doneAt: now }
  await db
    .insert(duty)
    .values({ name, ...done })
    .onConflictDoUpdate({ target: duty.name, set: done })
}

/** When a duty was done last, by whichever process; null where none ever did it. */
export async function dutyDoneAt(db: Database, name: Duty): Promise<number | null> {
  const [row] = await db.select().from(duty).where(eq(duty.name, name))
  return row?.doneAt ?? null
}
