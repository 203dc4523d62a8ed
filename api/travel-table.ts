import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { type TravelTable, travelTable } from './domain/transfer/travel-table.ts'

/** Nobody carries blood by road for longer than two days. */
const mostMinutes = 2 * 24 * 60

const site = z.string().min(1)

/** A table of ways as people write it; `from` and `to` are codes of facilities. */
const TravelDocument = z.strictObject({
  symmetric: z.boolean().default(false),
  ways: z.array(
    z.strictObject({
      from: site,
      to: site,
      minutes: z.number().int().min(1).max(mostMinutes),
      hours: z.array(z.number().int().min(0).max(23)).min(1).optional(),
    }),
  ),
})

/** @throws Error saying what of the file is wrong */
export function readTravelTable(file: string): TravelTable {
  const read = TravelDocument.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (read.success) return travelTable(read.data.ways, read.data.symmetric)
  const [issue] = read.error.issues
  throw new Error(`${issue?.path.join('.') || 'the whole'} ${issue?.message}`)
}
