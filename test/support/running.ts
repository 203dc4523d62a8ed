import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { expect } from 'vitest'
import { type Service, startService } from '../../api/compose.ts'
import { readConfig } from '../../api/config.ts'
import type { Context } from '../../api/context.ts'
import { everywhere } from '../../api/domain/rights.ts'
import { Command, type Reply } from '../../schema/messages.ts'
import { SignedDocument } from '../../schema/offline-list.ts'
import { commandTopic, upTopic } from '../../schema/topics.ts'
import { createServerDatabase, serverUrl } from './database.ts'
import { noon, silent } from './world.ts'

export const runningKey = 'dGhlIGtleSBvZiB0aGUgYWRtaW5pc3RyYXRvcg=='

/** A whole service in this process, on real sockets, by a clock that stands still until it is moved. */
export type Running = {
  readonly service: Service
  readonly clock: { now: number }
  readonly ctx: Context
  /** As the administrator, or by another's token; anything but success fails the test. */
  ask<T>(
    schema: { parse(value: unknown): T },
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<T>
}

/** Of a database that is there already. */
export async function runOn(environment: Record<string, string>, clock = { now: noon }): Promise<Running> {
  const ports = { HTTP_PORT: '0', MQTT_PORT: '0', HEMOTRAIL_ADMIN_KEY: runningKey }
  const config = readConfig({ ...ports, ...environment })
  const service = await startService(config, { log: silent, now: () => clock.now })
  return {
    service,
    clock,
    ctx: { ...service.deps, actor: { kind: 'person', id: 'administrator' }, grants: everywhere },
    async ask(schema, method, path, body, token = runningKey) {
      const response = await fetch(new URL(path, service.url), {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      expect(response.status, text).toBeLessThan(300)
      return schema.parse(JSON.parse(text))
    },
  }
}

/** On a database of its own: the server's, or PGlite in a directory. */
export async function startRunning(
  more: Record<string, string> = {},
): Promise<Running & { stop(): Promise<void> }> {
  const url = serverUrl()
  if (url !== undefined) {
    const created = await createServerDatabase(url)
    const running = await runOn({ DATABASE_URL: created.url, ...more })
    return { ...running, stop: () => running.service.close().then(created.drop) }
  }
  const directory = await mkdtemp(join(tmpdir(), 'hemotrail-running-'))
  const running = await runOn({ HEMOTRAIL_DATA: directory, ...more })
  return {
    ...running,
    stop: () => running.service.close().then(() => rm(directory, { recursive: true, force: true })),
  }
}

/** A device by mqtt.js that listens to its commands. */
export type Listener = {
  readonly client: MqttClient
  /** All it was told, as it came, but its settings and what it is to decide by while cut off. */
  readonly heard: readonly Command[]
  /** The settings it was told, as they came. It does not reply to them by itself. */
  readonly settings: readonly Command[]
  /** The signed lists it was told, as they came. */
  readonly lists: readonly Command[]
  /** What it is told next that it was not asked for yet, but its settings and lists. */
  next(): Promise<Command>
  /** Resolves when the reply is acknowledged. */
  reply(body: Reply): Promise<void>
  leave(): Promise<void>
}

let boots = 0

/** Resolves when it has subscribed. */
export async function listenAs(
  { service }: Running,
  { name, secret }: { readonly name: string; readonly secret: string },
): Promise<Listener> {
  const client = await connectAsync(service.broker.urls.mqtt as string, {
    username: name,
    password: secret,
    clientId: name,
    reconnectPeriod: 0,
  })
  const heard: Command[] = []
  const settings: Command[] = []
  const lists: Command[] = []
  const waiting: (() => void)[] = []
  client.on('message', (_topic, payload) => {
    const command = Command.parse(JSON.parse(payload.toString()))
    if (command.kind === 'configure') return void settings.push(command)
    if (SignedDocument.safeParse(command.body).success) return void lists.push(command)
    heard.push(command)
    waiting.shift()?.()
  })
  await client.subscribeAsync(commandTopic('+', name), { qos: 1 })
  const boot = `boot-${++boots}`
  let asked = 0
  let seq = 0
  return {
    client,
    heard,
    settings,
    lists,
    async next() {
      const index = asked++
      if (index >= heard.length) await new Promise<void>((resolve) => waiting.push(resolve))
      return heard[index] as Command
    },
    async reply(body) {
      const message = { v: 1, boot, seq: seq++, sentAt: noon, uptimeMs: seq, body }
      await client.publishAsync(upTopic('H1', name, 'replies'), JSON.stringify(message), { qos: 1 })
    },
    leave: () => client.endAsync(),
  }
}
