import { readDatabaseConfig } from '../config.ts'
import { openDatabase } from '../stores/database.ts'
import { migrate } from '../stores/migrate.ts'
import { seedPolicies } from '../usecases/seed-policies.ts'
import { type Terminal, UsageError, words } from './terminal.ts'

export const usage = 'migrate   (DATABASE_URL and MIGRATE_DATABASE_URL, or HEMOTRAIL_DATA)'

/** Bring the schema and the policies up to date without starting the service. */
export async function migrateDatabase(args: readonly string[], { print }: Terminal): Promise<void> {
  const { positionals } = words(args, {})
  if (positionals.length > 0) throw new UsageError(`migrate takes no words: ${positionals.join(' ')}`)
  const config = readDatabaseConfig(process.env)
  const database = await openDatabase(config)
  try {
    await migrate(database, { url: config.migrateUrl })
    await seedPolicies({ database, now: Date.now })
    print(`up to date: ${database.kind} ${database.version}`)
  } finally {
    await database.close()
  }
}
