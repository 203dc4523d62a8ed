import pg from 'pg'
import type { Context } from '../../api/context.ts'
import { everywhere } from '../../api/domain/rights.ts'
import { createMetrics } from '../../api/metrics.ts'
import { openPlanner } from '../../api/planner.ts'
import { openDatabase } from '../../api/stores/database.ts'
import { sqlTelemetry } from '../../api/stores/sql-telemetry.ts'
import { openTravel } from '../../api/travel.ts'
import { previewRecall } from '../../api/usecases/recall.ts'
import { seedPolicies } from '../../api/usecases/seed-policies.ts'
import { traceBag } from '../../api/usecases/trace-bag.ts'
import { provisionDevices } from './provision.ts'
import { benchDatabase } from './server.ts'

const most = Number(process.env.BENCH_BAGS ?? 1_000_000)
const repetitions = Number(process.env.BENCH_REPETITIONS ?? 100)
const fewest = 10_000
const warmUps = 5
const hospitals = 43
const givenByDonor = 40
const days = 10
const everyMs = 300_000
const dayMs = 86_400_000
const now = Date.parse('2026-01-20T00:00:00Z')
const start = now - days * dayMs
/** Of each bag: what was done to it, where its tag was seen, and where it was. */
const eventsEach = 12

type Figures = { readonly p50Ms: number; readonly p99Ms: number }

/**
 * How soon is a bag traced, and a donor of forty donations looked back on over all hospitals, in a city that has seen ten
 * thousand bags and in one that has seen a million; beside one plain statement that walks the same rows.
 */
export async function trace(): Promise<Record<string, unknown>> {
  const faults: string[] = []
  const cities = [fewest, most].filter((bags, index) => index === 1 || bags < most)
  const measured: (Awaited<ReturnType<typeof measure>> & { readonly bags: number })[] = []
  for (const bags of cities) measured.push({ bags, ...(await measure(bags, faults)) })
  const last = measured.at(-1) as (typeof measured)[number]
  const first = measured[0] as (typeof measured)[number]
  const missed = (['trace', 'donor'] as const).flatMap((what) =>
    last[what].ratioToBareSql <= 1.5
      ? []
      : [`${what}: ${last[what].ratioToBareSql.toFixed(2)} times the bare SQL`],
  )
  return {
    bench: 'trace',
    ok: faults.length === 0,
    missed,
    faults: faults.slice(0, 5),
    bags: last.bags,
    events: last.bags * eventsEach,
    loadSeconds: last.loadSeconds,
    ratioToBareSql: Math.max(last.trace.ratioToBareSql, last.donor.ratioToBareSql),
    trace: last.trace,
    donor: last.donor,
    growth: {
      from: first.bags,
      to: last.bags,
      trace: last.trace.p50Ms / first.trace.p50Ms,
      donor: last.donor.p50Ms / first.donor.p50Ms,
    },
    small: { trace: first.trace, donor: first.donor },
  }
}

async function measure(bags: number, faults: string[]) {
  await using created = await benchDatabase()
  await provisionDevices(created.url, hospitals, { prefix: 'fridge', inServiceFrom: start - dayMs })
  const database = await openDatabase({ url: created.url, poolSize: 1 })
  const bare = new pg.Client(created.url)
  await bare.connect()
  try {
    const log = { info() {}, warn() {}, error() {} }
    const deps = {
      database,
      telemetry: sqlTelemetry(database),
      now: () => now,
      log,
      metrics: createMetrics(),
      planTransfers: openPlanner().plan,
      travel: openTravel({}, { log }),
    }
    await seedPolicies(deps)
    const ctx: Context = { ...deps, actor: { kind: 'person', id: 'bench' }, grants: everywhere }
    const begun = performance.now()
    await load(bare, bags)
    const loadSeconds = Math.round((performance.now() - begun) / 1_000)
    console.log(`${bags} bags with ${bags * eventsEach} events were loaded in ${loadSeconds} s`)
    const donations = Math.floor(bags / 3)
    const traced = await compare(
      (turn) => {
        // A bag of red cells: its own life, and that of the whole blood it was made of.
        const bagId = idOf(((turn * 7_919) % donations) * 3 + 1)
        return {
          own: async () => (await traceBag(deps, { bagId, jurisdiction: 'CN' })).places.length,
          bare: async () => (await bare.query(bareTrace(bagId))).rows.filter(({ id }) => id === bagId).length,
        }
      },
      'trace',
      faults,
    )
    const donor = await compare(
      (turn) => {
        const of = `donor-${(turn * 7_919) % Math.floor(donations / givenByDonor)}`
        const asked = { facility: 'fridge', scope: 'donor', of, reason: 'bench' } as const
        return {
          own: async () => (await previewRecall(ctx, asked, 10_000)).bags.length,
          bare: async () => (await bare.query(bareDonor(of))).rows.length,
        }
      },
      'donor',
      faults,
      givenByDonor * 3,
    )
    return { loadSeconds, trace: traced, donor }
  } finally {
    await bare.end()
    await database.close()
  }
}

