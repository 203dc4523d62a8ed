import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Limits } from '../../api/domain/series.ts'
import { createRandom } from '../../devices-sim/random.ts'
import { connectRaw } from '../support/raw-mqtt.ts'
import { answer } from './ask.ts'
import { backlogReadings, type Findings, findingsOf, makeBacklog, messagesOf, type Order } from './backlog.ts'

type Device = { readonly name: string; readonly secret: string }

export type UploadRequest =
  | {
      readonly do: 'begin'
      readonly host: string
      readonly port: number
      /** Where the service answers over HTTP, and the key that opens it. */
      readonly url: string
      readonly adminKey: string
      /** One for each upload. */
      readonly devices: readonly Device[]
      readonly limits: Limits
      readonly inServiceFrom: number
      readonly order: Order
      readonly seed: string
    }
  /** Finish the upload under way and begin no other. */
  | { readonly do: 'finish' }

export type Upload = {
  readonly device: string
  readonly readings: number
  readonly messages: number
  /** From the first message to the last PUBACK, and on until both answers are right. */
  readonly acknowledgedSeconds: number
  readonly rightSeconds: number
  /** What was still wrong when patience ended; null where all became right. */
  readonly wrong: string | null
}

export type Uploads = { readonly uploads: readonly Upload[]; readonly failure: string | null }

/** Messages on their way at once, as many as a device's firmware keeps. */
const window = 4
const patienceMs = 60_000
const askAgainMs = 20

let uploading: Promise<Uploads> | undefined
let finishing = false

/** One fridge after the other comes back after three days, until it is enough; each is a device never heard before. */
async function uploadAll(job: UploadRequest & { do: 'begin' }): Promise<Uploads> {
  const { order, limits, inServiceFrom } = job
  const random = createRandom(job.seed)
  const asOf = Date.now()
  const backlog = makeBacklog(asOf, random)
  const messages = messagesOf(backlog, order, random)
  const expected = spell(findingsOf(backlog, { limits, inServiceFrom, asOf }))
  const uploads: Upload[] = []
  try {
    for (const device of job.devices) {
      if (finishing) return { uploads, failure: null }
      uploads.push(await upload(device))
    }
    return { uploads, failure: `${job.devices.length} fridges were too few` }
  } catch (error) {
    return { uploads, failure: error instanceof Error ? error.message : String(error) }
  }

  async function upload({ name, secret }: Device): Promise<Upload> {
    const { host, port } = job
    const credentials = { clientId: name, username: name, password: secret }
    const client = await connectRaw({ host, port, ...credentials })
    const topic = `hemotrail/v1/bench/${name}/readings`
    const boot = randomBytes(8).toString('hex')
    const startedAt = performance.now()
    const waiting = messages.values()
    const lanes = Array.from({ length: window }, async () => {
      for (const { seq, body } of waiting) {
        const clocks = `"sentAt":${Date.now()},"uptimeMs":${Math.round(performance.now())}`
        const payload = `{"v":1,"boot":"${boot}","seq":${seq},${clocks},"body":${body}}`
        await client.publish(topic, Buffer.from(payload))
      }
    })
    await Promise.all(lanes)
    const acknowledgedAt = performance.now()
    client.end()

    let answered = await ask(name)
    while (answered !== expected && performance.now() - acknowledgedAt < patienceMs) {
      await delay(askAgainMs)
      answered = await ask(name)
    }
    return {
      device: name,
      readings: backlogReadings,
      messages: messages.length,
      acknowledgedSeconds: (acknowledgedAt - startedAt) / 1_000,
      rightSeconds: (performance.now() - startedAt) / 1_000,
      wrong: answered === expected ? null : `expected\n${expected}\nbut the service says\n${answered}`,
    }
  }

  async function ask(device: string): Promise<string> {
    const [excursions, gaps] = await Promise.all([get(device, 'excursions'), get(device, 'gaps')])
    return spellAnswers(excursions.excursions, gaps.gaps)
  }

  async function get(
    device: string,
    what: 'excursions' | 'gaps',
  ): Promise<Record<string, readonly Answer[]>> {
    const query = new URLSearchParams({ probe: 'load', asOf: new Date(asOf).toISOString() })
    const response = await fetch(`${job.url}/devices/${device}/${what}?${query}`, {
      headers: { authorization: `Bearer ${job.adminKey}` },
    })
    if (!response.ok) throw new Error(`GET ${what} of ${device}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, readonly Answer[]>
  }
}

type Answer = Readonly<Record<string, unknown>>

/** One text for the same findings, whether computed here or answered there. */
function spell({ excursions, gaps }: Findings): string {
  const iso = (at: number) => new Date(at).toISOString()
  return spellAnswers(
    excursions.map(({ from, to, coldest, warmest, ...rest }) => ({
      ...rest,
      from: iso(from),
      to: to === null ? null : iso(to),
      coldest: coldest / 100,
      warmest: warmest / 100,
    })),
    gaps.map(({ from, to, open }) => ({ from: iso(from), to: iso(to), open })),
  )
}

function spellAnswers(excursions: readonly Answer[] = [], gaps: readonly Answer[] = []): string {
  return [
    ...excursions.map(
      ({ side, from, to, ended, coldest, warmest, readings }) =>
        `excursion ${side} [${from}, ${to}) ${ended} ${coldest}..${warmest} ${readings}`,
    ),
    ...gaps.map(({ from, to, open }) => `gap [${from}, ${to})${open ? ' open' : ''}`),
  ].join('\n')
}

answer<UploadRequest, Uploads | { begun: true }>(async (request) => {
  if (request.do === 'begin') {
    uploading = uploadAll(request)
    return { begun: true }
  }
  finishing = true
  if (!uploading) throw new Error('nothing was begun')
  return uploading
})
process.send?.({})
