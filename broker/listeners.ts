import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Limits } from './limits.ts'

/** Port 0 is any free one; a port left out is not listened on. */
export type Listen = {
  readonly host: string
  readonly mqttPort?: number
  readonly wsPort?: number
  readonly mqttsPort?: number
  readonly wssPort?: number
  /** PEM; needed by mqtts and wss. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
}

export type Urls = {
  readonly mqtt?: string
  readonly ws?: string
  readonly mqtts?: string
  readonly wss?: string
}

export type Visitors = {
  /** A connection, whatever carries it, as a stream of MQTT bytes. */
  onStream(stream: Duplex): void
  /** A connection was turned away at `maxConnections`. */
  onTooMany(): void
  /** A listener failed after it had been opened. */
  onError(error: Error): void
}

export type Listeners = {
  readonly urls: Urls
  /** Take no new connection; those that are open stay. */
  stop(): void
  /** Wait for the open connections to leave, then cut those that have not. */
  close(graceMs: number): Promise<void>
}

const subprotocol = 'mqtt'

type Listener = { readonly scheme: keyof Urls; readonly port: number; readonly server: Server }

/** Listen on every configured port; all or none. */
export async function openListeners(listen: Listen, limits: Limits, visitors: Visitors): Promise<Listeners> {
  const listeners = createListeners(listen, limits, (stream) => {
    if (!stream.destroyed) visitors.onStream(stream)
  })
  const sockets = new Set<Socket>()

  function count(socket: Socket): void {
    if (sockets.size >= limits.maxConnections) {
      visitors.onTooMany()
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }

  async function open({ scheme, port, server }: Listener): Promise<[keyof Urls, string]> {
    server.prependListener('connection', count)
    server.listen(port, listen.host)
    await once(server, 'listening')
    server.on('error', visitors.onError)
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
    return [scheme, `${scheme}://${host}:${(server.address() as AddressInfo).port}`]
  }

  function stop(): void {
    for (const { server } of listeners) server.close()
  }

  async function close(graceMs: number): Promise<void> {
    stop()
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, graceMs)
    await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    clearTimeout(cut)
  }

  const opened = await Promise.allSettled(listeners.map(open))
  const failed = opened.find((result) => result.status === 'rejected')
  if (failed) {
    await close(0)
    throw failed.reason
  }
  const urls = opened.map((result) => (result.status === 'fulfilled' ? result.value : []))
  return { urls: Object.fromEntries(urls), stop, close }
}

function createListeners(listen: Listen, limits: Limits, take: (stream: Duplex) => void): Listener[] {
  const { mqttPort, wsPort, mqttsPort, wssPort, tls } = listen
  if ((mqttsPort !== undefined || wssPort !== undefined) && !tls) {
    throw new Error('mqtts and wss need a certificate')
  }
  const handshakeTimeout = limits.connectTimeoutMs
  const http = { headersTimeout: limits.connectTimeoutMs, requestTimeout: limits.connectTimeoutMs }
  const listeners: Listener[] = []
  if (mqttPort !== undefined) {
    listeners.push({ scheme: 'mqtt', port: mqttPort, server: createTcpServer({ noDelay: true }, take) })
  }
  if (wsPort !== undefined) {
    const server = acceptWebSockets(createHttpServer(http), limits, take)
    listeners.push({ scheme: 'ws', port: wsPort, server })
  }
  if (mqttsPort !== undefined) {
    const server = createTlsServer({ ...tls, handshakeTimeout, noDelay: true }, take)
    listeners.push({ scheme: 'mqtts', port: mqttsPort, server })
  }
  if (wssPort !== undefined) {
    const server = acceptWebSockets(createHttpsServer({ ...tls, ...http, handshakeTimeout }), limits, take)
    listeners.push({ scheme: 'wss', port: wssPort, server })
  }
  return listeners
}

function acceptWebSockets(
  server: ReturnType<typeof createHttpServer>,
  limits: Limits,
  take: (stream: Duplex) => void,
): Server {
  server.on('request', (_request, response) => {
    response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
  })
  const webSockets = new WebSocketServer({
    server,
    // A frame is buffered whole before anybody can look inside, so it gets the limit of a packet.
    maxPayload: limits.maxPacketBytes,
    clientTracking: false,
    // [MQTT-6.0.0-3]: a client that does not offer the subprotocol is no MQTT client.
    verifyClient: ({ req }, answer) => {
      const offered = req.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
      answer(offered?.includes(subprotocol) ?? false, 400, `the subprotocol is ${subprotocol}`)
    },
    handleProtocols: () => subprotocol,
  })
  // The HTTP server's errors arrive here a second time.
  webSockets.on('error', () => {})
  webSockets.on('connection', (socket) => {
    socket.on('error', () => {})
    // [MQTT-6.0.0-1]: MQTT speaks in binary frames.
    socket.on('message', (_data, isBinary) => {
      if (!isBinary) socket.terminate()
    })
    take(createWebSocketStream(socket))
  })
  return server
}
