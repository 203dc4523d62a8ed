import { usage as administratorUsage, createAdministrator } from './cli/administrator.ts'
import { usage as devicesUsage, listDevices } from './cli/devices.ts'
import { forwardStoredReadings, usage as forwardStoredUsage } from './cli/forward-stored.ts'
import { judgeFile, usage as judgeUsage } from './cli/judge.ts'
import { migrateDatabase, usage as migrateUsage } from './cli/migrate.ts'
import { planFile, usage as planUsage } from './cli/plan.ts'
import { rescueBags, usage as rescueUsage } from './cli/rescue.ts'
import { signIn, signInUsage, signOut, signOutUsage, whoAmI, whoAmIUsage } from './cli/sign-in.ts'
import { holdsUsage, listHolds, listStock, overviewUsage, showOverview, stockUsage } from './cli/stock.ts'
import { type Terminal, UsageError } from './cli/terminal.ts'
import { traceBag, usage as traceUsage } from './cli/trace.ts'
import { verifySignatures, usage as verifySignaturesUsage } from './cli/verify-signatures.ts'

type Command = {
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<void>
  readonly usage: string
}

const commands: ReadonlyMap<string, Command> = new Map([
  ['judge', { run: judgeFile, usage: judgeUsage }],
  ['plan', { run: planFile, usage: planUsage }],
  ['trace', { run: traceBag, usage: traceUsage }],
  ['stock', { run: listStock, usage: stockUsage }],
  ['overview', { run: showOverview, usage: overviewUsage }],
  ['holds', { run: listHolds, usage: holdsUsage }],
  ['rescue', { run: rescueBags, usage: rescueUsage }],
  ['devices', { run: listDevices, usage: devicesUsage }],
  ['migrate', { run: migrateDatabase, usage: migrateUsage }],
  ['forward-stored', { run: forwardStoredReadings, usage: forwardStoredUsage }],
  ['verify-signatures', { run: verifySignatures, usage: verifySignaturesUsage }],
  ['administrator', { run: createAdministrator, usage: administratorUsage }],
  ['sign-in', { run: signIn, usage: signInUsage }],
  ['sign-out', { run: signOut, usage: signOutUsage }],
  ['whoami', { run: whoAmI, usage: whoAmIUsage }],
])

const allUsages = ['usage:', ...[...commands.values()].map(({ usage }) => `  npm run cli -- ${usage}`)].join(
  '\n',
)

const isHelp = (word: string) => word === '--help' || word === '-h'

/** A terminal for people. Ends with 0, with 1 when it could not do it, with 2 when it was not understood. */
async function main([first = '', ...rest]: readonly string[]): Promise<number> {
  if (isHelp(first) || (first === 'help' && rest.length === 0)) {
    console.log(allUsages)
    return 0
  }
  const [name = '', ...args] = first === 'help' ? [...rest, '--help'] : [first, ...rest]
  const command = commands.get(name)
  if (!command) {
    if (name) console.error(`no command is named ${name}`)
    console.error(allUsages)
    return 2
  }
  if (args.some(isHelp)) {
    console.log(`usage: npm run cli -- ${command.usage}`)
    return 0
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
