import type { CommandKind, CommandState, ReplyState } from '../../schema/vocabulary.ts'

const yearMs = 365 * 86_400_000

/** For how long a command of each kind may be sent and obeyed, ms. What is sent until it is replied to has a year. */
export const lifetimeMs: Readonly<Record<CommandKind, number>> = {
  unlock: 15_000,
  sound: 60_000,
  inventory: 600_000,
  configure: yearMs,
  holdList: yearMs,
}

/** Sent again on each new connection until replied to: they say how things are, and doing them twice does no harm. */
export const repeatedKinds: readonly CommandKind[] = ['configure', 'holdList']

/** What is recorded of a command's way. */
export type CommandFacts = {
  /** Exclusive, ms UTC. */
  readonly expiresAt: number
  readonly sentAt: number | null
  readonly reply: ReplyState | null
}

/** Where a command is by now. Expired is said of what nobody has replied to: a reply that comes later is a reply. */
export function stateOf({ expiresAt, sentAt, reply }: CommandFacts, now: number): CommandState {
  return reply === null ? unrepliedState(expiresAt, sentAt, now) : 'replied'
}

/** What came of a command by now: its reply, or where it is without one. */
export type Outcome = Exclude<CommandState, 'replied'> | ReplyState

export function outcomeOf({ expiresAt, sentAt, reply }: CommandFacts, now: number): Outcome {
  return reply ?? unrepliedState(expiresAt, sentAt, now)
}

function unrepliedState(expiresAt: number, sentAt: number | null, now: number) {
  if (now >= expiresAt) return 'expired'
  return sentAt === null ? 'queued' : 'sent'
}
