import { news } from '../../schema/tables/news.ts'
import type { Transaction } from './database.ts'

export type NewsItem = {
  readonly at: number
  /** Such as `bag.released`. */
  readonly kind: string
  readonly subject: string
  /** The facilities it concerns; those of no facility are for who sees all. */
  readonly facilityIds: readonly number[]
  readonly data: object
}

/** Tell whoever follows, in the transaction that changes it: they hear of it if, and only if, it is committed. */
export async function appendNews(tx: Transaction, items: readonly NewsItem[]): Promise<void> {
  if (items.length === 0) return
  await tx.insert(news).values(items.map((item) => ({ ...item, facilityIds: [...item.facilityIds] })))
}
