import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context as Request } from 'hono'
import { accepts } from 'hono/accepts'
import type { z } from 'zod'
import { BagsExport, DonationsExport, ExportQuery } from '../../schema/http/imports.ts'
import type { Context } from '../context.ts'
import { type Right, reachOf } from '../domain/rights.ts'
import { bagsToExport, donationsToExport, type ExportFilter } from '../stores/exports.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from '../usecases/demand.ts'
import { needs } from './admission.ts'
import { everywhere, problem } from './answers.ts'
import type { Env } from './env.ts'
import { type FileType, fileTypes } from './files/read-file.ts'
import { type Written, writtenBags, writtenDonations } from './views/exports.ts'

const tags = ['Imports and exports']

/** So many rows are in memory at a time. */
const pageSize = 1_000

/** Declares a file as the answer. */
function file<T extends z.ZodType>(schema: T, description: string) {
  return { content: { [fileTypes.csv]: { schema }, [fileTypes.ndjson]: { schema } }, description }
}

const missing = problem('No such facility')

const bags = createRoute({
  method: 'get',
  path: '/bags',
  tags,
  summary: 'The bags that are held within reach, whatever became of them, for an import elsewhere',
  ...needs('bag.read'),
  request: { query: ExportQuery },
  responses: { ...everywhere, 200: file(BagsExport, 'The bags, oldest first'), 404: missing },
})

const donations = createRoute({
  method: 'get',
  path: '/donations',
  tags,
  summary: 'The donations collected within reach, each with its bag, for an import elsewhere',
  ...needs('bag.test'),
  request: { query: ExportQuery },
  responses: { ...everywhere, 200: file(DonationsExport, 'The donations, oldest first'), 404: missing },
})

export const exportRoutes = new OpenAPIHono<Env>()
  .openapi(bags, async (c) => {
    const { db } = c.var.ctx.database
    const query = c.req.valid('query')
    const filter = await filterOf(c.var.ctx, 'bag.read', query)
    const type = typeOf(c, query)
    const pages = pagesOf(
      (page) => bagsToExport(db, { ...filter, ...page }),
      ({ bag }) => bag.id,
    )
    return answer(c, type, pages, writtenBags(type))
  })
  .openapi(donations, async (c) => {
    const { db } = c.var.ctx.database
    const query = c.req.valid('query')
    const filter = await filterOf(c.var.ctx, 'bag.test', query)
    const type = typeOf(c, query)
    const pages = pagesOf(
      (page) => donationsToExport(db, { ...filter, ...page }),
      ({ donation }) => donation.id,
    )
    return answer(c, type, pages, writtenDonations(type))
  })

async function filterOf(
  ctx: Context,
  right: Right,
  { facility, registeredSince }: z.output<typeof ExportQuery>,
): Promise<Omit<ExportFilter, 'after' | 'limit'>> {
  const reach = reachOf(ctx.grants, right)
  if (facility === undefined) return { reach, since: registeredSince }
  const { id } = await findFacility(ctx.database.db, facility)
  demandRight(ctx, right, [id], noFacility(facility))
  return { reach, since: registeredSince, facilityId: id }
}

function typeOf(c: Request<Env>, { format }: z.output<typeof ExportQuery>): FileType {
  if (format !== undefined) return format
  const supports = Object.values(fileTypes)
  const type = accepts(c, { header: 'Accept', supports, default: fileTypes.csv })
  return type === fileTypes.ndjson ? 'ndjson' : 'csv'
}

/** One page after the other, each a statement of its own: what is registered meanwhile comes behind. */
async function* pagesOf<Row>(
  read: (page: { after: string | undefined; limit: number }) => Promise<Row[]>,
  idOf: (row: Row) => string,
): AsyncGenerator<Row[]> {
  let after: string | undefined
  for (;;) {
    const rows = await read({ after, limit: pageSize })
    if (rows.length > 0) yield rows
    if (rows.length < pageSize) return
    after = idOf(rows.at(-1) as Row)
  }
}

/**
 * The rows as they are read: no faster than they are taken. The first page is read before the answer begins, so that what
 * is in the way then is told; whatever comes in the way later breaks the connection off, and no whole file is taken for one.
 */
async function answer<Row>(
  c: Request<Env>,
  type: FileType,
  pages: AsyncGenerator<Row[]>,
  { head, line }: Written<Row>,
) {
  const { log, requestId } = { log: c.var.services.log, requestId: c.var.requestId }
  const encoder = new TextEncoder()
  const linesOf = (rows: readonly Row[]) => encoder.encode(rows.map(line).join(''))
  const first = await pages.next()
  let next: typeof first | undefined = first
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (head !== '') controller.enqueue(encoder.encode(head))
    },
    async pull(controller) {
      try {
        const { done, value } = next ?? (await pages.next())
        next = undefined
        if (done) controller.close()
        else controller.enqueue(linesOf(value))
      } catch (error) {
        log.error({ err: error, requestId }, 'an export broke off')
        controller.error(error)
      }
    },
    async cancel() {
      await pages.return(undefined)
    },
  })
  return c.body(body, 200, {
    'content-type': `${fileTypes[type]}; charset=utf-8`,
    'content-disposition': `attachment; filename="${c.req.path.split('/').at(-1)}.${type}"`,
  })
}
