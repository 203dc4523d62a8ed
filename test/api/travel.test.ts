import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { greatCircleKm, type Position } from '../../api/domain/rescue-route.ts'
import type { Site } from '../../api/domain/transfer/travel.ts'
import { travelTable } from '../../api/domain/transfer/travel-table.ts'
import { openTravel, type TravelConfig } from '../../api/travel.ts'

type Asked = { readonly path: string; readonly places: readonly Position[] }
type Answer = (asked: Asked, response: ServerResponse) => void

/** A server of routes on a port of its own, and what it was asked. */
async function anOsrm(first: Answer) {
  const osrm = { answer: first }
  const asked: Asked[] = []
  const server = createServer(({ method, url = '' }, response) => {
    const places = url.split('/').at(-1)?.split('?')[0]?.split(';') ?? []
    const one = {
      path: `${method} ${url}`,
      places: places.map((place) => {
        const [lon = Number.NaN, lat = Number.NaN] = place.split(',').map(Number)
        return { lat, lon }
      }),
    }
    asked.push(one)
    osrm.answer(one, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  onTestFinished(close)
  return Object.assign(osrm, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/osrm`,
    asked,
    close,
  })
}

/** Seconds at 36 km/h, a way half as long again as the straight one. */
const secondsOf = (from: Position, to: Position) => Math.round(greatCircleKm(from, to) * 1.5 * 100 * 10) / 10

const json = (response: ServerResponse, body: unknown) =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(body))

/** What it should say, of the first place as the destination. */
const rows = ({ places: [to, ...from] }: Asked): unknown[][] =>
  to ? [[0], ...from.map((place) => [secondsOf(place, to)])] : []

const honest: Answer = (asked, response) => {
  const sources = asked.places.map(({ lat, lon }) => ({ location: [lon, lat], name: '', distance: 12.5 }))
  json(response, { code: 'Ok', durations: rows(asked), sources, destinations: sources.slice(0, 1) })
}

function aTravel(config: TravelConfig) {
  const warned: { destination: string | null; faults: Record<string, number> }[] = []
  const log = { info() {}, error() {}, warn: (fields: object) => void warned.push(fields as never) }
  return { ...openTravel(config, { log }), warned }
}

const centre: Site = { id: 'C', position: { lat: 30.25, lon: 120.15 } }
const near: Site = { id: 'N', position: { lat: 30.25, lon: 120.25 } }
const far: Site = { id: 'F', position: { lat: 30.45, lon: 120.15 } }
const lost: Site = { id: 'L', position: null }
const sites = [near, far]

/** At three at night: by the server, and by the great circle. */
const byServer = [
  { minutes: 32, source: 'osrm' },
  { minutes: 70, source: 'osrm' },
]
const byCircle = [
  { minutes: 23, source: 'great_circle' },
  { minutes: 49, source: 'great_circle' },
]

/** Long enough for a server that answers at all, however busy the machine. */
const timeoutMs = 20_000

test('is what the table says, else the server, else the great circle, site by site', async () => {
  const osrm = await anOsrm(honest)
  const table = travelTable([{ from: 'N', to: 'C', minutes: 41 }], false)
  const travel = aTravel({ table, osrm: { url: osrm.url, timeoutMs } })
  const same: Site = { id: 'S', position: centre.position }
  expect(await travel.minutesTo([near, far, lost, same, centre], centre, 3)).toEqual([
    { minutes: 41, source: 'table' },
    byServer[1],
    { minutes: null, source: null },
    { minutes: 3, source: 'great_circle' },
    { minutes: 3, source: 'great_circle' },
  ])
  expect(osrm.asked.map(({ path }) => path)).toEqual([
    'GET /osrm/table/v1/driving/120.150000,30.250000;120.150000,30.450000?destinations=0&annotations=duration',
  ])
  expect(await travel.minutesTo([near, far], lost, 3)).toEqual([
    { minutes: null, source: null },
    { minutes: null, source: null },
  ])
  expect(await travel.minutesTo([], centre, 3)).toEqual([])
  expect(osrm.asked).toHaveLength(1)
  expect(travel.warned).toEqual([])
})

test('asks nobody where nobody is configured', async () => {
  expect(await aTravel({}).minutesTo(sites, centre, 3)).toEqual(byCircle)
})

test('asks of a hundred places at a time, and keeps their order', async () => {
  const osrm = await anOsrm(honest)
  const many = Array.from({ length: 250 }, (_, index): Site => {
    return { id: `S${index}`, position: { lat: 30.3 + index / 1_000, lon: 120.15 } }
  })
  const travel = aTravel({ osrm: { url: osrm.url, timeoutMs } })
  const told = await travel.minutesTo(many, centre, 12)
  expect(osrm.asked.map(({ places }) => places.length).sort()).toEqual([100, 100, 53])
  const minutes = told.map((one) => one.minutes as number)
  expect(told.every(({ source }) => source === 'osrm')).toBe(true)
  expect(minutes).toEqual([...minutes].sort((a, b) => a - b))
  expect(new Set(minutes).size).toBeGreaterThan(40)
})

/** What a server may do instead of answering rightly of all. */
const lies: Readonly<Record<string, { answer: Answer; fault: string }>> = {
  'a page': {
    answer: (_, response) => void response.setHeader('content-type', 'text/html').end('<h1>Welcome</h1>'),
    fault: 'it answered with something else than JSON',
  },
  'no number at all': {
    answer: (asked, response) => {
      const text = JSON.stringify({ code: 'Ok', durations: rows(asked) })
      response.end(text.replaceAll(/\d\]/g, 'NaN]'))
    },
    fault: 'it answered with something else than JSON',
  },
  'something else': {
    answer: (_, response) => json(response, { code: 'Ok', distances: [[1]] }),
    fault: 'it answered with something else than durations',
  },
  'another code': {
    answer: (asked, response) => json(response, { code: 'NoTable', durations: rows(asked) }),
    fault: 'it answered with something else than durations',
  },
  'rows of two': {
    answer: (asked, response) => {
      json(response, { code: 'Ok', durations: rows(asked).map((row) => [...row, 1]) })
    },
    fault: 'it answered with something else than durations',
  },
  'a row too few': {
    answer: (asked, response) => json(response, { code: 'Ok', durations: rows(asked).slice(1) }),
    fault: 'it answered about another number of places',
  },
  'a row too many': {
    answer: (asked, response) => json(response, { code: 'Ok', durations: [...rows(asked), [600]] }),
    fault: 'it answered about another number of places',
  },
  'too many requests': {
    answer: (_, response) => void response.writeHead(429).end('{}'),
    fault: 'it answered 429',
  },
  'an error, with an answer': {
    answer: (asked, response) => {
      response.statusCode = 500
      honest(asked, response)
    },
    fault: 'it answered 500',
  },
  'another address': {
    answer: (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
    fault: 'it answered 302',
  },
  'an answer without end': {
    answer: (_, response) => {
      const chunk = Buffer.alloc(65_536, ' ')
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    },
    fault: 'it answered without end',
  },
  'half an answer': {
    answer: (_, response) => {
      response.writeHead(200, { 'content-length': 1_000 })
      response.write('{"code":"Ok",', () => response.destroy())
    },
    fault: 'it is away: UND_ERR_SOCKET',
  },
  'a cut cable': {
    answer: (_, response) => void response.destroy(),
    fault: 'it is away: UND_ERR_SOCKET',
  },
}

test.for(Object.entries(lies))(
  'a server that answers with %s is told of once, and the great circle stands in until it is right again',
  async ([, { answer, fault }]) => {
    const osrm = await anOsrm(answer)
    const travel = aTravel({ osrm: { url: osrm.url, timeoutMs } })
    const line = { destination: null, faults: { [fault]: 1 } }
    expect(await travel.minutesTo(sites, centre, 3)).toEqual(byCircle)
    expect(await travel.minutesTo(sites, centre, 3)).toEqual(byCircle)
    expect(travel.warned).toEqual([line])
    osrm.answer = honest
    expect(await travel.minutesTo(sites, centre, 3)).toEqual(byServer)
    osrm.answer = answer
    expect(await travel.minutesTo(sites, centre, 3)).toEqual(byCircle)
    expect(travel.warned).toEqual([line, line])
    expect(JSON.stringify(travel.warned)).not.toContain('127.0.0.1')
  },
)

test.for<readonly [string, unknown, string]>([
  ['no way', null, 'it knows no way'],
  ['a time before it begins', -600, 'it is no time'],
  ['a word', 'NaN', 'it is no time'],
  ['more than any number', '1e999', 'it is no time'],
  ['a list', [600], 'it is no time'],
  ['no time at all between places apart', 0, 'it is faster than 150 km/h'],
  ['a flight', 230, 'it is faster than 150 km/h'],
  ['days', 90_000, 'it is slower than 1 km/h'],
])('of a pair the server says %s of, that alone is not believed', async ([, told, fault]) => {
  const osrm = await anOsrm((asked, response) => {
    const [itself, first] = rows(asked)
    const text = JSON.stringify({ code: 'Ok', durations: [itself, first, [told]] })
    response.end(text.replace('"1e999"', '1e999'))
  })
  const travel = aTravel({ osrm: { url: osrm.url, timeoutMs } })
  expect(
    await travel.minutesTo([near, { ...near, id: 'N2', position: { lat: 30.25, lon: 120.05 } }], centre, 3),
  ).toEqual([byServer[0], byCircle[0]])
  await travel.minutesTo(sites, centre, 3)
  expect(travel.warned[0]).toEqual({ destination: 'C', faults: { [fault]: 1 } })
  expect(travel.warned.every(({ destination }) => destination === 'C')).toBe(true)
})

test('of a place that is far from every street of its map the server knows nothing', async () => {
  let stray = 2
  const osrm = await anOsrm((asked, response) => {
    const sources = asked.places.map((_, place) => ({ distance: place === stray ? 1_001 : 1_000 }))
    json(response, { code: 'Ok', durations: rows(asked), sources })
  })
  const travel = aTravel({ osrm: { url: osrm.url, timeoutMs } })
  expect(await travel.minutesTo(sites, centre, 3)).toEqual([byServer[0], byCircle[1]])
  stray = 0
  expect(await travel.minutesTo(sites, centre, 3)).toEqual(byCircle)
  expect(travel.warned).toEqual([
    { destination: 'C', faults: { 'the place is not on its map': 1 } },
    { destination: 'C', faults: { 'the destination is not on its map': 2 } },
  ])
})

describe('a server that hangs', () => {
  test.for<readonly [string, Answer]>([
    ['before it answers', () => {}],
    ['in the middle', (_, response) => void response.writeHead(200).write('{"code":"Ok",')],
  ])('%s is given up, and its connection with it', async ([, hang]) => {
    const left: Promise<unknown>[] = []
    const osrm = await anOsrm((asked, response) => {
      left.push(new Promise((resolve) => response.once('close', resolve)))
      hang(asked, response)
    })
    const travel = aTravel({ osrm: { url: osrm.url, timeoutMs: 300 } })
    expect(await travel.minutesTo(sites, centre, 3)).toEqual(byCircle)
    expect(travel.warned).toEqual([{ destination: null, faults: { 'it did not answer in time': 1 } }])
    await Promise.all(left)
  })
})

test('a server that refuses one batch of places is believed of the others', async () => {
  const osrm = await anOsrm((asked, response) => {
    if (asked.places.length === 100) honest(asked, response)
    else response.writeHead(429).end()
  })
  const many = Array.from({ length: 100 }, (_, index): Site => {
    return { id: `S${index}`, position: { lat: 30.3 + index / 1_000, lon: 120.15 } }
  })
  const told = await aTravel({ osrm: { url: osrm.url, timeoutMs } }).minutesTo(many, centre, 3)
  const expected = many.map((_, index) => (index < 99 ? 'osrm' : 'great_circle'))
  expect(told.map(({ source }) => source)).toEqual(expected)
})

test('a server that is away is done without', async () => {
  const osrm = await anOsrm(honest)
  await osrm.close()
  const travel = aTravel({ osrm: { url: osrm.url, timeoutMs } })
  expect(await travel.minutesTo(sites, centre, 3)).toEqual(byCircle)
  expect(travel.warned).toEqual([{ destination: null, faults: { 'it is away: ECONNREFUSED': 1 } }])
})

test('a table that knows a car faster than any is not believed of that way', async () => {
  const osrm = await anOsrm(honest)
  const ways = [
    { from: 'N', to: 'C', minutes: 3 },
    { from: 'F', to: 'C', minutes: 2_880 },
    { from: 'L', to: 'C', minutes: 1 },
  ]
  const travel = aTravel({ table: travelTable(ways, false), osrm: { url: osrm.url, timeoutMs } })
  expect(await travel.minutesTo([...sites, lost], centre, 3)).toEqual([
    byServer[0],
    { minutes: 2_880, source: 'table' },
    { minutes: 1, source: 'table' },
  ])
  const fault = 'the table says from N it is faster than 150 km/h'
  expect(travel.warned).toEqual([{ destination: 'C', faults: { [fault]: 1 } }])
})

describe('whatever it is told', () => {
  const position = fc.record({
    lat: fc.double({ min: 29, max: 31, noNaN: true }),
    lon: fc.double({ min: 119, max: 121, noNaN: true }),
  })
  const places = fc.array(fc.option(position, { freq: 6 }), { minLength: 1, maxLength: 6 })
  const named = (positions: readonly (Position | null)[]) =>
    positions.map((place, index): Site => ({ id: `S${index}`, position: place }))
  const hour = fc.integer({ min: 0, max: 23 })
  const seconds = fc.oneof(
    { weight: 4, arbitrary: fc.double({ min: 0, max: 20_000, noNaN: true }) },
    { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<unknown> },
  )
  const answers = fc.oneof(
    { weight: 4, arbitrary: fc.record({ code: fc.constant('Ok'), durations: fc.array(fc.tuple(seconds)) }) },
    { weight: 1, arbitrary: fc.jsonValue() },
  )
  const ways = fc.uniqueArray(fc.record({ from: fc.nat(5), minutes: fc.integer({ min: 1, max: 600 }) }), {
    selector: ({ from }) => from,
  })

  test('nobody is faster than 150 km/h, each known place is told of, and a lie moves nothing but itself', async () => {
    let told: unknown
    const Durations = z.looseObject({ durations: z.array(z.unknown()) })
    const osrm = await anOsrm((asked, response) => {
      const { data } = Durations.safeParse(told)
      // As many rows as are asked for: what is in them is what is drawn.
      const durations = asked.places.map((_, index) => data?.durations[index] ?? [null])
      json(response, data ? { ...data, durations } : told)
    })
    await fc.assert(
      fc.asyncProperty(places, position, hour, answers, ways, async (from, to, at, answer, lines) => {
        told = answer
        const table = travelTable(
          lines.map(({ from, minutes }) => ({ from: `S${from}`, to: 'C', minutes })),
          false,
        )
        const destination = { id: 'C', position: to }
        const all = named(from)
        const times = await aTravel({ table, osrm: { url: osrm.url, timeoutMs } }).minutesTo(
          all,
          destination,
          at,
        )
        const circles = await aTravel({}).minutesTo(all, destination, at)
        expect(times).toHaveLength(from.length)
        for (const [index, { minutes, source }] of times.entries()) {
          const start = from[index]
          if (!start) {
            expect(['table', null]).toContain(source)
            continue
          }
          expect(Number.isInteger(minutes)).toBe(true)
          expect(minutes).toBeGreaterThanOrEqual(Math.max(1, (greatCircleKm(start, to) / 150) * 60))
          if (source === 'great_circle') expect(minutes).toBe(circles[index]?.minutes)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('the way back takes as long where streets lead both ways alike', async () => {
    const osrm = await anOsrm(honest)
    await fc.assert(
      fc.asyncProperty(
        position,
        position,
        hour,
        fc.boolean(),
        fc.boolean(),
        async (a, b, at, told, asked) => {
          const table = told ? travelTable([{ from: 'A', to: 'B', minutes: 500 }], true) : undefined
          const travel = aTravel({ table, osrm: asked ? { url: osrm.url, timeoutMs } : undefined })
          const [A, B] = [
            { id: 'A', position: a },
            { id: 'B', position: b },
          ]
          expect(await travel.minutesTo([A], B, at)).toEqual(await travel.minutesTo([B], A, at))
        },
      ),
      { numRuns: 100 },
    )
  })
})
