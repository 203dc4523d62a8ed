import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import pg from 'pg'
import { cpuSeconds, median, residentMb, startProcess, stopProcess } from './load.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 9)
const bags = Number(process.env.BENCH_BAGS ?? 100_000)
const clients = Number(process.env.BENCH_CLIENTS ?? 8)
const measureMs = Number(process.env.BENCH_SECONDS ?? 4) * 1_000

type Round = {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly answered: number
  readonly rssMb: number
  readonly cpuMs: number
}

/**
 * Nurses scan bags out of one fridge of a hundred thousand, beside a bare transaction that writes the same rows. Both
 * servers stand all the while and are asked in turn, a few seconds each: a noisy machine is not as fast all the time.
 * The first round warms both up and is not counted.
 */
export async function issue(): Promise<Record<string, unknown>> {
  await using database = await benchDatabase()
  const sql = new pg.Client(database.url)
  await sql.connect()
  const [fridge] = await provisionDevices(database.url, 1)
  await fillFridge(sql, fridge?.name as string)
  const key = randomBytes(32).toString('hex')
  const results = new Map<string, Round[]>()
  const faults: string[] = []
  let next = 0
  const start = (module: string) =>
    startProcess<{ url: string }>(module, {
      DATABASE_URL: database.url,
      DATABASE_POOL: '10',
      HEMOTRAIL_ADMIN_KEY: key,
    })
  // Before the service looks at what fell silent: then it would have a hundred thousand bags to judge.
  await keepCold(sql)
  const bareServer = await start('./servers/bare-issue.ts')
  const ownServer = await start('./servers/hemotrail.ts')
  const tokens = await nurses(sql, ownServer.ready.url, key)
  for (let round = 0; round <= rounds; round++) {
    for (const [name, { child, ready }] of [
      ['bareTransaction', bareServer],
      ['hemotrail', ownServer],
    ] as const) {
      await keepCold(sql)
      const takeOut = await aTakeOut(sql)
      const before = await countIssues(sql)
      const latencies: number[] = []
      const went: string[] = []
      const agent = new Agent({ keepAlive: true, maxSockets: clients })
      const cpuBefore = cpuSeconds(child.pid) ?? 0
      const began = performance.now()
      const end = began + measureMs
      async function nurse(token: string): Promise<void> {
        while (performance.now() < end) {
          const number = next++ % bags
          const at = performance.now()
          const answer = await scan(agent, ready.url, takeOut, number, token)
          const ms = performance.now() - at
          if (answer.answer === 'GO') went.push(answer.bagId ?? '')
          else faults.push(`${name}: bag ${number} was answered ${JSON.stringify(answer)}`)
          latencies.push(ms)
        }
      }
      await Promise.all(Array.from({ length: clients }, (_, index) => nurse(tokens[index] ?? key)))
      const seconds = (performance.now() - began) / 1_000
      const cpu = (cpuSeconds(child.pid) ?? 0) - cpuBefore
      const rssMb = residentMb(child.pid) ?? 0
      agent.destroy()
      const after = await countIssues(sql)
      for (const [what, count] of Object.entries(after))
        if (count - (before[what] ?? 0) !== went.length)
          faults.push(`${name}: ${went.length} answered GO, ${count - (before[what] ?? 0)} ${what}`)
      // Back on the shelf, for the rounds that follow.
      await sql.query(`update bag set state = 'available' where state = 'issued'`)
      await sql.query('vacuum analyze bag')
      latencies.sort((a, b) => a - b)
      const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
      const row = {
        perSecond: latencies.length / seconds,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        answered: went.length,
        rssMb,
        cpuMs: (cpu * 1_000) / Math.max(1, latencies.length),
      }
      if (round > 0) results.set(name, [...(results.get(name) ?? []), row])
      console.log(
        `round ${round} ${name.padEnd(15)} ${row.perSecond.toFixed(0)} take-outs/s, p50 ${row.p50Ms.toFixed(1)} ms, ` +
          `p99 ${row.p99Ms.toFixed(1)} ms, ${rssMb} MB, ${row.cpuMs.toFixed(2)} ms CPU each, ${row.answered} GO`,
      )
    }
  }
  await stopProcess(bareServer.child)
  await stopProcess(ownServer.child)
  await sql.end()
  const of = (name: string, pick: (row: Round) => number) => median((results.get(name) ?? []).map(pick))
  const figures = (name: string) => ({
    perSecond: Math.round(of(name, ({ perSecond }) => perSecond)),
    p50Ms: of(name, ({ p50Ms }) => p50Ms),
    p99Ms: of(name, ({ p99Ms }) => p99Ms),
    rssMb: of(name, ({ rssMb }) => rssMb),
  })
  const ratios = (results.get('hemotrail') ?? []).map(
    ({ perSecond }, round) => (results.get('bareTransaction')?.[round]?.perSecond ?? Number.NaN) / perSecond,
  )
  const own = figures('hemotrail')
  const bare = figures('bareTransaction')
  return {
    bench: 'issue',
    ok: faults.length === 0,
    faults: faults.slice(0, 5),
    bags,
    clients,
    rounds,
    ...own,
    // Of the two of one round, one right after the other.
    ratioToBareTransaction: median(ratios),
    ratios,
    bareTransaction: bare,
  }
}

type Told = { readonly answer: string; readonly bagId: string | null }

