import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'hemotrail-plan-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Ended = { readonly code: unknown; readonly stdout: string; readonly stderr: string }

function plan(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'api/cli.ts', 'plan', ...words], (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    )
  })
}

function fileOf(name: string, content: unknown): string {
  const file = join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const cells = { component: 'red_cells', uom: 'U', rhd: 'positive' } as const
const bag = (id: string, site: string, abo: string, amount: number) => ({
  ...{ id, site, abo, amount, ...cells },
  expiresAt: '2026-12-10T00:00:00Z',
})
const request = {
  id: 'R1',
  site: 'H1',
  urgency: 'emergency',
  deadline: '2026-11-24T09:00:00Z',
  patient: { abo: 'A', rhd: 'positive' },
  lines: [{ component: 'red_cells', amount: 4, uom: 'U' }],
}
const problem = {
  at: '2026-11-24T08:00:00Z',
  sites: [
    { id: 'H1', lat: 36.07, lon: 120.38 },
    { id: 'H2', lat: 36.1, lon: 120.4 },
    { id: 'C', lat: 36.06, lon: 120.33 },
    { id: 'nowhere' },
  ],
  stock: [
    bag('a', 'H2', 'A', 2),
    bag('o', 'H2', 'O', 2),
    bag('c', 'C', 'A', 2),
    bag('b', 'C', 'B', 2),
    bag('n', 'nowhere', 'A', 2),
  ],
  levels: [{ site: 'H2', abo: 'A', ...cells, target: 4, minimum: 2, critical: 2 }],
  requests: [request],
}

test('plan says which bags go, why each, why no other, and what is missing', async () => {
  const asked = { ...problem, requests: [{ ...request, lines: [{ ...request.lines[0], amount: 10 }] }] }
  const { code, stdout } = await plan('--input', fileOf('partial.json', asked), '--json')
  expect(code).toBe(0)
  const told = JSON.parse(stdout)
  expect(told.moves.map((move: { bag: string }) => move.bag).sort()).toEqual(['c', 'o'])
  expect(told.isProved).toBe(true)
  expect(told.demands).toMatchObject([
    {
      id: 'R1/1',
      asked: 10,
      planned: 4,
      missing: 6,
      rejected: [
        { reason: 'incompatible', bags: ['b'] },
        { reason: 'no_way', bags: ['n'] },
        { reason: 'protected', bags: ['a'] },
      ],
    },
  ])
  expect(told.doNothing[0]).toEqual({ tier: 'unmet_emergency', value: 200_000 })
  expect(told.donors).toMatchObject([
    { before: 2, after: 0 },
    { before: 2, after: 0 },
  ])
})

test('a plan is scored by the same rules, be it ours or another’s', async () => {
  const input = fileOf('problem.json', problem)
  const ours = await plan('--input', input, '--json')
  const { moves, tiers } = JSON.parse(ours.stdout)
  const scored = await plan('--input', input, '--score', fileOf('ours.json', { moves }), '--json')
  expect(JSON.parse(scored.stdout)).toEqual({
    isAllowed: true,
    violations: [],
    tiers: tiers.map(({ tier, value }: { tier: string; value: number }) => ({ tier, value })),
  })
  const theirs = ['a', 'b', 'nobody'].map((id) => ({ bag: id, demand: 'R1/1' }))
  const refused = await plan('--input', input, '--score', fileOf('theirs.json', { moves: theirs }))
  expect(refused.stdout).toContain('not allowed: there is no bag nobody')
  expect(refused.stdout).toContain('not allowed: bag b may not go to R1/1: incompatible')
  expect(refused.stdout).toMatch(/not allowed: H2 gives too much red_cells/)
})

test('its problems have a JSON Schema', async () => {
  const { stdout } = await plan('--schema')
  const schema = JSON.parse(stdout)
  expect(schema.required).toEqual(expect.arrayContaining(['at', 'sites', 'stock', 'requests']))
  expect(schema.properties.requests.items.properties.urgency.enum).toEqual(['routine', 'urgent', 'emergency'])
})

const line = { component: 'red_cells', amount: 2, uom: 'U' }
const bad: readonly (readonly [string, unknown, RegExp])[] = [
  [
    'a deadline that is past',
    { ...request, deadline: '2026-11-24T08:00:00Z' },
    /deadline of R1, .* is not after/,
  ],
  ['no units', { ...request, lines: [{ ...line, amount: 0 }] }, /must be more than 0/],
  [
    '10,000 units',
    { ...request, lines: [{ ...line, amount: 10_000 }] },
    /asks for 10000 U of red_cells: at most/,
  ],
  ['a group that is none', { ...request, patient: { abo: 'C' } }, /requests\.0\.patient\.abo/],
  [
    'millilitres of platelets',
    { ...request, lines: [{ component: 'platelets', amount: 2, uom: 'mL' }] },
    /in mL/,
  ],
  ['a site nobody named', { ...request, site: 'H7' }, /R1 is at H7, which is not among the sites/],
]

test.for(bad)('%s is refused in a sentence, and nothing is planned', async ([name, asked, why]) => {
  const file = fileOf(`${name.replaceAll(' ', '-')}.json`, { ...problem, requests: [asked] })
  const { code, stdout, stderr } = await plan('--input', file, '--json')
  expect(stderr).toMatch(why)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})

test('what is no problem at all is told with its file', async () => {
  const missing = await plan('--input', join(folder, 'none.json'))
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no such file') })
  const cut = await plan('--input', fileOf('cut.json', '{"at":'))
  expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining('cut.json') })
  expect(await plan()).toMatchObject({ code: 2, stderr: expect.stringContaining('--input is missing') })
})
