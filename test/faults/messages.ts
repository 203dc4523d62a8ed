import type { Message } from '../../devices-sim/outbox.ts'
import type { Random } from '../../devices-sim/random.ts'
import type { DoorElement, PowerElement, ReadingElement } from '../../schema/messages.ts'
import type { ProbeKind, UpChannel } from '../../schema/vocabulary.ts'

/** What one device of the load has to say. No two readings it makes are different at one identity. */
export type MessageMaker = {
  /** Now and then one that was made before others that have been sent. */
  next(now: number): Message
  /** Now and then a message that has been acknowledged already, byte by byte. */
  double(): Message | undefined
  acknowledged(message: Message): void
  /** Power-up: numbers begin again. */
  reboot(now: number): void
}

const minute = 60_000
const day = 1_440 * minute

/**
 * Its days pass faster than ours, so that minutes of load have gaps and excursions: what is measured began 20 days
 * ago. Only the envelope is of this moment.
 */
export function messageMaker(random: Random, tags: readonly string[], now: number): MessageMaker {
  let at = now - 20 * day + random.whole(0, minute)
  let celsius = 4
  let normal = 4
  let boot = random.id()
  let bootedAt = now - minute
  let seq = 0
  let isOpen = false
  const used = new Set<number>()
  let recent: ReadingElement[] = []
  const done: Message[] = []
  let overtaken: Message | undefined

  function wrap(channel: UpChannel, body: object, now: number): Message {
    const envelope = { v: 1, boot, seq, sentAt: now, uptimeMs: now - bootedAt, body }
    return { channel, boot, seq: seq++, payload: JSON.stringify(envelope) }
  }

  function pass(): number {
    at += random.chance(0.02) ? random.whole(6 * minute, 30 * minute) : random.whole(1_000, minute)
    return at
  }

  function reading(at: number, probe: ProbeKind, value: number): ReadingElement {
    const humidity = random.chance(0.2) ? { humidity: random.whole(30, 60) } : {}
    const element = { at, probe, celsius: Math.round(value * 100) / 100, ...humidity }
    recent = [element, ...recent.slice(0, 19)]
    return element
  }

  function live(): ReadingElement[] {
    if (random.chance(0.02)) normal = random.chance(0.6) ? 4 : random.chance(0.5) ? 7.5 : 0.5
    celsius += (normal - celsius) * 0.2 + random.normal() * 0.2
    const at = pass()
    used.add(at)
    const elements = [reading(at, 'load', celsius)]
    if (random.chance(0.5)) elements.push(reading(at, 'air', celsius + random.normal()))
    return elements
  }

  /** Readings from among those of the last hours, in no order, and some of these again. */
  function backlog(): ReadingElement[] {
    const again = random.chance(0.5) ? recent.slice(0, 2) : []
    const elements = Array.from({ length: random.whole(20, 60) }, () => {
      let instant = at - random.whole(1, 6 * 60 * minute)
      while (used.has(instant)) instant--
      used.add(instant)
      return reading(instant, random.chance(0.7) ? 'load' : 'air', random.between(1, 8))
    })
    return [...elements, ...again]
  }

  function door(): DoorElement[] {
    isOpen = !isOpen
    return [{ at: pass(), door: 'main', open: isOpen }]
  }

  function power(): PowerElement[] {
    return [{ at: pass(), mains: random.chance(0.95), batteryPercent: random.whole(20, 100) }]
  }

  function bags(): object {
    const some = () => tags.filter(() => random.chance(2 / tags.length))
    if (random.chance(0.1)) return { at: pass(), inventory: some() }
    return [{ at: pass(), added: some(), removed: some() }]
  }

  function make(now: number): Message {
    const chance = random.next()
    if (chance < 0.005) return wrap('readings', backlog(), now)
    if (chance < 0.02) return wrap('door', door(), now)
    if (chance < 0.025) return wrap('power', power(), now)
    if (chance < 0.03) return wrap('bags', bags(), now)
    return wrap('readings', live(), now)
  }

  return {
    next(now) {
      if (!overtaken && random.chance(0.02)) overtaken = make(now)
      else if (overtaken && random.chance(0.3)) {
        const late = overtaken
        overtaken = undefined
        return late
      }
      return make(now)
    },
    double() {
      return random.chance(0.03) ? done[random.whole(0, done.length - 1)] : undefined
    },
    acknowledged(message) {
      done.push(message)
      if (done.length > 50) done.shift()
    },
    reboot(now) {
      boot = random.id()
      bootedAt = now
      seq = 0
      recent = []
      overtaken = undefined
    },
  }
}
