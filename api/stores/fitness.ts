import { and, desc, eq, lte } from 'drizzle-orm'
import { deviceFitness } from '../../schema/tables/devices.ts'
import type { Actor } from '../domain/actor.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'

/** How much a device takes in, and until when it may be trusted; null is not known. */
export type Fitness = Omit<typeof deviceFitness.$inferSelect, 'deviceId'>

/** What is in force; null where nobody has said anything yet. */
export async function fitnessOf(
  db: Database | Transaction,
  deviceId: number,
  now: number,
): Promise<Fitness | null> {
  const [found] = await db
    .select()
    .from(deviceFitness)
    .where(and(eq(deviceFitness.deviceId, deviceId), lte(deviceFitness.from, now)))
    .orderBy(desc(deviceFitness.from))
    .limit(1)
  if (!found) return null
  const { deviceId: _, ...fitness } = found
  return fitness
}

/** Say it from an instant on. @throws Refusal `conflict` where another change begins at that very instant */
export async function appendFitness(
  tx: Transaction,
  actor: Actor,
  owner: { readonly id: number; readonly name: string },
  fitness: Fitness,
  now: number,
): Promise<void> {
  const added = await tx
    .insert(deviceFitness)
    .values({ deviceId: owner.id, ...fitness })
    .onConflictDoNothing()
    .returning({ from: deviceFitness.from })
  if (added.length === 0) {
    const from = new Date(fitness.from).toISOString()
    throw new Refusal('conflict', `device ${owner.name} already changes its fitness at ${from}`)
  }
  await appendAudit(tx, actor, {
    at: now,
    action: 'device.fitness_set',
    subjectKind: 'device',
    subject: owner.name,
    after: fitness,
  })
}
