import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm'
import { deviceCommand, deviceListener } from '../../schema/tables/commands.ts'
import { device } from '../../schema/tables/devices.ts'
import type { ReplyState } from '../../schema/vocabulary.ts'
import type { Actor } from '../domain/actor.ts'
import { type CommandFacts, repeatedKinds } from '../domain/command.ts'
import { appendAudit } from './audit.ts'
import type { Database, Transaction } from './database.ts'
import { appendNews } from './news.ts'
import { isOneOf } from './rows.ts'
import { signalCommand } from './signals.ts'

export type DeviceCommand = typeof deviceCommand.$inferSelect
export type NewCommand = Omit<
  DeviceCommand,
  'actor' | 'sentAt' | 'connection' | 'repliedAt' | 'replyState' | 'replyReason'
>

/** A device that listens to its commands, and on which of the brokers' connections. */
export type Listening = { readonly device: string; readonly connection: string }

/** A command that is to be sent on this connection, and on no other. */
export type Claimed = Listening & { readonly command: DeviceCommand }

export type GivenReply = {
  readonly deviceId: number
  readonly device: string
  readonly command: string
  readonly state: ReplyState
  readonly reason?: string | undefined
  readonly receivedAt: number
}

/** What decides where a command is. */
export function factsOfCommand({ expiresAt, sentAt, replyState }: DeviceCommand): CommandFacts {
  return { expiresAt, sentAt, reply: replyState }
}

/** Queue a command; when it is committed, whoever has the device connected hears of it. */
export async function insertCommand(
  tx: Transaction,
  actor: Actor,
  name: string,
  row: NewCommand,
): Promise<DeviceCommand> {
  const [added] = await tx
    .insert(deviceCommand)
    .values({ ...row, actor })
    .returning()
  const { issuedAt, expiresAt, body } = row
  await tell(tx, actor, { ...row, name }, 'queued', issuedAt, {}, { expiresAt, body })
  await signalCommand(tx, name)
  return added as DeviceCommand
}

/** The newest settings devices were told: the one that stands, or else the last; of those never told any, nothing. */
export async function newestSettings(
  db: Database | Transaction,
  deviceIds: readonly number[],
  now: number,
): Promise<Map<number, DeviceCommand>> {
  const stands = sql`${deviceCommand.repliedAt} is null and ${deviceCommand.expiresAt} > ${now}::bigint`
  // Written out, for the index of just these to serve.
  const areSettings = sql`${deviceCommand.kind} = 'configure'`
  const rows = await db
    .selectDistinctOn([deviceCommand.deviceId])
    .from(deviceCommand)
    .where(and(isOneOf(deviceCommand.deviceId, deviceIds), areSettings))
    .orderBy(
      deviceCommand.deviceId,
      sql`(${stands}) desc`,
      desc(deviceCommand.issuedAt),
      desc(deviceCommand.id),
    )
  return new Map(rows.map((row) => [row.deviceId, row]))
}

/** Let the settings a device has not replied to expire now: others take their place. The device must be locked. */
export async function supersedeSettings(
  tx: Transaction,
  actor: Actor,
  deviceId: number,
  now: number,
): Promise<void> {
  const superseded = await tx
    .update(deviceCommand)
    .set({ expiresAt: sql`greatest(${now}::bigint, ${deviceCommand.issuedAt} + 1)` })
    .where(
      and(
        eq(deviceCommand.deviceId, deviceId),
        eq(deviceCommand.kind, 'configure'),
        isNull(deviceCommand.repliedAt),
        sql`${deviceCommand.expiresAt} > ${now}::bigint`,
      ),
    )
    .returning()
  for (const { id, expiresAt } of superseded)
    await appendAudit(tx, actor, {
      at: now,
      action: 'command.superseded',
      subjectKind: 'command',
      subject: id,
      after: { expiresAt },
    })
}

/** The commands of a device, newest first. */
export async function listCommands(db: Database, deviceId: number, limit: number): Promise<DeviceCommand[]> {
  return db
    .select()
    .from(deviceCommand)
    .where(eq(deviceCommand.deviceId, deviceId))
    .orderBy(desc(deviceCommand.issuedAt), desc(deviceCommand.id))
    .limit(limit)
}

/** The devices that have a command nobody has sent and that may still be sent, by name. */
export async function devicesWithUnsent(db: Database, now: number): Promise<string[]> {
  const rows = await db
    .selectDistinct({ name: device.name })
    .from(deviceCommand)
    .innerJoin(device, eq(device.id, deviceCommand.deviceId))
    .where(sql`${deviceCommand.sentAt} is null and ${deviceCommand.expiresAt} > ${now}::bigint`)
  return rows.map(({ name }) => name)
}

/** Write down on which connections devices have begun to listen: from now on their commands go there and nowhere else. */
export async function writeListeners(
  tx: Transaction,
  listening: readonly Listening[],
  now: number,
): Promise<void> {
  if (listening.length === 0) return
  await tx.execute(sql`
    insert into ${deviceListener} (device_id, connection, since)
    select d.id, given.connection, ${now}::bigint from ${device} d join ${asRows(listening)} on given.name = d.name
    order by d.id
    on conflict (device_id) do update set connection = excluded.connection, since = excluded.since`)
}

