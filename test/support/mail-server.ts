import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export type ReceivedMail = { readonly from: string; readonly to: string; readonly message: string }

/** As much of SMTP (RFC 5321) as it takes to be sent a mail. */
export type MailServer = {
  readonly url: string
  /** All that was sent, whatever was answered. */
  readonly received: ReceivedMail[]
  /** The first word of every command. */
  readonly verbs: string[]
  /** What it answers to a recipient, and to a mail, from now on; null: nothing at all. */
  answerTo: (recipient: string) => string
  answer: (mail: ReceivedMail) => string | null
  close(): Promise<void>
}

export async function startMailServer(): Promise<MailServer> {
  const sockets = new Set<Socket>()
  const received: ReceivedMail[] = []
  const verbs: string[] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let from = ''
    let to = ''
    let lines: string[] | null = null
    const say = (line: string) => socket.write(`${line}\r\n`)
    say('220 mail.test ESMTP')
    createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      if (lines !== null) {
        if (line !== '.') {
          lines.push(line)
          return
        }
        const mail = { from, to, message: lines.join('\n') }
        lines = null
        received.push(mail)
        const answer = mailServer.answer(mail)
        if (answer !== null) say(answer)
        return
      }
      const [, address = ''] = /<(.*)>/.exec(line) ?? []
      const verb = line.slice(0, 4).toUpperCase()
      verbs.push(verb)
      if (verb === 'STAR') {
        say('502 not here')
        return
      }
      if (verb === 'MAIL') from = address
      if (verb === 'RCPT') {
        to = address
        say(mailServer.answerTo(address))
      } else if (verb === 'DATA') {
        lines = []
        say('354 go on')
      } else if (verb === 'QUIT') {
        say('221 bye')
        socket.end()
      } else say('250 mail.test')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const mailServer: MailServer = {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    verbs,
    answerTo: () => '250 taken',
    answer: () => '250 taken',
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return mailServer
}

/** What a mail says, by its headers and its text: encoded words (RFC 2047) and bodies as nodemailer writes them. */
export function readMail(message: string): {
  readonly subject: string
  readonly id: string
  readonly text: string
} {
  const [head = '', ...parts] = message.split('\n\n')
  const unfolded = head.replace(/\n[ \t]+/g, ' ')
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(unfolded)?.[1] ?? ''
  const body = parts.join('\n\n')
  const encoding = header('content-transfer-encoding').toLowerCase()
  const text =
    encoding === 'base64' ? Buffer.from(body, 'base64').toString() : unquote(body.replace(/=\n/g, ''))
  const subject = header('subject')
    .replace(/\?= =\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?(.*?)\?=/gi, (_, how: string, word: string) =>
      how.toLowerCase() === 'b' ? Buffer.from(word, 'base64').toString() : unquote(word.replaceAll('_', ' ')),
    )
  return { subject, id: header('message-id'), text }
}

function unquote(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString()
}
