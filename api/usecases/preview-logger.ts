import type { Context } from '../context.ts'
import { Refusal } from '../domain/refusal.ts'
import type { LoggerImport } from '../stores/logger-imports.ts'
import { type LoggerReport, takeLogger } from './import-logger.ts'
import { StaleMemory } from './ingest/taken.ts'
import type { LoggerFile } from './loggers/read-file.ts'

/** Thrown to undo an import that was only to be looked at. */
const undone = new Error('only a preview')

/**
 * What would become of a file, row by row: the import itself, undone. Where the file was imported already, what became of
 * it then.
 *
 * @throws Refusal as `importLogger` does, but not for a file of which no row can be taken
 */
export async function previewLogger(
  ctx: Context,
  input: LoggerFile,
): Promise<{ readonly report: LoggerReport; readonly imported: LoggerImport | null }> {
  let preview: { report: LoggerReport; imported: LoggerImport | null } | undefined
  try {
    await ctx.database.db.transaction(async (tx) => {
      const taken = await takeLogger(ctx, tx, input)
      preview =
        'earlier' in taken
          ? { report: taken.earlier, imported: taken.earlier }
          : { report: taken.report, imported: null }
      throw undone
    })
  } catch (error) {
    if (error instanceof StaleMemory)
      throw new Refusal('conflict', 'the device is reporting this very moment: try again')
    if (error !== undone) throw error
  }
  if (!preview) throw new Error('a preview was undone before it was made')
  return preview
}
