import { createServer } from 'node:net'
import { Aedes } from 'aedes'

/** The fastest an MQTT broker of this kind can be: aedes with no hooks at all. */
const broker = await Aedes.createBroker()
const server = createServer({ noDelay: true }, broker.handle)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
process.on('SIGTERM', () => process.exit(0))
