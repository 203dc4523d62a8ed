import type { Component } from '../../../schema/vocabulary.ts'
import type { TransferBag, TransferLevel, TransferProblem } from './problem.ts'

/**
 * A city whose blood near its expiry may go where it is used. `minutesTo` speaks of every site that may be sent to.
 */
export type RotationProblem = Omit<TransferProblem, 'demands' | 'levels'> & {
  readonly levels: readonly RotationLevel[]
  readonly rotation: RotationPolicy
  /** When the centre next brings what the sites then lack, and how often it does: until then a donor makes do with less. */
  readonly refill: { readonly at: number; readonly everyMs: number }
}

export type RotationLevel = TransferLevel & {
  /**
   * What patients got of it in a day; null where nobody knows. Not `perDay`, which counts what expired too: where most
   * expires, that would make much use of little.
   */
  readonly usedPerDay: number | null
}

/** Costs are in bags: what is saved for half a bag must save more than half a bag. */
export type RotationPolicy = {
  readonly version: number
  /** Only what expires so soon is moved: what has more time may still find its patient. 0: never. */
  readonly nearMs: Readonly<Record<Component, number>>
  /** So many of a hundred bags that are sent are lost on the way. */
  readonly failPercent: number
  /** A bag goes only where it is used at least so likely. */
  readonly leastUsedPercent: number
  /** So many bags a patient counts for who finds none, for what was there has left. */
  readonly short: number
  /** So many days what is used a day is known from. */
  readonly knownFromDays: number
  readonly journey: number
  readonly box: number
}

export type RotationMove = { readonly bag: TransferBag; readonly to: string }
