import { expect, test } from 'vitest'
import { causeOf } from '../../../../api/domain/thermal/cause.ts'
import { cnCauseRule } from '../../../../api/policies/causes.ts'
import { confusionOf, printed } from '../../../support/cold/confusion.ts'
import { type EventKind, eventKinds } from '../../../support/cold/draw-event.ts'
import { wide } from '../../../support/cold/draw-fridge.ts'
import { askOther, otherKinds } from '../../../support/cold/other-world.ts'
import { questionsOf } from '../../../support/cold/questions.ts'

// Another seed each time; COLD_SEED=… runs one again.
const seed = process.env.COLD_SEED ?? Math.random().toString(36).slice(2, 10)

const doors: readonly EventKind[] = ['door', 'door_with_bags']
const failures: readonly EventKind[] = ['compressor_stops', 'refrigerant_leaks', 'fan_stops']
const harmless: readonly EventKind[] = ['calm', 'defrost', 'warm_bags']

const percent = (part: number, whole: number) => Number(((100 * part) / whole).toFixed(1))

test('of many hundred events in fridges nobody tuned it for, the rule names few wrongly', {
  timeout: 300_000,
}, () => {
  const answers = eventKinds.flatMap((kind) => {
    const events = doors.includes(kind) ? 240 : failures.includes(kind) ? 180 : 50
    return Array.from({ length: events }, (_, i) => questionsOf(`${seed}/${kind}/${i}`, kind, wide)).flatMap(
      (questions, event) =>
        questions.map(({ facts, right, moment }) => {
          const { cause } = causeOf(facts, cnCauseRule)
          return { kind, event, row: `${kind}, ${moment}`, named: cause, right: right.includes(cause) }
        }),
    )
  })
  const events = new Set(answers.map(({ kind, event }) => `${kind}/${event}`)).size
  const told = [...doors, ...failures]
  const asked = answers.filter(({ kind }) => told.includes(kind))
  const named = asked.filter((answer) => answer.named !== 'unknown')
  const right = named.filter((answer) => answer.right).length
  const negatives = answers.filter(({ kind }) => harmless.includes(kind))
  const falseAlarms = negatives.filter((answer) => !answer.right).length
  const probes = answers.filter(({ kind }) => kind === 'probe_stuck' || kind === 'probe_unplugged')
  const found = probes.filter((answer) => answer.right).length
  process.stdout.write(
    `COLD_SEED=${seed}, ${events} events\n${printed(confusionOf(answers))}\n` +
      `door against cooling: ${percent(right, named.length)} % of ${named.length} named are right, ` +
      `${percent(right, asked.length)} % of all ${asked.length}; of ${negatives.length} harmless ` +
      `${falseAlarms} are given a cause\n`,
  )
  expect(events).toBeGreaterThanOrEqual(500)
  expect(percent(right, named.length)).toBeGreaterThanOrEqual(95)
  expect(percent(right, asked.length)).toBeGreaterThanOrEqual(80)
  expect(percent(falseAlarms, negatives.length)).toBeLessThanOrEqual(10)
  expect(percent(found, probes.length)).toBeGreaterThanOrEqual(90)
})

test('in the fridges of the other simulator it names hardly any wrongly', { timeout: 300_000 }, () => {
  const answers = otherKinds.flatMap((kind) =>
    Array.from({ length: 50 }, (_, i) => askOther(`${seed}/${kind}/${i}`, kind)).flatMap((question) => {
      if (!question) return []
      const { cause } = causeOf(question.facts, cnCauseRule)
      return [{ row: kind, named: cause, right: cause === question.right }]
    }),
  )
  const named = answers.filter((answer) => answer.named !== 'unknown')
  const right = named.filter((answer) => answer.right).length
  process.stdout.write(`COLD_SEED=${seed}, the other simulator\n${printed(confusionOf(answers))}\n`)
  expect(percent(right, named.length)).toBeGreaterThanOrEqual(95)
})
