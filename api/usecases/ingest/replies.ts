import type { Reply } from '../../../schema/messages.ts'
import { recordReplies } from '../../stores/commands.ts'
import type { Transaction } from '../../stores/database.ts'
import type { Taken } from './taken.ts'

/** Let the replies of a batch end the commands they answer. They are kept as events whatever they answer. */
export async function takeReplies(tx: Transaction, messages: readonly Taken[]): Promise<void> {
  const replies = messages
    .filter(({ incoming }) => incoming.channel === 'replies')
    .flatMap(({ incoming: { receivedAt }, device: { id: deviceId, name: device }, decoded: { events } }) =>
      events.map(({ body }) => ({ ...(body as Reply), deviceId, device, receivedAt })),
    )
  await recordReplies(tx, replies)
}