type Turn = { readonly own: () => Promise<number>; readonly bare: () => Promise<number> }

/** Both are asked the same, either first every other time, and must find as many. */
async function compare(
  askedAt: (turn: number) => Turn,
  what: string,
  faults: string[],
  expected?: number,
): Promise<Figures & { readonly bare: Figures; readonly ratioToBareSql: number }> {
  const took = { own: [] as number[], bare: [] as number[] }
  for (let turn = 0; turn < warmUps + repetitions; turn++) {
    const asked = askedAt(turn)
    const found: Record<string, number> = {}
    // Whoever asks first finds the rows cold.
    for (const name of turn % 2 === 0 ? (['own', 'bare'] as const) : (['bare', 'own'] as const)) {
      const begun = performance.now()
      found[name] = await asked[name]()
      if (turn >= warmUps) took[name].push(performance.now() - begun)
    }
    if (found.own !== found.bare || found.own !== (expected ?? found.own) || found.own === 0)
      faults.push(`${what} ${turn}: ${found.own} found, by bare SQL ${found.bare}`)
  }
  const own = figuresOf(took.own)
  const bare = figuresOf(took.bare)
  const ratioToBareSql = own.p50Ms / bare.p50Ms
  console.log(
    `${what}: p50 ${own.p50Ms.toFixed(2)} ms, p99 ${own.p99Ms.toFixed(2)} ms; bare ${bare.p50Ms.toFixed(2)} ms, ` +
      `${bare.p99Ms.toFixed(2)} ms; ratio ${ratioToBareSql.toFixed(2)}`,
  )
  return { ...own, bare, ratioToBareSql }
}

function figuresOf(took: number[]): Figures {
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(took.length * share)] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

const idOf = (number: number) => `00000000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`

/** All that was done to a bag and what it was made of, where each was, and what the probe there told meanwhile. */
const bareTrace = (bagId: string) => ({
  name: 'trace',
  text: `
    with recursive line (id) as (
      select $1::uuid union select parent_id from bag_lineage join line on child_id = line.id
    )
    select line.id, place.state, place.device_id, place."from", place."to", told.*,
      (select json_agg(e order by e.version) from bag_event e where e.bag_id = line.id) as events
    from line join bag_place place on place.bag_id = line.id and place.known_to is null
      left join lateral (
        select count(*) as readings, min(centi), max(centi) from probe p join reading r on r.probe_id = p.id
        where p.device_id = place.device_id and place.state = 'inside'
          and r.at >= place."from" and r.at < coalesce(place."to", $2)
      ) told on true`,
  values: [bagId, now],
})

/** All bags of a donor with what was made of them, and who has which where. */
const bareDonor = (donor: string) => ({
  name: 'donor',
  text: `
    with recursive family (id) as (
      select b.id from donation d, lateral (select id from bag where donation_id = d.id offset 0) b where d.donor = $1
      union select child_id from family,
        lateral (select child_id from bag_lineage where parent_id = family.id offset 0) made
    )
    select b.*, f.code, place.state, d.name
    from family, lateral (select * from bag where id = family.id offset 0) b
      join facility f on f.id = b.holder_id left join lateral (
        select device_id, state from bag_place where bag_id = b.id and known_to is null and "to" is null limit 1
      ) place on true left join device d on d.id = place.device_id`,
  values: [donor],
})

/** The id of a bag by its number, in SQL. */
const id = (number: string) => `('00000000-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`

/**
 * Donations of whole blood, each made into red cells and plasma: from the centre's fridge by hand into that of a hospital,
 * where they are. Donors give forty times, and what they gave is in forty hospitals.
 */
