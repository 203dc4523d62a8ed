import { pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** What only one process of all does, and when it did it last, by its clock: so that the others know it is done. */
export const duty = pgTable('duty', {
  name: text().primaryKey(),
  doneAt: instant().notNull(),
})
