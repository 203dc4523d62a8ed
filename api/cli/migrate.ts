import { readDatabaseConfig } from '../config.ts'
import { openDatabase } from '../stores/database.ts'
import { migrate } from '../stores/migrate.ts'
import { sqlMessageOf, sqlStateOf } from '../stores/sql-state.ts'
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
  } catch (error) {
    throw explained(error)
  } finally {
    await database.close()
  }
}

const insufficientPrivilege = '42501'

/** The same failure in the database's own words; where a role may not do it, with who may. */
function explained(error: unknown): unknown {
  const reason = sqlMessageOf(error)
  if (reason === undefined) return error
  const isForbidden = sqlStateOf(error) === insufficientPrivilege
  const advice = '; set MIGRATE_DATABASE_URL to the address of a role that owns the database and its tables'
  return new Error(`the database refused: ${reason}${isForbidden ? advice : ''}`, { cause: error })
}
