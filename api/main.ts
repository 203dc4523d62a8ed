import { pino } from 'pino'
import { startService } from './compose.ts'
import { type Config, readConfig } from './config.ts'

/** The service as a process: configuration, start, signal, end. */
async function main(): Promise<void> {
  let config: Config
  try {
    config = readConfig(process.env)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 2
    return
  }
  const log = pino({ level: config.logLevel })
  try {
    const service = await startService(config, { log })
    const stop = (signal: string) => {
      log.info({ signal }, 'stopping')
      service.close().then(
        () => process.exit(0),
        (error) => {
          log.error({ err: error }, 'did not stop clean')
          process.exit(1)
        },
      )
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  } catch (error) {
    log.fatal({ err: error }, 'could not start')
    process.exit(1)
  }
}

await main()
