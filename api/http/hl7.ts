import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context as Request } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { z } from 'zod'
import {
  Hl7ConclusionInput,
  Hl7Done,
  Hl7Input,
  Hl7Refusal,
  Hl7RefusalParams,
  Hl7Refusals,
  Hl7RefusalsParams,
  Hl7RefusalsQuery,
  Hl7TextInput,
  hl7MediaType,
  Pseudonym,
  PseudonymInput,
} from '../../schema/http/hl7.ts'
import { Refusal } from '../domain/refusal.ts'
import { noFacility } from '../stores/facilities.ts'
import { type KnownRefusal, listHl7Refusals } from '../stores/hl7.ts'
import { concludeHl7, importHl7 } from '../usecases/import-hl7.ts'
import { patientPlace } from '../usecases/set-patient.ts'
import { pseudonymOf } from '../usecases/take-hl7.ts'
import { needs } from './admission.ts'
import { body, everywhere, everywhereWithBody, json, problem } from './answers.ts'
import type { Env } from './env.ts'
import { iso } from './units.ts'

const tags = ['Hospital systems']

/** A message's own text is taken before anything looks for JSON. */
const takeText = createMiddleware<Env>(async (c, next) => {
  if (!c.req.header('content-type')?.startsWith(hl7MediaType)) return next()
  return c.json(await taken(c, new Uint8Array(await c.req.arrayBuffer())), 201)
})

async function taken(c: Request<Env>, bytes: Uint8Array): Promise<z.infer<typeof Hl7Done>> {
  const { ctx, services } = c.var
  return { code: 'AA', acknowledgement: await importHl7(ctx, services.hl7, bytes) }
}

const mayImport = needs('hl7.import')

const take = createRoute({
  method: 'post',
  path: '/imports/hl7',
  tags,
  summary: 'Do what one HL7 v2 message says, as over MLLP; what is refused is kept to be looked at',
  ...mayImport,
  middleware: [mayImport.middleware, takeText] as const,
  request: {
    body: {
      content: { 'application/json': { schema: Hl7Input }, [hl7MediaType]: { schema: Hl7TextInput } },
      required: true,
    },
  },
  responses: {
    ...everywhereWithBody,
    201: json(Hl7Done, 'It is done, now or when it came before'),
    404: problem('Nobody is known to have sent it, or what it names is not there'),
    409: problem('Something on record speaks against it'),
    422: problem('Its number was another message’s'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/facilities/{code}/hl7-refusals',
  tags,
  summary: 'Messages of other systems that were not done, newest first',
  ...needs('hl7.conclude'),
  request: { params: Hl7RefusalsParams, query: Hl7RefusalsQuery },
  responses: { ...everywhere, 200: json(Hl7Refusals, 'The messages'), 404: problem('No such facility') },
})

const conclude = createRoute({
  method: 'post',
  path: '/hl7-refusals/{id}/conclusion',
  tags,
  summary: 'Say what came of a message that was not done',
  ...needs('hl7.conclude'),
  request: { params: Hl7RefusalParams, body: body(Hl7ConclusionInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Hl7Refusal, 'The message'),
    404: problem('No such message'),
    409: problem('It is concluded already'),
  },
})

const name = createRoute({
  method: 'post',
  path: '/facilities/{code}/pseudonyms',
  tags,
  summary: 'Under which pseudonym a patient is known here whom messages name by their number',
  ...needs('patient.read'),
  request: { params: Hl7RefusalsParams, body: body(PseudonymInput) },
  responses: {
    ...everywhereWithBody,
    201: json(Pseudonym, 'The pseudonym; nothing is stored'),
    404: problem('No such facility'),
    409: problem('No system sends patients there'),
  },
})

export const hl7Routes = new OpenAPIHono<Env>()
  .openapi(take, async (c) => {
    const { message } = c.req.valid('json') as z.output<typeof Hl7Input>
    return c.json(await taken(c, new TextEncoder().encode(message)), 201)
  })
  .openapi(list, async (c) => {
    const { ctx } = c.var
    const { code } = c.req.valid('param')
    const { db } = ctx.database
    const facilityId = await patientPlace(ctx, db, code, 'hl7.conclude', noFacility(code))
    const refusals = await listHl7Refusals(db, facilityId, c.req.valid('query'))
    return c.json({ refusals: refusals.map(refusalView) }, 200)
  })
  .openapi(conclude, async (c) => {
    const { conclusion } = c.req.valid('json')
    return c.json(refusalView(await concludeHl7(c.var.ctx, c.req.valid('param').id, conclusion)), 201)
  })
  .openapi(name, async (c) => {
    const { ctx, services } = c.var
    const { code } = c.req.valid('param')
    await patientPlace(ctx, ctx.database.db, code, 'patient.read', noFacility(code))
    const party = services.hl7.find(({ at }) => at === code)
    if (!party) throw new Refusal('conflict', `no system sends patients to ${code}`)
    return c.json({ pseudonym: pseudonymOf(party, c.req.valid('json').number) }, 201)
  })

function refusalView(row: KnownRefusal): z.infer<typeof Hl7Refusal> {
  const { id, sender, controlId, type, code, reason, shown, firstAt, lastAt, times, conclusion } = row
  const about = { id, sender, controlId, type, code, reason, shown, times, conclusion }
  return { ...about, firstAt: iso(firstAt), lastAt: iso(lastAt) }
}
