export type Heard = { readonly id: string; readonly event: string; readonly data: unknown }

/**
 * What a stream of Server-Sent Events says, as a browser hears it: an event is what has data; an id counts without.
 *
 * @param onId told of every id, which is where to go on from
 */
export async function* listenTo(response: Response, onId: (id: string) => void = () => {}) {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map<string, string>()
      for (const line of text.slice(0, end).split('\n')) {
        const [, name = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? []
        fields.set(name, value)
      }
      text = text.slice(end + 2)
      const id = fields.get('id')
      if (id !== undefined) onId(id)
      const data = fields.get('data')
      if (data !== undefined)
        yield { id: id ?? '', event: fields.get('event') ?? '', data: JSON.parse(data) } satisfies Heard
    }
  }
}
