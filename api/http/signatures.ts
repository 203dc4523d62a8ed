import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import {
  SignatureRules,
  SignatureRulesInput,
  Signatures,
  SignaturesQuery,
} from '../../schema/http/signatures.ts'
import { Name } from '../../schema/topics.ts'
import { reachOf } from '../domain/rights.ts'
import { meaningWords } from '../policies/signatures.ts'
import { findFacility, noFacility } from '../stores/facilities.ts'
import { listSignatures } from '../stores/signatures.ts'
import { demandRight } from '../usecases/demand.ts'
import { readSignatureRules, setSignatureRules } from '../usecases/sign.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Signatures']
const params = z.strictObject({ code: Name })
const missing = problem('No such facility')

const list = createRoute({
  method: 'get',
  path: '/signatures',
  tags,
  summary: 'Electronic signatures made at your facilities: by whom, when, meaning what, and what they sign',
  ...needs('signature.read'),
  request: { query: SignaturesQuery },
  responses: { ...everywhere, 200: json(Signatures, 'A page of signatures'), 404: missing },
})

const read = createRoute({
  method: 'get',
  path: '/facilities/{code}/signature-rules',
  tags,
  summary: 'What is done at a facility only with an electronic signature',
  ...needs('facility.read'),
  request: { params },
  responses: { ...everywhere, 200: json(SignatureRules, 'The rules in force'), 404: missing },
})

const save = createRoute({
  method: 'put',
  path: '/facilities/{code}/signature-rules',
  tags,
  summary: 'Say what is done at a facility only with an electronic signature, from now on',
  ...needs('signature.rule'),
  request: { params, body: body(SignatureRulesInput) },
  responses: { ...everywhereWithBody, 200: json(SignatureRules, 'The rules in force'), 404: missing },
})

export const signatureRoutes = new OpenAPIHono<Env>()
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { db } = ctx.database
    const { facility, limit, ...asked } = c.req.valid('query')
    const facilityId = facility === undefined ? undefined : (await findFacility(db, facility)).id
    if (facility !== undefined && facilityId !== undefined)
      demandRight(ctx, 'signature.read', [facilityId], noFacility(facility))
    const reach = reachOf(ctx.grants, 'signature.read')
    const found = await listSignatures(db, { ...asked, facilityId, reach, limit: limit + 1 })
    const page = found.slice(0, limit).map((one) => ({
      signatureId: one.id,
      name: one.name,
      username: one.username,
      at: iso(one.at),
      meaning: one.meaning,
      ...meaningWords[one.meaning],
      components: one.components,
      facility: one.facility,
      signs: one.signs.map(({ action, subjectKind, subject, at, reason }) => ({
        ...{ action, subjectKind, subject, reason },
        at: iso(at),
      })),
    }))
    const next = found.length > limit ? (page.at(-1)?.signatureId ?? null) : null
    return c.json({ signatures: page, next }, 200)
  })
  .openapi(read, async (c) => {
    const acts = await readSignatureRules(c.var.ctx, c.req.valid('param').code)
    return c.json({ acts: [...acts] }, 200)
  })
  .openapi(save, async (c) => {
    const acts = await setSignatureRules(c.var.ctx, c.req.valid('param').code, c.req.valid('json').acts)
    return c.json({ acts: [...acts] }, 200)
  })
