import { randomBytes } from 'node:crypto'
import { Agent } from 'node:http'
import pg from 'pg'
import { aTakeOut, fillFridge, keepCold, nurses, scan } from './issue.ts'
import { median, startProcess, stopProcess } from './load.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const lotSize = Number(process.env.BENCH_LOT ?? 10_000)
const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const clients = Number(process.env.BENCH_CLIENTS ?? 8)
/** The load goes on for so long before and after each recall, ms. */
const aroundMs = Number(process.env.BENCH_SECONDS ?? 2) * 1_000
const most = 20_000

/**
 * Bags of one lot are called back in one transaction while nurses take bags of that lot, and others, out of a fridge;
 * beside a bare transaction that locks as many bags of another lot and writes the same rows. In turns, a lot each.
 */
export async function recall(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  const sql = new pg.Client(database.url)
  await sql.connect()
  const lots = rounds * 2
  // A lot no recall touches: what the nurses may have.
  const bags = lotSize * (lots + 1)
  const [fridge] = await provisionDevices(database.url, 1)
  await fillFridge(sql, fridge?.name as string, bags)
  await sql.query(
    `insert into bag_lot (kind, number, bag_id, recorded_at, actor)
     select 'bag_set', 'lot-' || (row_number() over (order by identifier) - 1) % $1, id, registered_at, '{"kind":"job","id":"bench"}'
     from bag`,
    [lots + 1],
  )
  await sql.query('analyze')
  await keepCold(sql)
  const key = randomBytes(32).toString('hex')
  const { child, ready } = await startProcess<{ url: string }>('./servers/hemotrail.ts', {
    DATABASE_URL: database.url,
    DATABASE_POOL: '10',
    HEMOTRAIL_ADMIN_KEY: key,
  })
  const { rows: facilities } = await sql.query('select code from facility limit 1')
  const tokens = await nurses(sql, ready.url, key)
  const takeOut = await aTakeOut(sql)
  const faults: string[] = []
  const own: number[] = []
  const bare: number[] = []
  let next = 0
  let scans = 0
  let longestScanMs = 0
  let issuedOfLots = 0

  /** Nurses scan bag after bag while `work` is done, and for a while before and after it. */
  async function underLoad(lot: number, work: () => Promise<void>): Promise<number> {
    const agent = new Agent({ keepAlive: true, maxSockets: clients })
    let isOver = false
    let isAnswered = false
    async function nurse(token: string): Promise<void> {
      while (!isOver) {
        const number = next++ % bags
        const began = performance.now()
        const isLate = isAnswered
        const { answer } = await scan(agent, ready.url, takeOut, number, token)
        longestScanMs = Math.max(longestScanMs, performance.now() - began)
        scans++
        if (answer === 'GO' && number % (lots + 1) === lot) {
          issuedOfLots++
          if (isLate) faults.push(`bag ${number} of lot ${lot} was answered GO after the recall`)
        }
      }
    }
    const load = Promise.all(tokens.map(nurse))
    await pause(aroundMs)
    const began = performance.now()
    await work()
    isAnswered = true
    const ms = performance.now() - began
    await pause(aroundMs)
    isOver = true
    await load
    agent.destroy()
    return ms
  }

  for (let round = 0; round < rounds; round++) {
    const lot = round * 2
    const ms = await underLoad(lot, async () => {
      const response = await fetch(new URL('/recalls', ready.url), {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          facility: facilities[0].code,
          scope: 'lot',
          of: `lot-${lot}`,
          reason: 'it leaks',
        }),
      })
      if (!response.ok) faults.push(`lot ${lot}: ${await response.text()}`)
      await response.arrayBuffer().catch(() => {})
    })
    own.push(ms)
    faults.push(...(await check(sql, lot)))
    const bareMs = await underLoad(lot + 1, () => bareRecall(database.url, lot + 1))
    bare.push(bareMs)
    console.log(`round ${round + 1} recall of ${lotSize}: ${ms.toFixed(0)} ms, bare ${bareMs.toFixed(0)} ms`)
  }
  await stopProcess(child)
  await sql.end()
  const missed = Math.max(...own) > most ? [`a recall took ${Math.max(...own).toFixed(0)} ms`] : []
  return {
    bench: 'recall',
    ok: faults.length === 0 && missed.length === 0,
    missed,
    faults: faults.slice(0, 5),
    lotSize,
    bags,
    rounds,
    clients,
    ms: median(own),
    longestMs: Math.max(...own),
    bareMs: median(bare),
    ratioToBareTransaction: median(own.map((ms, round) => ms / (bare[round] ?? Number.NaN))),
    scans,
    issuedBeforeRecall: issuedOfLots,
    longestScanMs,
  }
}

/** A connection of its own that locks as many bags and writes the same rows, and finds them by the lot alone. */
async function bareRecall(url: string, lot: number): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  const actor = '{"kind":"job","id":"bench"}'
  await client.query('begin')
  await client.query(
    `with locked as (
       select b.id from bag b join bag_lot l on l.bag_id = b.id where l.number = $1 order by b.id for no key update of b
     ) update bag set revision = revision + 1 from locked where bag.id = locked.id`,
    [`lot-${lot}`],
  )
  await client.query(
    `with b as (select b.* from bag b join bag_lot l on l.bag_id = b.id where l.number = $1), held as (
       insert into bag_hold (bag_id, kind, reason, placed_at, placed_by)
       select id, 'recall', 'it leaks', $2, $3 from b returning id, bag_id
     ), made as (
       insert into recall (kind, scope, subject, facility_id, reason, opened_at, opened_by)
       select 'recall', 'lot', $1, min(holder_id), 'it leaks', $2, $3 from b returning id
     ), told as (
       insert into news (at, kind, subject, facility_ids, data)
       select $2, 'bag.hold_placed', id, array[holder_id], '{"kind":"recall"}' from b
     ), reached as (
       insert into audit_entry (at, actor, action, subject_kind, subject, after, reason)
       select $2, $3, 'bag.hold_placed', 'bag', id, '{"kind":"recall"}', 'it leaks' from b
     ) insert into recall_bag (recall_id, bag_id, hold_id, found_at) select made.id, bag_id, held.id, $2 from held, made`,
    [`lot-${lot}`, Date.now(), actor],
  )
  await client.query('commit')
  await client.end()
}

/**
 * Every bag of the lot is held once, told and written down. None was issued after: whoever issues writes the bag's row,
 * so that a row an issue wrote last was not written by the recall since.
 */
async function check(sql: pg.Client, lot: number): Promise<string[]> {
  const { rows } = await sql.query(
    `select count(*)::int as bags, count(h.id)::int as held, count(n.id)::int as told, count(a.id)::int as audited,
       count(*) filter (where e.xmin = b.xmin)::int as after
     from bag_lot l join bag b on b.id = l.bag_id left join bag_hold h on h.bag_id = b.id
       left join news n on n.subject = b.id::text and n.kind = 'bag.hold_placed'
       left join audit_entry a on a.subject_kind = 'bag' and a.subject = b.id::text and a.action = 'bag.hold_placed'
       left join bag_event e on e.bag_id = b.id and e.verb = 'issue'
     where l.number = $1`,
    [`lot-${lot}`],
  )
  const [{ bags, held, told, audited, after }] = rows
  const faults: string[] = []
  if (bags !== lotSize || held !== lotSize || told !== lotSize || audited !== lotSize)
    faults.push(`lot ${lot}: of ${lotSize} ${held} held, ${told} told, ${audited} written down`)
  if (after > 0) faults.push(`lot ${lot}: ${after} issued after the recall`)
  return faults
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
