import { BagDetail, BagInput, TagInput } from '../../schema/http/bags.ts'
import { eachOf } from '../provision.ts'
import type { Book } from './book.ts'
import type { CityClock } from './clock.ts'
import { tagOf } from './donate.ts'
import type { City } from './draw-city.ts'
import type { Stocked } from './plan.ts'
import type { Staff } from './staff.ts'
import { iso, redCells } from './world.ts'

/** The bags that are there already are registered by their labels, tagged, and put where they stand. */
export async function stockUp(
  {
    city,
    clock,
    staff,
    book,
    dinOf,
  }: {
    readonly city: City
    readonly clock: CityClock
    readonly staff: Staff
    readonly book: Book
    readonly dinOf: (number: number) => string
  },
  stock: readonly Stocked[],
): Promise<void> {
  const numbered = stock.map((stocked, number) => ({
    ...stocked,
    din: dinOf(number),
    expiresAt: clock.instant(stocked.expiresAt),
  }))
  await eachOf(numbered, async ({ din, unit, facility, group, expiresAt }) => {
    const worker =
      facility === city.centre.code ? staff.one('technician', 0, facility) : staff.one('lab', 0, facility)
    const label = { din, ...redCells, group, facility, expiresAt: iso(expiresAt) }
    const { bagId, state } = await worker.post('/bags', BagInput, label, BagDetail)
    const tag = tagOf(din)
    await worker.post(`/bags/${bagId}/tags`, TagInput, { tag }, BagDetail)
    const { productCode } = redCells
    book.add({ bagId, din, productCode, tag, group, expiresAt, state, unit }, 'register')
  })
}
