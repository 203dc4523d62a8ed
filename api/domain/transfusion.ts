import type { Disposition, TransfusionContradiction, TransfusionVerb } from '../../schema/vocabulary.ts'

/** One thing that was told of a transfusion, with the time it happened at, ms UTC. */
export type Observation = {
  readonly verb: TransfusionVerb
  readonly occurredAt: number
  /** Of one that was told as a whole: its end, where that was told. */
  readonly endedAt: number | null
  readonly reaction: boolean
  /** As the wristband says; null where nobody read it. */
  readonly patient: string | null
  /** Who checked bag and patient, by name. */
  readonly checkers: readonly string[]
  readonly volumeMl: number | null
}

/** A transfusion, as far as it was told. */
export type TransfusionAccount = {
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly isOver: boolean
  readonly wasInterrupted: boolean
  readonly reaction: boolean
  readonly volumeMl: number | null
  readonly patients: readonly string[]
  readonly checkers: readonly string[]
  readonly contradictions: readonly TransfusionContradiction[]
  readonly disposition: Disposition
}

/**
 * What the observations of a transfusion say together: a function of the set of them, whatever the order they came in and
 * however often. The earliest start and the latest end count. An end from before the start ends nothing: somebody's
 * clock or bag was another, and the transfusion lasts until its end is told. What was told as a whole is over, even where
 * its end was not told. Null where nothing was told.
 */
export function accountOf(told: readonly Observation[]): TransfusionAccount | null {
  if (told.length === 0) return null
  const of = (...verbs: readonly TransfusionVerb[]) => told.filter(({ verb }) => verbs.includes(verb))
  const starts = unique(of('start_transfusion', 'transfuse').map(({ occurredAt }) => occurredAt))
  const startedAt = starts.length > 0 ? Math.min(...starts) : null
  const wholes = of('transfuse')
  const ends = [
    ...of('end_transfusion', 'interrupt_transfusion').map(({ verb, occurredAt }) => ({
      verb,
      at: occurredAt,
    })),
    ...wholes.flatMap(({ verb, endedAt }) => (endedAt === null ? [] : [{ verb, at: endedAt }])),
  ]
  const after = ends.filter(({ at }) => startedAt === null || at >= startedAt)
  const endedAt = after.length > 0 ? Math.max(...after.map(({ at }) => at)) : null
  const isOver = endedAt !== null || wholes.length > 0
  // Of an end and an interruption at one moment the worse is believed.
  const wasInterrupted = after.some(({ verb, at }) => verb === 'interrupt_transfusion' && at === endedAt)
  const reaction = told.some((one) => one.reaction || one.verb === 'report_reaction')
  const volumes = unique(told.flatMap(({ volumeMl }) => (volumeMl === null ? [] : [volumeMl])))
  const patients = unique(told.flatMap(({ patient }) => (patient === null ? [] : [patient])))
  const contradictions: Record<TransfusionContradiction, boolean> = {
    ended_before_start: after.length < ends.length,
    two_starts: starts.length > 1,
    two_patients: patients.length > 1,
    two_volumes: volumes.length > 1,
  }
  return {
    startedAt,
    endedAt,
    isOver,
    wasInterrupted,
    reaction,
    volumeMl: volumes.length > 0 ? Math.max(...volumes) : null,
    patients,
    checkers: unique(told.flatMap(({ checkers }) => checkers)),
    contradictions: (Object.keys(contradictions) as TransfusionContradiction[]).filter(
      (one) => contradictions[one],
    ),
    disposition: reaction ? 'TR' : !isOver ? 'TS' : wasInterrupted ? 'TI' : 'TX',
  }
}

/** Was this told already, to the letter? Who did not hear that it was taken tells it again, and nothing new happens. */
export function isToldAlready(told: readonly Observation[], again: Observation): boolean {
  return told.some((one) => nameOf(one) === nameOf(again))
}

function nameOf({ verb, occurredAt, endedAt, reaction, patient, checkers, volumeMl }: Observation): string {
  return JSON.stringify([verb, occurredAt, endedAt, reaction, patient, [...checkers].sort(), volumeMl])
}

function unique<T extends string | number>(values: readonly T[]): T[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
