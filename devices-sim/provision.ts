import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { DeviceKind } from '../schema/vocabulary.ts'

/** The HTTP API of a Hemotrail, and a key that may set up facilities and devices. */
export type Api = { readonly api: string; readonly key: string }

export type Planned = {
  readonly name: string
  readonly kind: DeviceKind
  readonly facility: string
  readonly profile: { readonly low: number; readonly high: number; readonly maxSilenceSeconds: number }
}

const Credentials = z.object({ secret: z.string().min(1) })

const concurrency = 8

/** Make sure that facilities and devices exist, and bring each device's secret; one that existed gets a new one. */
export async function provision(api: Api, devices: readonly Planned[]): Promise<Map<string, string>> {
  const facilities = [...new Set(devices.map(({ facility }) => facility))]
  await eachOf(facilities, (code) => provisionFacility(api, code))
  const secrets = new Map<string, string>()
  await eachOf(devices, async (device) => void secrets.set(device.name, await provisionDevice(api, device)))
  return secrets
}

async function provisionFacility(api: Api, code: string): Promise<void> {
  await post(
    api,
    '/facilities',
    { code, name: code, kind: 'hospital', timeZone: 'Asia/Shanghai' },
    [201, 409],
  )
}

async function provisionDevice(api: Api, device: Planned): Promise<string> {
  const created = await post(api, '/devices', device, [201, 409])
  const answer =
    created.status === 409
      ? await post(api, `/devices/${encodeURIComponent(device.name)}/secret`, {}, [200, 201])
      : created
  return Credentials.parse(await answer.json()).secret
}

async function post(
  { api, key }: Api,
  path: string,
  body: unknown,
  expected: readonly number[],
): Promise<Response> {
  const response = await fetch(new URL(path, api), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify(body),
  })
  if (expected.includes(response.status)) return response
  throw new Error(`POST ${path} answered ${response.status}: ${(await response.text()).slice(0, 500)}`)
}

/** The first failure stops the rest. */
async function eachOf<T>(things: readonly T[], act: (thing: T) => Promise<void>): Promise<void> {
  const queue = things[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (const thing of queue) await act(thing)
    }),
  )
}
