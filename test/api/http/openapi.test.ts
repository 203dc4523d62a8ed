import { describe, expect } from 'vitest'
import { type Door, test } from './door.ts'

type Content = Record<string, { schema: { $ref?: string } }>
type Operation = {
  summary?: string
  tags?: string[]
  security?: object[]
  parameters?: { name: string; in: string; description?: string; schema: object }[]
  requestBody?: { required: boolean; content: Content }
  responses: Record<string, { description: string; content?: Content }>
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  security: object[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> }
}

async function read(door: Door) {
  const document: Document = JSON.parse(await (await door.raw('/openapi.json')).text())
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  )
  return { document, operations }
}

/** All values of a key, however deep. */
function valuesOf(key: string, within: unknown): unknown[] {
  if (typeof within !== 'object' || within === null) return []
  return Object.entries(within).flatMap(([name, value]) => [
    ...(name === key ? [value] : []),
    ...valuesOf(key, value),
  ])
}

describe('the description of the API', () => {
  test('names every route there is', async ({ door }) => {
    const { document, operations } = await read(door)
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({
      title: 'Hemotrail',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    })
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'delete /bags/{bagId}/tags/{tag}',
      'delete /people/{username}/roles',
      'delete /session',
      'get /alarms',
      'get /alarms/{id}',
      'get /alarms/{id}/notices',
      'get /alarms/{id}/rescue',
      'get /api-keys',
      'get /bags',
      'get /bags/{bagId}',
      'get /bags/{bagId}/events',
      'get /bags/{bagId}/inspections',
      'get /bags/{bagId}/label',
      'get /bags/{bagId}/ledger',
      'get /bags/{bagId}/lots',
      'get /bags/{bagId}/return-clock',
      'get /bags/{bagId}/trace',
      'get /bags/{bagId}/traits',
      'get /bags/{bagId}/transfusion',
      'get /boxes',
      'get /boxes/{boxId}',
      'get /devices',
      'get /devices/{name}',
      'get /devices/{name}/alarm-tests',
      'get /devices/{name}/calibrations',
      'get /devices/{name}/clock-facts',
      'get /devices/{name}/clock-faults',
      'get /devices/{name}/commands',
      'get /devices/{name}/defrosts',
      'get /devices/{name}/excursions',
      'get /devices/{name}/exposed',
      'get /devices/{name}/gaps',
      'get /devices/{name}/logger-days',
      'get /devices/{name}/logger-imports',
      'get /devices/{name}/logger-imports/{importId}',
      'get /devices/{name}/maintenance',
      'get /devices/{name}/manual-readings',
      'get /devices/{name}/mappings',
      'get /devices/{name}/offline-decisions',
      'get /devices/{name}/offline-list',
      'get /devices/{name}/outlook',
      'get /devices/{name}/qualifications',
      'get /devices/{name}/readings',
      'get /devices/{name}/sequence-holes',
      'get /devices/{name}/telemetry',
      'get /donations/{din}',
      'get /exports/bags',
      'get /exports/donations',
      'get /facilities',
      'get /facilities/{code}',
      'get /facilities/{code}/barcode-profiles',
      'get /facilities/{code}/contacts',
      'get /facilities/{code}/hl7-refusals',
      'get /facilities/{code}/orders',
      'get /facilities/{code}/patients/{pseudonym}',
      'get /facilities/{code}/patients/{pseudonym}/record',
      'get /facilities/{code}/roster',
      'get /facilities/{code}/signature-rules',
      'get /facilities/{code}/stock-levels',
      'get /facilities/{code}/take-out-rules',
      'get /health',
      'get /metrics',
      'get /news',
      'get /orders/{orderId}',
      'get /people',
      'get /people/{username}',
      'get /policies',
      'get /policies/proposals',
      'get /policies/rejudgements',
      'get /policies/rejudgements/{id}/results',
      'get /products',
      'get /products/proposals',
      'get /ready',
      'get /recalls',
      'get /recalls/preview',
      'get /recalls/{number}',
      'get /rejected-messages',
      'get /rejected-messages/{id}',
      'get /rotation-proposals',
      'get /session',
      'get /signatures',
      'get /stock',
      'get /stock/nearest',
      'get /stock/overview',
      'get /tags/unresolved',
      'get /take-outs/{takeOutId}',
      'get /tasks',
      'get /telemetry/dead-letters',
      'get /trace-completeness',
      'get /transfer-plans/{planId}',
      'get /transfer-requests',
      'get /transfer-requests/{requestId}',
      'get /transfers',
      'get /transfers/{transferId}',
      'get /webhooks',
      'get /webhooks/{name}/deliveries',
      'post /alarms/{id}/acknowledge',
      'post /alarms/{id}/close',
      'post /alarms/{id}/comment',
      'post /alarms/{id}/rescue',
      'post /alarms/{id}/rescue/abandon',
      'post /api-keys',
      'post /api-keys/{name}/revocation',
      'post /bags',
      'post /bags/{bagId}/arrive',
      'post /bags/{bagId}/cancel-issue',
      'post /bags/{bagId}/crossmatches',
      'post /bags/{bagId}/depart',
      'post /bags/{bagId}/discard',
      'post /bags/{bagId}/distribute',
      'post /bags/{bagId}/end-transfusion',
      'post /bags/{bagId}/holds',
      'post /bags/{bagId}/holds/{holdId}/lift',
      'post /bags/{bagId}/inspections',
      'post /bags/{bagId}/interrupt-transfusion',
      'post /bags/{bagId}/issue',
      'post /bags/{bagId}/issue-reviews',
      'post /bags/{bagId}/look-back',
      'post /bags/{bagId}/lots',
      'post /bags/{bagId}/process',
      'post /bags/{bagId}/recall-shipment',
      'post /bags/{bagId}/receive',
      'post /bags/{bagId}/refuse',
      'post /bags/{bagId}/reinstate',
      'post /bags/{bagId}/release',
      'post /bags/{bagId}/report-reaction',
      'post /bags/{bagId}/reserve',
      'post /bags/{bagId}/return',
      'post /bags/{bagId}/start-transfusion',
      'post /bags/{bagId}/tags',
      'post /bags/{bagId}/test',
      'post /bags/{bagId}/traits',
      'post /bags/{bagId}/transfuse',
      'post /bags/{bagId}/unreserve',
      'post /boxes',
      'post /boxes/{boxId}/conclusion',
      'post /boxes/{boxId}/pack',
      'post /boxes/{boxId}/seal-checks',
      'post /boxes/{boxId}/unpack',
      'post /devices',
      'post /devices/{name}/alarm-tests',
      'post /devices/{name}/calibrations',
      'post /devices/{name}/clock-facts',
      'post /devices/{name}/commands',
      'post /devices/{name}/defrosts',
      'post /devices/{name}/logger-imports',
      'post /devices/{name}/logger-imports/preview',
      'post /devices/{name}/maintenance',
      'post /devices/{name}/manual-readings',
      'post /devices/{name}/mappings',
      'post /devices/{name}/moves',
      'post /devices/{name}/offline-decisions',
      'post /devices/{name}/offline-decisions/{decisionId}/reviews',
      'post /devices/{name}/qualifications',
      'post /devices/{name}/revocation',
      'post /devices/{name}/secret',
      'post /donations',
      'post /donations/{din}/groupings',
      'post /donations/{din}/recall',
      'post /donations/{din}/tests',
      'post /facilities',
      'post /facilities/{code}/contacts',
      'post /facilities/{code}/contacts/{contact}/end',
      'post /facilities/{code}/patients/{pseudonym}/antibodies',
      'post /facilities/{code}/patients/{pseudonym}/orders',
      'post /facilities/{code}/patients/{pseudonym}/requirements',
      'post /facilities/{code}/patients/{pseudonym}/samples',
      'post /facilities/{code}/patients/{pseudonym}/samples/{sampleId}/groupings',
      'post /facilities/{code}/patients/{pseudonym}/samples/{sampleId}/rejection',
      'post /facilities/{code}/patients/{pseudonym}/samples/{sampleId}/screens',
      'post /facilities/{code}/pseudonyms',
      'post /facilities/{code}/roster/shifts',
      'post /facilities/{code}/roster/shifts/{shiftId}/end',
      'post /facilities/{code}/transfer-requests',
      'post /hl7-refusals/{id}/conclusion',
      'post /imports/bags',
      'post /imports/bags/preview',
      'post /imports/donations',
      'post /imports/donations/preview',
      'post /imports/hl7',
      'post /list-keys',
      'post /look-backs/{lookBack}/recipient',
      'post /modifications',
      'post /orders/{orderId}/approval',
      'post /orders/{orderId}/cancellation',
      'post /orders/{orderId}/rejection',
      'post /people',
      'post /people/{username}/end',
      'post /people/{username}/roles',
      'post /policies/proposals',
      'post /policies/proposals/{id}/opinions',
      'post /policies/rejudgements',
      'post /policies/rejudgements/{id}/opinions',
      'post /products/proposals',
      'post /products/proposals/{id}/opinions',
      'post /recalls',
      'post /recalls/drills',
      'post /recalls/{number}/close',
      'post /recalls/{number}/lift',
      'post /rejected-messages/{id}/readmission',
      'post /rotation-proposals/{proposalId}/accept',
      'post /session',
      'post /session/badge',
      'post /take-outs',
      'post /take-outs/{takeOutId}/checks',
      'post /take-outs/{takeOutId}/scans',
      'post /telemetry/dead-letters/{id}/resend',
      'post /transfer-plans',
      'post /transfer-plans/{planId}/accept',
      'post /transfer-requests/{requestId}/cancellation',
      'post /transfers/{transferId}/approve',
      'post /transfers/{transferId}/cancel',
      'post /webhooks',
      'post /webhooks/{name}/end',
      'put /devices/{name}/capacity',
      'put /devices/{name}/label',
      'put /devices/{name}/profile',
      'put /facilities/{code}/barcode-profiles/{profile}',
      'put /facilities/{code}/patients/{pseudonym}',
      'put /facilities/{code}/signature-rules',
      'put /facilities/{code}/stock-levels',
      'put /facilities/{code}/take-out-rules',
      'put /people/{username}/badge',
      'put /people/{username}/password',
    ])
  })

  test('says which routes miss the telemetry store while it is away', async ({ door }) => {
    const { operations } = await read(door)
    const missing = operations.filter(({ operation }) =>
      operation.responses[503]?.description.includes('telemetry'),
    )
    expect(missing.map(({ name }) => name).sort()).toEqual([
      'get /devices/{name}/readings',
      'get /devices/{name}/telemetry',
    ])
  })

  test('says of every route what it does, what it takes and all it may answer', async ({ door }) => {
    const { operations } = await read(door)
    for (const { name, operation } of operations) {
      expect(operation.summary, name).toMatch(/^[A-Z]/)
      expect(operation.tags, name).toHaveLength(1)
      const placeholders = [...name.matchAll(/\{(\w+)\}/g)].map(([, word]) => word)
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      expect(inPath.map((parameter) => parameter.name)).toEqual(placeholders)
      const { requestBody } = operation
      if (requestBody) {
        expect(requestBody.required, name).toBe(true)
        const isFile = /^post .imports.(bags|donations)/.test(name)
        const types = isFile ? ['text/csv', 'application/x-ndjson'] : ['application/json']
        const more = name === 'post /imports/hl7' ? ['application/hl7-v2'] : []
        expect(Object.keys(requestBody.content), name).toEqual([...types, ...more])
        for (const { schema } of Object.values(requestBody.content))
          expect(schema.$ref, name).toMatch(/Input|Change/)
        expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining(['413', '415']))
      }
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect(description, `${name} ${status}`).not.toBe('')
        const [type, media] = Object.entries(content ?? {})[0] ?? []
        expect(media?.schema.$ref, `${name} ${status}`).toMatch(/^#\/components\/schemas\/\w+$/)
        if (Number(status) >= 400) {
          expect([type, media?.schema.$ref]).toEqual([
            'application/problem+json',
            '#/components/schemas/Problem',
          ])
        }
      }
    }
  })

  test('asks for the key everywhere but where all may enter', async ({ door }) => {
    const { document, operations } = await read(door)
    expect(document.security).toEqual([{ bearer: [] }])
    expect(document.components.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
    })
    const open = operations.filter(({ operation }) => operation.security?.length === 0)
    expect(open.map(({ name }) => name).sort()).toEqual([
      'get /health',
      'get /metrics',
      'get /ready',
      'post /session',
    ])
    for (const { name, operation } of operations) {
      if (!operation.security) expect(Object.keys(operation.responses), name).toContain('401')
    }
  })

  test('tells of the key at every POST but signing in', async ({ door }) => {
    const { operations } = await read(door)
    const keyed = operations.filter(({ operation }) =>
      operation.parameters?.some((parameter) => parameter.name === 'Idempotency-Key'),
    )
    const posts = operations.map(({ name }) => name).filter((name) => name.startsWith('post '))
    expect(keyed.map(({ name }) => name)).toEqual(posts.filter((name) => !/ \/session/.test(name)))
    for (const { operation } of keyed) expect(Object.keys(operation.responses)).toContain('422')
  })

  test('refers to nothing that it does not hold, and holds nothing that is not referred to', async ({
    door,
  }) => {
    const { document } = await read(door)
    const schemas = Object.keys(document.components.schemas).sort()
    const referred = new Set(valuesOf('$ref', document).map((ref) => String(ref).split('/').at(-1)))
    expect([...referred].sort()).toEqual(schemas)
    expect(valuesOf('id', document.components.schemas).every((id) => typeof id === 'object')).toBe(true)
  })

  test('tells the units of temperatures and the closed list of problems', async ({ door }) => {
    const { document } = await read(door)
    const { Profile, Problem } = document.components.schemas
    expect(Profile).toMatchObject({
      properties: { low: { description: expect.stringContaining('Celsius') } },
    })
    expect(Problem).toMatchObject({
      properties: {
        code: { enum: expect.arrayContaining(['invalid_din', 'method_not_allowed', 'internal_error']) },
      },
    })
  })

  test('can be read as a page that runs only the scripts it must', async ({ door }) => {
    const response = await door.raw('/docs')
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    const page = await response.text()
    expect(page).toContain('openapi.json')
    const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path)
    expect(loaded).toHaveLength(2)
    for (const path of loaded) expect((await door.raw(`/${path}`)).status).toBe(200)
    expect((await door.raw('/docs/swagger-ui-dist/package.json')).status).toBe(404)
  })
})