async function load(sql: pg.Client, bags: number): Promise<void> {
  const donations = Math.floor(bags / 3)
  // Nobody else is here: foreign keys and triggers are for those who may be wrong.
  await sql.query(`set session_replication_role = replica`)
  await sql.query(`set synchronous_commit = off`)
  await sql.query(
    `insert into facility (code, name, kind, time_zone, created_at)
     select 'H' || n, 'Hospital', 'hospital', 'Asia/Shanghai', $1 from generate_series(2, $2::int) n`,
    [start, hospitals],
  )
  await sql.query(
    `update device_placement set facility_id = device_id where device_id <= $1 and device_id in (select id from facility)`,
    [hospitals],
  )
  await sql.query(`insert into boot (device_id, boot) select id, 'bench' from device`)
  await sql.query(`insert into probe (device_id, kind) select id, 'load' from device`)
  await sql.query(
    `insert into reading (probe_id, at, boot_id, seq, centi)
     select p.id, at, b.id, (at - $1) / $3, 350 + (at / 60000) % 100
     from probe p join boot b on b.device_id = p.device_id, generate_series($1::bigint, $2::bigint, $3::bigint) at`,
    [start, now, everyMs],
  )
  await sql.query(
    `insert into probe_state (probe_id, version, first_at, last_at, last_boot, last_centi, last_received_at)
     select id, 1, $1, $2, 'bench', 400, $2 from probe`,
    [start, now],
  )
  const given = `$1::bigint + (i % 5000) * 60000`
  await sql.query(
    `insert into donation (id, scheme, identifier, donor, facility_id, collected_at, registered_at)
     select ${id('i * 3')}, 'ISBT128', 'A' || lpad(i::text, 12, '0'), 'donor-' || i / ${givenByDonor}, 1, ${given}, ${given}
     from generate_series(0, $2::int - 1) i`,
    [start, donations],
  )
  await sql.query(
    `insert into bag (id, scheme, identifier, product_code, collection_type, division, component, expires_at,
       registered_at, origin_id, holder_id, donation_id, state, version, abo, rhd)
     select ${id('i * 3 + part')}, 'ISBT128', 'A' || lpad(i::text, 12, '0'), 'E000' || part, 'V', '00',
       (array['whole_blood', 'red_cells', 'plasma'])[part + 1], $3, ${given}, 1, i % ${hospitals} + 1, ${id('i * 3')},
       case part when 0 then 'processed' else 'available' end, 6, 'O', 'positive'
     from generate_series(0, $2::int - 1) i, generate_series(0, 2) part`,
    [start, donations, now + 30 * dayMs],
  )
  await sql.query(
    `insert into bag_lineage (parent_id, child_id)
     select ${id('i * 3')}, ${id('i * 3 + part')} from generate_series(0, $1::int - 1) i, generate_series(1, 2) part`,
    [donations],
  )
  const all = `generate_series(0, $2::int * 3 - 1) n, lateral (select n / 3 as i) d`
  await sql.query(
    `insert into bag_event (bag_id, version, verb, "from", "to", at, actor, data)
     select ${id('n')}, v, (array['register', 'test', 'release', 'distribute', 'depart', 'receive'])[v], null, 'available',
       ${given} + v * 1000, '{"kind":"job","id":"bench"}', '{}'
     from ${all}, generate_series(1, 6) v`,
    [start, donations],
  )
  await sql.query(
    `insert into tag_assignment (tag, bag_id, "from", vouched_from)
     select 'tag-' || n, ${id('n')}, 0, 0 from generate_series(0, $1::int * 3 - 1) n`,
    [donations],
  )
  const there = `case when v < 3 then 1 else i % ${hospitals} + 1 end`
  await sql.query(
    `insert into sighting (tag, kind, source, device_id, at, boot_id, seq, element, received_at)
     select 'tag-' || n, (array['added', 'removed', 'added'])[v], 'rfid', ${there},
       ${given} + (array[0, 86400000, 87000000])[v], ${there}, n, v, ${given}
     from ${all}, generate_series(1, 3) v`,
    [start, donations],
  )
  await sql.query(
    `insert into bag_place (bag_id, state, device_id, "from", "to", known_from)
     select ${id('n')}, (array['inside', 'in_hand', 'inside'])[v], ${there},
       ${given} + (array[0, 86400000, 87000000])[v], ${given} + (array[86400000, 87000000, null])[v], ${given}
     from ${all}, generate_series(1, 3) v`,
    [start, donations],
  )
  await sql.query(`set session_replication_role = origin`)
  await sql.query('vacuum analyze')
}
