import { expect } from 'vitest'
import type { z } from 'zod'
import { createHttp, type Services } from '../../../api/http/app.ts'
import { createNewsWatch } from '../../../api/stores/news-watch.ts'
import { createSessions } from '../../../api/stores/sessions.ts'
import { Problem } from '../../../schema/http/problems.ts'
import { test as base } from '../../support/database.ts'
import { aWorld, type World } from '../../support/world.ts'

export const adminKey = 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg=='

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'

/** A world and its HTTP door, entered with the administrator's key. */
export type Door = {
  readonly world: World
  readonly services: Services
  /** For a server on a real socket. */
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** Anything at all, without the key. */
  raw(path: string, init?: RequestInit): Promise<Response>
  /** Must succeed, and answer exactly what the schema says: nothing less and nothing more. */
  ask<T extends z.ZodType>(schema: T, method: Method, path: string, body?: unknown): Promise<z.output<T>>
  /** Must be refused, with a whole problem. */
  refused(method: Method, path: string, body?: unknown): Promise<Problem>
}

export const test = base.extend<{ $test: { door: Door } }>({
  door: async ({ database }, use) => {
    await use(openDoor(await aWorld(database)))
  },
})

export function openDoor(world: World, changes: Partial<Services> = {}): Door {
  const services: Services = {
    ...world.deps,
    memory: world.ingest.memory,
    obstacle: world.ingest.obstacle,
    telemetryTrouble: () => null,
    mayMail: true,
    hl7: [],
    adminKey,
    sessions: createSessions(world.deps.database.db, adminKey, world.deps.now),
    news: createNewsWatch(world.deps.database, world.deps),
    ...changes,
  }
  const app = createHttp(services)
  const send = (method: Method, path: string, body?: unknown) =>
    app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return {
    world,
    services,
    fetch: (request) => app.fetch(request),
    raw: async (path, init) => app.request(path, init),
    async ask(schema, method, path, body) {
      const response = await send(method, path, body)
      const text = await response.text()
      expect(response.status, text).toBeLessThan(300)
      const answer = JSON.parse(text)
      expect(schema.parse(answer)).toEqual(answer)
      return answer
    },
    async refused(method, path, body) {
      return problemOf(await send(method, path, body))
    },
  }
}

/** The problem a response holds, which must be one to the letter. */
export async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = Problem.strict().parse(await response.json())
  expect(problem.status).toBe(response.status)
  expect(problem.requestId).toBe(response.headers.get('x-request-id'))
  expect(problem.type).toBe(`urn:hemotrail:problem:${problem.code}`)
  return problem
}

/** What the simulator and people send to make a device known. */
export function aFridge(name: string, more: Record<string, unknown> = {}) {
  return { name, kind: 'fridge', facility: 'H1', profile: { low: 2, high: 6 }, ...more }
}

/** An instant as HTTP spells it. */
export function iso(at: number): string {
  return new Date(at).toISOString()
}
