import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { swaggerUI } from '@hono/swagger-ui'
import { Hono } from 'hono'

/** @hono/swagger-ui is the page alone; what it loads is served here, for a hospital's network may end at its walls. */
const assets = new Map([
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['swagger-ui.css', 'text/css; charset=utf-8'],
])

const policy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
].join('; ')

const { resolve } = createRequire(import.meta.url)

export const docsPage = new Hono()
  .use(async (c, next) => {
    await next()
    c.header('content-security-policy', policy)
  })
  .get('/', swaggerUI({ url: 'openapi.json', baseUrl: 'docs', title: 'Hemotrail' }))
  .get('/swagger-ui-dist/:file', async (c) => {
    const file = c.req.param('file')
    const type = assets.get(file)
    if (type === undefined) return c.notFound()
    return c.body(await readFile(resolve(`swagger-ui-dist/${file}`)), 200, { 'content-type': type })
  })
