import { randomBytes, randomInt } from 'node:crypto'
import type { z } from 'zod'
import {
  ApiKeyInput,
  BadgeInput,
  NewApiKey,
  PersonInput,
  Session,
  SignInInput,
} from '../../schema/http/people.ts'
import { type Answer, type Api, type Asking, call, understand } from '../api.ts'
import { eachOf } from '../provision.ts'
import type { City, Job, Person } from './draw-city.ts'

/** Somebody at work: who they are is shown with everything they ask. Bodies are those of the contract. */
export type Worker = {
  readonly username: string
  get<O extends z.ZodType>(path: string, answers: O): Promise<z.output<O>>
  post<I extends z.ZodType, O extends z.ZodType>(
    path: string,
    reads: I,
    body: z.input<I>,
    answers: O,
  ): Promise<z.output<O>>
  /** Null where what is there speaks against it (409). */
  postUnlessRefused<I extends z.ZodType, O extends z.ZodType>(
    path: string,
    reads: I,
    body: z.input<I>,
    answers: O,
  ): Promise<z.output<O> | null>
  put<I extends z.ZodType, O extends z.ZodType>(
    path: string,
    reads: I,
    body: z.input<I>,
    answers: O,
  ): Promise<z.output<O>>
}

export type Account = { readonly username: string; readonly job: Job; readonly password: string }

export type Staff = {
  /** Who may sign in by a password, and by which. */
  readonly accounts: readonly Account[]
  /** One of those who do this, the same for the same number; at a facility where it is a matter of facilities. */
  one(job: Job, number: number, facility?: string): Worker
}

export type StaffOptions = {
  /** As the administrator. */
  readonly api: Api
  readonly city: City
  /** Names this run among all of its city. */
  readonly run: string
  /** Whether people who are let in already get new passwords: whoever uses the old ones is signed out. */
  readonly rotate: boolean
}

type Claim = { readonly password: string; readonly badge: string; readonly pin: string }

/** A session is not used in its last seconds, ms. */
const marginMs = 20_000
const tries = 5

/** Let everybody in who works here: by a password, and nurses by badge and PIN at the terminals of their hospital. */
export async function hire(options: StaffOptions): Promise<Staff> {
  const { api, city, run } = options
  const workers = new Map<string, Worker[]>()
  const terminals = new Map<string, string>()
  const hired = new Map<string, Worker>()
  const passwords = new Map<string, string>()

  await eachOf(
    city.hospitals.map(({ code }) => code),
    async (facility) => {
      const input = { name: `${facility}-terminal-${run}`, role: 'nurse', facility } as const
      const made = await call(api, '/api-keys', { body: ApiKeyInput.parse(input) })
      terminals.set(facility, understand(api, NewApiKey, made.body).key)
    },
  )
  await eachOf(city.people, async (person) => {
    const claim = await letIn(options, person)
    passwords.set(person.username, claim.password)
    const terminal = person.facility === null ? undefined : terminals.get(person.facility)
    const open =
      person.job === 'nurse' && terminal ? byBadge(api, terminal, claim) : byPassword(api, person, claim)
    hired.set(person.username, createWorker(api.api, person.username, run, open))
  })
  for (const { username, job, facility } of city.people) {
    const place = `${job}/${facility ?? ''}`
    workers.set(place, [...(workers.get(place) ?? []), hired.get(username) as Worker])
  }
  return {
    accounts: city.people.map(({ username, job }) => ({
      username,
      job,
      password: passwords.get(username) ?? '',
    })),
    one(job, number, facility = '') {
      const able = workers.get(`${job}/${facility}`) ?? []
      const worker = able[number % able.length]
      if (!worker) throw new Error(`nobody is ${job} at ${facility || 'large'}`)
      return worker
    },
  }
}

async function letIn({ api, rotate }: StaffOptions, person: Person): Promise<Claim> {
  const { username, name, role, facility } = person
  const claim = {
    password: randomBytes(18).toString('base64url'),
    badge: randomBytes(12).toString('hex'),
    pin: drawPin(),
  }
  const { password } = claim
  const input = { username, name, password, roles: [{ role, facility }] } satisfies z.input<
    typeof PersonInput
  >
  const { status } = await call(api, '/people', { body: PersonInput.parse(input), also: [409] })
  if (status === 409) {
    if (!rotate)
      throw new Error(`${username} is let in already: give another --prefix, or --rotate for new passwords`)
    await call(api, `/people/${username}/password`, { method: 'PUT', body: { password } })
  }
  if (person.job === 'nurse') {
    const body = BadgeInput.parse({ badge: claim.badge, pin: claim.pin })
    await call(api, `/people/${username}/badge`, { method: 'PUT', body })
  }
  return claim
}

/** No plain row of digits, which is refused. */
function drawPin(): string {
  return `${randomInt(1, 5)}${randomInt(6, 10)}${String(randomInt(0, 10_000)).padStart(4, '0')}`
}

type OpenSession = () => Promise<z.output<typeof Session>>

function byPassword(api: Api, { username }: Person, { password }: Claim): OpenSession {
  return async () => {
    const body = SignInInput.parse({ username, password })
    return understand(api, Session, (await call({ ...api, key: '' }, '/session', { body, tries })).body)
  }
}

function byBadge({ api }: Api, terminal: string, { badge, pin }: Claim): OpenSession {
  const at = { api, key: terminal }
  return async () =>
    understand(at, Session, (await call(at, '/session/badge', { body: { badge, pin }, tries })).body)
}

function createWorker(api: string, username: string, run: string, open: OpenSession): Worker {
  let session: Promise<z.output<typeof Session>> | undefined
  let asked = 0

  /** Sessions end by our time, whatever time it is in the city. */
  async function token(): Promise<string> {
    session ??= open()
    const known = session
    const found = await known.catch(() => null)
    if (found && Date.parse(found.expiresAt) - marginMs > Date.now()) return found.token
    // Of several who find it over, one opens another.
    if (session === known) session = open()
    return (await session).token
  }

  async function ask(path: string, asking: Asking): Promise<Answer> {
    return call({ api, key: await token() }, path, { tries, ...asking })
  }
  const read = <O extends z.ZodType>(answers: O, { body }: Answer) =>
    understand({ api, key: '' }, answers, body)
  const once = <I extends z.ZodType>(reads: I, body: z.input<I>): Asking => {
    asked += 1
    reads.parse(body)
    return { body, idempotencyKey: `${run}-${asked}` }
  }

  return {
    username,
    get: async (path, answers) => read(answers, await ask(path, {})),
    post: async (path, reads, body, answers) => read(answers, await ask(path, once(reads, body))),
    async postUnlessRefused(path, reads, body, answers) {
      const answer = await ask(path, { ...once(reads, body), also: [409] })
      return answer.status === 409 ? null : read(answers, answer)
    },
    async put(path, reads, body, answers) {
      reads.parse(body)
      return read(answers, await ask(path, { body, method: 'PUT' }))
    },
  }
}
