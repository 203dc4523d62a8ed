import { createServer } from 'node:http'
import pg from 'pg'

/**
 * The least that writes what a take-out writes: a bare HTTP server, a pool as large as the service's, and one
 * transaction of one prepared statement that locks the bag, moves it on where it is still in stock, and writes event,
 * news, audit entry and answer. No key, no check, no policy; durable as the server is.
 */
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_POOL ?? 10),
  options: '-c synchronous_commit=on',
})

const text = `
  with old as (
    select * from bag where scheme = 'ISBT128' and identifier = $1 and product_code = 'E0336' and division = '00' for update
  ), moved as (
    update bag set state = 'issued', version = bag.version + 1 from old
    where bag.id = old.id and old.state = 'available' returning bag.*
  ), event as (
    insert into bag_event (bag_id, version, verb, "from", "to", at, actor, data)
    select id, version, 'issue', 'available', 'issued', $2, $3, $4 from moved
  ), told as (
    insert into news (at, kind, subject, facility_ids, data)
    select $2, 'bag.issued', id, array[holder_id], $4 from moved
  ), audited as (
    insert into audit_entry (at, actor, action, subject_kind, subject, before, after)
    select $2, $3, 'bag.issued', 'bag', id, '{"state":"available"}', $4 from moved
  )
  insert into scan_answer (take_out_id, scanned, bag_id, answer, findings, known_at, actor)
  select $5, $1, id, 'GO', '[]', $2, $3 from moved returning bag_id`

const actor = JSON.stringify({ kind: 'integration', id: 'bench' })
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { din } = JSON.parse(Buffer.concat(chunks).toString()) as { din: string }
  const [, , takeOutId] = (request.url ?? '').split('/')
  const data = JSON.stringify({ patient: 'P1', emergency: false, override: null, takeOut: takeOutId })
  const values = [din.slice(1, 14), Date.now(), actor, data, takeOutId]
  const { rows } = await pool.query({ name: 'issue', text, values })
  response.writeHead(201, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ answer: rows.length === 1 ? 'GO' : 'STOP', bagId: rows[0]?.bag_id ?? null }))
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number }
  process.send?.({ url: `http://127.0.0.1:${port}` })
})
process.on('SIGTERM', () => process.exit(0))
