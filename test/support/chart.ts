import type { ProbeKind } from '../../schema/vocabulary.ts'
import { aMessage, aReading, noon, type World } from './world.ts'

const minute = 60_000

export type Chart = readonly { readonly at: number; readonly centi: number }[]

/**
 * A reading each minute: so many minutes of a thermostat's saw from 3.5 to 4.5 °C, up in 20 minutes and down in 10, and
 * then whatever is said, by minutes since; it ends at `end`.
 */
export function saw(usual: number, minutes: number, then: (minute: number) => number, end = noon): Chart {
  return Array.from({ length: usual + minutes }, (_, m) => {
    const phase = m % 30
    const swing = phase < 20 ? 350 + 5 * phase : 450 - 10 * (phase - 20)
    const centi = m < usual ? swing : then(m - usual)
    return { at: end - (usual + minutes - 1 - m) * minute, centi: Math.round(centi) + ((m * 7) % 3) - 1 }
  })
}

/** A load that follows the air with a time constant of ten minutes. */
export function loadOf(air: Chart): Chart {
  let value = 400
  return air.map(({ at, centi }) => {
    value += (centi - value) / 10
    return { at, centi: Math.round(value) }
  })
}

/**
 * A device tells of its readings, one probe after the other, in messages of a boot of their own; each is received when the
 * last of its readings was measured.
 */
export async function tells(
  { ingest }: Pick<World, 'ingest'>,
  device: string,
  probes: Readonly<Partial<Record<ProbeKind, Chart>>>,
  boot = 'charted',
): Promise<void> {
  let seq = 0
  for (const [probe, chart] of Object.entries(probes))
    for (let from = 0; from < chart.length; from += 500) {
      const part = chart.slice(from, from + 500)
      const body = part.map(({ at, centi }) => aReading(at, centi / 100, probe as ProbeKind))
      await ingest.accept([aMessage({ device, boot, seq: seq++, body, receivedAt: part.at(-1)?.at ?? noon })])
    }
}
