import { expect, onTestFinished, test } from 'vitest'
import { anOrderMessage, aParty } from '../support/hl7.ts'
import { aLine, told } from '../support/mllp.ts'
import { temporaryDirectory } from './city.ts'
import { startServiceProcess } from './service.ts'

const kills = 2
const perKill = 15

test('what a hospital system was told AA is done once, however often the service is killed', {
  timeout: 240_000,
}, async () => {
  const { pseudonymKey: _, ...party } = aParty()
  const service = await startServiceProcess({
    HEMOTRAIL_DATA: temporaryDirectory('hemotrail-data-'),
    HL7_PORT: '0',
    HL7_SENDERS: JSON.stringify([{ ...party, pseudonyms: 'as_sent' }]),
  })
  onTestFinished(() => service.kill9())
  const facility = { code: 'H1', name: 'First Hospital', kind: 'hospital', timeZone: 'Asia/Shanghai' }
  await service.ask('POST', '/facilities', facility)
  const messages: { readonly text: string; isDone: boolean }[] = []

  /** Send one after the other as a hospital system does: the same again until it is told AA. */
  async function send(port: number, until: () => boolean): Promise<void> {
    const line = aLine(port)
    for (;;) {
      if (messages.every(({ isDone }) => isDone)) {
        if (until()) break
        const number = messages.length + 1
        messages.push({ text: anOrderMessage({ id: `M${number}`, placer: `O-${number}` }), isDone: false })
      }
      const last = messages.at(-1) as (typeof messages)[number]
      line.send(last.text)
      const answer = told(await line.next())
      if (answer === null) return
      expect(answer[0], answer[2]).toBe('AA')
      last.isDone = true
    }
    line.socket.destroy()
  }

  for (let kill = 0; kill < kills; kill++) {
    const wanted = messages.length + perKill
    const sending = send(service.mllpPort(), () => false)
    while (messages.length < wanted) await new Promise((resolve) => setImmediate(resolve))
    await service.kill9()
    await sending
    await service.start()
  }
  await send(service.mllpPort(), () => true)

  type Orders = { readonly orders: readonly { readonly physician: string }[] }
  const { orders } = await service.ask<Orders>('GET', '/facilities/H1/orders?limit=1000')
  expect(orders).toHaveLength(messages.length)
  // Everything once more, as a system does that has lost its own memory.
  const line = aLine(service.mllpPort())
  for (const { text } of messages) {
    line.send(text)
    expect(told(await line.next())?.[0]).toBe('AA')
  }
  line.socket.destroy()
  const again = await service.ask<Orders>('GET', '/facilities/H1/orders?limit=1000')
  expect(again.orders).toHaveLength(messages.length)
})
