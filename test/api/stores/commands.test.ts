import { expect } from 'vitest'
import { claimCommands, releaseCommand, writeListeners } from '../../../api/stores/commands.ts'
import type { Database } from '../../../api/stores/database.ts'
import { commandDevice } from '../../../api/usecases/command-device.ts'
import { test } from '../../support/database.ts'
import { aDevice, aMessage, aWorld, noon } from '../../support/world.ts'

const actor = { kind: 'job', id: 'dispatch' } as const
const on = (connection: string) => [{ device: 'f1', connection }]

/** What is taken for a connection, by a process that believes the device listens there. */
async function claim(db: Database, connection: string, now = noon) {
  const claimed = await db.transaction((tx) => claimCommands(tx, actor, on(connection), now))
  return claimed.map(({ command }) => command.id)
}

const listens = (db: Database, connection: string) =>
  db.transaction((tx) => writeListeners(tx, on(connection), noon))

test('a command is taken for the connection its device began to listen on last, and for no other', async ({
  database,
  db,
}) => {
  const { ctx } = await aWorld(database)
  await aDevice({ ctx }, 'f1')
  const { id } = await commandDevice(ctx, { device: 'f1', kind: 'sound', body: {} })
  expect(await claim(db, 'a')).toEqual([])
  await listens(db, 'a')
  await listens(db, 'b')
  // The process that has `a` has not noticed yet that it is dead.
  expect(await claim(db, 'a')).toEqual([])
  expect(await claim(db, 'b')).toEqual([id])
  expect(await claim(db, 'b')).toEqual([])
})

test('a command that could not be written is queued again, and told of as that', async ({ database, db }) => {
  const { ctx } = await aWorld(database)
  await aDevice({ ctx }, 'f1')
  const { id } = await commandDevice(ctx, { device: 'f1', kind: 'sound', body: {} })
  await listens(db, 'a')
  await db.transaction(async (tx) => {
    for (const claimed of await claimCommands(tx, actor, on('a'), noon))
      await releaseCommand(tx, actor, claimed, noon)
  })
  await listens(db, 'b')
  expect(await claim(db, 'b')).toEqual([id])
  const { rows } = await database.pool.query('select kind from news order by id')
  expect(rows.map(({ kind }) => kind)).toEqual([
    'command.queued',
    'command.sent',
    'command.queued',
    'command.sent',
  ])
})

test('commands are taken in the order they were issued, those that have expired never', async ({
  database,
  db,
}) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const issue = (kind: 'sound' | 'holdList') =>
    commandDevice(world.ctx, { device: 'f1', kind, body: {} }).then(({ id }) => id)
  const soundId = await issue('sound')
  world.clock.now = noon + 59_999
  const lists = [await issue('holdList'), await issue('holdList')]
  await listens(db, 'a')
  expect(await claim(db, 'a', noon + 60_000)).toEqual([...lists].sort())
  await listens(db, 'b')
  expect(await claim(db, 'b', noon + 60_000)).toEqual([...lists].sort())
  expect(lists).not.toContain(soundId)
})

test('the first reply stands, whoever doubts it, in one batch or in two', async ({ database, db }) => {
  const world = await aWorld(database)
  await aDevice(world, 'f1')
  const { id } = await commandDevice(world.ctx, { device: 'f1', kind: 'holdList', body: {} })
  await listens(db, 'a')
  await claim(db, 'a')
  const reply = (seq: number, state: string) =>
    aMessage({ device: 'f1', channel: 'replies', seq, body: { command: id.toUpperCase(), state } })
  await world.ingest.accept([reply(0, 'done'), reply(1, 'refused')])
  await world.ingest.accept([reply(2, 'failed'), reply(0, 'done')])
  const { rows } = await database.pool.query('select reply_state, replied_at from device_command')
  expect(rows).toEqual([{ reply_state: 'done', replied_at: noon }])
  await listens(db, 'b')
  expect(await claim(db, 'b')).toEqual([])
})
