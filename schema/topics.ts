import { z } from 'zod'
import { downChannels, type UpChannel, upChannels } from './vocabulary.ts'

/** The first levels of every topic: the product and the version of its message grammar. */
export const topicRoot = 'hemotrail/v1'

/** A name that is safe as one MQTT topic level and in a URL: 1 to 64 of A-Z a-z 0-9 . _ - , not starting with a dot. */
export const Name = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/, '1 to 64 of A-Z a-z 0-9 . _ - , not starting with a dot')

export type UpTopic = { readonly facility: string; readonly device: string; readonly channel: UpChannel }

const upSet: ReadonlySet<string> = new Set(upChannels)

/** Read a topic a device published on; null where it is not one of ours. */
export function parseUpTopic(topic: string): UpTopic | null {
  const [product, version, facility, device, channel, ...rest] = topic.split('/')
  if (`${product}/${version}` !== topicRoot || rest.length > 0) return null
  if (!facility || !device || !channel || !upSet.has(channel)) return null
  return { facility, device, channel: channel as UpChannel }
}

/** `facility` is a hint for people and brokers; access goes by the device's own name. */
export function upTopic(facility: string, device: string, channel: UpChannel): string {
  return `${topicRoot}/${facility}/${device}/${channel}`
}

/** The one topic a device listens on. */
export function commandTopic(facility: string, device: string): string {
  return `${topicRoot}/${facility}/${device}/${downChannels[0]}`
}

/** Is this topic filter the commands of `device` and nothing wider? The facility level may be `+`. */
export function isCommandFilter(filter: string, device: string): boolean {
  const levels = filter.split('/')
  return (
    levels.length === 5 &&
    `${levels[0]}/${levels[1]}` === topicRoot &&
    levels[2] !== '#' &&
    levels[3] === device &&
    levels[4] === downChannels[0]
  )
}
