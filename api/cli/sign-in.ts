import type { z } from 'zod'
import { Caller, Session, SignedOut } from '../../schema/http/people.ts'
import { readSecret } from './secret.ts'
import { ask, type Connection, connectionOptions, keepSession } from './service.ts'
import { type Terminal, UsageError, words } from './terminal.ts'

export const signInUsage = 'sign-in USERNAME [--url URL]   (the password is asked for, or read from a pipe)'
export const signOutUsage = 'sign-out [--url URL]'
export const whoAmIUsage = 'whoami [--url URL] [--key KEY] [--json]'

const options = { url: connectionOptions.url } as const

/** Sign in for the commands that follow, until the session ends. */
export async function signIn(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, options)
  const [username, ...rest] = positionals
  if (username === undefined || rest.length > 0) throw new UsageError('sign-in takes a username')
  const body = { username, password: await readSecret(`password of ${username}: `) }
  const { token, expiresAt, person } = await ask(values, '/session', Session, {
    method: 'POST',
    body,
    open: true,
  })
  keepSession(values, token)
  print(`signed in as ${person.username} (${person.name}) until ${expiresAt}`)
  for (const line of rolesOf(person)) print(line)
}

/** End the session at the service, then forget it here. */
export async function signOut(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values } = words(args, options)
  await ask(values, '/session', SignedOut, { method: 'DELETE' })
  keepSession(values, null)
  print('signed out')
}

export async function whoAmI(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values } = words(args, { ...connectionOptions, json: { type: 'boolean', default: false } } as const)
  const caller = await ask(values satisfies Connection, '/session', Caller)
  if (values.json) {
    print(JSON.stringify(caller))
    return
  }
  print(`${caller.name} (${caller.kind})`)
  for (const line of rolesOf(caller)) print(line)
}

function rolesOf({ roles }: Pick<z.infer<typeof Caller>, 'roles'>): string[] {
  if (roles.length === 0) return ['  no roles yet']
  return roles.map(({ role, facility }) => `  ${role} ${facility === null ? 'everywhere' : `at ${facility}`}`)
}
