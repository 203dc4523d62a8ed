import { InstantInput } from '../../schema/http/values.ts'
import { readDatabaseConfig, readInfluxPlace } from '../config.ts'
import { openDatabase } from '../stores/database.ts'
import { migrate } from '../stores/migrate.ts'
import { forwardStored } from '../usecases/forward-stored.ts'
import { type Terminal, UsageError, words } from './terminal.ts'

export const usage =
  'forward-stored [--from INSTANT] [--to INSTANT]   (with the variables of the service, INFLUX_URL and all)'

/**
 * Put readings on their way to InfluxDB that were stored before there was one; the service sends them. Opens the
 * database itself, so an embedded one must not be in use.
 */
export async function forwardStoredReadings(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, { from: { type: 'string' }, to: { type: 'string' } })
  if (positionals.length > 0)
    throw new UsageError(`forward-stored takes options only: ${positionals.join(' ')}`)
  const from = instantOption('--from', values.from)
  const to = instantOption('--to', values.to)
  if (from !== undefined && to !== undefined && from >= to) throw new UsageError('--from must be before --to')
  if (!readInfluxPlace(process.env))
    throw new Error('INFLUX_URL is not set: the service would send the readings nowhere')
  const config = readDatabaseConfig(process.env)
  const database = await openDatabase(config)
  try {
    await migrate(database, { url: config.migrateUrl })
    let all = 0
    await forwardStored({ database, now: Date.now }, { from, to }, (device, readings) => {
      all += readings
      print(`${device}  ${readings}`)
    })
    print(`${all} readings are on their way: the service sends them while it runs`)
  } finally {
    await database.close()
  }
}

function instantOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const parsed = InstantInput.safeParse(text)
  if (parsed.success) return parsed.data
  throw new UsageError(`${name} ${parsed.error.issues[0]?.message}`)
}
