import { z } from 'zod'
import { RejectedMessages } from '../schema/http/rejected-messages.ts'
import { Envelope } from '../schema/messages.ts'
import { type Api, ask } from './api.ts'

export type Rejected = { readonly readings: number; readonly codes: readonly string[] }

const Batch = Envelope.extend({ body: z.array(z.unknown()) })

/** How many readings of one boot the service acknowledged and did not accept, and why. */
export async function rejectedOf(api: Api, device: string, boot: string): Promise<Rejected> {
  const codes = new Set<string>()
  let readings = 0
  for (let before: number | null = null; ; ) {
    const page: z.infer<typeof RejectedMessages> = await ask(api, question(device, before), RejectedMessages)
    for (const { code, elements, text } of page.rejectedMessages.filter((message) => message.boot === boot)) {
      readings += elements?.length ?? Batch.parse(JSON.parse(text ?? '')).body.length
      for (const bad of elements ?? [{ code }]) codes.add(bad.code)
    }
    // Newest first: behind another boot lie only older ones.
    const isLast = page.next === null || page.rejectedMessages.at(-1)?.boot !== boot
    if (isLast) return { readings, codes: [...codes] }
    before = page.next
  }
}

function question(device: string, before: number | null): string {
  return `/rejected-messages?device=${device}&limit=100${before === null ? '' : `&before=${before}`}`
}