export function scan(agent: Agent, url: string, takeOut: string, number: number, key: string): Promise<Told> {
  const body = JSON.stringify({ din: `=${identifierOf(number)}00`, productCode: 'E0336V00' })
  return new Promise((resolve, reject) => {
    const asked = request(
      new URL(`/take-outs/${takeOut}/scans`, url),
      {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve(JSON.parse(text) as Told))
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}

const identifierOf = (number: number) =>
  `A9999${26 + Math.floor(number / 1e6)}${String(number % 1e6).padStart(6, '0')}`

/** Bags that came three days ago and have been in the fridge, which has been cold, since. */
export async function fillFridge(sql: pg.Client, device: string, count = bags): Promise<void> {
  await sql.query(
    `with f as (select id as device_id, (select facility_id from device_placement p where p.device_id = d.id) as facility_id
                from device d where name = $1),
          b as (insert into boot (device_id, boot) select device_id, 'bench' from f returning id)
     insert into probe (device_id, kind) select device_id, 'load' from f`,
    [device],
  )
  const now = Date.now()
  const since = now - 3 * 86_400_000
  await sql.query(
    `insert into probe_state (probe_id, version, first_at, last_at, last_boot, last_centi, last_received_at)
     select id, 1, $1::bigint, $1::bigint, 'bench', 400, $1::bigint from probe`,
    [since],
  )
  await sql.query(
    `insert into bag (id, scheme, identifier, product_code, collection_type, division, component, expires_at,
                      registered_at, origin_id, holder_id, state, version, abo, rhd)
     select gen_random_uuid(), 'ISBT128', 'A999926' || lpad(n::text, 6, '0'), 'E0336', 'V', '00', 'red_cells',
            $2::bigint + 864000000, $2::bigint, facility_id, facility_id, 'available', 1, 'O', 'positive'
     from generate_series(0, $3::int - 1) n,
          (select facility_id from device_placement p join device d on d.id = p.device_id where d.name = $1) f`,
    [device, since, count],
  )
  await sql.query(
    `insert into bag_event (bag_id, version, verb, "to", at, actor, data)
     select id, 1, 'register', 'available', registered_at, '{"kind":"job","id":"bench"}', '{}' from bag`,
  )
  await sql.query(`insert into tag_assignment (tag, bag_id, "from") select 'tag-' || id, id, 0 from bag`)
  await sql.query(
    `insert into sighting (tag, kind, source, device_id, at, boot_id, seq, element, received_at)
     select 'tag-' || bag.id, 'added', 'rfid', d.id, registered_at + 1000, b.id,
            row_number() over (), 0, registered_at + 1000
     from bag, device d join boot b on b.device_id = d.id where d.name = $1`,
    [device],
  )
  await sql.query(
    `insert into bag_place (bag_id, state, device_id, "from", known_from)
     select bag.id, 'inside', d.id, registered_at + 1000, registered_at + 1000 from bag, device d where d.name = $1`,
    [device],
  )
  await sql.query(
    `insert into patient (facility_id, pseudonym, abo, rhd, sample_until, updated_at)
     select distinct holder_id, 'P1', 'O', 'positive', $1::bigint + 864000000, $1::bigint from bag limit 1`,
    [now],
  )
  await sql.query('analyze')
}

/** One reading a minute up to now, as if the fridge had reported all the while. */
export async function keepCold(sql: pg.Client): Promise<void> {
  await sql.query(
    `insert into reading (probe_id, at, boot_id, seq, centi)
     select p.id, at, b.id, 1000000 + row_number() over (), 400
     from probe p join boot b on b.device_id = p.device_id,
          generate_series((select min(registered_at) from bag) / 60000 * 60000, $1::bigint, 60000) at
     on conflict do nothing`,
    [Date.now()],
  )
  await sql.query('update probe_state set last_at = (select max(at) from reading)')
}

/** The sessions of nurses who have signed in: what their terminals show with every request. */
export async function nurses(sql: pg.Client, url: string, key: string): Promise<readonly string[]> {
  const { rows } = await sql.query('select code from facility limit 1')
  const roles = [{ role: 'nurse', facility: rows[0].code }]
  const tokens: string[] = []
  for (let number = 1; number <= clients; number++) {
    const credentials = { username: `nurse-${number}`, password: randomBytes(16).toString('hex') }
    await tell('/people', { ...credentials, name: 'Nurse', roles })
    tokens.push((await tell('/session', credentials)).token as string)
  }
  return tokens

  async function tell(path: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
    return (await response.json()) as Record<string, unknown>
  }
}

/** What an answer of GO must have left behind, of each kind. */
async function countIssues(sql: pg.Client): Promise<Record<string, number>> {
  const { rows } = await sql.query(
    `select (select count(*) from bag where state = 'issued')::int as bags,
            (select count(*) from bag_event where verb = 'issue')::int as events,
            (select count(*) from audit_entry where action = 'bag.issued')::int as audited,
            (select count(*) from news where kind = 'bag.issued')::int as news,
            (select count(*) from scan_answer where answer = 'GO')::int as answers`,
  )
  return rows[0] as Record<string, number>
}

export async function aTakeOut(sql: pg.Client): Promise<string> {
  const now = Date.now()
  const { rows } = await sql.query(
    `insert into take_out (id, device_id, facility_id, pseudonym, emergency, actor, opened_at, expires_at)
     select gen_random_uuid(), d.id, p.facility_id, 'P1', false, '{"kind":"job","id":"bench"}', $1::bigint,
            $1::bigint + 3600000
     from device d join device_placement p on p.device_id = d.id limit 1 returning id`,
    [now],
  )
  return rows[0].id
}
