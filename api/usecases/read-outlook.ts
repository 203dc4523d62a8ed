import type { Deps } from '../context.ts'
import { inForce } from '../domain/effective.ts'
import { isSilent } from '../domain/series.ts'
import { type Outlook, outlookOf } from '../domain/thermal/outlook.ts'
import { cnForecastRule } from '../policies/forecast.ts'
import type { Device } from '../stores/devices.ts'
import { samplesOf } from './thermal-facts.ts'

/** The newest reading of a probe, the limits it is held against, and when it will leave them, if that can be told. */
export type ProbeOutlook = {
  readonly probe: 'air' | 'load'
  readonly at: number
  readonly centi: number
  readonly low: number
  readonly high: number
  readonly outlook: Outlook | null
}

/** A reading may be of a clock that runs so far ahead, ms. */
const aheadMs = 600_000

/** What is to be expected of a device; of a probe that is silent nothing. */
export async function readOutlook(
  { database: { db }, now: clock }: Pick<Deps, 'database' | 'now'>,
  device: Device,
): Promise<{ readonly asOf: number; readonly probes: readonly ProbeOutlook[] }> {
  const asOf = clock()
  const limitsAt = (at: number) => inForce(device.profiles, at)
  const readings = await samplesOf(db, device, asOf + aheadMs, cnForecastRule.lookbackMs + aheadMs)
  const probes = (['air', 'load'] as const).flatMap((probe) => {
    const last = readings[probe]?.at(-1)
    if (!last) return []
    const { low, high } = limitsAt(last.at)
    const outlook = isSilent(last, asOf, limitsAt)
      ? null
      : outlookOf(probe, readings, { low, high }, cnForecastRule)
    return [{ ...{ probe, low, high, outlook }, at: last.at, centi: last.centi }]
  })
  return { asOf, probes }
}
