import { and, asc, desc, type SQL, sql } from 'drizzle-orm'
import { news } from '../../schema/tables/news.ts'
import type { Reach } from '../domain/rights.ts'
import type { Database, Transaction } from './database.ts'
import { kept } from './pool.ts'

export type NewsItem = {
  readonly at: number
  /** Such as `bag.released`. */
  readonly kind: string
  readonly subject: string
  /** The facilities it concerns; those of no facility are for who sees all. */
  readonly facilityIds: readonly number[]
  readonly data: object
}

/** How far somebody has read: everything up to this transaction and this row of it. As text, `xid-id`. */
export type Cursor = { readonly xid: string; readonly id: number }

export type News = Omit<NewsItem, 'data'> & {
  readonly data: unknown
  readonly cursor: Cursor
}

/** Tell whoever follows, in the transaction that changes it: they hear of it if, and only if, it is committed. */
export async function appendNews(tx: Transaction, items: readonly NewsItem[]): Promise<void> {
  if (items.length === 0) return
  await tx.execute(sql`
    ${kept}insert into ${news} (at, kind, subject, facility_ids, data)
    select at, kind, subject, "facilityIds", data from json_to_recordset(${JSON.stringify(items)}::json)
      as told(at bigint, kind text, subject text, "facilityIds" integer[], data jsonb)`)
}

/**
 * The next news within reach, in order, and the cursor to go on from.
 *
 * Only what is below the oldest transaction still open is read: all of that is decided, so nothing can appear behind a
 * cursor any more, whichever process asks and whichever transaction commits first.
 */
export async function readNews(
  db: Database,
  { after, reach, limit }: { readonly after: Cursor; readonly reach: Reach; readonly limit: number },
): Promise<{ readonly items: readonly News[]; readonly next: Cursor }> {
  const end = await endOfNews(db)
  const rows = await db
    .select()
    .from(news)
    .where(
      and(
        sql`(${news.xid}, ${news.id}) > (${after.xid}::xid8, ${after.id}::bigint)`,
        sql`${news.xid} < ${end.xid}::xid8`,
        concerns(reach),
      ),
    )
    .orderBy(asc(news.xid), asc(news.id))
    .limit(limit)
  const items = rows.map(({ xid, id, at, kind, subject, facilityIds, data }) => ({
    at,
    kind,
    subject,
    facilityIds,
    data,
    cursor: { xid, id },
  }))
  return { items, next: items.length < limit ? end : (items.at(-1)?.cursor ?? end) }
}

/** What is new since the cursor, as the kinds of it that concern each facility, and the cursor to go on from. */
export async function kindsOfNews(
  db: Database,
  after: Cursor,
): Promise<{
  readonly told: readonly { readonly kind: string; readonly facilityId: number }[]
  readonly next: Cursor
}> {
  const next = await endOfNews(db)
  const { rows } = await db.execute<{ kind: string; facilityId: number }>(sql`
    ${kept}select distinct kind, unnest(facility_ids) as "facilityId" from ${news}
    where (xid, id) > (${after.xid}::xid8, ${after.id}::bigint) and xid < ${next.xid}::xid8`)
  return { told: rows, next }
}

/** The cursor of who has read all there is to read now. What is still open, or begins later, comes after it. */
export async function endOfNews(db: Database | Transaction): Promise<Cursor> {
  const { rows } = await db.execute<{ xid: string }>(
    sql`${kept}select pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
  )
  return { xid: rows[0]?.xid as string, id: 0 }
}

/** The last news that may be read by now; null where there is none. */
export async function newestNews(db: Database): Promise<Cursor | null> {
  const [newest] = await db
    .select({ xid: news.xid, id: news.id })
    .from(news)
    .where(sql`${news.xid} < pg_snapshot_xmin(pg_current_snapshot())`)
    .orderBy(desc(news.xid), desc(news.id))
    .limit(1)
  return newest ?? null
}

export function cursorText({ xid, id }: Cursor): string {
  return `${xid}-${id}`
}

/** News as every door tells it. */
export function newsText({ at, kind, subject, data }: News): string {
  return JSON.stringify({ at: new Date(at).toISOString(), kind, subject, data })
}

function concerns(reach: Reach): SQL | undefined {
  if (reach === 'all') return undefined
  return sql`${news.facilityIds} && ${`{${[...reach].join()}}`}::integer[]`
}