/**
 * Take the commands that are to be sent now to these devices, as sent. Nobody else gets them: not another process, and
 * not one that believes in an older connection of the device. What must not be sent twice is taken once; what is sent
 * until it is replied to, once for each connection.
 */
export async function claimCommands(
  tx: Transaction,
  actor: Actor,
  listening: readonly Listening[],
  now: number,
): Promise<Claimed[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    with due as (
      select c.id, l.connection from ${deviceCommand} c
      join ${device} d on d.id = c.device_id
      join ${asRows(listening)} on given.name = d.name
      join ${deviceListener} l on l.device_id = d.id and l.connection = given.connection
      where c.replied_at is null and c.expires_at > ${now}::bigint
        and (c.sent_at is null or (c.kind = any(${sql.param([...repeatedKinds])}::text[]) and c.connection <> l.connection))
      order by c.id
      for update of c skip locked
    )
    update ${deviceCommand} c set sent_at = ${now}::bigint, connection = due.connection
    from due where c.id = due.id
    returning c.id`)
  if (rows.length === 0) return []
  const claimed = await tx
    .select({ command: deviceCommand, device: device.name })
    .from(deviceCommand)
    .innerJoin(device, eq(device.id, deviceCommand.deviceId))
    .where(
      isOneOf(
        deviceCommand.id,
        rows.map(({ id }) => id),
      ),
    )
    .orderBy(asc(deviceCommand.issuedAt), asc(deviceCommand.id))
  for (const { command, device: name } of claimed)
    await tell(tx, actor, { ...command, name }, 'sent', now, {}, { connection: command.connection })
  return claimed.map(({ command, device: name }) => ({
    command,
    device: name,
    connection: command.connection as string,
  }))
}

/** A command was not sent after all, for its connection had gone: queue it again. */
export async function releaseCommand(
  tx: Transaction,
  actor: Actor,
  { command, device: name, connection }: Claimed,
  now: number,
): Promise<void> {
  const released = await tx
    .update(deviceCommand)
    .set({ sentAt: null, connection: null })
    .where(
      and(
        eq(deviceCommand.id, command.id),
        eq(deviceCommand.connection, connection),
        isNull(deviceCommand.repliedAt),
      ),
    )
    .returning({ id: deviceCommand.id })
  if (released.length === 0) return
  await tell(tx, actor, { ...command, name }, 'queued', now, {}, { lost: connection })
  await signalCommand(tx, name)
}

/**
 * What devices answered to their commands: the first reply to each stands, and another has no effect, nor has one to what
 * is no command of that device. Who answers has had the command, be it written down as sent or not.
 */
export async function recordReplies(tx: Transaction, replies: readonly GivenReply[]): Promise<void> {
  if (replies.length === 0) return
  const first = new Map<string, GivenReply>()
  for (const reply of replies) {
    const key = `${reply.deviceId}/${reply.command.toLowerCase()}`
    if (!first.has(key)) first.set(key, reply)
  }
  const rows = await tx
    .select()
    .from(deviceCommand)
    .where(
      and(
        isOneOf(deviceCommand.id, [...new Set(replies.map(({ command }) => command))]),
        isOneOf(deviceCommand.deviceId, [...new Set(replies.map(({ deviceId }) => deviceId))]),
        isNull(deviceCommand.repliedAt),
      ),
    )
    .orderBy(asc(deviceCommand.id))
    .for('update')
  for (const row of rows) {
    const reply = first.get(`${row.deviceId}/${row.id}`)
    if (!reply) continue
    const { state, reason = null, receivedAt, device: name } = reply
    await tx
      .update(deviceCommand)
      .set({ repliedAt: receivedAt, replyState: state, replyReason: reason })
      .where(eq(deviceCommand.id, row.id))
    const actor: Actor = { kind: 'device', id: name }
    await tell(tx, actor, { ...row, name }, 'replied', receivedAt, { reply: state, reason })
  }
}

type Told = Pick<DeviceCommand, 'id' | 'facilityId' | 'kind'> & { readonly name: string }

/** The audit entry and the news of a change. */
async function tell(
  tx: Transaction,
  actor: Actor,
  { id, facilityId, kind, name }: Told,
  change: 'queued' | 'sent' | 'replied',
  at: number,
  more: object,
  /** For the audit alone. */
  inside: object = {},
): Promise<void> {
  // What a list says is news already, and its entry names its bytes (offline-lists.ts).
  if (kind === 'holdList') return
  const action = `command.${change}`
  await appendNews(tx, [
    { at, kind: action, subject: id, facilityIds: [facilityId], data: { device: name, kind, ...more } },
  ])
  await appendAudit(tx, actor, {
    at,
    action,
    subjectKind: 'command',
    subject: id,
    after: { device: name, kind, ...more, ...inside },
  })
}

function asRows(listening: readonly Listening[]) {
  const names = sql.param(listening.map((one) => one.device))
  const connections = sql.param(listening.map(({ connection }) => connection))
  return sql`unnest(${names}::text[], ${connections}::text[]) as given(name, connection)`
}
