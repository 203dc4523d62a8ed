import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { z } from 'zod'
import {
  BagsFileInput,
  bagColumns,
  DonationsFileInput,
  donationColumns,
  ImportedBag,
  ImportedDonation,
  ImportQuery,
  ImportReport,
} from '../../schema/http/imports.ts'
import { importBags } from '../usecases/import-bags.ts'
import { importDonations } from '../usecases/import-donations.ts'
import type { RowVerdict } from '../usecases/import-rows.ts'
import { needs } from './admission.ts'
import { everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { fileTypes, readFile } from './files/read-file.ts'

const tags = ['Imports and exports']

/** Declares a file as the body. */
function file<T extends z.ZodType>(schema: T) {
  const content = { [fileTypes.csv]: { schema }, [fileTypes.ndjson]: { schema } }
  return { content, required: true }
}

const answers = {
  ...everywhereWithBody,
  400: problem('The file cannot be read, or rows of it cannot be taken and nothing was written'),
  413: problem('The file has too many rows, or is too long'),
  415: problem('The body is neither CSV nor NDJSON in UTF-8'),
}

const looked = { ...answers, 200: json(ImportReport, 'What would become of each row') }

const done = {
  ...answers,
  200: json(ImportReport, 'All of it was there already'),
  201: json(ImportReport, 'What became of each row'),
}

const previewBags = createRoute({
  method: 'post',
  path: '/bags/preview',
  tags,
  summary: 'What would become of a file of bags, row by row',
  ...needs('bag.register'),
  request: { body: file(BagsFileInput) },
  responses: looked,
})

const createBags = createRoute({
  method: 'post',
  path: '/bags',
  tags,
  summary: 'Register the bags of a file by their labels',
  ...needs('bag.register'),
  request: { body: file(BagsFileInput), query: ImportQuery },
  responses: done,
})

const previewDonations = createRoute({
  method: 'post',
  path: '/donations/preview',
  tags,
  summary: 'What would become of a file of donations, row by row',
  ...needs('bag.collect'),
  request: { body: file(DonationsFileInput) },
  responses: looked,
})

const createDonations = createRoute({
  method: 'post',
  path: '/donations',
  tags,
  summary: 'Collect the donations of a file, each with its bag',
  ...needs('bag.collect'),
  request: { body: file(DonationsFileInput), query: ImportQuery },
  responses: done,
})

export const importRoutes = new OpenAPIHono<Env>()
  .openapi(previewBags, async (c) => {
    const rows = await readFile(c, ImportedBag, bagColumns)
    return c.json(reportOf(await importBags(c.var.ctx, rows, 'preview')), 200)
  })
  .openapi(createBags, async (c) => {
    const rows = await readFile(c, ImportedBag, bagColumns)
    const report = reportOf(await importBags(c.var.ctx, rows, takingOf(c.req.valid('query'))))
    return c.json(report, report.new > 0 ? 201 : 200)
  })
  .openapi(previewDonations, async (c) => {
    const rows = await readFile(c, ImportedDonation, donationColumns)
    return c.json(reportOf(await importDonations(c.var.ctx, rows, 'preview')), 200)
  })
  .openapi(createDonations, async (c) => {
    const rows = await readFile(c, ImportedDonation, donationColumns)
    const report = reportOf(await importDonations(c.var.ctx, rows, takingOf(c.req.valid('query'))))
    return c.json(report, report.new > 0 ? 201 : 200)
  })

function takingOf({ skipErrors }: z.output<typeof ImportQuery>) {
  return skipErrors === 'true' ? 'good' : 'all'
}

function reportOf(verdicts: readonly RowVerdict[]): z.infer<typeof ImportReport> {
  const count = (outcome: RowVerdict['outcome']) => verdicts.filter((one) => one.outcome === outcome).length
  return {
    rows: verdicts.length,
    new: count('new'),
    alreadyThere: count('already_there'),
    errors: count('error'),
    each: verdicts.map((one) => ({ ...one, holds: [...one.holds], errors: [...one.errors] })),
  }
}
