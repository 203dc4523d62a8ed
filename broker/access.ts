import { isCommandFilter, Name, parseUpTopic } from '../schema/topics.ts'
import type { UpChannel } from '../schema/vocabulary.ts'
import type { Limits } from './limits.ts'

/** What a CONNECT asks for. `username` is the device's name, still only claimed. */
export type ConnectRequest = {
  readonly username: string
  readonly clientId: string
  readonly keepAliveSeconds: number
  readonly will: { readonly topic: string; readonly bytes: number } | null
}

/** Why a connection is not let in. */
export type ConnectRefusal =
  | 'name'
  | 'client_id'
  | 'keep_alive'
  | 'will'
  | 'secret'
  | 'outdated'
  | 'unavailable'

/** MQTT 3.1.1 § 3.2.2.3: 2 identifier rejected, 3 server unavailable, 4 bad user name or password, 5 not authorised. */
export const connackCodes: Record<ConnectRefusal, 2 | 3 | 4 | 5> = {
  name: 4,
  client_id: 2,
  keep_alive: 5,
  will: 5,
  secret: 4,
  outdated: 5,
  unavailable: 3,
}

/** Is this a name a device could have? Asked before anybody looks it up. */
function isName(text: string): boolean {
  return Name.safeParse(text).success
}

/** Judge a CONNECT by itself, before the secret is looked at; null where nothing speaks against it. */
export function refuseConnect(request: ConnectRequest, limits: Limits): ConnectRefusal | null {
  if (!isName(request.username)) return 'name'
  if (request.clientId.length > limits.maxClientIdLength) return 'client_id'
  if (!/^[ -~]*$/.test(request.clientId)) return 'client_id'
  if (request.keepAliveSeconds < 1 || request.keepAliveSeconds > limits.keepAliveMaxSeconds)
    return 'keep_alive'
  const { will } = request
  if (!will) return null
  const fits = will.bytes <= limits.maxWillBytes && publishChannel(will.topic, request.username) === 'status'
  return fits ? null : 'will'
}

/**
 * The channel a device publishes on with this topic; null where the topic is not its own. The facility level must be a
 * name, which also keeps out bytes that were no UTF-8, but which one is its own affair.
 */
export function publishChannel(topic: string, device: string): UpChannel | null {
  const parsed = parseUpTopic(topic)
  return parsed?.device === device && isName(parsed.facility) ? parsed.channel : null
}

/**
 * The facility level of a filter on the device's own commands: a name, or `+`. Null where the filter is anything else,
 * be it wider, another device's, or another channel.
 */
export function subscribeFacility(filter: string, device: string): string | null {
  if (!isCommandFilter(filter, device)) return null
  const facility = filter.split('/')[2] ?? ''
  return facility === '+' || isName(facility) ? facility : null
}
