import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes } from 'aedes'

/** The fastest an MQTT broker of this kind can be: aedes with no hooks at all. With a certificate it listens with TLS. */
const broker = await Aedes.createBroker()
const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key } = process.env
const server =
  cert && key
    ? createTlsServer({ cert: readFileSync(cert), key: readFileSync(key), noDelay: true }, broker.handle)
    : createServer({ noDelay: true }, broker.handle)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
process.on('SIGTERM', () => process.exit(0))
