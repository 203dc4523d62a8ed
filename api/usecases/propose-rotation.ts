import type { Context, Deps } from '../context.ts'
import type { Actor } from '../domain/actor.ts'
import { wallClockIn } from '../domain/local-day.ts'
import { type Reach, reachOf } from '../domain/rights.ts'
import type { Rotation, RotationJourney } from '../domain/transfer/rotation.ts'
import type { Planner } from '../planner.ts'
import { cnRotation, cnRotationReasons, rotationTimes } from '../policies/rotation.ts'
import { cnTransfer } from '../policies/transfer.ts'
import { hasRotationProposal, insertRotationProposal, listRotationProposals } from '../stores/rotations.ts'
import { allSites, bagsToTransfer, type Site } from '../stores/transfer-facts.ts'
import { centreIds, throughCentres } from '../stores/transfers.ts'
import { readRotationProblem } from './read-rotation-problem.ts'
import { bagOf } from './read-transfer-facts.ts'
import { uuidv7 } from './register-bag.ts'

export const rotationActor: Actor = { kind: 'job', id: 'rotation' }

type Parts = Pick<Deps, 'database' | 'now' | 'travel'> & Pick<Planner, 'rotate'>

/**
 * Propose the day's rotation, once the centre's clock shows its hour and where nobody has: a proposal, which moves nothing.
 * Without a centre there is none, for nobody would carry it out.
 *
 * @returns how many bags it would move; null where none was due
 */
export async function proposeDailyRotation({ database, now, travel, rotate }: Parts): Promise<number | null> {
  const { db } = database
  const centre = (await allSites(db, now())).find(({ kind }) => kind === 'centre')
  if (!centre) return null
  const day = dueDay(now(), centre.timeZone)
  if (day === null || (await hasRotationProposal(db, day))) return null
  const { problem, sites } = await readRotationProblem({ database, now, travel }, centre.timeZone)
  const rotation = await rotate(problem)
  const { journeys } = rotation
  const codes = new Set(journeys.flatMap(({ from, to }) => [from, to]))
  const row = {
    ...{ id: uuidv7(problem.at), day, at: problem.at },
    policies: { rotation: cnRotation.version, transfer: cnTransfer.version },
    facilityIds: sites.flatMap(({ id, code }) => (codes.has(code) ? [id] : [])),
    answer: answerOf(rotation),
  }
  const isFirst = await db.transaction(async (tx) =>
    insertRotationProposal(tx, rotationActor, row, await centreIds(tx)),
  )
  if (!isFirst) return null
  return journeys.reduce((sum, { moves }) => sum + moves.length, 0)
}

/** The day whose rotation is to be proposed by now; null before its hour. */
export function dueDay(now: number, timeZone: string): string | null {
  const wall = new Date(wallClockIn(timeZone)(now))
  return wall.getUTCHours() < rotationTimes.proposedAtHour ? null : wall.toISOString().slice(0, 10)
}

/** As it is kept and told: amounts in their units, instants as text, with the words of its policy. */
export type RotationAnswer = ReturnType<typeof answerOf>
type JourneyAnswer = RotationAnswer['journeys'][number]

function answerOf({ journeys, score }: Rotation) {
  return { journeys: journeys.map(journeyOf), score: { ...score } }
}

function journeyOf({ from, to, minutes, boxes, saved, moves }: RotationJourney) {
  return {
    ...{ from, to, minutes, boxes, saved },
    moves: moves.map(({ bag, usedHere, usedThere, saved: ofBag, risk, reasons }) => ({
      ...{ bagId: bag.id, component: bag.component, group: bag.group, uom: bag.uom },
      amount: (bag.amount ?? 0) / 100,
      expiresAt: new Date(bag.expiresAt).toISOString(),
      ...{ usedHere, usedThere, saved: ofBag, risk: { ...risk } },
      reasons: reasons.map((reason) => ({ reason, ...cnRotationReasons[reason] })),
    })),
  }
}

export type ToldRotation = {
  readonly id: string
  readonly day: string
  readonly at: number
  readonly policies: { readonly rotation: number; readonly transfer: number }
  /** Null for who sees a part of it only. */
  readonly score: RotationAnswer['score'] | null
  readonly journeys: readonly (Omit<JourneyAnswer, 'moves'> & {
    readonly moves: readonly (JourneyAnswer['moves'][number] & { readonly isStillFree: boolean })[]
  })[]
}

/**
 * What was proposed of late: all of it to a centre, to others what comes from them or goes to them. Of each bag it is said
 * whether it may still go, for the morning's word may be hours old.
 */
export async function readRotations(ctx: Context, limit: number): Promise<ToldRotation[]> {
  const { db } = ctx.database
  const now = ctx.now()
  const reach = throughCentres(reachOf(ctx.grants, 'transfer.plan'), await centreIds(db))
  const found = await listRotationProposals(db, { reach, limit })
  const sites = await allSites(db, now)
  const seen = codesWithin(reach, sites)
  const told = found.map(({ answer, policies, ...row }) => {
    const { journeys, score } = answer as RotationAnswer
    return {
      ...row,
      policies: policies as ToldRotation['policies'],
      score: reach === 'all' ? score : null,
      journeys: journeys.filter(({ from, to }) => seen.has(from) || seen.has(to)),
    }
  })
  const ids = told.flatMap(({ journeys }) => journeys.flatMap(({ moves }) => moves.map(({ bagId }) => bagId)))
  const codes = new Map(sites.map(({ id, code }) => [id, code]))
  const bags = new Map(
    (await bagsToTransfer(db, { ids: [...new Set(ids)] }, now)).map((one) => [
      one.bag.id,
      bagOf(one, codes, now),
    ]),
  )
  return told.map(({ journeys, ...row }) => ({
    ...row,
    journeys: journeys.map(({ moves, ...journey }) => ({
      ...journey,
      moves: moves.map((move) => {
        const bag = bags.get(move.bagId)
        const isStillFree = bag?.obstacle === null && bag.site === journey.from && now < bag.expiresAt
        return { ...move, isStillFree }
      }),
    })),
  }))
}

function codesWithin(reach: Reach, sites: readonly Site[]): ReadonlySet<string> {
  return new Set(sites.flatMap(({ id, code }) => (reach === 'all' || reach.has(id) ? [code] : [])))
}
