import type { z } from 'zod'
import type { DeviceCommand as CommandBody, Unlock } from '../../../schema/http/commands.ts'
import type { Actor } from '../../domain/actor.ts'
import { outcomeOf, stateOf } from '../../domain/command.ts'
import { type DeviceCommand, factsOfCommand } from '../../stores/commands.ts'
import { iso, isoOrNull } from '../units.ts'

export function commandView(command: DeviceCommand, now: number): z.infer<typeof CommandBody> {
  const { id, kind, issuedAt, expiresAt, sentAt, repliedAt, replyState, replyReason } = command
  const isReplied = repliedAt !== null && replyState !== null
  return {
    commandId: id,
    kind,
    state: stateOf(factsOfCommand(command), now),
    issuedAt: iso(issuedAt),
    issuedBy: command.actor as Actor,
    expiresAt: iso(expiresAt),
    sentAt: isoOrNull(sentAt),
    reply: isReplied ? { state: replyState, reason: replyReason, receivedAt: iso(repliedAt) } : null,
  }
}

export function unlockView(command: DeviceCommand, now: number): z.infer<typeof Unlock> {
  return {
    commandId: command.id,
    state: outcomeOf(factsOfCommand(command), now),
    reason: command.replyReason,
    expiresAt: iso(command.expiresAt),
  }
}
