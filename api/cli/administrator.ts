import { PersonParams } from '../../schema/http/people.ts'
import { readDatabaseConfig } from '../config.ts'
import { checkPassword } from '../domain/credentials.ts'
import { openDatabase } from '../stores/database.ts'
import { migrate } from '../stores/migrate.ts'
import { createFirstAdministrator } from '../usecases/create-person.ts'
import { readSecret } from './secret.ts'
import { type Terminal, UsageError, words } from './terminal.ts'

export const usage =
  'administrator USERNAME [--name NAME]   (the first one, once; the password is asked for, or read from a pipe)'

/** Let the first administrator in. Opens the database itself, so an embedded one must not be in use. */
export async function createAdministrator(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, { name: { type: 'string' } })
  const [username, ...rest] = positionals
  if (username === undefined || rest.length > 0) throw new UsageError('administrator takes a username')
  const known = PersonParams.safeParse({ username })
  if (!known.success) throw new UsageError(`${username} is no username: ${known.error.issues[0]?.message}`)
  const password = await readSecret(`password of ${username}, 12 characters or more: `)
  checkPassword(password, known.data.username)
  const config = readDatabaseConfig(process.env)
  const database = await openDatabase(config)
  try {
    await migrate(database, { url: config.migrateUrl })
    const first = { username: known.data.username, name: values.name ?? username, password }
    await createFirstAdministrator({ database, now: Date.now }, first)
    print(`${known.data.username} may sign in now, and let others in`)
  } finally {
    await database.close()
  }
}
