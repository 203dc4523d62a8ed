import type { EventEmitter } from 'node:events'
import { type Command, ConfigureBody } from '../schema/messages.ts'
import { outcomeOf, readCommand, refusal, sessionOf } from './commands.ts'
import type { Container } from './container.ts'
import type { Journal } from './journal.ts'
import { createWatch } from './limits.ts'
import { type Address, type LinkEvents, openLink, type Patience } from './link.ts'
import { createOutbox, type Habits, type Happening, type Leftover, type Outbox } from './outbox.ts'
import type { Random } from './random.ts'

/** Whoever keeps the lists a device is told; `terminal/terminal.ts` is one. */
export type ListKeeper = {
  trust(keys: NonNullable<ConfigureBody['listKeys']>): void
  /** @returns why it is not believed; null where it is kept */
  takeList(signed: unknown): string | null
}

export type DeviceOptions = Address &
  Habits & {
    readonly container: Container
    readonly random: Random
    /** Names the power-ups. Its own stream, for a boot must never come back though a whole run is repeated. */
    readonly boots?: Random
    /** Measure this often from `firstAfterMs` on; without it only `tick` measures. */
    readonly intervalMs?: number
    readonly firstAfterMs?: number
    /** How much faster than our time the container lives. Instants stay in our time: a server believes no future. */
    readonly speed?: number
    /** True time, ms UTC; must not step. What the device believes is this plus its clock's error. */
    readonly now?: () => number
    readonly clockErrorMs?: number
    readonly journal?: Journal | undefined
    readonly patience?: Patience | undefined
    /** What decides at its door while it is cut off: it is told the keys and lists that come for it. */
    readonly terminal?: ListKeeper | undefined
    /** It makes itself heard: it was told to, or is beyond what it was told to keep. */
    readonly onSound?: (() => void) | undefined
  }

/** A container's controller: measures, remembers until acknowledged, obeys, and fails on request. */
export type Device = {
  readonly name: string
  readonly container: Container
  readonly events: EventEmitter<LinkEvents>
  readonly counts: { readonly sent: number; readonly acknowledged: number; readonly connects: number }
  boot(): string
  isConnected(): boolean
  /** What it was told to keep; null where it was not. It outlives a restart, and so does what it has obeyed. */
  limits(): ConfigureBody | null
  /** Is it heard, by its own judgement? */
  isSounding(): boolean
  /** Readings in no message yet. */
  waiting(): number
  /** Is all that was recorded acknowledged? */
  isDrained(): boolean
  /** Live up to now and measure once. */
  tick(): void
  /** Live up to now, let people do something at the container, and tell what came of it. */
  attend(act: (container: Container, at: number) => Happening[]): void
  /** Resolves when all that was recorded is acknowledged. */
  drained(signal?: AbortSignal): Promise<void>
  /** Resolves when nothing is on its way, be it that the network is cut. */
  settled(): Promise<void>
  /** The network is gone, for a time or until restored. */
  cutNetwork(forMs?: number): void
  restoreNetwork(): void
  /** Power off and on: another boot, seq from 0. What was not acknowledged is kept or lost. */
  restart(memory: 'kept' | 'lost'): void
  /** Set the clock forward or back. */
  stepClock(byMs: number): void
  /** Measure no more, wait so long for the last acknowledgements, and leave. */
  close(graceMs?: number): Promise<void>
}

const dayMs = 86_400_000

