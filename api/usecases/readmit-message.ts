import { parseUpTopic } from '../../schema/topics.ts'
import type { UpChannel } from '../../schema/vocabulary.ts'
import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Rejection, settleRejection } from '../stores/rejections.ts'
import { signalDevice } from '../stores/signals.ts'
import { failureClass } from '../stores/sql-state.ts'
import { reachRejection } from './demand.ts'
import { commitWork } from './ingest/commit.ts'
import { type Decoded, decode, type Incoming, type Undecodable } from './ingest/decode.ts'
import { createMemory, type Memory } from './ingest/memory.ts'
import { StaleMemory } from './ingest/taken.ts'
import { locate } from './ingest-batch.ts'

export type Readmission = {
  readonly readmitted: boolean
  /** What is still wrong; empty when all of it is in. */
  readonly left: readonly { readonly index: number | null; readonly code: string; readonly reason: string }[]
}

/**
 * Run a rejected message again, at its own event time and as of its own receipt, now that its cause is thought to be
 * mended. What is good goes in and what is still bad stays listed.
 *
 * @param remembered what ingest remembers; the run has a memory of its own, for it may be inside a transaction
 * @throws Refusal `not_found`, `conflict` where it was readmitted already
 */
export async function readmitMessage(
  ctx: Context,
  remembered: Memory,
  input: { readonly id: number },
): Promise<Readmission> {
  const rejection = await reachRejection(ctx, ctx.database.db, input.id, 'message.readmit')
  if (rejection.readmittedAt !== null) {
    throw new Refusal('conflict', `rejected message ${rejection.id} was readmitted already`)
  }
  const incoming = incomingOf(rejection)
  const memory = createMemory(ctx.database.db)
  await memory.bands.refresh(ctx.now())
  const known = await memory.learn(rejection.device)
  if (!known) throw new Error(`device ${rejection.device} of a rejected message is gone`)
  const only = rejection.elements ? new Set(rejection.elements.map(({ index }) => index)) : undefined
  const decoded = decode(incoming, known.device, only)
  if ('reason' in decoded) return stillBad(ctx, rejection, decoded)

  const left = decoded.bad.length > 0 ? leftOver(decoded) : null
  const again = rejection.elements !== null
  const messages = await locate(memory, [{ incoming, by: known, of: decoded, again }])
  const work = { messages, statuses: [], rejections: [] }
  try {
    const forward = ctx.telemetry.isElsewhere
    const { rejected } = await commitWork(
      ctx.database.db,
      memory,
      work,
      ctx.now(),
      forward,
      async (tx, refused) => {
        if (refused.length === 0) await settleRejection(tx, ctx.actor, rejection, left, ctx.now())
        // Heard after the outermost commit, by every process: until then ingest may learn again what is about to change.
        await signalDevice(tx, { device: rejection.device, disconnect: false })
      },
    )
    if (rejected > 0)
      return { readmitted: false, left: [{ index: null, code: rejection.code, reason: rejection.reason }] }
  } catch (error) {
    if (error instanceof StaleMemory)
      throw new Refusal('conflict', 'the device is reporting this very moment: try again')
    if (failureClass(error) !== 'data') throw error
    return { readmitted: false, left: [{ index: null, code: rejection.code, reason: rejection.reason }] }
  } finally {
    remembered.forget(rejection.device)
  }
  return { readmitted: left === null, left: left?.elements ?? [] }
}

function incomingOf({ device, topic, payload, receivedAt }: Rejection): Incoming {
  const parsed = parseUpTopic(topic)
  if (!parsed) throw new Error(`topic ${topic} was taken in but is none of ours`)
  const channel: UpChannel = parsed.channel
  return { device, topic, channel, payload, receivedAt, connection: 'readmission', will: false }
}

async function stillBad(
  ctx: Context,
  rejection: Rejection,
  { code, reason }: Undecodable,
): Promise<Readmission> {
  const left = { code, reason, elements: null }
  await ctx.database.db.transaction((tx) => settleRejection(tx, ctx.actor, rejection, left, ctx.now()))
  return { readmitted: false, left: [{ index: null, code, reason }] }
}

function leftOver({ bad }: Decoded) {
  const code = bad[0]?.code ?? 'bad_element'
  return { code, reason: `${bad.length} of its elements are still bad`, elements: bad }
}
