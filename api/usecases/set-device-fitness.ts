import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { appendFitness, type Fitness } from '../stores/fitness.ts'
import { reachDevice } from './demand.ts'

/**
 * Say how many bags a device takes in, and until when it is qualified and calibrated, from an instant on, now where none
 * is said.
 *
 * @throws Refusal `not_found`, `forbidden`, `conflict`, `invalid_request` for an instant in the past
 */
export async function setDeviceFitness(
  ctx: Context,
  input: {
    readonly device: string
    readonly fitness: Omit<Fitness, 'from'>
    readonly from?: number | undefined
  },
): Promise<Fitness> {
  const now = ctx.now()
  const fitness = { ...input.fitness, from: input.from ?? now }
  if (fitness.from < now)
    throw new Refusal('invalid_request', `from: ${new Date(fitness.from).toISOString()} is in the past`)
  await ctx.database.db.transaction(async (tx) => {
    const { id, name } = await reachDevice(ctx, tx, input.device, 'device.manage')
    await appendFitness(tx, ctx.actor, { id, name }, fitness, now)
  })
  return fitness
}
