import type { ProbeKind } from '../../../schema/vocabulary.ts'
import { inForce } from '../../domain/effective.ts'
import type { Excursion } from '../../domain/series.ts'
import { toCelsius } from '../../domain/temperature.ts'
import type { Transaction } from '../../stores/database.ts'
import type { FindingsChange } from '../../stores/derived.ts'
import type { Device } from '../../stores/devices.ts'
import { appendNews, type NewsItem } from '../../stores/news.ts'

/** What a derivation changed of one probe, and whose probe that is. */
export type Found = { readonly device: Device; readonly probe: ProbeKind; readonly change: FindingsChange }

/**
 * Tell of excursions, in the transaction that finds them: of one that begins, of one that is over, also where all of it
 * was heard of late; and that what was told before is no longer believed, where late data or a decision changed it.
 *
 * @returns how much was told
 */
export async function tellFindings(tx: Transaction, found: readonly Found[], now: number): Promise<number> {
  const items = found.flatMap(({ device, probe, change }) => {
    const about = (kind: string, at: number, data: object): NewsItem => ({
      at: now,
      kind,
      subject: device.name,
      facilityIds: [inForce(device.placements, at).facilityId],
      data: { probe, ...data },
    })
    const isRevised = change.superseded.excursions.length > 0
    return [
      ...(isRevised ? [about('excursion.revised', now, {})] : []),
      ...change.added.excursions.map((excursion) =>
        about(excursion.to === null ? 'excursion.began' : 'excursion.ended', excursion.from, told(excursion)),
      ),
    ]
  })
  await appendNews(tx, items)
  return items.length
}

function told({ side, from, to, ended, coldest, warmest }: Excursion): object {
  const instant = (at: number) => new Date(at).toISOString()
  return {
    side,
    from: instant(from),
    to: to === null ? null : instant(to),
    ended,
    coldest: toCelsius(coldest),
    warmest: toCelsius(warmest),
  }
}
