import { setImmediate as othersToo } from 'node:timers/promises'
import type { Database, Transaction } from './database.ts'
import { failureClass, sqlStateOf } from './sql-state.ts'

/** So long a statement has the word, ms; then the next goes beside it: one lost on its way must not hold up all. */
const turnMs = 50

/** So many have the word at once: while the database works on some, this process works on what others have told. */
const lanes = 4

/** And so many turns of the event loop each waits for others, while they keep coming. */
const mostTurns = 2

/** So many go with one statement. */
const mostTogether = 100

type Waiting<Asked, Told> = {
  readonly asked: Asked
  readonly resolve: (told: Told) => void
  readonly reject: (error: unknown) => void
}

type Queue<Asked, Told> = {
  readonly db: Database | Transaction
  readonly waiting: Waiting<Asked, Told>[]
  /** Somebody waits for others to come, who all go with him. */
  isGathering: boolean
  /** Statements that have the word. */
  underWay: number
}

/**
 * Ask in one statement what many ask at once: a round trip costs more than most of what is asked. Who comes while four
 * are under way goes with the next; who comes alone waits for nobody.
 *
 * What the database refuses for all is asked for each again, alone: nobody is refused for another's sake.
 *
 * @param askAll must tell as many as are asked for, in their order, by one statement or one transaction
 */
export function gathered<Asked, Told>(
  askAll: (db: Database | Transaction, asked: readonly Asked[]) => Promise<readonly Told[]>,
): (db: Database | Transaction, asked: Asked) => Promise<Told> {
  // A transaction is a database of its own here: nothing goes with what is not in it.
  const queues = new WeakMap<object, Queue<Asked, Told>>()

  async function goOn(queue: Queue<Asked, Told>): Promise<void> {
    const { waiting } = queue
    if (queue.isGathering || queue.underWay >= lanes || waiting.length === 0) return
    queue.isGathering = true
    // Whoever has come in the same moment goes too, and who comes while more do.
    for (let turns = 0, before = 0; turns < mostTurns && waiting.length > before; turns++) {
      before = waiting.length
      await othersToo()
    }
    queue.isGathering = false
    queue.underWay++
    let hasTheWord = true
    const pass = () => {
      if (!hasTheWord) return
      hasTheWord = false
      queue.underWay--
      void goOn(queue)
    }
    const late = setTimeout(pass, turnMs)
    const together = waiting.splice(0, mostTogether)
    // More than go with one statement need not wait for it.
    void goOn(queue)
    await answer(queue.db, together)
    clearTimeout(late)
    pass()
  }

  async function answer(
    db: Database | Transaction,
    together: readonly Waiting<Asked, Told>[],
  ): Promise<void> {
    try {
      const told = await askAll(
        db,
        together.map(({ asked }) => asked),
      )
      for (const [index, { resolve }] of together.entries()) resolve(told[index] as Told)
    } catch (error) {
      const isRefused = sqlStateOf(error) !== undefined && failureClass(error) !== 'away'
      if (isRefused && together.length > 1) for (const one of together) await answer(db, [one])
      else for (const { reject } of together) reject(error)
    }
  }

  return (db, asked) => {
    const queue = queues.get(db) ?? { db, waiting: [], isGathering: false, underWay: 0 }
    queues.set(db, queue)
    return new Promise((resolve, reject) => {
      queue.waiting.push({ asked, resolve, reject })
      void goOn(queue)
    })
  }
}
