import { readAdminKey, readDatabaseConfig } from '../config.ts'
import { openDatabase } from '../stores/database.ts'
import { checkSignatures, createSealer, type SignatureFault } from '../stores/signatures.ts'
import { type Terminal, UsageError, words } from './terminal.ts'

export const usage =
  'verify-signatures [--json]   (with the variables of the service; HEMOTRAIL_ADMIN_KEY as it was when they were made)'

/** Was a signature taken off, changed, or put on something else? Opens the database itself, and writes nothing. */
export async function verifySignatures(args: readonly string[], { print }: Terminal): Promise<void> {
  const { values, positionals } = words(args, { json: { type: 'boolean', default: false } })
  if (positionals.length > 0)
    throw new UsageError(`verify-signatures takes options only: ${positionals.join(' ')}`)
  const sealer = createSealer(readAdminKey(process.env))
  const database = await openDatabase(readDatabaseConfig(process.env))
  const faults: SignatureFault[] = []
  try {
    const counted = await checkSignatures(database.db, sealer, (fault) => faults.push(fault))
    if (values.json) print(JSON.stringify({ ...counted, faults }))
    else {
      for (const { kind, signatureId, of } of faults) print(`${kind}  ${signatureId}  ${of ?? ''}`.trimEnd())
      print(`${counted.signatures} signatures, ${counted.signed} signed entries as they were sealed`)
    }
  } finally {
    await database.close()
  }
  if (faults.length > 0)
    throw new Error(`${faults.length} not as they were sealed, or not to be checked with this key`)
}
