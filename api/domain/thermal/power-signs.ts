import type { CauseSign } from '../../../schema/vocabulary.ts'
import type { CauseRule, PowerFact } from './facts.ts'

/** What speaks for a failure of power between `from` and `at`. */
export function powerSigns(power: readonly PowerFact[], from: number, at: number): readonly CauseSign[] {
  const signs: CauseSign[] = []
  const told = power.filter(({ mains }) => mains !== null)
  let offMs = 0
  told.forEach((fact, index) => {
    if (fact.mains) return
    offMs += Math.max(0, (told[index + 1]?.at ?? at) - Math.max(fact.at, from))
  })
  if (told.at(-1)?.mains === false || (offMs > 0 && offMs >= (at - from) / 2)) signs.push('mains_off')
  if (told.length === 0) {
    const batteries = power.filter(({ batteryPercent }) => batteryPercent !== null)
    const [before, last] = [batteries.at(-2), batteries.at(-1)]
    if (before && last && (last.batteryPercent as number) < (before.batteryPercent as number)) {
      signs.push('battery_drains')
    }
  }
  return signs
}

/** How often the compressor was content since `from`. */
export function stops(power: readonly PowerFact[], from: number): number {
  const told = power.filter(({ compressorOn }) => compressorOn !== null)
  return told.filter(
    ({ at, compressorOn }, index) => at >= from && !compressorOn && told[index - 1]?.compressorOn === true,
  ).length
}

/** What the compressor does about it, where it is told. */
export function compressorSigns(
  power: readonly PowerFact[],
  at: number,
  rule: CauseRule,
): readonly CauseSign[] {
  const told = power.filter(({ compressorOn }) => compressorOn !== null)
  const since = told.findLast((fact, index) => fact.compressorOn !== told[index - 1]?.compressorOn)
  if (!since) return []
  if (since.compressorOn) return ['compressor_runs']
  return at - since.at >= rule.restMs ? ['compressor_rests'] : []
}
