import { BagDetail, BagInput, TagInput } from '../../schema/http/bags.ts'
import { DiscardInput } from '../../schema/http/ends.ts'
import { Stock } from '../../schema/http/life.ts'
import { eachOf } from '../provision.ts'
import type { Book } from './book.ts'
import type { CityClock } from './clock.ts'
import { tagOf } from './donate.ts'
import type { City } from './draw-city.ts'
import type { Stocked } from './plan.ts'
import type { Staff } from './staff.ts'
import { iso, redCells, withFreeDin, witnessAt } from './world.ts'

/** An earlier run has left bags in stock that are in no fridge of this one. */
export async function takeStock(city: City, staff: Staff): Promise<void> {
  await eachOf([city.centre, ...city.hospitals], async ({ code, kind }) => {
    const worker = staff.one(kind === 'centre' ? 'releaser' : 'lab', 0, code)
    const witness = witnessAt({ city, staff }, code)
    const { bags } = await worker.get(`/stock?facility=${code}&limit=10000`, Stock)
    for (const { bagId, holder } of bags) {
      if (holder !== code) continue
      const reason = 'not found when stock was taken'
      const told = { reason, code: 'not_found', witness } as const
      await worker.postUnlessRefused(`/bags/${bagId}/discard`, DiscardInput, told, BagDetail)
    }
  })
}

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
  const dated = stock.map((stocked, number) => ({
    ...stocked,
    number,
    expiresAt: clock.instant(stocked.expiresAt),
  }))
  await eachOf(dated, async ({ number, unit, facility, group, expiresAt }) => {
    const job = facility === city.centre.code ? 'technician' : 'lab'
    const worker = staff.one(job, 0, facility)
    const { din, answer } = await withFreeDin(dinOf, number, (din) => {
      const label = { din, ...redCells, group, facility, expiresAt: iso(expiresAt) }
      return worker.postUnlessRefused('/bags', BagInput, label, BagDetail)
    })
    const { bagId, state } = answer
    const tag = tagOf(din)
    await worker.post(`/bags/${bagId}/tags`, TagInput, { tag }, BagDetail)
    const { productCode } = redCells
    book.add({ bagId, din, productCode, tag, group, expiresAt, state, unit }, 'register')
  })
}
