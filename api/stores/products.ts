import { and, desc, eq, lte, sql } from 'drizzle-orm'
import { bag, bagHold } from '../../schema/tables/bags.ts'
import { ledgerDue } from '../../schema/tables/ledgers.ts'
import { modification, product } from '../../schema/tables/products.ts'
import type { Jurisdiction } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import type { ProductContent } from '../domain/product.ts'
import { appendAudit, appendAudits } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { usualJurisdiction } from './facilities.ts'
import { lockAlone } from './locks.ts'
import type { Proposal } from './policies.ts'
import { isOneOf } from './rows.ts'

export type Product = ProductContent & { readonly version: number; readonly proposalId: number | null }

function productOf({ id: _, ...row }: typeof product.$inferSelect): Product {
  // What was written down is what was parsed.
  return row as typeof row & Pick<Product, 'shelfLife' | 'treatments' | 'makes' | 'uncertain'>
}

/** What the catalogue knows of a code; null where it knows nothing. */
export type Catalogue = (code: string) => Product | null

/**
 * What is in force of some codes at an instant: a jurisdiction's own entry, or else that of China. One that is still to
 * come is not known.
 */
export async function productsAt(
  db: Database | Transaction,
  asked: {
    readonly jurisdiction: Jurisdiction
    readonly scheme: string
    readonly codes: readonly string[]
    readonly at: number
  },
): Promise<Catalogue> {
  const { jurisdiction, scheme, codes, at } = asked
  const rows = await db
    .select()
    .from(product)
    .where(
      and(
        eq(product.scheme, scheme),
        isOneOf(product.code, [...codes]),
        isOneOf(product.jurisdiction, [jurisdiction, usualJurisdiction]),
        lte(product.effectiveFrom, at),
      ),
    )
    .orderBy(desc(product.effectiveFrom), desc(product.version))
  return (code) => {
    const found = rows.filter((row) => row.code === code)
    const row = found.find((one) => one.jurisdiction === jurisdiction) ?? found[0]
    return row ? productOf(row) : null
  }
}

/** Every version of every entry. */
export async function listProducts(db: Database | Transaction): Promise<Product[]> {
  const rows = await db
    .select()
    .from(product)
    .orderBy(product.scheme, product.code, product.jurisdiction, product.version)
  return rows.map(productOf)
}

function nameOf({ jurisdiction, scheme, code, version }: Product): string {
  return `${jurisdiction}/${scheme}/${code}/v${version}`
}

/** Add the entries that are not there yet; a version that stands is never changed. */
export async function insertProducts(
  tx: Transaction,
  actor: Actor,
  rows: readonly (ProductContent & { readonly version: number })[],
  now: number,
): Promise<void> {
  const added = await tx
    .insert(product)
    .values([...rows])
    .onConflictDoNothing()
    .returning()
  await dueForProducts(
    tx,
    added.map(({ id }) => id),
  )
  const entries = added.map((row) => ({
    at: now,
    action: 'product.seeded',
    subjectKind: 'product' as const,
    subject: nameOf(productOf(row)),
    after: row,
  }))
  await appendAudits(tx, actor, entries)
}

/** Make what was approved the next version of its entry. */
export async function insertProductVersion(
  tx: Transaction,
  actor: Actor,
  { id, content }: Pick<Proposal<'product'>, 'id' | 'content'>,
  now: number,
): Promise<void> {
  const { jurisdiction, scheme, code } = content
  await lockAlone(tx, 'products')
  const [newest] = await tx
    .select({ version: product.version })
    .from(product)
    .where(and(eq(product.jurisdiction, jurisdiction), eq(product.scheme, scheme), eq(product.code, code)))
    .orderBy(desc(product.version))
    .limit(1)
  const row = { ...content, version: (newest?.version ?? 0) + 1, proposalId: id }
  const added = await tx.insert(product).values(row).returning({ id: product.id })
  await dueForProducts(
    tx,
    added.map(({ id }) => id),
  )
  await appendAudit(tx, actor, {
    at: now,
    action: 'product.in_force',
    subjectKind: 'product',
    subject: nameOf(row),
    after: row,
  })
}

/** The bags that are held because nobody knew what they are: they are looked at again once their entry is in force. */
async function dueForProducts(tx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await tx.execute(sql`
    insert into ${ledgerDue} (bag_id, due_at)
    select b.id, p.effective_from from ${bagHold} h join ${bag} b on b.id = h.bag_id
      join ${product} p on p.scheme = b.scheme and p.code = b.product_code
    where h.lifted_at is null and h.kind = 'unknown_product' and p.id = any(${`{${ids.join()}}`}::integer[])`)
}

export async function insertModification(
  tx: Transaction,
  actor: Actor,
  made: Omit<typeof modification.$inferInsert, 'actor'> & { readonly lots: readonly string[] },
): Promise<void> {
  await tx.insert(modification).values({ ...made, actor })
  await appendAudit(tx, actor, {
    at: made.at,
    action: 'modification.recorded',
    subjectKind: 'modification',
    subject: made.id,
    after: made,
  })
}
