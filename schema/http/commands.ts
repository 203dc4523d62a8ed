import { z } from 'zod'
import { actorKinds, commandKinds, commandStates, replyStates } from '../vocabulary.ts'
import { InstantText, limit, orNull } from './values.ts'

export const CommandInput = z
  .strictObject({
    kind: z.enum(['sound', 'inventory']).meta({
      description:
        'be heard, so that it is found; or tell every tag it holds. A door is opened by a take-out',
    }),
  })
  .meta({ id: 'CommandInput' })

export const CommandsQuery = z.strictObject({ limit: limit(1_000, 100) })

const reason = orNull(z.string()).meta({ description: 'as the device gave it' })

export const DeviceCommand = z
  .object({
    commandId: z.uuid(),
    kind: z.enum(commandKinds),
    state: z.enum(commandStates).meta({
      description: 'expired: nobody has replied in time; a reply that comes late is told all the same',
    }),
    issuedAt: InstantText,
    issuedBy: z.object({ kind: z.enum(actorKinds), id: z.string() }),
    expiresAt: InstantText.meta({ description: 'from then on it is neither sent nor obeyed' }),
    sentAt: orNull(InstantText).meta({ description: 'when it was sent last' }),
    reply: orNull(
      z.object({ state: z.enum(replyStates), reason, receivedAt: InstantText }).meta({ id: 'CommandReply' }),
    ),
  })
  .meta({ id: 'DeviceCommand' })

export const DeviceCommands = z
  .object({ commands: z.array(DeviceCommand).meta({ description: 'newest first' }) })
  .meta({ id: 'DeviceCommands' })

export const Unlock = z
  .object({
    commandId: z.uuid(),
    state: z.enum(['queued', 'sent', 'expired', ...replyStates]).meta({
      description:
        'done: the door is open. Failed, refused, expired: it is not; the key of the door works always',
    }),
    reason,
    expiresAt: InstantText,
  })
  .meta({ id: 'Unlock' })
