import fc from 'fast-check'
import { expect } from 'vitest'
import { checkSignatures, createSealer, type SignatureFault } from '../../../api/stores/signatures.ts'
import { serverUrl } from '../../support/database.ts'
import { adminKey, type Door, test } from './door.ts'
import { type City, minute, seen } from './hospital-model/account.ts'
import { compareAll, taskKinds } from './hospital-model/after.ts'
import { aCity, aHospital, wordOf } from './hospital-model/hospital.ts'
import { findings } from './hospital-model/rules.ts'
import { quiet, Step } from './hospital-model/steps.ts'
import { take, takeDrawn } from './hospital-model/take.ts'
import { mustBeDone, mustBeRefused, walks } from './hospital-model/walks.ts'

/*
 * What a hospital does with bags, patients and orders, over HTTP, beside an account of its own of what must come of it: what
 * is refused and with which word, what a scan is answered, what everybody is to see to, and what the audit trail holds.
 */

const runs = Number(process.env.HOSPITAL_RUNS ?? (serverUrl() === undefined ? 10 : 160))
const steps = 50

test(
  'a hospital does all that is done in one, and each step comes to what it must',
  async ({ door }) => {
    const city = await aCity(door)
    seen.clear()
    for (const { name, land, words = [{}, {}], steps: walk } of walks) {
      const hospital = await aHospital(city, land, { words })
      for (const [number, step] of walk.entries())
        await take(hospital, { ...quiet, ...step }).catch((error: unknown) => {
          throw new Error(`${name}: step ${number + 1}, ${step.kind}`, { cause: error })
        })
      await compareAll(hospital)
    }
    const found = [
      ...findings.map((finding) => `finding ${finding}`),
      ...taskKinds.map((kind) => `task ${kind}`),
    ]
    const missing = [...mustBeDone, ...mustBeRefused, ...found].filter((word) => !seen.has(word))
    expect(missing).toEqual([])
    await allSigned(door, city)
  },
  minute * 2,
)

test(
  'a hospital lives over HTTP as it lives in the model',
  async ({ door }) => {
    const city = await aCity(door)
    const lives = fc.tuple(Step, Step, fc.constantFrom('CN', 'UK'))
    await fc.assert(
      fc.asyncProperty(
        fc.array(Step, { minLength: steps, maxLength: steps + 5 }),
        lives,
        async (drawn, [one, other, land]) => {
          const hospital = await aHospital(city, land, { words: [one, other].map(wordOf) })
          for (const step of drawn) await takeDrawn(hospital, step)
          await compareAll(hospital)
        },
      ),
      // To shrink fifty steps takes longer than to read them: the seed draws them again.
      { numRuns: runs, endOnFailure: true },
    )
    await allSigned(door, city)
  },
  30 * minute,
)

/** Each signature that was made, and no other, is sealed to what it signs. */
async function allSigned(door: Door, { signatures }: City): Promise<void> {
  const faults: SignatureFault[] = []
  const { db } = door.world.deps.database
  const counted = await checkSignatures(db, createSealer(adminKey), (one) => faults.push(one))
  expect([counted.signatures, faults]).toEqual([signatures, []])
}
