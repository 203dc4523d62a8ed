import { truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { OfflineDecision, type OfflineDecisionInput } from '../../schema/http/offline.ts'
import { appendToFile, readIfThere, syncFolder } from './keep.ts'

/** What became of a decision once it was told. */
const Settled = z.object({
  id: z.uuid(),
  /** By the service's clock, ms: a list made later knows of it. */
  receivedAt: z.int(),
  /** Why it was not taken; null where it was. */
  refused: z.string().nullable(),
})
export type Settled = z.infer<typeof Settled>

const Line = z.union([z.object({ decided: OfflineDecision }), z.object({ settled: Settled })])

export type HandedOut = {
  readonly bagId: string
  /** By their pseudonym; null in an emergency without one. */
  readonly patient: string | null
  readonly at: number
  readonly receivedAt: number | null
}

/** Decisions on disk: each is there for good before anybody is shown its answer. */
export type DecisionBook = {
  /** Those that were never told, or of which nobody has heard that they were, in the order they were taken. */
  outstanding(): readonly OfflineDecisionInput[]
  /** All that handed a bag out, with when the service heard of it; null where it has not. */
  handedOut(): readonly HandedOut[]
  /** The ones that were told and not taken. */
  refused(): readonly Settled[]
  decided(decision: OfflineDecisionInput): void
  settled(outcome: Settled): void
}

/** A last line cut short by a kill is no decision: nobody was shown it. */
export function openDecisionBook(file: string): DecisionBook {
  const text = readIfThere(file) ?? ''
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole))
  const open = new Map<string, OfflineDecisionInput>()
  const out = new Map<string, HandedOut>()
  const refused = new Map<string, Settled>()

  function remember(decision: OfflineDecisionInput): void {
    open.set(decision.decisionId, decision)
    const { decisionId, answer, bagId, patient = null, occurredAt } = decision
    if (answer === 'GO' && bagId)
      out.set(decisionId, { bagId, patient, at: Date.parse(occurredAt), receivedAt: null })
  }
  function settle(outcome: Settled): void {
    open.delete(outcome.id)
    const handed = out.get(outcome.id)
    if (outcome.refused !== null) refused.set(outcome.id, outcome)
    else if (handed) out.set(outcome.id, { ...handed, receivedAt: outcome.receivedAt })
  }

  for (const line of whole.split('\n').filter(Boolean)) {
    const given: unknown = JSON.parse(line)
    const read = Line.parse(given)
    // As it was written, for it is told again to the letter.
    if ('decided' in read) remember((given as { decided: OfflineDecisionInput }).decided)
    else settle(read.settled)
  }
  let isNamed = text !== ''
  function append(line: object): void {
    appendToFile(file, `${JSON.stringify(line)}\n`)
    if (!isNamed) syncFolder(dirname(file))
    isNamed = true
  }

  return {
    outstanding: () => [...open.values()],
    handedOut: () => [...out.values()],
    refused: () => [...refused.values()],
    decided(decision) {
      append({ decided: decision })
      remember(decision)
    },
    settled(outcome) {
      append({ settled: outcome })
      settle(outcome)
    },
  }
}
