import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { NewsHeaders, NewsQuery, NewsStream } from '../../schema/http/news.ts'
import { Refusal } from '../domain/refusal.ts'
import { type Reach, reachOf } from '../domain/rights.ts'
import { type Cursor, cursorText, endOfNews, newsText, readNews } from '../stores/news.ts'
import { grantsOf } from '../stores/people.ts'
import { callerOf, needs } from './admission.ts'
import { everywhere } from './answers.ts'
import type { Env, Services } from './env.ts'

const follow = createRoute({
  method: 'get',
  path: '/',
  tags: ['News'],
  summary: 'What changes, as it changes: a stream that goes on where it was left',
  ...needs('news.read'),
  request: { query: NewsQuery, headers: NewsHeaders },
  responses: {
    ...everywhere,
    200: { content: { 'text/event-stream': { schema: NewsStream } }, description: 'The stream' },
  },
})

const pageSize = 100

export const newsRoutes = new OpenAPIHono<Env>().openapi(follow, async (c) => {
  const { services, ctx } = c.var
  const end = await endOfNews(ctx.database.db)
  const from = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').after ?? end
  // It would hear nothing until the numbers of transactions have come that far.
  if (BigInt(from.xid) > BigInt(end.xid))
    throw new Refusal(
      'invalid_request',
      `${cursorText(from)} is of another database: this one is not there yet`,
    )
  const { headers } = c.req.raw
  const mayRead = async () => reachOf(grantsOf(await callerOf(services, headers)), 'news.read')
  const response = streamSSE(c, (stream) => tell(stream, services, from, mayRead))
  // A connection that was streamed over is not used again, so that closing the service need not wait for it.
  response.headers.set('connection', 'close')
  response.headers.set('cache-control', 'no-store')
  // Routes have types for answers in JSON and text, not for streams.
  return response as never
})

/**
 * Tell all there is after the cursor, and go on telling until the reader leaves, the service stops or the right to read
 * ends. The next page is read when the last is written, so a slow reader costs no memory.
 */
async function tell(
  stream: SSEStreamingApi,
  { database, news, log }: Services,
  from: Cursor,
  mayRead: () => Promise<Reach>,
): Promise<void> {
  const left = new AbortController()
  stream.onAbort(() => left.abort())
  let after = from
  let reach: Reach = new Set()
  let pulseAt = Number.NEGATIVE_INFINITY
  const isDue = () => performance.now() >= pulseAt
  const isOver = () => left.signal.aborted || news.stopped.aborted
  try {
    while (!isOver()) {
      if (isDue()) {
        reach = await mayRead()
        if (reach !== 'all' && reach.size === 0) return
        // Where to go on from, too: who has been told nothing yet must miss nothing either.
        await stream.write(`: still here\nid: ${cursorText(after)}\n\n`)
        pulseAt = performance.now() + news.pulseMs
      }
      const seen = news.newest()
      const { items, next } = await readNews(database.db, { after, reach, limit: pageSize })
      for (const item of items) {
        if (isOver() || isDue()) break
        await stream.writeSSE({ id: cursorText(item.cursor), event: item.kind, data: newsText(item) })
        after = item.cursor
      }
      if (items.length > 0 && after !== items.at(-1)?.cursor) continue
      after = next
      if (items.length < pageSize)
        await news.newer(seen, { signal: left.signal, withinMs: pulseAt - performance.now() })
    }
  } catch (error) {
    // The reader asks again, and is then told why not.
    if (!(error instanceof Refusal)) log.warn({ err: error }, 'a stream of news broke off')
  }
}
