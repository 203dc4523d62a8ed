export type Answer = 'GO' | 'STOP' | 'CALL'

/** What somebody who looks on is told. */
export type Note = { readonly at: number; readonly text: string }

/** What has been counted so far. */
export type Tally = {
  readonly answers: Record<Answer, number>
  readonly counts: {
    donations: number
    deliveries: number
    demands: number
    /** Handed out at the counter of the lab. */
    atCounter: number
    /** Nothing was there for the patient. */
    unmet: number
    faults: number
  }
  readonly notes: readonly Note[]
  /** Errands that could not be done, and why. */
  readonly troubles: readonly string[]
  note(at: number, text: string): void
  trouble(error: unknown): void
}

const keptNotes = 50
const keptTroubles = 1_000

export function openTally(onNote: (note: Note) => void = () => {}): Tally {
  const notes: Note[] = []
  const troubles: string[] = []
  return {
    answers: { GO: 0, STOP: 0, CALL: 0 },
    counts: { donations: 0, deliveries: 0, demands: 0, atCounter: 0, unmet: 0, faults: 0 },
    notes,
    troubles,
    note(at, text) {
      const note = { at, text }
      notes.push(note)
      if (notes.length > keptNotes) notes.shift()
      onNote(note)
    },
    trouble(error) {
      if (troubles.length < keptTroubles)
        troubles.push(error instanceof Error ? error.message : String(error))
    },
  }
}
