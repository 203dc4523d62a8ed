import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'

export type Asked = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Inflated. */
  readonly body: string
  /** The lines of a write; empty for everything else. */
  readonly lines: readonly string[]
}

/** A server that answers as no InfluxDB at hand does. It remembers what was written to it and took. */
export type FakeInflux = {
  readonly url: string
  readonly asked: Asked[]
  readonly stored: Set<string>
  /** What it does from now on with each write. */
  answer: (response: ServerResponse, asked: Asked) => void
  /** Take all of a write. */
  readonly take: (response: ServerResponse, asked: Asked) => void
}

export async function startFakeInflux(): Promise<FakeInflux> {
  const asked: Asked[] = []
  const stored = new Set<string>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
    const { method = '', url: path = '', headers } = request
    const isWrite = /^\/(api\/v2\/)?write\b/.test(path)
    const one = { method, path, headers, body, lines: isWrite ? body.split('\n') : [] }
    asked.push(one)
    if (path === '/ping') response.writeHead(204, { 'x-influxdb-version': 'fake' }).end()
    else fake.answer(response, one)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const take: FakeInflux['take'] = (response, { lines }) => {
    for (const line of lines) stored.add(line)
    response.writeHead(204).end()
  }
  const fake: FakeInflux = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stored,
    answer: take,
    take,
  }
  return fake
}

/** As versions 2 and 3 say what is wrong. */
export function say(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
