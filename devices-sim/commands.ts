import { Command, type Reply, UnlockBody } from '../schema/messages.ts'

/** Read a command as it came; null where it cannot even be answered. */
export function readCommand(payload: string): Command | null {
  try {
    return Command.safeParse(JSON.parse(payload)).data ?? null
  } catch {
    return null
  }
}

/** Why a device must not obey, by its own clock and what it has obeyed before; null where it may. */
export function refusal(command: Command, clockMs: number, seen: ReadonlySet<string>): string | null {
  if (seen.has(command.id)) return 'repeated'
  if (clockMs >= command.expiresAt) return 'expired'
  return null
}

/** What is answered, by why it was refused or could not be done. */
export function outcomeOf(refused: string | null, failed: string | null): Omit<Reply, 'command'> {
  if (refused !== null) return { state: 'refused', reason: refused }
  return failed === null ? { state: 'done' } : { state: 'failed', reason: failed }
}

/** What an opening is called: as the command says, or else by the command itself. */
export function sessionOf({ id, body }: Command): string {
  return UnlockBody.safeParse(body).data?.session ?? id
}
