import { judgeFile, usage as judgeUsage } from './cli/judge.ts'
import { migrateDatabase, usage as migrateUsage } from './cli/migrate.ts'
import { type Terminal, UsageError } from './cli/terminal.ts'
import { traceBag, usage as traceUsage } from './cli/trace.ts'

type Command = {
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<void>
  readonly usage: string
}

const commands: Readonly<Record<string, Command>> = {
  judge: { run: judgeFile, usage: judgeUsage },
  trace: { run: traceBag, usage: traceUsage },
  migrate: { run: migrateDatabase, usage: migrateUsage },
}

/** A terminal for people. Ends with 0, with 1 when it could not do it, with 2 when it was not understood. */
async function main([name = '', ...args]: readonly string[]): Promise<number> {
  const command = commands[name]
  if (!command) {
    const known = Object.values(commands).map(({ usage }) => `  npm run cli -- ${usage}`)
    console.error([...(name ? [`no command is named ${name}`] : []), 'usage:', ...known].join('\n'))
    return 2
  }
  try {
    await command.run(args, { print: (line) => console.log(line) })
    return 0
  } catch (error) {
    console.error((error as Error).message)
    if (!(error instanceof UsageError)) return 1
    console.error(`usage: npm run cli -- ${command.usage}`)
    return 2
  }
}

process.exitCode = await main(process.argv.slice(2))
