import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import {
  BarcodeProfileInput,
  BarcodeProfileParams,
  BarcodeProfiles,
  BarcodeProfilesParams,
} from '../../schema/http/barcode-profiles.ts'
import type { Context } from '../context.ts'
import { profilesOf } from '../stores/barcode-profiles.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { demandRight } from '../usecases/demand.ts'
import { setBarcodeProfile } from '../usecases/set-barcode-profile.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Facilities']
const missing = problem('No such facility')

const list = createRoute({
  method: 'get',
  path: '/{code}/barcode-profiles',
  tags,
  summary: 'How a station’s own barcodes are read, where they are not ISBT 128',
  ...needs('facility.read'),
  request: { params: BarcodeProfilesParams },
  responses: { ...everywhere, 200: json(BarcodeProfiles, 'The profiles'), 404: missing },
})

const set = createRoute({
  method: 'put',
  path: '/{code}/barcode-profiles/{profile}',
  tags,
  summary: 'Say which part of a station’s barcodes names donation and product',
  ...needs('barcode.manage'),
  request: { params: BarcodeProfileParams, body: body(BarcodeProfileInput) },
  responses: {
    ...everywhereWithBody,
    200: json(BarcodeProfiles, 'The profiles of the station'),
    404: missing,
    409: problem('The profile is of another region'),
  },
})

export const barcodeProfileRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => c.json(await read(c.var.ctx, c.req.valid('param').code), 200))
  .openapi(set, async (c) => {
    const { code, profile } = c.req.valid('param')
    await setBarcodeProfile(c.var.ctx, { facility: code, profile, ...c.req.valid('json') })
    return c.json(await read(c.var.ctx, code), 200)
  })

async function read(ctx: Context, code: string) {
  const { db } = ctx.database
  const { id } = await findFacility(db, code)
  demandRight(ctx, 'facility.read', [id], noFacility(code))
  const now = ctx.now()
  const rows = await profilesOf(db, id)
  const begun = rows.filter(({ effectiveFrom }) => effectiveFrom <= now)
  return {
    profiles: rows.map(({ id: version, profile, region, codes, effectiveFrom, setAt }) => {
      const newest = begun
        .filter((other) => other.profile === profile)
        .sort((a, b) => b.effectiveFrom - a.effectiveFrom || b.id - a.id)[0]
      return {
        profile,
        region,
        codes: codes.map(({ codabar, fields }) => ({ codabar, fields: [...fields] })),
        effectiveFrom: iso(effectiveFrom),
        setAt: iso(setAt),
        inForce: newest?.id === version,
      }
    }),
  }
}
