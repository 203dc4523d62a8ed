import {
  compareReadings,
  derive,
  type Excursion,
  type Gap,
  type Limits,
  type Reading,
  rules,
} from './series.ts'

/** What a whole recording shows, from its first reading to its last. */
export type Judgement = {
  /** Distinct readings: the same instant twice is one. */
  readonly readings: number
  /** Instants that came with more than one value; the one further from mid-limits was judged. */
  readonly contradictions: number
  readonly from: number | null
  readonly to: number | null
  readonly coldest: number | null
  readonly warmest: number | null
  readonly excursions: readonly Excursion[]
  readonly gaps: readonly Gap[]
  readonly excursionMs: number
  /** Within gaps: nobody knows. */
  readonly unverifiedMs: number
}

/** Judge a recording, in whatever order its readings come. */
export function judge(
  recorded: readonly { readonly at: number; readonly centi: number }[],
  limits: Limits,
): Judgement {
  const ruling = new Map<number, Reading>()
  const contradicted = new Set<number>()
  for (const { at, centi } of recorded) {
    const other = ruling.get(at)
    if (other && other.centi !== centi) contradicted.add(at)
    if (!other || rules(centi, other.centi, limits)) ruling.set(at, { at, boot: '', centi })
  }
  const readings = [...ruling.values()].sort(compareReadings)
  const { gaps, excursions } = derive(null, readings, () => limits)
  const last = readings.at(-1)?.at ?? null
  const values = readings.map(({ centi }) => centi).sort((a, b) => a - b)
  return {
    readings: readings.length,
    contradictions: contradicted.size,
    from: readings[0]?.at ?? null,
    to: last,
    coldest: values[0] ?? null,
    warmest: values.at(-1) ?? null,
    excursions,
    gaps,
    excursionMs: excursions.reduce((ms, { from, to }) => ms + (to ?? last ?? from) - from, 0),
    unverifiedMs: gaps.reduce((ms, { from, to }) => ms + to - from, 0),
  }
}
