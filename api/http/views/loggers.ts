import type { z } from 'zod'
import type { LoggerDays, LoggerImport, LoggerPreview } from '../../../schema/http/loggers.ts'
import type { LoggerImport as Stored, ToldDay } from '../../stores/logger-imports.ts'
import type { LoggerReport } from '../../usecases/import-logger.ts'
import { celsiusOrNull, iso, isoOrNull } from '../units.ts'

export function loggerImportView(logged: Stored): z.infer<typeof LoggerImport> {
  const { id, facility, from, to, importedBy, importedAt } = logged
  return {
    id,
    facility,
    ...reportView(logged),
    from: iso(from),
    to: iso(to),
    importedBy,
    importedAt: iso(importedAt),
  }
}

export function loggerPreviewView(
  report: LoggerReport,
  imported: Stored | null,
): z.infer<typeof LoggerPreview> {
  return {
    ...reportView(report),
    from: isoOrNull(report.from),
    to: isoOrNull(report.to),
    imported: imported?.id ?? null,
  }
}

function reportView(report: LoggerReport) {
  const { format, fileHash, probe, boot, fromSeq, toSeq, model, serial, reportedAt } = report
  const { rows, taken, rejected, rejections, known, differing, unknownKeys } = report
  return {
    format,
    sha256: fileHash,
    probe,
    boot,
    fromSeq,
    toSeq,
    model,
    serial,
    reportedAt,
    rows,
    taken,
    rejected,
    rejections: [...rejections],
    known,
    differing,
    unknownKeys,
  }
}

export function loggerDayView(day: ToldDay): z.infer<typeof LoggerDays>['days'][number] {
  const { from, to, coldest, warmest, mean, alarms, imports, ...same } = day
  return {
    ...same,
    from: iso(from),
    to: iso(to),
    coldest: celsiusOrNull(coldest),
    warmest: celsiusOrNull(warmest),
    mean: celsiusOrNull(mean),
    alarms: alarms.map(({ limit, ...alarm }) => ({ ...alarm, limit: celsiusOrNull(limit) })),
    imports: [...imports],
  }
}
