import pg from 'pg'
import { type ServiceProcess, startServiceProcess } from '../faults/service.ts'
import { createServerDatabase } from '../support/database.ts'

/** The administrator's, at both. */
export const key = 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg=='

export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

/** Two processes on one server, with pools of their own: what one cannot know of the other only the database can tell. */
export type TwoServices = {
  readonly services: readonly [ServiceProcess, ServiceProcess]
  /** Past both of them, to look and to be in their way. */
  readonly pool: pg.Pool
  /** Ask one of them, by any number, as the administrator or by another's token. */
  ask(by: number, method: string, path: string, body: unknown, how?: How): Promise<Answer>
  /** The body of a success; anything else is an error. */
  must(answer: Promise<Answer>): Promise<Record<string, unknown>>
  close(): Promise<void>
}

type How = { readonly bearer?: string | undefined; readonly idempotencyKey?: string | undefined }

export async function startTwoServices(url: string): Promise<TwoServices> {
  const created = await createServerDatabase(url)
  const pool = new pg.Pool({ connectionString: created.url, max: 2 })
  // Ended is not yet gone: the database may be dropped over the head of a connection that is just taking its leave.
  pool.on('error', () => {})
  const opened: ServiceProcess[] = []
  const close = async () => {
    for (const service of opened) await service.stop()
    await pool.end()
    await created.drop()
  }
  const environment = {
    DATABASE_URL: created.url,
    DATABASE_POOL: '8',
    HEMOTRAIL_ADMIN_KEY: key,
    LOG_LEVEL: 'info',
  }
  try {
    for (let i = 0; i < 2; i++) opened.push(await startServiceProcess(environment))
  } catch (error) {
    await close()
    throw error
  }
  const services = opened as [ServiceProcess, ServiceProcess]
  return {
    services,
    pool,
    async ask(by, method, path, body, { bearer = key, idempotencyKey } = {}) {
      const response = await fetch(new URL(path, services[by % 2]?.url), {
        method,
        headers: {
          authorization: `Bearer ${bearer}`,
          'content-type': 'application/json',
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: JSON.stringify(body),
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
    async must(answer) {
      const { status, body } = await answer
      if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`)
      return body
    },
    close,
  }
}

export function aHospital(code: string) {
  return { code, name: code, kind: 'hospital', timeZone: 'Asia/Shanghai' }
}

/** The label of a bag of red cells that keeps for ten days. */
export function aLabel(number: number) {
  return {
    din: `=A999926${String(number).padStart(6, '0')}00`,
    productCode: 'E0336V00',
    component: 'red_cells',
    group: { abo: 'O', rhd: 'positive' },
    expiresAt: new Date(Date.now() + 10 * 86_400_000).toISOString(),
    facility: 'H1',
  }
}
