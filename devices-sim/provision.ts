import { z } from 'zod'
import type { DeviceKind } from '../schema/vocabulary.ts'
import { type Api, call, understand } from './api.ts'

export type Planned = {
  readonly name: string
  readonly kind: DeviceKind
  readonly facility: string
  readonly profile: { readonly low: number; readonly high: number; readonly maxSilenceSeconds: number }
  /** ISO 8601; otherwise the moment it is made known. */
  readonly inServiceFrom?: string
}

export type Provisioning = {
  /** Secrets from earlier runs. Those of the devices are put in as they come, so that a failure half way loses none. */
  readonly secrets?: Map<string, string>
  /** Whether a device that exists gets a new secret: whoever uses the old one is cut off. */
  readonly rotate?: boolean
}

const Credentials = z.object({ secret: z.string().min(1) })

const concurrency = 8

/** Make sure that facilities and devices exist, and bring each device's secret. */
export async function provision(
  api: Api,
  devices: readonly Planned[],
  { secrets = new Map(), rotate = false }: Provisioning = {},
): Promise<Map<string, string>> {
  const facilities = [...new Set(devices.map(({ facility }) => facility))]
  await eachOf(facilities, (code) => provisionFacility(api, code))
  await eachOf(devices, async (device) => {
    secrets.set(device.name, await provisionDevice(api, device, rotate ? undefined : secrets))
  })
  return secrets
}

async function provisionFacility(api: Api, code: string): Promise<void> {
  const body = { code, name: code, kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await call(api, '/facilities', { body, also: [409] })
}

/** Without `known`, a device that exists gets a new secret. */
async function provisionDevice(
  api: Api,
  device: Planned,
  known: ReadonlyMap<string, string> | undefined,
): Promise<string> {
  const { name } = device
  const { status, body } = await call(api, '/devices', { body: device, also: [409] })
  if (status !== 409) return understand(api, Credentials, body).secret
  if (!known) {
    const rotated = await call(api, `/devices/${encodeURIComponent(name)}/secret`, { body: {} })
    return understand(api, Credentials, rotated.body).secret
  }
  const secret = known.get(name)
  if (secret !== undefined) return secret
  throw new Error(
    `${name} exists already and its secret is not known here: ` +
      'give the --secrets file it was kept in, another --prefix, or --rotate to replace it',
  )
}

/** The first failure stops the rest; what is under way then still comes to its end. */
export async function eachOf<T>(things: readonly T[], act: (thing: T) => Promise<void>): Promise<void> {
  const queue = [...things]
  const workers = Array.from({ length: concurrency }, async () => {
    try {
      for (let thing = queue.shift(); thing !== undefined; thing = queue.shift()) await act(thing)
    } catch (error) {
      queue.length = 0
      throw error
    }
  })
  await Promise.allSettled(workers)
  await Promise.all(workers)
}
