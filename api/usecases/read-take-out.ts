import type { Context } from '../context.ts'
import { isWithin, reachOf } from '../domain/rights.ts'
import { answersOf, findTakeOut, noTakeOut } from '../stores/take-outs.ts'
import { demandRight } from './demand.ts'

/** A door session as it stands. For whom it is, only who may know the patients there is told. @throws Refusal `not_found`, `forbidden` */
export async function readTakeOut(ctx: Context, id: string) {
  const { db } = ctx.database
  const found = await findTakeOut(db, id)
  const { facilityId, pseudonym } = found.session
  demandRight(ctx, 'bag.take_out', [facilityId], noTakeOut(id))
  const isTold = isWithin(reachOf(ctx.grants, 'patient.read'), [facilityId])
  return { ...found, patient: isTold ? pseudonym : null, answers: await answersOf(db, id) }
}