export function startDevice(options: DeviceOptions): Device {
  const { container, random, journal, intervalMs, firstAfterMs = 0, speed = 1, now = Date.now } = options
  const boots = options.boots ?? random.fork('boots')
  const chaos = random.fork('chaos')
  const seen = new Set<string>()
  const watch = createWatch()
  let clockErrorMs = options.clockErrorMs ?? 0
  let livedUntil = now()
  let poweredAt = livedUntil
  let inventoryDay = 0
  let isCut = false
  let cutTimer: NodeJS.Timeout | undefined
  let tickTimer: NodeJS.Timeout | undefined

  const clock = () => Math.round(now() + clockErrorMs)
  const earlier = journal?.outstanding.get(options.device) ?? []
  let outbox = powerUp({ messages: earlier, happenings: [], readings: [] })
  const link = openLink({
    ...options,
    random: random.fork('patience'),
    outbox: () => outbox,
    clocks: () => ({ sentAt: clock(), uptimeMs: Math.round(now() - poweredAt) }),
    onCommand,
  })

  function powerUp(kept: Leftover): Outbox {
    poweredAt = now()
    inventoryDay = Math.floor(clock() / dayMs)
    const fresh = createOutbox({ ...options, boot: boots.id(), random: chaos, kept })
    tell(fresh, container.report(clock()))
    return fresh
  }

  function tell(to: Outbox, happenings: readonly Happening[]): void {
    for (const happening of happenings) to.happened(happening)
  }

  /** Let the container live up to now, and remember what happened. */
  function catchUp(): void {
    const from = { world: container.worldMs(), clock: Math.round(livedUntil + clockErrorMs) }
    const stamp = (worldMs: number) => Math.round(from.clock + (worldMs - from.world) / speed)
    const nowMs = now()
    tell(outbox, container.advance(from.world + (nowMs - livedUntil) * speed, stamp))
    livedUntil = nowMs
  }

  function tick(): void {
    catchUp()
    const at = Math.round(livedUntil + clockErrorMs)
    const measured = container.measure()
    // By time that does not step: no clock that is set silences it.
    if (watch.look(measured, livedUntil)) options.onSound?.()
    const readings = measured.map((measurement) => ({ at, ...measurement }))
    if (readings.length > 0) outbox.measured(readings)
    const day = Math.floor(at / dayMs)
    if (day !== inventoryDay) tell(outbox, [container.inventory(at)])
    inventoryDay = day
    link.send()
  }

  function onCommand(payload: string): void {
    const command = readCommand(payload)
    if (!command) return
    const refused = refusal(command, clock(), seen)
    if (refused === null) seen.add(command.id)
    const failed = refused === null ? obey(command) : null
    const element = { command: command.id, ...outcomeOf(refused, failed) }
    outbox.happened({ channel: 'replies', element })
    link.send()
  }

  /** Without a terminal there is no list to keep, and that command is done by saying so. Returns why it could not be done. */
  function obey(command: Command): string | null {
    // Only what is about the container cuts its time where it comes in: how that is cut shows in its last digit.
    if (command.kind === 'unlock' && !container.isAttended) {
      catchUp()
      container.visit(sessionOf(command))
      catchUp()
    }
    if (command.kind === 'inventory') {
      catchUp()
      tell(outbox, [container.inventory(clock())])
    }
    if (command.kind === 'sound') options.onSound?.()
    if (command.kind === 'configure') {
      const told = ConfigureBody.safeParse(command.body)
      if (!told.success) return 'unreadable'
      watch.keep(told.data)
      if (told.data.listKeys) options.terminal?.trust(told.data.listKeys)
    }
    if (command.kind === 'holdList') return options.terminal?.takeList(command.body) ?? null
    return null
  }

  /** Ticks keep to their own grid; a device that comes late measures once, not for every tick missed. */
  function schedule(dueMs: number, everyMs: number): void {
    tickTimer = setTimeout(
      () => {
        tick()
        const missed = Math.max(0, Math.floor((performance.now() - dueMs) / everyMs))
        schedule(dueMs + (missed + 1) * everyMs, everyMs)
      },
      Math.max(0, dueMs - performance.now()),
    )
  }

  function restoreNetwork(): void {
    clearTimeout(cutTimer)
    isCut = false
    link.restore()
  }

  if (intervalMs !== undefined) schedule(performance.now() + firstAfterMs, intervalMs)
  return {
    name: options.device,
    container,
    events: link.events,
    counts: link.counts,
    boot: () => outbox.boot,
    isConnected: link.isConnected,
    limits: watch.limits,
    isSounding: watch.isSounding,
    waiting: () => outbox.waiting(),
    isDrained: () => outbox.isEmpty(),
    tick,
    attend(act) {
      catchUp()
      tell(outbox, act(container, Math.round(livedUntil + clockErrorMs)))
      link.send()
    },
    drained: link.drained,
    settled: link.settled,
    cutNetwork(forMs) {
      clearTimeout(cutTimer)
      isCut = true
      link.cut()
      if (forMs !== undefined) cutTimer = setTimeout(restoreNetwork, forMs)
    },
    restoreNetwork,
    restart(memory) {
      link.cut()
      outbox = powerUp(memory === 'kept' ? outbox.leftover() : { messages: [], happenings: [], readings: [] })
      if (!isCut) link.restore()
    },
    stepClock(byMs) {
      clockErrorMs += byMs
    },
    async close(graceMs = 0) {
      clearTimeout(tickTimer)
      clearTimeout(cutTimer)
      if (graceMs > 0) await link.drained(AbortSignal.timeout(graceMs)).catch(() => {})
      await link.close()
    },
  }
}
