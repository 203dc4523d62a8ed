import { describe, expect } from 'vitest'
import { Refusal } from '../../api/domain/refusal.ts'
import type { OpenDatabase } from '../../api/stores/database.ts'
import type { OpenId } from '../../api/stores/open-id.ts'
import { lockPerson } from '../../api/stores/people.ts'
import { createSessions, type Sessions } from '../../api/stores/sessions.ts'
import { createPerson } from '../../api/usecases/create-person.ts'
import { dismissPerson, issueBadge, setPassword } from '../../api/usecases/manage-person.ts'
import { identifyByBadge, signIn, signInByOpenId } from '../../api/usecases/sign-in.ts'
import { aProvider } from '../api/http/open-id-provider.ts'
import { testOnServer } from '../support/database.ts'
import { failureOf, until } from '../support/outcomes.ts'
import { aWorld, type World } from '../support/world.ts'

const publicUrl = 'https://hemotrail.test/city'
const email = 'chen.li@first.test'
const username = 'chen.li'
const password = 'correct horse battery'
const badge = 'B1'
const pin = '274951'

type Scene = World & { readonly sessions: Sessions }

/** Somebody with a password, a badge and an account at a provider. */
async function aScene(database: OpenDatabase): Promise<Scene> {
  const world = await aWorld(database)
  await createPerson(world.ctx, { username, name: 'Chen Li', email, password, roles: [] })
  await issueBadge(world.ctx, username, { code: badge, pin })
  const provider = await aProvider()
  provider.claims = { sub: '1', email, email_verified: true }
  const openId = { ...provider, publicUrl }
  const sessions = createSessions(database.db, 'a secret of this service alone', world.deps.now, { openId })
  return { ...world, sessions }
}

/** Come back from the provider, who knows the person. */
async function byProvider({ deps, sessions }: Scene): Promise<unknown> {
  const openId = sessions.openId as OpenId
  const { location, cookies } = await openId.begin()
  const answered = await fetch(location, { redirect: 'manual' })
  const { searchParams } = new URL(answered.headers.get('location') ?? '')
  const cookie = cookies.map((text) => text.split(';', 1)[0]).join('; ')
  return signInByOpenId(deps, openId, Object.fromEntries(searchParams), new Headers({ cookie }))
}

const ways: Record<string, (scene: Scene) => Promise<unknown>> = {
  'a password': ({ deps, sessions }) => signIn({ ...deps, sessions }, { username, password }),
  'a badge': ({ deps, sessions }) => identifyByBadge({ ...deps, sessions }, { badge, pin }),
  'a provider': byProvider,
}

const revocations: Record<string, (scene: Scene) => Promise<void>> = {
  'the password is changed': ({ ctx }) => setPassword(ctx, username, 'another horse battery'),
  'the PIN is changed': ({ ctx }) => issueBadge(ctx, username, { code: badge, pin: '274952' }),
  'the person leaves': ({ ctx }) => dismissPerson(ctx, username, 'moved away'),
}

const pairs = [
  ['a password', 'the password is changed'],
  ['a password', 'the person leaves'],
  ['a badge', 'the PIN is changed'],
  ['a badge', 'the person leaves'],
  ['a provider', 'the person leaves'],
] as const

/** Until so many wait for a lock of this kind. */
function waiting({ pool }: OpenDatabase, locktypes: readonly string[], count = 1): Promise<void> {
  return until(async () => {
    const { rows } = await pool.query(
      `select from pg_locks l join pg_stat_activity a using (pid)
       where a.datname = current_database() and l.locktype = any($1) and not l.granted`,
      [locktypes],
    )
    return rows.length === count
  })
}

async function sessionsOf({ pool }: OpenDatabase): Promise<number> {
  return (await pool.query('select from session')).rows.length
}

/** Let nobody write what this table holds while `meanwhile` is done. */
async function holding({ pool }: OpenDatabase, statement: string, meanwhile: () => Promise<void>) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(statement)
    await meanwhile()
  } finally {
    await client.query('rollback')
    client.release()
  }
}

const row = ['transactionid', 'tuple']

describe('somebody', () => {
  for (const [way, what] of pairs) {
    testOnServer(`who signs in by ${way} while ${what} is not in`, async ({ database }) => {
      const scene = await aScene(database)
      const [enter, revoke] = [ways[way], revocations[what]]
      let revoking: Promise<void> | undefined
      let entering: Promise<unknown> | undefined
      // The revocation has done all but its audit entry, and holds the person: whoever signs in sees nothing of it.
      await holding(database, 'lock table audit_entry in share mode', async () => {
        revoking = revoke?.(scene)
        await waiting(database, ['relation'])
        entering = failureOf(enter?.(scene) as Promise<unknown>)
        await waiting(database, row)
      })
      await revoking
      const refused = await entering
      expect(refused).toBeInstanceOf(Refusal)
      expect(refused).toMatchObject({ code: 'unauthenticated' })
      expect(await sessionsOf(database)).toBe(0)
    })

    testOnServer(`who has all but signed in by ${way} when ${what} is out again`, async ({ database }) => {
      const scene = await aScene(database)
      const [enter, revoke] = [ways[way], revocations[what]]
      // An account is linked once: what follows is a sign-in like any other.
      if (way === 'a provider') await byProvider(scene)
      await database.pool.query('delete from session')
      let revoking: Promise<void> | undefined
      let entering: Promise<unknown> | undefined
      await holding(database, 'lock table audit_entry in share mode', async () => {
        entering = enter?.(scene)
        await waiting(database, ['relation'])
        expect(await sessionsOf(database)).toBe(1)
        revoking = revoke?.(scene)
        await waiting(database, row)
      })
      await entering
      await revoking
      expect(await sessionsOf(database)).toBe(0)
    })
  }

  testOnServer('who was locked by another is let in when that comes to nothing', async ({ database }) => {
    const scene = await aScene(database)
    let entering: Promise<unknown> | undefined
    const { rows } = await database.pool.query('select id from person')
    await database.db.transaction(async (tx) => {
      await lockPerson(tx, rows[0]?.id)
      entering = ways['a password']?.(scene)
      await waiting(database, row)
    })
    await entering
    expect(await sessionsOf(database)).toBe(1)
  })
})
